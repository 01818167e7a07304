import numpy as np
import pytest

from tests.evolution.algorithms.test_generational import make, planted
from vaega.core.errors import ResultsError
from vaega.evolution import checkpoint
from vaega.evolution.checkpoint import SaveCheckpoint, load_checkpoint, save_checkpoint
from vaega.evolution.loop import evolve


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "state.npz"
    state = evolve(make(), planted, n_generations=3, callbacks=[SaveCheckpoint(path, seconds=0)])
    return path, state


def test_a_state_comes_back_whole(saved):
    path, state = saved
    back, extra = load_checkpoint(path)
    for name in ("masks", "scores", "best_mask"):
        np.testing.assert_array_equal(getattr(back, name), getattr(state, name))
    assert back.masks.dtype == bool
    assert (back.generation, back.best_score, back.history, back.rng_state) == (
        state.generation,
        state.best_score,
        state.history,
        state.rng_state,
    )
    assert extra == {}


def test_a_search_goes_on_from_the_file(saved):
    path, _ = saved
    algorithm = make(seed=77)
    algorithm.restore(load_checkpoint(path)[0])
    resumed = evolve(algorithm, planted, n_generations=6)
    whole = evolve(make(), planted, n_generations=6)
    np.testing.assert_array_equal(resumed.masks, whole.masks)
    assert resumed.history == whole.history


def test_extra_arrays_travel_along(tmp_path):
    path = tmp_path / "state.npz"
    save_checkpoint(path, make().state, {"memory": np.arange(3)})
    np.testing.assert_array_equal(load_checkpoint(path)[1]["memory"], np.arange(3))


@pytest.mark.parametrize("cut", [0, 10, 500, -1])
def test_a_damaged_file_gives_one_sentence(saved, cut):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ResultsError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)


def test_another_version_gives_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    monkeypatch.setattr(checkpoint, "VERSION", 0)
    save_checkpoint(path, make().state)
    monkeypatch.undo()
    with pytest.raises(ResultsError, match="not of version 1"):
        load_checkpoint(path)
