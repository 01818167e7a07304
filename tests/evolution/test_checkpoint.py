from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evolution.algorithms.problems import generational, planted
from vaega.core.errors import ResultsError
from vaega.evolution import _checkpoint as checkpoint
from vaega.evolution._checkpoint import (
    SaveCheckpoint,
    load_checkpoint,
    load_latest_checkpoint,
    restore_callbacks,
    save_checkpoint,
)
from vaega.evolution._evolution import Callback, evolve


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "state.npz"
    save = SaveCheckpoint(path, seconds=0)
    state = evolve(generational(), planted, n_generations=3, callbacks=[save])
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
    assert extra == {checkpoint.STOPPED: False}


def test_a_search_goes_on_from_the_file(saved):
    path, _ = saved
    algorithm = generational(seed=77)
    algorithm.restore(load_checkpoint(path)[0])
    resumed = evolve(algorithm, planted, n_generations=6)
    whole = evolve(generational(), planted, n_generations=6)
    np.testing.assert_array_equal(resumed.masks, whole.masks)
    assert resumed.history == whole.history


def test_extra_arrays_travel_along(tmp_path):
    path = tmp_path / "state.npz"
    rates = {"rates": np.ones((2, 3)), "island_of": np.arange(4)}
    state = replace(generational().state, extra=rates, scores=np.zeros((0, 2)))
    save_checkpoint(path, state, {"memory": np.arange(3), "rates": np.zeros(1)})
    back, extra = load_checkpoint(path)
    np.testing.assert_array_equal(extra["memory"], np.arange(3))
    np.testing.assert_array_equal(extra["rates"], np.zeros(1))
    np.testing.assert_array_equal(back.extra["rates"], np.ones((2, 3)))
    assert set(back.extra) == set(rates)
    assert back.scores.shape == (0, 2)


class Counts(Callback):
    def __init__(self):
        self.count = 0

    def on_generation(self, algorithm):
        self.count += 1

    def state_arrays(self):
        return {"count": np.array(self.count)}

    def restore_arrays(self, arrays):
        self.count = int(arrays["count"])


def test_callbacks_keep_their_state(tmp_path):
    path, counts = tmp_path / "state.npz", [Counts(), Callback(), Counts()]
    save = SaveCheckpoint(path, seconds=0, callbacks=counts, extra=lambda: {"more": np.ones(1)})
    counts[2].count = 10
    evolve(generational(), planted, n_generations=3, callbacks=[*counts, save])
    extra = load_checkpoint(path)[1]
    fresh = [Counts(), Callback(), Counts()]
    restore_callbacks(fresh, extra)
    assert [fresh[0].count, fresh[2].count] == [3, 13]
    np.testing.assert_array_equal(extra["more"], np.ones(1))
    others = [Callback(), Counts()]
    restore_callbacks(others, extra)  # of other callbacks nothing is taken
    assert others[1].count == 0


@pytest.mark.parametrize("cut", [0, 10, 500, -1])
def test_a_damaged_file_gives_one_sentence(saved, cut):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ResultsError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)


def test_every_changed_byte_is_noticed_or_harmless(saved):
    path, state = saved
    whole = path.read_bytes()
    for index in range(0, len(whole), 97):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 255]) + whole[index + 1 :])
        try:
            back, _ = load_checkpoint(path)
        except ResultsError:
            continue
        np.testing.assert_array_equal(back.masks, state.masks)
        assert (back.rng_state, back.history) == (state.rng_state, state.history)


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_gives_one_sentence(tmp_path, monkeypatch, version):
    path = tmp_path / "state.npz"
    monkeypatch.setattr(checkpoint, "VERSION", version)
    save_checkpoint(path, generational().state)
    monkeypatch.undo()
    with pytest.raises(ResultsError, match=f"of version {version}, and this vaega reads version 2"):
        load_checkpoint(path)


def test_a_checkpoint_of_another_search_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    for _ in range(2):
        save_checkpoint(path, generational().state, identity="one")
    assert load_checkpoint(path, identity="one")[0].generation == 0
    assert load_checkpoint(path)[0].generation == 0
    with pytest.raises(ResultsError, match="of a search with other settings or data"):
        load_checkpoint(path, identity="two")
    found, sentences = load_latest_checkpoint(path, identity="two")
    assert found is None
    assert len(sentences) == 2


def test_the_latest_whole_one_is_found(saved):
    path, _ = saved
    (latest, _), sentences = load_latest_checkpoint(path)
    assert (latest.generation, sentences) == (3, [])
    path.write_bytes(path.read_bytes()[:100])
    (before, _), sentences = load_latest_checkpoint(path)
    assert before.generation == 3  # on_end wrote the third a second time
    assert len(sentences) == 1
    assert "state.npz: cannot be read as a checkpoint" in sentences[0]
    path.with_name("state.npz.previous").write_bytes(b"")
    assert load_latest_checkpoint(path)[0] is None
    assert load_latest_checkpoint(path.with_name("none.npz")) == (None, [])


class KilledError(BaseException):
    pass


@pytest.mark.parametrize("step", range(3))
def test_killed_between_any_two_steps_the_newest_whole_one_is_found(tmp_path, monkeypatch, step):
    path = tmp_path / "state.npz"
    first = replace(generational().state, generation=1)
    save_checkpoint(path, first)
    steps, real = [], Path.replace

    def replace_until_killed(self, target):
        if len(steps) == step:
            raise KilledError
        steps.append(target)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace_until_killed)
    with pytest.raises(KilledError):
        save_checkpoint(path, replace(first, generation=2))
    monkeypatch.undo()
    (found, _), sentences = load_latest_checkpoint(path)
    assert found.generation == (1 if step == 0 else 2)
    assert sentences == []
    save_checkpoint(path, replace(first, generation=3))  # what was left does not disturb
    assert load_latest_checkpoint(path)[0][0].generation == 3


def test_it_writes_no_oftener_than_told(tmp_path, monkeypatch):
    generations = []
    monkeypatch.setattr(
        checkpoint, "save_checkpoint", lambda path, state, *_, **__: generations.append(state)
    )
    save = SaveCheckpoint(tmp_path / "state.npz", seconds=1e9)
    evolve(generational(), planted, n_generations=5, callbacks=[save])
    assert [state.generation for state in generations] == [1, 5]


def test_a_folder_that_cannot_be_written_gives_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "state.npz", generational().state)
