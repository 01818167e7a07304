"""What a person sees while runs are computed, here and in other processes."""

import io
import json

import pytest
from rich.console import Console

from vaega.experiments.monitor import FILE, LiveObserver, PlainObserver, RunLength, make_observer
from vaega.experiments.store import Run

RUNS = [Run(f"original-{seed}", "wine", "original", seed, {}) for seed in range(12)]
DONE = {
    "status": "done",
    "heldout_score": 0.9,
    "inner_score": 0.95,
    "n_features": 4.0,
    "n_distinct": 50,
    "seconds": 1.5,
}


@pytest.fixture
def shown():
    return io.StringIO()


def begin(observer, folder, n_runs):
    observer.on_plan(RUNS, 0)
    for run in RUNS[:n_runs]:
        observer.on_run_start(run, folder / run.id)


def come_to(folder, run, n_searches, generation):
    (folder / run.id).mkdir(exist_ok=True)
    activity = {"n_searches": n_searches, "generation": generation, "figures": "best 0.750"}
    (folder / run.id / FILE).write_text(json.dumps(activity))


def test_plain_lines_say_what_is_under_way(tmp_path, shown):
    observer = PlainObserver(Console(file=shown, width=200))
    begin(observer, tmp_path, 2)
    come_to(tmp_path, RUNS[0], 2, 7)
    observer.look()
    observer.on_run_end(RUNS[0], DONE)
    observer.on_run_left(RUNS[1])
    observer.look()
    assert shown.getvalue().splitlines() == [
        "under way: original, seed 0 (search 2, generation 7); original, seed 1 (preparing)",
        "[1/12] original, seed 0: held out 0.900, inner 0.950, 4 features, 50 masks in 1.5 s",
    ]


def test_plain_lines_come_by_themselves_and_end_with_the_block(tmp_path, shown, monkeypatch):
    monkeypatch.setattr(PlainObserver, "seconds", 0.01)
    with make_observer(Console(file=shown), length=RunLength(1, 10)) as observer:
        begin(observer, tmp_path, 1)
        while "under way" not in shown.getvalue():
            observer._over.wait(0.01)
    assert not observer._thread.is_alive()


@pytest.fixture
def live(shown):
    return LiveObserver(Console(file=shown, force_terminal=True, width=80), length=RunLength(3, 10))


def bars(observer):
    return [task for task in observer.progress.tasks if task.id != observer.all_runs]


def test_each_run_under_way_has_a_bar(tmp_path, live):
    begin(live, tmp_path, 2)
    come_to(tmp_path, RUNS[0], 2, 7)
    live.look()
    assert [task.description for task in bars(live)] == ["original, seed 0", "original, seed 1"]
    assert [task.completed for task in bars(live)] == [17, 0]
    assert [task.total for task in bars(live)] == [30, 30]
    assert {task.fields["figures"] for task in bars(live)} == {""}
    live.on_run_end(RUNS[0], DONE)
    live.look()
    (left,) = bars(live)
    assert left.fields["figures"] == "preparing the folds"
    assert live.progress.tasks[0].completed == 1


def test_a_single_run_has_its_figures(tmp_path, live):
    begin(live, tmp_path, 1)
    come_to(tmp_path, RUNS[0], 1, 4)
    live.look()
    (bar,) = bars(live)
    assert (bar.completed, bar.fields["figures"]) == (4, "best 0.750")


def test_a_run_that_begins_again_keeps_one_bar(tmp_path, live):
    begin(live, tmp_path, 2)
    live.on_run_start(RUNS[0], tmp_path / RUNS[0].id)
    assert len(bars(live)) == 2


def test_a_terminal_is_not_filled_with_bars(tmp_path, live):
    begin(live, tmp_path, 12)
    assert sum(task.visible for task in bars(live)) == 8


def test_what_is_under_way_goes_with_the_block(tmp_path, live):
    with live:
        begin(live, tmp_path, 3)
    assert not bars(live)
    assert not live._thread.is_alive()
