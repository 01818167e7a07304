"""What a run is doing, told in a file beside its checkpoints."""

from types import SimpleNamespace

import numpy as np
import pytest

from vaega.experiments import monitor as activities
from vaega.experiments.monitor import FILE, Activity, WriteActivity, read_activity


def at(generation):
    record = {"n_asked": 8 * generation, "mean": 0.5, "mean_n_features": 3.0, "diversity": 1.0}
    state = SimpleNamespace(
        generation=generation,
        history=(record,) * generation,
        best_score=0.75,
        best_mask=np.array([True, False]),
    )
    return SimpleNamespace(state=state)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(activities.time, "monotonic", lambda: now.seconds)
    return now


def test_it_says_search_generation_and_figures(tmp_path, clock):
    writer = WriteActivity(tmp_path / "checkpoint")
    writer.on_start(at(0))
    assert read_activity(tmp_path / "checkpoint") == Activity(1, 0)
    clock.seconds += 10
    writer.on_generation(at(3))
    told = read_activity(tmp_path / "checkpoint")
    assert (told.n_searches, told.generation) == (1, 3)
    assert told.figures.startswith("best 0.750 with 1 features")
    writer.on_start(at(0))
    assert read_activity(tmp_path / "checkpoint").n_searches == 2
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == [FILE]


def test_it_writes_no_oftener_than_four_times_a_second(tmp_path, clock):
    writer = WriteActivity(tmp_path)
    writer.on_start(at(0))
    for generation in range(1, 50):
        clock.seconds += 0.01
        writer.on_generation(at(generation))
    assert 1 <= read_activity(tmp_path).generation <= 49
    assert read_activity(tmp_path).generation % 25 == 0


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    WriteActivity(tmp_path / "file").on_start(at(0))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"n_searches": "many"}', "\xff"])
def test_what_cannot_be_read_is_no_activity(tmp_path, content):
    (tmp_path / FILE).write_bytes(content.encode("latin-1"))
    assert read_activity(tmp_path) is None
