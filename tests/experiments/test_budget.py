"""A budget ends a call; what it cuts short goes on in the next one and ends with the same bits."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from vaega.cli import main
from vaega.core.errors import InputError
from vaega.experiments import monitor as budgets
from vaega.experiments.monitor import Allowance, Budget, BudgetSpentError, Meter

CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "kfold", "n_splits": 2, "inner_folds": 2},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 8, "n_generations": 5, "n_searches": 2},
    "seeds": 3,
}
PER_RUN = 2 * 2 * (8 + 4 * 7)


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that stands still until it is moved."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(budgets.time, "monotonic", lambda: now.seconds)
    return now


def at(n_asked):
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
    meter.on_start(at(30))  # a search that is resumed
    meter.on_generation(at(60))
    meter.on_decision(at(60), stopped=False)
    meter.on_start(at(0))
    meter.on_generation(at(25))
    assert (meter.n_asked, meter.n_restored) == (55, 30)
    with pytest.raises(BudgetSpentError):
        meter.on_decision(at(25), stopped=False)


def test_a_meter_watches_the_clock(clock):
    meter = Meter(Allowance(seconds=10.0))
    meter.on_start(at(0))
    clock.seconds += 9
    meter.on_decision(at(1), stopped=False)
    clock.seconds += 9
    with pytest.raises(BudgetSpentError):
        meter.on_decision(at(1), stopped=False)


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
