import os
import signal
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from vaega.cli import main

pytest.importorskip("optuna")
CONTENT = {
    "name": "tiny",
    "dataset": {"source": "sklearn:wine"},
    "protocol": {"inner_folds": 2},
    "arms": {"original": {}, "augmented": {"generator": {"kind": "ppca"}, "n_synthetic": 9}},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 4, "n_generations": 1},
    "seeds": 1,
}


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONTENT))
    return "tiny.yaml"


def study_folder(tmp_path):
    (found,) = (path for path in (tmp_path / "results/tiny/tune").iterdir() if path.is_dir())
    return found


def test_a_study_from_file_to_configuration(tmp_path, file, capsys):
    assert main(["tune", file, "--trials", "3"]) == 0
    shown = capsys.readouterr()
    folder = study_folder(tmp_path)
    assert "3 trials, the best first" in shown.out
    assert "its test rows were not read" in shown.out.replace("\n", " ")
    assert shown.err.count("trial ") == 3
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.yaml", "importances.csv", "study.png", "trials.csv",
    ]  # fmt: skip
    assert (folder / "study.png").read_bytes()[1:4] == b"PNG"
    assert main(["check", str(folder / "best.yaml")]) == 0
    best = yaml.safe_load((folder / "best.yaml").read_text())
    table = pd.read_csv(folder / "trials.csv")
    latent = table.loc[table["value"].idxmax(), "latent"]
    assert best["arms"]["augmented"]["generator"] == {"kind": "ppca", "latent": latent}


def test_it_goes_on_where_it_stopped(tmp_path, file, capsys):
    for trials, new in (("2", 2), ("5", 3), ("5", 0)):
        assert main(["tune", file, "--trials", trials]) == 0
        assert capsys.readouterr().err.count("trial ") == new
    assert len(pd.read_csv(study_folder(tmp_path) / "trials.csv")) == 5


def test_options(tmp_path, file, capsys):
    command = ["tune", file, "--arm", "augmented", "--sampler", "grid", "--objective", "score"]
    command += ["--out", "found.yaml", "--set", "tune.space.latent=[1,2]", "--results", "elsewhere"]
    assert main(command) == 0
    assert "2 trials, the best first" in capsys.readouterr().out
    assert main(["check", "found.yaml"]) == 0
    assert (tmp_path / "elsewhere/tiny/tune/study.sqlite3").is_file()


def test_the_tuned_configuration_runs(tmp_path, file):
    assert main(["tune", file, "--trials", "1", "--out", "found.yaml"]) == 0
    assert main(["run", "found.yaml"]) == 0
    assert (tmp_path / "results/tiny-tuned/summary.csv").is_file()


SLOW = """
import sys, time
from vaega.cli import main
from vaega.experiments.tuning import Objective
plain, calls = Objective.measure, []
def slow(self, arm):
    calls.append(1)
    if len(calls) == 3:
        print("waiting", flush=True)
        time.sleep(60)
    return plain(self, arm)
Objective.measure = slow
sys.exit(main(["tune", "tiny.yaml", "--trials", "9", "--set", "tune.seed=3"]))
"""


def test_ctrl_c_keeps_what_is_there_and_says_how_to_go_on(tmp_path, file, capsys):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        # A shell's background jobs ignore Ctrl-C, and so would a child of tests that run in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stdout.readline() == "waiting\n"
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.splitlines()[-1] == (
        "vaega: interrupted; go on with: vaega tune tiny.yaml --trials=9 --set=tune.seed=3"
    )
    command = ["tune", "tiny.yaml", "--trials=4", "--set=tune.seed=3"]
    assert main(command) == 0
    assert capsys.readouterr().err.count("trial ") == 2


def test_without_optuna_it_is_bad_input(file, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune", file]) == 2
    assert "needs the package optuna" in capsys.readouterr().err
