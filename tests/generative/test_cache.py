import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
import pytest

from tests.generative.data import blobs
from tests.processes import start_process
from vaega.core.errors import InputError
from vaega.generative import ProbabilisticPCA, _entries
from vaega.generative._cache import MAX_BYTES, ModelCache
from vaega.generative._entries import ABOUT, DESCRIPTION, WEIGHTS, drop_entry, find_entries
from vaega.generative._models import VAE, ConditionalVAE
from vaega.generative._registry import find_storable_class
from vaega.generative._state import FitWarning

X, Y = blobs()


def quick(kind=VAE, **settings):
    return kind(**{"hidden": (8,), "latent": 2, "max_epochs": 3, "random_state": 0} | settings)


@pytest.fixture
def trained(monkeypatch):
    """Count the trainings."""
    calls = []
    plain = VAE.fit
    monkeypatch.setattr(VAE, "fit", lambda self, X, y=None: calls.append(1) or plain(self, X, y))
    return calls


def test_cached_and_uncached_have_the_same_bits(tmp_path, trained):
    cache = ModelCache(tmp_path)
    models = [quick().fit(X, Y), cache.fit(quick(), X, Y), cache.fit(quick(), X, Y)]
    assert len(trained) == 2
    for model in models:
        np.testing.assert_array_equal(model.transform(X), models[0].transform(X))
        for a, b in zip(
            *(m.sample({0: 3, 1: 3}, random_state=0) for m in (model, models[0])), strict=True
        ):
            np.testing.assert_array_equal(a, b)
        assert model.report_ == models[0].report_


OTHERS = {
    "Autoencoder": {"hidden": (8,), "latent": 2, "max_epochs": 3, "random_state": 0},
    "HierarchicalVAE": {"hidden": (8,), "latent": 4, "max_epochs": 3, "random_state": 0},
    "ConditionalVAE": {"hidden": (8,), "latent": 2, "max_epochs": 3, "random_state": 0},
    "ProbabilisticPCA": {"random_state": 0},
    "ClassGaussian": {"random_state": 0},
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.filterwarnings("ignore::vaega.FitWarning")
def test_models_of_every_kind_are_kept(tmp_path, monkeypatch, name):
    kind, cache = find_storable_class(name), ModelCache(tmp_path)
    first = cache.fit(kind(**OTHERS[name]), X, Y)
    monkeypatch.setattr(kind, "fit", lambda *_: pytest.fail("was trained again"))
    again = cache.fit(kind(**OTHERS[name]), X, Y)
    np.testing.assert_array_equal(first.transform(X), again.transform(X))
    for a, b in zip(*(m.sample({0: 3, 1: 3}, random_state=0) for m in (first, again)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert find_entries(tmp_path)[0].kind == name


def test_settings_that_are_set_after_a_hit_do_not_reach_what_was_found(tmp_path):
    cache = ModelCache(tmp_path)
    expected = cache.fit(quick(), X, Y).transform(X)
    again = cache.fit(quick(), X, Y).set_params(hidden=(3, 3), latent=7)
    np.testing.assert_array_equal(again.transform(X), expected)


def test_a_model_that_was_found_outlives_its_entry(tmp_path):
    cache = ModelCache(tmp_path)
    expected = cache.fit(quick(), X, Y).transform(X)
    again = cache.fit(quick(), X, Y)
    assert drop_entry(entry(tmp_path))
    np.testing.assert_array_equal(again.transform(X), expected)


def test_the_model_given_is_the_model_returned(tmp_path):
    for _ in range(2):
        model = quick()
        assert ModelCache(tmp_path).fit(model, X, Y) is model


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"latent": 3}, False),
        ({"random_state": 1}, False),
        ({"beta": 0.5}, False),
        ({"kind": ConditionalVAE}, False),
        ({"hidden": [8]}, True),
        ({"device": "cpu"}, True),
        ({"random_state": np.int64(0)}, True),
    ],
)
def test_key_depends_on_what_the_result_depends_on(monkeypatch, change, same):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    cache = ModelCache("unused")
    assert (cache.key(quick(), X, Y) == cache.key(quick(**change), X, Y)) is same


def test_key_depends_on_data_and_versions(monkeypatch):
    cache, model = ModelCache("unused"), quick()
    others = [(X + 1e-9, Y), (X, 1 - Y), (X, None), (X, Y.astype(float)), (X[::-1], Y)]
    keys = {cache.key(model, *data) for data in [(X, Y), *others]}
    assert len(keys) == 6
    monkeypatch.setattr("vaega.__version__", "99")
    assert cache.key(model, X, Y) not in keys


@pytest.mark.parametrize("random_state", [None, "generator"])
def test_without_an_int_seed_nothing_is_kept(tmp_path, trained, random_state):
    if random_state:
        random_state = np.random.default_rng(0)
    for _ in range(2):
        ModelCache(tmp_path).fit(quick(random_state=random_state), X, Y)
    assert len(trained) == 2
    assert not list(tmp_path.iterdir())


def entry(folder):
    (result,) = [path for path in folder.iterdir() if path.is_dir()]
    return result


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION, ABOUT])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped"])
def test_a_damaged_entry_is_trained_again(tmp_path, trained, name, damage):
    cache = ModelCache(tmp_path)
    expected = cache.fit(quick(), X, Y).transform(X)
    path = entry(tmp_path) / name
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[:-30])
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    with pytest.warns(UserWarning, match="a damaged entry is dropped and trained again") as caught:
        model = cache.fit(quick(), X, Y)
    assert "\n" not in str(caught[0].message)
    np.testing.assert_array_equal(model.transform(X), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.fit(quick(), X, Y)
    assert len(trained) == 2


def test_a_changed_figure_in_the_description_is_damage(tmp_path, trained):
    cache = ModelCache(tmp_path)
    cache.fit(quick(), X, Y)
    path = entry(tmp_path) / DESCRIPTION
    description = json.loads(path.read_text())
    description["seed"] += 1
    path.write_text(json.dumps(description))
    with pytest.warns(UserWarning, match="is not the file that was written"):
        assert cache.fit(quick(), X, Y).seed_ == 0
    assert len(trained) == 2


def test_a_model_under_the_key_of_another_is_damage(tmp_path, trained):
    cache = ModelCache(tmp_path)
    cache.fit(quick(), X, Y)
    entry(tmp_path).rename(tmp_path / cache.key(quick(random_state=1), X, Y))
    with pytest.warns(UserWarning, match="does not belong to the model that is wanted"):
        assert cache.fit(quick(random_state=1), X, Y).seed_ == 1
    assert len(trained) == 2


@pytest.mark.parametrize("thing", ["file", "folder"])
def test_what_stands_in_the_place_of_an_entry_is_left(tmp_path, trained, thing):
    cache = ModelCache(tmp_path)
    index = tmp_path / cache.key(quick(), X, Y)
    kept = index if thing == "file" else index / "thesis.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("a year of work")
    with pytest.warns(UserWarning, match="fitted but not kept") as caught:
        model = cache.fit(quick(), X, Y)
    assert ["left there" in str(w.message) for w in caught] == [True, False]
    assert model.transform(X).shape == (60, 2)
    assert kept.read_text() == "a year of work"


def test_the_least_recently_used_are_evicted(tmp_path, trained):
    probe = ModelCache(tmp_path)
    probe.fit(quick(), X, Y)
    size = find_entries(tmp_path)[0].size
    cache = ModelCache(tmp_path, max_bytes=int(2.5 * size))
    cache.fit(quick(random_state=1), X, Y)
    cache.fit(quick(), X, Y)  # a hit: now seed 1 is the one used longest ago
    cache.fit(quick(random_state=2), X, Y)
    assert {result.seed for result in find_entries(tmp_path)} == {0, 2}
    assert len(trained) == 3
    cache.fit(quick(), X, Y)
    assert len(trained) == 3


def test_a_model_larger_than_the_bound_is_not_kept(tmp_path):
    ModelCache(tmp_path).fit(quick(), X, Y)
    with pytest.warns(UserWarning, match=r"not kept: it takes .* and the bound is 10 B"):
        ModelCache(tmp_path, max_bytes=10).fit(quick(random_state=1), X, Y)
    assert find_entries(tmp_path) == []
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_the_bound(monkeypatch):
    assert ModelCache("unused").max_bytes == MAX_BYTES
    assert ModelCache("unused", max_bytes=None).max_bytes is None
    monkeypatch.setenv("VAEGA_CACHE_SIZE", "1MiB")
    assert ModelCache("unused").max_bytes == 2**20
    assert ModelCache("unused", max_bytes=5).max_bytes == 5
    monkeypatch.setenv("VAEGA_CACHE_SIZE", "plenty")
    with pytest.raises(InputError, match=r"^ModelCache: \$VAEGA_CACHE_SIZE must be a size such"):
        ModelCache("unused")
    for bad in (-1, 1.5, "much"):
        with pytest.raises(InputError, match=r"^ModelCache: max_bytes must be"):
            ModelCache("unused", max_bytes=bad)


def test_a_writer_killed_half_way_leaves_nothing_that_is_read(tmp_path, trained, monkeypatch):
    def half(model, folder):
        folder.mkdir()
        (folder / WEIGHTS).write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("vaega.generative._cache.save_model", half)
        patched.setattr("vaega.generative._cache.remove_files", lambda folder: None)
        with pytest.raises(KeyboardInterrupt):
            ModelCache(tmp_path).fit(quick(), X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ModelCache(tmp_path).fit(quick(), X, Y)
    assert len(list(entry(tmp_path).iterdir())) == 3
    assert len(trained) == 2


def test_a_folder_that_cannot_be_used_is_no_obstacle(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="cannot be used as model cache"):
        model = ModelCache(tmp_path / "file" / "cache").fit(quick(), X, Y)
    assert model.transform(X).shape == (60, 2)


def test_a_model_that_cannot_be_kept_is_still_returned(tmp_path, monkeypatch):
    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr("vaega.generative._cache.save_model", full)
    with pytest.warns(UserWarning, match="fitted but not kept: No space left"):
        model = ModelCache(tmp_path).fit(quick(), X, Y)
    assert model.transform(X).shape == (60, 2)


def test_bad_input_fails_as_without_a_cache(tmp_path):
    with pytest.raises(ValueError, match="infinity"):
        ModelCache(tmp_path).fit(quick(), np.full((5, 2), np.inf), None)
    with pytest.raises(ValueError, match="latent"):
        ModelCache(tmp_path).fit(quick(latent=0), X, Y)


def fit_as_one_of_two(folder, number):
    warnings.simplefilter("error", UserWarning)
    plain = VAE.fit

    def counted(self, X, y=None):
        with (folder / "trained").open("a") as file:
            file.write("once\n")
        time.sleep(1.0)
        return plain(self, X, y)

    VAE.fit = counted
    (folder / f"ready{number}").touch()
    while len(list(folder.glob("ready*"))) < 2:
        time.sleep(0.01)
    X = np.random.default_rng(0).normal(size=(30, 4))
    model = ModelCache(folder / "cache").fit(VAE((4,), 2, max_epochs=2, random_state=0), X)
    (folder / f"sum{number}").write_text(str(model.transform(X).sum()))


def test_two_processes_train_once(tmp_path):
    processes = [start_process(fit_as_one_of_two, tmp_path, number) for number in range(2)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "sum0").read_text() == (tmp_path / "sum1").read_text()
    assert (tmp_path / "trained").read_text() == "once\n"


ROWS = np.random.default_rng(0).normal(size=(30, 6))


def fit_and_evict(folder, bound, number):
    warnings.simplefilter("error", UserWarning)
    models = [ProbabilisticPCA(1 + seed, random_state=0) for seed in range(4)]
    whole = [model.fit(ROWS).transform(ROWS) for model in models]
    cache = ModelCache(folder, max_bytes=bound)
    for seed in np.random.default_rng(number).integers(4, size=60).tolist():
        model = cache.fit(ProbabilisticPCA(1 + seed, random_state=0), ROWS)
        assert (model.transform(ROWS) == whole[seed]).all()


def test_processes_that_evict_and_read_never_see_half_an_entry(tmp_path):
    ModelCache(tmp_path).fit(ProbabilisticPCA(4, random_state=0), ROWS)
    bound = int(2.5 * find_entries(tmp_path)[0].size)
    errors = [tmp_path.with_suffix(f".{number}") for number in range(3)]
    processes = [
        start_process(fit_and_evict, tmp_path, bound, number, errors=errors[number])
        for number in range(3)
    ]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [path.read_text() for path in errors] == ["", "", ""]
    assert sum(result.size for result in find_entries(tmp_path)) <= bound


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path))
    assert ModelCache().folder == tmp_path / "models"
    monkeypatch.delenv("VAEGA_CACHE")
    assert ModelCache().folder == Path(platformdirs.user_cache_dir("vaega")) / "models"


def test_entries_hold_no_machine_paths(tmp_path):
    ModelCache(tmp_path).fit(quick(), X, Y)
    description = (entry(tmp_path) / DESCRIPTION).read_text()
    assert str(Path.home()) not in description
    assert "device" not in json.loads(description)["params"]


def test_names_of_columns_are_those_of_scikit_learn(tmp_path):
    cache = ModelCache(tmp_path)
    frame, model = pd.DataFrame(X), quick()
    named = frame.rename(columns=str)
    assert cache.key(model, frame, Y) == cache.key(model, X, Y) != cache.key(model, named, Y)
    cache.fit(quick(), X, Y)
    again = cache.fit(cache.fit(model, named, Y), X, Y)  # names of the first fit are gone
    assert not hasattr(again, "feature_names_in_")


def test_a_model_that_is_found_says_what_its_fit_said(tmp_path):
    cache, said, noise = ModelCache(tmp_path), [], np.random.default_rng(0).normal(size=(80, 20))
    for _ in range(2):
        with pytest.warns(FitWarning, match="the posterior collapsed") as caught:
            cache.fit(quick(learning_rate=1e-2, beta=50.0, max_epochs=1000), noise)
        said.append([str(one.message) for one in caught])
    assert said[0] == said[1]


def test_a_folder_of_many_models_is_not_read_at_every_write(tmp_path, monkeypatch):
    looks = []
    real = _entries.find_entries
    monkeypatch.setattr(_entries, "find_entries", lambda folder: looks.append(1) or real(folder))
    X = np.random.default_rng(0).normal(size=(12, 4))
    cache = ModelCache(tmp_path)
    for seed in range(30):
        cache.fit(ProbabilisticPCA(2, random_state=seed), X)
    assert len(looks) == 1  # what was there before; the bound is far
    assert len(real(tmp_path)) == 30


def test_a_full_folder_gets_some_room_at_once(tmp_path, monkeypatch):
    X = np.random.default_rng(0).normal(size=(12, 4))
    ModelCache(tmp_path).fit(ProbabilisticPCA(2, random_state=0), X)
    (first,) = _entries.find_entries(tmp_path)
    bound = 40 * first.size + first.size // 2
    cache = ModelCache(tmp_path, max_bytes=bound)
    for seed in range(1, 60):
        cache.fit(ProbabilisticPCA(2, random_state=seed), X)
        assert sum(entry.size for entry in _entries.find_entries(tmp_path)) <= bound
    kept = _entries.find_entries(tmp_path)
    assert 36 <= len(kept) <= 40
