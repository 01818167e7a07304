"""Going on with an experiment from its results folder alone."""

import gc
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock

from tests.records import rewrite_run
from tests.report.experiments import run_small
from vaega.cli import main
from vaega.core.errors import ResultsError
from vaega.experiments.config import load_config, make_config
from vaega.experiments.plan import Origin, read_plan, write_plan
from vaega.experiments.runs import plan_runs
from vaega.experiments.status import clean_results, read_status

CONFIG = {
    "name": "small",
    "dataset": {"source": "data/table.csv"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
    "seeds": 3,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a project: a configuration with its data beside it, and finished results."""
    folder = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 6)), columns=list("abcdef"))
    table["class"] = ["x", "y"] * 20
    (folder / "configs" / "data").mkdir(parents=True)
    table.to_csv(folder / "configs/data/table.csv", index=False)
    (folder / "configs/small.yaml").write_text(yaml.safe_dump(CONFIG))
    arguments = ["--results", str(folder / "results"), "--set", "search.elite=2"]
    assert main(["run", str(folder / "configs/small.yaml"), *arguments]) == 0
    return folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """Return a copy of it elsewhere, seen from another working folder."""
    shutil.copytree(finished, tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "project"


def undo(project, n_runs):
    for folder in sorted(project.glob("results/small/runs/*"))[:n_runs]:
        for path in folder.glob("*.*"):
            path.unlink()


def contents(project):
    files = sorted(project.glob("results/small/runs/*/*.csv"))
    runs = pd.read_csv(project / "results/small/runs.csv", dtype=str).drop(columns="seconds")
    return [path.read_bytes() for path in files], runs.to_csv()


def test_nothing_of_the_stored_scores_stays_open(project):
    # The log beside a database is there while a connection is; beside another file it would stand
    # for that file's pages.
    undo(project, 1)
    gc.disable()  # which would close in the end what nobody did
    try:
        assert main(["resume", str(project / "results/small")]) == 0
        assert (project / "results/small/memory.sqlite3").is_file()
        assert not list(project.glob("results/small/memory.sqlite3-*"))
    finally:
        gc.enable()


@pytest.mark.parametrize("n_undone", [0, 1, 3])
def test_resume_completes_what_is_missing(project, capsys, n_undone):
    whole, command = contents(project), (project / "results/small/command.txt").read_text()
    undo(project, n_undone)
    (project / "results/small/report.html").unlink()
    assert main(["resume", str(project / "results/small"), "--jobs", "1"]) == 0
    out = capsys.readouterr()
    assert contents(project) == whole
    assert f"{3 - n_undone} of 3 runs were finished before" in out.err or n_undone == 3
    for word in ("original", "Protocol honest", "report.html", "held-out"):
        assert word in out.out
    assert (project / "results/small/command.txt").read_text() == command
    assert "vaega run" in (project / "results/small/report.html").read_text()
    assert "search.elite=2" in command


def test_the_scores_of_a_run_are_reused(project):
    undo(project, 3)
    assert main(["resume", str(project / "results/small")]) == 0
    assert (project / "results/small/memory.sqlite3").exists()


def test_data_are_found_from_where_the_first_call_was_made(project, monkeypatch):
    elsewhere = Path.cwd()
    (project / "configs/data").rename(project / "tables")
    config = {**CONFIG, "name": "other", "dataset": {"source": "tables/table.csv"}}
    (project / "configs/other.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(project)
    assert main(["run", "configs/other.yaml"]) == 0
    monkeypatch.chdir(elsewhere)
    assert main(["resume", str(project / "results/other")]) == 0
    assert Path.cwd() == elsewhere
    assert (project / "results/other/command.txt").read_text() == "vaega run configs/other.yaml\n"


def test_a_damaged_store_of_scores_costs_one_sentence_and_nothing_else(project):
    whole = contents(project)
    undo(project, 2)
    (project / "results/small/memory.sqlite3").write_bytes(b"no database at all" * 1000)
    command = [sys.executable, "-m", "vaega.cli", "resume", str(project / "results/small")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    (sentence,) = [line for line in answer.stderr.splitlines() if "cannot be used" in line]
    assert sentence.startswith("vaega: ")
    assert sentence.endswith("it is set aside and a new one is begun.")
    assert contents(project) == whole


def test_the_folder_may_have_another_name(project):
    whole = contents(project)
    (project / "results/small").rename(project / "results/moved")
    undone = next(iter(project.glob("results/moved/runs/*")))
    shutil.rmtree(undone)
    assert main(["resume", str(project / "results/moved")]) == 0
    assert not (project / "results/small").exists()
    (project / "results/moved").rename(project / "results/small")
    assert contents(project) == whole


def one_sentence(capsys):
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    return error[0]


def test_a_folder_without_results(tmp_path, capsys):
    assert main(["resume", str(tmp_path)]) == 2
    assert one_sentence(capsys) == f"vaega: {tmp_path}: is no results folder, it has no plan.json."
    assert main(["resume", str(tmp_path / "none")]) == 2
    assert "is no results folder" in one_sentence(capsys)
    (tmp_path / "file").touch()
    assert main(["resume", str(tmp_path / "file")]) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"runs": ["a"]}', '{"beside": 3, "runs": 3}'])
def test_a_plan_that_is_damaged_or_older(project, capsys, content):
    (project / "results/small/plan.json").write_text(content)
    assert main(["resume", str(project / "results/small")]) == 2
    assert "cannot be resumed, its plan.json is" in one_sentence(capsys)


def test_data_that_changed_are_another_experiment(project, capsys):
    path = project / "configs/data/table.csv"
    path.write_text(path.read_text().replace("0.1", "0.2", 1))
    before = contents(project)
    assert main(["resume", str(project / "results/small")]) == 2
    sentence = one_sentence(capsys)
    assert "cannot be resumed: the data, or the defaults" in sentence
    assert "vaega run" in sentence
    assert contents(project) == before


def test_data_that_are_gone(project, capsys):
    (project / "configs/data/table.csv").unlink()
    assert main(["resume", str(project / "results/small")]) == 2
    assert "table.csv" in one_sentence(capsys)


DIFFICULT = {
    **CONFIG,
    "dataset": {"source": "sklearn:wine"},
    "preprocess": [{"class": "sklearn.impute.SimpleImputer", "missing_values": float("nan")}],
    "protocol": {"outer": "kfold", "n_splits": 3},
    "arms": {
        "original": {},
        "vae": {"generator": {"kind": "vae", "hidden": [8, 4], "norm": None}, "n_synthetic": 30},
    },
    "fitness": {
        "class": "sklearn.neighbors.KNeighborsClassifier",
        "p": float("inf"),
        "objective": {"kind": "penalty", "per_feature": 1e-5},
        "parameters": {"metric": "minkowski"},
    },
    "seeds": [3, 1],
}


def test_every_configuration_comes_back(tmp_path):
    from vaega import load_dataset

    config, wine = make_config(DIFFICULT), load_dataset("sklearn:wine")
    runs = plan_runs(config, wine)
    write_plan(tmp_path, config, runs, Origin(tmp_path, tmp_path, "vaega run x.yaml"))
    plan = read_plan(tmp_path)
    plan.check_runs([run.id for run in plan_runs(plan.config, plan.load_dataset())])
    assert load_config(tmp_path / "experiment.yaml") == plan.config
    with pytest.raises(ResultsError, match=r"begin it anew with: vaega run x\.yaml"):
        plan.check_runs([run.id for run in runs[1:]])


def test_places_are_relative_so_that_a_project_can_move(project):
    content = json.loads((project / "results/small/plan.json").read_text())
    assert content["beside"] == "../../configs"
    assert len(content["runs"]) == 3


def test_the_bar_is_as_long_as_the_run():
    from vaega import load_dataset
    from vaega.experiments.monitor import RunLength, measure_run

    wine = load_dataset("sklearn:wine")
    search = {"n_generations": 7, "n_searches": 2}
    config = make_config({**DIFFICULT, "search": search, "protocol": {"outer": "holdout"}})
    assert measure_run(config, wine) == RunLength(n_searches=2, n_generations=7)
    config = make_config({**DIFFICULT, "search": search})
    assert measure_run(config, wine) == RunLength(n_searches=6, n_generations=7)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    arms = {"original": {}, "jitter": {"generator": {"kind": "jitter"}, "n_synthetic": 40}}
    return run_small(tmp_path_factory.mktemp("results"), seeds=3, arms=arms)


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "small")


def place_of(folder, number):
    run_id = json.loads((folder / "plan.json").read_text())["runs"][number]
    return folder / "runs" / run_id


def states(folder):
    return [run.state for run in read_status(folder).runs]


def test_what_is_done(folder):
    status = read_status(folder)
    assert [(run.arm, run.seed) for run in status.runs] == [
        *(("original", seed) for seed in range(3)),
        *(("jitter", seed) for seed in range(3)),
    ]
    assert status.sentence == "6 runs: 6 done."
    assert status.counts["jitter"]["done"] == 3
    assert status.leftovers == ()


def test_failed_running_stopped_and_waiting(folder):
    failure = {"status": "failed", "error": "no luck", "seconds": 1.0}
    rewrite_run(place_of(folder, 0) / "metrics.json", failure)
    (place_of(folder, 1) / "metrics.json").unlink()
    (place_of(folder, 2) / "metrics.json").unlink()
    shutil.rmtree(place_of(folder, 3))
    with FileLock(place_of(folder, 2) / ".claim"):
        assert states(folder) == ["failed", "stopped", "running", "waiting", "done", "done"]
    assert read_status(folder).runs[0].error == "no luck"
    assert read_status(folder).sentence == "6 runs: 2 done, 1 failed, 2 stopped, 1 waiting."


def test_a_failed_run_that_is_tried_again_is_running(folder):
    rewrite_run(place_of(folder, 0) / "metrics.json", {"status": "failed", "error": "x"})
    with FileLock(place_of(folder, 0) / ".claim"):
        assert states(folder)[0] == "running"


def test_looking_changes_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    read_status(folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    claims = {path for path in before if path.name == ".claim"}
    assert {p: t for p, t in before.items() if p not in claims} == {
        p: t for p, t in after.items() if p not in claims
    }


def test_leftovers_of_other_settings_go_and_nothing_else(folder):
    old = shutil.copytree(place_of(folder, 0), folder / "runs" / "original-000-0123456789")
    (folder / "runs" / "notes").mkdir()
    (folder / "runs" / "linked").symlink_to(place_of(folder, 0))
    status = read_status(folder)
    assert status.leftovers == (old,)
    assert clean_results(status, dry=True)[0] == [old]
    assert old.exists()
    gone, n_bytes = clean_results(status)
    assert gone == [old]
    assert n_bytes > 1000
    assert not old.exists()
    assert (folder / "runs" / "notes").exists()
    assert states(folder) == ["done"] * 6


def test_failed_runs_go_when_asked(folder):
    rewrite_run(place_of(folder, 0) / "metrics.json", {"status": "failed", "error": "x"})
    assert clean_results(read_status(folder))[0] == []
    assert clean_results(read_status(folder), failed=True)[0] == [place_of(folder, 0)]
    assert states(folder)[0] == "waiting"


def test_what_a_process_holds_stays(folder):
    old = shutil.copytree(place_of(folder, 0), folder / "runs" / "original-000-0123456789")
    status = read_status(folder)
    with FileLock(old / ".claim"):
        assert clean_results(status) == ([], 0)
    assert old.exists()


def test_no_results_there(tmp_path):
    with pytest.raises(ResultsError, match="is no results folder"):
        read_status(tmp_path)
