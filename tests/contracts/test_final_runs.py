"""A final run keeps the three laws: its bits are its configuration's, whoever interrupts it."""

import json

import numpy as np
import pytest

from tests.contracts.recording import EVENTS, SYNTHETIC, RecordingSampler, tagged
from tests.processes import run_command, start_command
from vaega import Dataset
from vaega.cli import main
from vaega.experiments import trial as trial_module
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

CONFIG = """
name: final
dataset: {source: "sklearn:wine"}
preprocess: [standardize]
protocol: {outer: holdout, inner_folds: 3}
arms:
  augmented: {generator: {kind: jitter}, n_synthetic: 30}
fitness: {classifier: decision_tree, max_depth: 3}
search: {population_size: 8, n_generations: 10, n_searches: 2}
seeds: 1
"""
TIMES = ("seconds", "n_scored", "peak_memory_mb")


def command(folder):
    return ["run", folder / "final.yaml", "--results", folder / "results"]


def contents(folder):
    (place,) = folder.glob("results/final/runs/*-final-*")
    metrics = json.loads((place / "metrics.json").read_text())
    tables = {path.name: path.read_bytes() for path in place.glob("*.csv")}
    return tables, {key: value for key, value in metrics.items() if key not in TIMES}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "final.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "final.yaml").write_text(CONFIG)
    run_command(*command(folder))
    return contents(folder)


@pytest.mark.parametrize(
    "options", [["--jobs=2"], ["--jobs=2", "--parallel=fitness"]], ids=["runs", "fitness"]
)
def test_processes_give_the_same_bits(folder, whole, options):
    assert main([*map(str, command(folder)), *options]) == 0
    assert contents(folder) == whole
    assert set(whole[0]) == {"history.csv", "rows.csv", "selected.csv", "votes.csv"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_and_started_again_it_ends_with_the_same_bits(folder, whole, jobs):
    process = start_command(*command(folder), f"--jobs={jobs}")
    while not list(folder.glob("results/final/runs/*-final-*/checkpoint/trial-0/*.npz")):
        process.join(0.02)
        assert process.is_alive(), "it ended before it was killed"
    process.kill()
    process.join()
    assert not list(folder.glob("results/final/runs/*-final-*/metrics.json"))
    run_command("resume", folder / "results" / "final")
    assert contents(folder) == whole
    assert not list(folder.glob("results/final/runs/*/checkpoint"))


def events_of(folder, *, final):
    y = np.tile([0, 1], 30)
    X = np.random.default_rng(0).normal(size=(60, 8))
    X[:, 0] += 2 * y
    config = make_config(
        {
            "name": f"traced-{final}",
            "dataset": {"source": "made here"},
            "preprocess": [{"class": "tests.contracts.recording.RecordingScaler"}],
            "protocol": {"inner_folds": 3, "final": final},
            "arms": {"only": {"generator": {"kind": "smote"}, "n_synthetic": 10}},
            "fitness": {"class": "tests.contracts.recording.RecordingClassifier"},
            "search": {"population_size": 6, "n_generations": 2, "n_searches": 2},
            "seeds": 1,
        }
    )
    EVENTS.clear()
    run_experiment(config, Dataset.from_arrays(tagged(X), y), folder)
    return list(EVENTS)


def test_its_inner_folds_do_not_leak_and_the_trials_see_what_they_see_without_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(trial_module, "make_sampler", lambda *_, **__: RecordingSampler())
    without, both = (events_of(tmp_path, final=final) for final in (False, True))
    assert both[: len(without)] == without
    final = both[len(without) :]
    ancestors = {call: rows for kind, rows, call in both if kind == "sampler"}
    fitted = frozenset()
    for kind, rows, _ in final:
        if kind == "fit":
            fitted = frozenset(row for row in rows if row < SYNTHETIC)
            fitted = fitted.union(*(ancestors[row] for row in rows if row >= SYNTHETIC))
        elif kind == "predict":
            assert not any(row >= SYNTHETIC for row in rows), "a synthetic row is scored on"
            assert not rows & fitted, "a row is scored by what it was fitted on"
    assert final[-1][0] == "fit", "nothing is predicted by the model of all rows"
    assert fitted == frozenset(range(60))
