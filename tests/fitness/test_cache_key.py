"""A text that is equal for equal objects in every process, and absent where it could deceive."""

import subprocess
import sys
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
from vaega.fitness._cache_key import cache_key


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
        "from tests.fitness.test_cache_key import PAIRS, cache_key\n"
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
    code += "from vaega.fitness._cache_key import cache_key; print(cache_key(mine.score))"
    texts = []
    for line in ("return 1", "return 2"):
        (tmp_path / "mine.py").write_text(f"def score(*_):\n    {line}\n")
        command = [sys.executable, "-B", "-c", code, str(tmp_path)]
        texts.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert texts[0].startswith("mine.score")
    assert texts[0] != texts[1]
