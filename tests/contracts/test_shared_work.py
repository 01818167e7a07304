"""Two processes on one results folder: every run once, whatever happens to one of them."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.processes import start_command
from vaega.cli import main
from vaega.experiments.store import Store

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

CONFIG = {
    "name": "shared",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "arms": {"original": {}, "jitter": {"generator": {"kind": "jitter"}, "n_synthetic": 20}},
    "fitness": {"classifier": "random_forest", "n_estimators": 1, "max_depth": 2},
    "search": {"population_size": 6, "n_generations": 3, "n_searches": 1},
    "seeds": 10,
}


def log_runs(log):
    """Have each run written down behind its last file."""
    record = Store.record_done

    def record_and_log(self, run, *arguments, **keywords):
        record(self, run, *arguments, **keywords)
        with log.open("a") as file:
            file.write(run.id + "\n")

    Store.record_done = record_and_log


def start(folder, log):
    """Start a process that computes runs and writes down which."""
    words = ["run", folder / "shared.yaml", "--results", folder / "results"]
    errors = folder / f"{log}.errors"
    return start_command(*words, errors=errors, prepare=partial(log_runs, folder / log))


def lines(path):
    return path.read_text().split() if path.exists() else []


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def table(path, *without):
    content = pd.read_csv(path, dtype=str)
    timed = [column for column in content if "seconds" in column or "memory" in column]
    return content.drop(columns=timed).to_csv()


@pytest.fixture(scope="module")
def sequential(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequential")
    (folder / "shared.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    assert main(["run", str(folder / "shared.yaml"), "--results", str(folder / "results")]) == 0
    return folder / "results" / "shared"


def check_equal(results, expected):
    for name in ("summary.csv", "runs.csv"):
        assert table(results / name) == table(expected / name)
    for name in ("history.csv", "selected.csv"):
        for path in sorted(expected.glob(f"runs/*/{name}")):
            assert (results / "runs" / path.parent.name / name).read_bytes() == path.read_bytes()


def test_twenty_runs_over_two_processes_one_of_them_killed(tmp_path, sequential):
    (tmp_path / "shared.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    killed, other = start(tmp_path, "killed"), start(tmp_path, "other")
    wait_until(lambda: len(lines(tmp_path / "killed")) >= 2)
    under_way = "results/shared/runs/*/checkpoint"
    wait_until(lambda: list(tmp_path.glob(under_way)))
    killed.kill()
    killed.join()
    again = start(tmp_path, "again")
    for process, log in ((other, "other"), (again, "again")):
        process.join(300)
        assert process.exitcode == 0, (tmp_path / f"{log}.errors").read_text()
    computed = Counter(run for log in ("killed", "other", "again") for run in lines(tmp_path / log))
    assert set(computed.values()) == {1}
    assert len(computed) >= 19, "one may have been killed between its last file and the log"
    assert len(list(tmp_path.glob("results/shared/runs/*/metrics.json"))) == 20
    check_equal(tmp_path / "results/shared", sequential)


def children(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in found.stdout.split()]


def is_worker(pid):
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False
    return "loky" in command and "resource_tracker" not in command


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the process to kill in /proc")
def test_a_process_of_the_pool_that_is_killed_costs_nothing(tmp_path, sequential):
    (tmp_path / "shared.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    command = [sys.executable, "-m", "vaega.cli", "run", str(tmp_path / "shared.yaml")]
    process = subprocess.Popen(
        [*command, "--results", str(tmp_path / "results"), "--jobs", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: list(tmp_path.glob("results/shared/runs/*/metrics.json")))
    workers = [child for child in children(process.pid) if is_worker(child)]
    os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "a process was killed while these were computed: " in errors
    assert "Traceback" not in errors
    check_equal(tmp_path / "results/shared", sequential)
