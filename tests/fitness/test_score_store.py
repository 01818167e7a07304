"""The store under several processes, kills, damage and full disks."""

import os
import pickle
import sqlite3
import subprocess
import sys
import time
import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.metrics import accuracy_score, check_scoring, get_scorer, make_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from tests.contracts.recording import RecordingClassifier
from tests.processes import pipe, start_process
from vaega.fitness import _score_store as score_store
from vaega.fitness._score_store import ScoreEntry, ScoreStore, cache_key


def entry(number, n_folds=3):
    scores = np.random.default_rng(number).random(n_folds)
    return ScoreEntry(scores, {f"W: {number}": number} if number % 3 else {})


def key(number, width=4):
    return number.to_bytes(width, "little")


def batch(start, stop):
    return {key(number): entry(number) for number in range(start, stop)}


def check(found):
    for name, got in found.items():
        expected = entry(int.from_bytes(name, "little"))
        np.testing.assert_array_equal(got.scores, expected.scores)
        assert got.warned == expected.warned


@pytest.fixture
def store(tmp_path):
    with ScoreStore(tmp_path / "folder" / "scores.sqlite3") as store:
        yield store


def test_what_is_put_comes_back_by_context(store):
    store.put("a", batch(0, 2000))
    found = store.get("a", list(batch(500, 2500)))
    assert len(found) == 1500
    check(found)
    assert store.get("b", [key(1)]) == {}
    store.put("a", {})
    assert store.get("a", []) == {}


def test_it_is_there_for_the_next_process(store):
    store.put("a", batch(0, 5))
    check(ScoreStore(store.path).get("a", list(batch(0, 5))))
    again = pickle.loads(pickle.dumps(store))  # noqa: S301 - as joblib does
    assert len(again.get("a", list(batch(0, 5)))) == 5


def test_masks_of_many_features(store):
    long = {key(number, 2000): entry(number) for number in range(50)}
    store.put("a", long)
    found = store.get("a", list(long))
    assert found.keys() == long.keys()
    check(found)


def test_the_log_is_written_ahead(store):
    store.put("a", batch(0, 1))
    (mode,) = sqlite3.connect(store.path).execute("PRAGMA journal_mode").fetchone()
    assert mode == "wal"


def test_a_changed_row_is_not_read(store):
    store.put("a", batch(0, 3))
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE scores SET scores = ? WHERE mask = ?", (b"\0" * 24, key(1)))
    assert set(store.get("a", list(batch(0, 3)))) == {key(0), key(2)}
    store.put("a", batch(1, 2))  # computed again, it is whole again
    assert len(store.get("a", list(batch(0, 3)))) == 3


def test_a_row_of_another_mask_is_not_read(store):
    store.put("a", batch(0, 2))
    with sqlite3.connect(store.path) as connection:
        connection.execute("DELETE FROM scores WHERE mask = ?", (key(1),))
        connection.execute("UPDATE scores SET mask = ?", (key(1),))
    assert store.get("a", [key(1)]) == {}


def put_many(path, first):
    store = ScoreStore(path)
    for start in range(first, first + 400, 10):
        store.put("a", batch(start, start + 10))


def test_processes_write_at_once(tmp_path):
    path = tmp_path / "scores.sqlite3"
    # Overlapping halves, from an empty folder: they also begin the file at once.
    processes = [start_process(put_many, path, first) for first in (0, 200)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    found = ScoreStore(path).get("a", list(batch(0, 600)))
    assert len(found) == 600
    check(found)


def test_many_begin_the_file_at_once(tmp_path, recwarn):
    import threading

    start = threading.Barrier(8)

    def begin(first):
        start.wait()
        ScoreStore(tmp_path / "scores").put("a", batch(first, first + 5))

    threads = [threading.Thread(target=begin, args=(5 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ScoreStore(tmp_path / "scores").get("a", list(batch(0, 40)))) == 40
    assert not recwarn.list


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_connects_by_itself(store):
    store.put("a", batch(0, 5))
    inherited = store._connection
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        pid = os.fork()
    if pid == 0:
        store.put("a", batch(5, 10))
        os._exit(0 if store._connection is not inherited else 1)
    assert os.waitpid(pid, 0)[1] == 0
    store.put("a", batch(10, 15))
    assert len(store.get("a", list(batch(0, 15)))) == 15


def put_for_ever(path, number, stored):
    store = ScoreStore(path)
    while True:
        store.put("a", batch(number, number + 20))
        number += 20
        stored.send(number)


def received(connection):
    """Yield what came before the other end was closed."""
    while True:
        try:
            yield connection.recv()
        except EOFError:
            return


def test_killed_while_it_writes_nothing_that_was_stored_is_lost(tmp_path, recwarn):
    path, number = tmp_path / "scores.sqlite3", 0
    for kill in range(5):
        reader, writer = pipe()
        process = start_process(put_for_ever, path, number, writer)
        writer.close()
        stored = [reader.recv()]
        time.sleep(0.013 * kill)
        process.kill()
        process.join()
        stored.extend(received(reader))
        number = max(stored)
        found = ScoreStore(path).get("a", list(batch(0, number + 40)))
        assert set(batch(0, number)) <= set(found)
        assert len(found) % 20 == 0, "a batch is whole or absent"
        check(found)
    assert not recwarn.list


def garbage(path):
    path.write_bytes(b"no database at all" * 1000)


def truncated(path):
    path.write_bytes(path.read_bytes()[: 4096 * 3 // 2])


def scribbled(path):
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def newer(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(path):
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE somebodys (work TEXT)")


@pytest.mark.parametrize("harm", [garbage, truncated, scribbled, newer, foreign])
def test_a_useless_file_is_set_aside(store, harm):
    store.put("a", batch(0, 800))
    store.close()
    harm(store.path)
    fresh = ScoreStore(store.path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(fresh.get("a", list(batch(0, 800))))
        fresh.put("a", batch(0, 800))
    (sentence,) = [str(warning.message) for warning in caught]
    assert "cannot be used" in sentence
    assert "it is set aside and a new one is begun." in sentence
    assert store.path.with_name("scores.sqlite3.aside").exists()
    check(fresh.get("a", list(batch(0, 800))))
    assert len(fresh.get("a", list(batch(0, 800)))) == 800
    assert fresh.is_on


@pytest.mark.filterwarnings("ignore:.*the stored scores cannot be used")
@pytest.mark.parametrize("seed", range(100))
def test_no_damage_stops_a_search_or_is_believed(tmp_path, seed):
    path, rng = tmp_path / "scores.sqlite3", np.random.default_rng(seed)
    with ScoreStore(path) as store:
        store.put("a", batch(0, 300))
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=rng.choice([1, 1, 3, 30])):
        content[place] ^= 1 << rng.integers(8)
    path.write_bytes(content)
    with ScoreStore(path) as store:
        for first in (0, 200):  # what is stored, and more
            check(store.get("a", list(batch(first, first + 200))))
            store.put("a", batch(first, first + 200))
        check(store.get("a", list(batch(0, 400))))


def test_an_empty_file_is_a_new_one(store):
    store.path.parent.mkdir()
    store.path.touch()
    store.put("a", batch(0, 3))
    assert len(store.get("a", list(batch(0, 3)))) == 3


@pytest.mark.filterwarnings("error")
def test_a_full_disk_switches_it_off(store):
    store.put("a", batch(0, 10))
    store._connection.execute("PRAGMA max_page_count = 6")
    with pytest.warns(UserWarning, match=r"full; the search goes on without it\.$"):
        store.put("a", batch(10, 5000))
    assert not store.is_on
    store.put("a", batch(10, 20))  # no second warning
    assert store.get("a", [key(1)]) == {}
    found = ScoreStore(store.path).get("a", list(batch(0, 5000)))
    assert len(found) == 10
    check(found)


def test_a_place_that_cannot_be_written_switches_it_off(tmp_path):
    (tmp_path / "file").touch()
    store = ScoreStore(tmp_path / "file" / "scores")
    with pytest.warns(UserWarning, match="goes on without it"):
        store.put("a", batch(0, 1))
    assert store.get("a", [key(0)]) == {}
    assert not store.is_on


def test_a_read_only_file_switches_it_off(store):
    store.put("a", batch(0, 3))
    store._connection.execute("PRAGMA query_only = ON")  # as a read-only file, also for root
    with pytest.warns(UserWarning, match=r"readonly database; the search goes on without it\."):
        store.put("a", batch(3, 6))


def test_a_lock_that_never_ends_switches_it_off(store, monkeypatch):
    monkeypatch.setattr(score_store, "_PATIENCE", 0.05)
    store.put("a", batch(0, 3))
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.warns(UserWarning, match="locked; the search goes on without it"):
        store.put("a", batch(3, 6))


def double(X):
    return 2 * X


def nested(C=1.0, k=3):
    steps = SelectKBest(f_classif, k=k), FunctionTransformer(double, kw_args={"a": None})
    votes = VotingClassifier([("svc", SVC(C=C)), ("nb", GaussianNB(priors=np.array([0.5, 0.5])))])
    return make_pipeline(StandardScaler(), *steps, votes)


PAIRS = [
    (nested(), nested(C=2.0)),
    (nested(), nested(k=4)),
    (RandomForestClassifier(random_state=0), RandomForestClassifier(random_state=1)),
    (GaussianNB(), KNeighborsClassifier()),
    (RecordingClassifier(), GaussianNB()),
    (get_scorer("accuracy"), get_scorer("balanced_accuracy")),
    (get_scorer("roc_auc_ovr"), get_scorer("roc_auc_ovo")),
    (get_scorer("neg_log_loss"), get_scorer("accuracy")),
    (make_scorer(accuracy_score), make_scorer(accuracy_score, normalize=False)),
    (check_scoring(GaussianNB()), check_scoring(KNeighborsClassifier())),
    (partial(double, 1), partial(double, 2)),
    (np.arange(3), np.arange(3.0)),
    (float("nan"), "nan"),
    (1, True),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ([1, 2], (1, 2)),
    (1e-3, 1.0000000000000002e-3),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_different_things_have_different_texts(one, other):
    texts = cache_key(one), cache_key(other)
    assert None not in texts
    assert texts[0] != texts[1]


def test_equal_things_share_a_text():
    assert cache_key(nested()) == cache_key(nested())
    assert cache_key({3, 1, 2}) == cache_key({2, 3, 1})


def test_the_text_is_that_of_other_processes():
    code = (
        "from tests.fitness.test_score_store import PAIRS, cache_key\n"
        "print([cache_key(one) for one, _ in PAIRS])"
    )
    here = str([cache_key(one) for one, _ in PAIRS])
    for seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        )
        assert answer.stdout.strip() == here


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda X: X,
        [1, object()],
        SVC(kernel=lambda a, b: a @ b.T),
        FunctionTransformer(partial(double, object())),
        RandomForestClassifier(random_state=np.random.RandomState(0)),
        np.array([object()]),
        "text".upper,
    ],
)
def test_what_could_differ_while_it_looks_the_same_has_no_text(value):
    assert cache_key(value) is None


def test_code_that_changes_changes_the_text(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mine\n"
    code += "from vaega.fitness._score_store import cache_key; print(cache_key(mine.score))"
    texts = []
    for line in ("return 1", "return 2"):
        (tmp_path / "mine.py").write_text(f"def score(*_):\n    {line}\n")
        command = [sys.executable, "-B", "-c", code, str(tmp_path)]
        texts.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert texts[0].startswith("mine.score")
    assert texts[0] != texts[1]
