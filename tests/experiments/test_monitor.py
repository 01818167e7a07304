"""Progress and budget: heartbeats, allowances, bars and lines, peak memory."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from rich.console import Console

from vaega.cli import main
from vaega.core.compilation import ANNOUNCEMENT
from vaega.core.errors import InputError
from vaega.experiments import monitor
from vaega.experiments.monitor import (
    HEARTBEAT_FILE,
    Allowance,
    Budget,
    BudgetSpentError,
    Heartbeat,
    LiveObserver,
    Meter,
    PeakMemory,
    PlainObserver,
    RunLength,
    WriteHeartbeat,
    make_observer,
    read_heartbeat,
)
from vaega.experiments.runs import Run

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere


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
    """Return a clock that stands still until it is moved."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(monitor.time, "monotonic", lambda: now.seconds)
    return now


def test_it_says_search_generation_and_figures(tmp_path, clock):
    writer = WriteHeartbeat(tmp_path / "checkpoint")
    writer.on_start(at(0))
    assert read_heartbeat(tmp_path / "checkpoint") == Heartbeat(1, 0)
    clock.seconds += 10
    writer.on_generation(at(3))
    told = read_heartbeat(tmp_path / "checkpoint")
    assert (told.n_searches, told.generation) == (1, 3)
    assert told.figures.startswith("best 0.750 with 1 features")
    writer.on_start(at(0))
    assert read_heartbeat(tmp_path / "checkpoint").n_searches == 2
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == [HEARTBEAT_FILE]


def test_it_writes_no_oftener_than_four_times_a_second(tmp_path, clock):
    writer = WriteHeartbeat(tmp_path)
    writer.on_start(at(0))
    for generation in range(1, 50):
        clock.seconds += 0.01
        writer.on_generation(at(generation))
    assert 1 <= read_heartbeat(tmp_path).generation <= 49
    assert read_heartbeat(tmp_path).generation % 25 == 0


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    WriteHeartbeat(tmp_path / "file").on_start(at(0))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"n_searches": "many"}', "\xff"])
def test_what_cannot_be_read_is_no_activity(tmp_path, content):
    (tmp_path / HEARTBEAT_FILE).write_bytes(content.encode("latin-1"))
    assert read_heartbeat(tmp_path) is None


CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "kfold", "n_splits": 2, "inner_folds": 2, "final": False},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 8, "n_generations": 5, "n_searches": 2},
    "seeds": 3,
}
PER_RUN = 2 * 2 * (8 + 4 * 7)


def asked(n_asked):
    return SimpleNamespace(state=SimpleNamespace(history=({"n_asked": n_asked},)))


def test_the_clock_starts_at_once(clock):
    budget = Budget(max_seconds=60)
    clock.seconds += 45
    assert budget.allowance() == Allowance(15.0)
    assert not budget.is_spent
    clock.seconds += 45
    assert budget.is_spent


def test_without_limits_it_is_never_spent():
    budget = Budget()
    budget.use(10**9)
    assert not budget.is_spent
    assert budget.allowance() == Allowance()


@pytest.mark.parametrize("limits", [(0, None), (-1.0, None), (None, 0), (None, 1.5)])
def test_limits_are_positive(limits):
    with pytest.raises(InputError, match="budget: max_"):
        Budget(*limits)


def test_a_meter_counts_what_is_asked_here_and_leaves_behind_the_checkpoint():
    meter = Meter(Allowance(n_asked=50))
    meter.on_start(asked(30))  # a search that is resumed
    meter.on_generation(asked(60))
    meter.on_decision(asked(60), stopped=False)
    meter.on_start(asked(0))
    meter.on_generation(asked(25))
    assert (meter.n_asked, meter.n_restored) == (55, 30)
    with pytest.raises(BudgetSpentError):
        meter.on_decision(asked(25), stopped=False)


def test_a_meter_watches_the_clock(clock):
    meter = Meter(Allowance(seconds=10.0))
    meter.on_start(asked(0))
    clock.seconds += 9
    meter.on_decision(asked(1), stopped=False)
    clock.seconds += 9
    with pytest.raises(BudgetSpentError):
        meter.on_decision(asked(1), stopped=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("budget")
    (folder / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    assert run(folder, folder / "whole") == 0
    return folder


def run(folder, results, *more):
    return main(["run", str(folder / "small.yaml"), "--results", str(results), *more])


def contents(results):
    runs = pd.read_csv(results / "small/runs.csv", dtype=str)
    timed = [column for column in runs if "seconds" in column or "memory" in column]
    files = sorted(results.glob("small/runs/*/*.csv"))
    return runs.drop(columns=timed).to_csv(), [path.read_bytes() for path in files]


def test_runs_that_are_left_are_done_by_later_calls(folder, tmp_path, capsys):
    assert run(folder, tmp_path, "--max-evaluations", str(PER_RUN + 1)) == 1
    said = capsys.readouterr().out
    assert "the budget is spent: 1 of 3 runs are recorded; " in said
    assert f"go on with: vaega resume {tmp_path}/small" in said
    assert main(["resume", str(tmp_path / "small"), "--max-hours", "1"]) == 0
    assert contents(tmp_path) == contents(folder / "whole")


def test_a_run_cut_in_the_middle_is_neither_done_nor_failed(folder, tmp_path, capsys):
    n_calls = 0
    while run(folder, tmp_path, "--max-evaluations", "40") == 1:
        n_calls += 1
        assert n_calls < 40, "each call gets further"
        if n_calls == 1:
            assert main(["status", str(tmp_path / "small")]) == 0
            assert "3 runs: 1 stopped, 2 waiting." in capsys.readouterr().out
            assert not list(tmp_path.glob("small/runs/*/metrics.json"))
    assert n_calls > 6
    assert contents(tmp_path) == contents(folder / "whole")


def test_time_that_is_over_cuts_after_a_generation(folder, tmp_path, monkeypatch, capsys):
    assert run(folder, tmp_path, "--max-seconds", "1e-9") == 1
    assert "the budget is spent: 0 of 3 runs are recorded; " in capsys.readouterr().out
    monkeypatch.setattr(Meter, "on_decision", lambda meter, algorithm, stopped: leave())
    assert run(folder, tmp_path, "--max-hours", "1") == 1
    monkeypatch.undo()
    assert run(folder, tmp_path) == 0
    assert contents(tmp_path) == contents(folder / "whole")


def leave():
    raise BudgetSpentError


def test_every_run_counts_what_it_asked_for(folder):
    for path in folder.glob("whole/small/runs/*/metrics.json"):
        assert json.loads(path.read_text())["n_asked"] == PER_RUN


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
    heartbeat = {"n_searches": n_searches, "generation": generation, "figures": "best 0.750"}
    (folder / run.id / HEARTBEAT_FILE).write_text(json.dumps(heartbeat))


def test_plain_lines_say_what_is_under_way(tmp_path, shown):
    observer = PlainObserver(Console(file=shown, width=200))
    begin(observer, tmp_path, 2)
    come_to(tmp_path, RUNS[0], 2, 7)
    observer.poll()
    observer.on_run_end(RUNS[0], DONE)
    observer.on_run_left(RUNS[1])
    observer.poll()
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
    live.poll()
    assert [task.description for task in bars(live)] == ["original, seed 0", "original, seed 1"]
    assert [task.completed for task in bars(live)] == [17, 0]
    assert [task.total for task in bars(live)] == [30, 30]
    assert {task.fields["figures"] for task in bars(live)} == {""}
    live.on_run_end(RUNS[0], DONE)
    live.poll()
    (left,) = bars(live)
    assert left.fields["figures"] == "preparing the folds"
    assert live.progress.tasks[0].completed == 1


def test_a_classical_selection_has_a_bar_without_generations(tmp_path, live):
    run = Run("f-000", "wine", "f", 0, {"arm": {"name": "f", "selector": {"kind": "f_classif"}}})
    live.on_plan([run], 0)
    live.on_run_start(run, tmp_path / run.id)
    (bar,) = bars(live)
    assert (bar.total, bar.fields["note"]) == (None, "selecting")
    assert not bar.fields["count"]


def test_a_search_that_has_ended_is_not_prepared_again(tmp_path, live):
    begin(live, tmp_path, 1)
    come_to(tmp_path, RUNS[0], 3, 9)
    live.poll()
    (tmp_path / RUNS[0].id / HEARTBEAT_FILE).unlink()
    live.poll()
    (bar,) = bars(live)
    assert (bar.completed, bar.fields["note"]) == (29, "search 3/3")


def test_a_run_that_is_left_while_bars_move_stops_no_bar(tmp_path, live):
    begin(live, tmp_path, 2)
    come_to(tmp_path, RUNS[1], 1, 4)
    lock, looks = live._lock, []

    class Watched:  # another thread moves the bars whenever it can
        def __enter__(self):
            lock.acquire()

        def __exit__(self, *_):
            lock.release()
            live._lock = lock
            live.poll()
            looks.append([task.completed for task in bars(live)])
            live._lock = self

    live._lock = Watched()
    live.on_run_left(RUNS[0])
    assert looks == [[4]]


def test_the_bar_of_a_final_run_has_a_length_of_its_own(tmp_path, shown):
    console = Console(file=shown, force_terminal=True, width=80)
    final = Run("original-final", "wine", "original", 0, {}, final=True)
    with make_observer(console, length=RunLength(30, 10), final=RunLength(1, 12)) as observer:
        observer.on_plan([RUNS[0], final], 0)
        for run in (RUNS[0], final):
            observer.on_run_start(run, tmp_path / run.id)
        come_to(tmp_path, final, 1, 7)
        observer.poll()
        of_seed, of_all_rows = bars(observer)
    assert (of_seed.description, of_seed.total) == ("original, seed 0", 300)
    assert (of_all_rows.description, of_all_rows.total) == ("original, final", 12)
    assert (of_all_rows.completed, of_all_rows.fields["note"]) == (7, "")


def test_a_single_run_has_its_figures(tmp_path, live):
    begin(live, tmp_path, 1)
    come_to(tmp_path, RUNS[0], 1, 4)
    live.poll()
    (bar,) = bars(live)
    assert (bar.completed, bar.fields["figures"]) == (4, "best 0.750")


def test_a_bar_says_what_its_run_does(tmp_path, live):
    begin(live, tmp_path, 1)
    (bar,) = bars(live)
    assert bar.fields["note"] == "preparing"
    (tmp_path / RUNS[0].id).mkdir()
    writer = WriteHeartbeat(tmp_path / RUNS[0].id)
    with ANNOUNCEMENT.heard_by(writer.beat):
        ANNOUNCEMENT.begin()
        live.poll()
        assert bar.fields["note"] == "compiling, once"
        ANNOUNCEMENT.end()
        live.poll()
        assert bar.fields["note"] == "preparing"
    come_to(tmp_path, RUNS[0], 2, 7)
    live.poll()
    assert (bar.fields["note"], bar.fields["count"]) == ("search 2/3", "17/30")


def test_what_a_worker_compiles_is_said_here_once(tmp_path, shown, monkeypatch, capsys):
    monkeypatch.setattr(ANNOUNCEMENT, "said", False)
    monkeypatch.setattr(PlainObserver, "_look", 0.01)
    with PlainObserver(Console(file=shown)) as observer:
        begin(observer, tmp_path, 2)
        for run in RUNS[:2]:
            (tmp_path / run.id).mkdir()
            heartbeat = {"n_searches": 0, "generation": 0, "figures": "", "compiling": True}
            (tmp_path / run.id / HEARTBEAT_FILE).write_text(json.dumps(heartbeat))
        while not ANNOUNCEMENT.said:
            observer._over.wait(0.01)
    assert capsys.readouterr().err == "vaega: compiling kernels, once on this machine\n"


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


def test_what_is_held_is_counted():
    watched = PeakMemory()
    before = watched.megabytes()
    held = np.ones(40_000_000)  # 320 MB, written to
    assert watched.megabytes() > before
    assert held[-1] == 1.0
