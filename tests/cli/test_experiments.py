"""Experiments on the command line: options of runs, `status`, `clean` and `baselines`."""

import io
import json
import shutil

import pandas as pd
import pytest

from tests.records import rewrite_run
from tests.report.experiments import run_small
from vaega.cli import main

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--jobs", "0"], "--jobs: must be a whole number other than 0, got 0."),
        (["--jobs", "two"], "'two' is not a valid integer"),
        (["--parallel", "both"], "'both' is not one of 'auto', 'runs', 'fitness'"),
        (["--backend", "spark"], "'spark' is not one of 'processes', 'dask'"),
        (["--scheduler", "tcp://x:8786"], "--scheduler: needs --backend dask"),
        (["--max-hours", "0"], "--max-hours: must be a positive number, got 0.0."),
        (["--max-hours", "nan"], "--max-hours: must be a positive number, got nan."),
        (["--max-seconds", "-3"], "--max-seconds: must be a positive number, got -3.0."),
        (["--max-seconds", "inf"], "--max-seconds: must be a positive number, got inf."),
        (["--max-seconds", "soon"], "'soon' is not a valid float"),
        (["--max-evaluations", "0"], "--max-evaluations: must be a positive number, got 0."),
        (["--max-evaluations", "1.5"], "'1.5' is not a valid integer"),
        (["--max-hours", "1", "--max-seconds", "1"], "--max-hours: cannot stand beside"),
    ],
)
@pytest.mark.parametrize("command", ["run", "resume"])
def test_bad_options_of_runs(tmp_path, capsys, command, arguments, words):
    assert main([command, str(tmp_path / "nothing"), *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("vaega: ")
    assert error.count("\n") == 1


@pytest.fixture
def folder(tmp_path):
    return run_small(tmp_path, seeds=2, arms={"original": {}})


def leftover(folder):
    run = next((folder / "runs").glob("original-000-*"))
    return shutil.copytree(run, folder / "runs" / "original-000-0123456789")


def test_status_counts(folder, capsys):
    assert main(["status", str(folder)]) == 0
    assert "2 runs: 2 done." in capsys.readouterr().out


def test_status_as_json(folder, capsys):
    leftover(folder)
    assert main(["status", str(folder), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["counts"]["original"]["done"] == 2
    assert status["leftovers"] == ["original-000-0123456789"]


def test_status_says_failures_and_leftovers(folder, capsys):
    leftover(folder)
    metrics = next((folder / "runs").glob("original-001-*/metrics.json"))
    rewrite_run(metrics, {"status": "failed", "error": "no luck."})
    assert main(["status", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "original, seed 1: failed: no luck." in out
    assert "1 folder of earlier settings" in out


def test_clean_asks_and_removes(folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    old = leftover(folder)
    assert main(["clean", str(folder), "--dry-run"]) == 0
    assert "1 folder would be removed" in capsys.readouterr().out
    assert main(["clean", str(folder)]) == 0
    assert "Nothing was removed." in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["clean", str(folder)]) == 2
    assert "clean: nobody answers here; give --yes" in capsys.readouterr().err
    assert old.exists()
    assert main(["clean", str(folder), "--yes"]) == 0
    assert not old.exists()


def test_no_results_there(tmp_path, capsys):
    assert main(["clean", str(tmp_path)]) == 2
    assert "is no results folder" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAEGA_DATA", raising=False)


def test_from_command_to_tables(tmp_path, capsys):
    command = ["baselines", "--dataset", "sklearn:iris", "--models", "lda,knn", "--out", "found"]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "iris (macro-F1)" in shown.out
    assert "test rows are read once" in shown.out.replace("\n", " ")
    assert "[2/2] iris, kNN, seed 0: macro-F1" in shown.err
    table = pd.read_csv(tmp_path / "found/baselines.csv")
    assert table["model"].tolist() == ["lda", "knn"]
    assert (
        "`vaega baselines --dataset=sklearn:iris" in (tmp_path / "found/baselines.md").read_text()
    )
    assert main(command) == 0
    assert "2 of 2 were finished before" in capsys.readouterr().err


def test_a_dataset_that_does_not_load_is_exit_code_1(capsys):
    both = ["--dataset", "no_such", "--dataset", "sklearn:wine"]
    assert main(["baselines", *both, "--models", "lda", "--out", "out"]) == 1
    assert "no_such: not loaded: " in capsys.readouterr().err


def test_a_single_dataset_that_does_not_load_is_bad_input(capsys):
    assert main(["baselines", "--dataset", "no_such", "--models", "lda"]) == 2
    assert "no dataset is called 'no_such'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--models", "xgboost"], "--models must be one of"),
        (["--seeds", "0"], "--seeds must be a whole number, at least 1, got 0."),
        (["--jobs", "0"], "--jobs: must be a whole number other than 0, got 0."),
        (["--test-size", "2"], "test_size must be a fraction in (0, 1), got 2.0."),
    ],
)
def test_bad_options_of_baselines(options, sentence, capsys):
    assert main(["baselines", "--dataset", "sklearn:iris", *options]) == 2
    assert sentence in capsys.readouterr().err
