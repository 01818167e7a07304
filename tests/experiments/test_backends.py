"""Processes that take whole runs: they share them, and none that dies takes others with it."""

import os
import sys

import pandas as pd
import pytest
import yaml

from tests.contracts.test_shared_work import check_equal
from vaega.cli import main

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

# A classifier that has the system kill its process: once with a flag, always without.
DEADLY = """
import os, signal
from pathlib import Path
from sklearn.naive_bayes import GaussianNB

class Deadly(GaussianNB):
    def __init__(self, flag="", var_smoothing=1e-9):
        super().__init__(var_smoothing=var_smoothing)
        self.flag = flag

    def fit(self, X, y, sample_weight=None):
        if os.environ.get("VAEGA_TEST_PID") != str(os.getpid()):
            if not self.flag or not Path(self.flag).exists():
                if self.flag:
                    Path(self.flag).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y, sample_weight)
"""
CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
    "seeds": 3,
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield tmp_path
    sys.modules.pop("deadly", None)


def run(project, name, fitness, *more):
    path = project / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, "fitness": fitness}))
    results = str(project / name)
    trust = ["--trust", "deadly"]  # to the workers too
    return main(["run", str(path), "--results", results, *trust, *more]), project / name / "small"


def test_the_others_go_on_when_one_is_killed(project, monkeypatch):
    fitness = {"class": "deadly.Deadly", "flag": str(project / "flag")}
    with pytest.warns(UserWarning, match="a process was killed while these were computed: orig"):
        code, results = run(project, "killed", fitness, "--jobs", "2")
    assert code == 0
    monkeypatch.setenv("VAEGA_TEST_PID", str(os.getpid()))
    code, whole = run(project, "whole", fitness)
    assert code == 0
    check_equal(results, whole)


def test_a_run_that_kills_every_process_is_a_failure(project, capsys):
    fitness, more = {"class": "deadly.Deadly"}, ["--jobs", "2", "--set", "seeds=2"]
    with pytest.warns(UserWarning, match="a process was killed"):
        code, results = run(project, "deadly", fitness, *more)
    out = capsys.readouterr()
    assert code == 1
    table = pd.read_csv(results / "runs.csv")
    assert list(table["status"]) == ["failed"] * 2
    assert out.err.count("the process that computed it was killed 3 times") == 2
    assert "2 of 2 runs failed; try them again with: vaega resume " in out.out
    assert "Traceback" not in out.err


def test_however_they_share_the_bits_are_the_same(project):
    fitness = {"classifier": "mlp", "hidden_layer_sizes": [3], "max_iter": 5, "engine": "sklearn"}
    two = ["--set", "seeds=2"]
    code, expected = run(project, "alone", fitness, *two)
    assert code == 0
    for jobs, how in (("2", "runs"), ("2", "fitness"), ("4", "auto")):
        code, results = run(project, how, fitness, *two, "--jobs", jobs, "--parallel", how)
        assert code == 0
        check_equal(results, expected)
