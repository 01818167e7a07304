"""Third law: killed at any moment and started again, a run ends with the same bits."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest

from tests.processes import run_command, start_command

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

CONFIG = """
name: killed
dataset: {source: "sklearn:wine"}
preprocess: [standardize]
protocol: {outer: kfold, n_splits: 2, inner_folds: 3, final: false}
fitness: {classifier: mlp, hidden_layer_sizes: [4], max_iter: 25}
search: {population_size: 8, n_generations: 5, n_searches: 2}
seeds: 2
"""


def command(tmp_path):
    return ["run", str(tmp_path / "killed.yaml"), "--results", str(tmp_path / "results")]


def go_on(tmp_path):
    """Return the command that goes on: the same one, or ``resume`` once there is a plan."""
    folder = tmp_path / "results" / "killed"
    return ["resume", str(folder)] if (folder / "plan.json").exists() else command(tmp_path)


def contents(folder):
    runs = pd.read_csv(folder / "runs.csv", dtype=str).drop(columns="seconds").to_csv()
    files = sorted(folder.glob("runs/*/history.csv")) + sorted(folder.glob("runs/*/selected.csv"))
    metrics = [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/metrics.json"))]
    return runs, [path.read_bytes() for path in files], [independent(one) for one in metrics]


def independent(metrics):
    """Return what does not tell how long it took and how much of it was done before."""
    changing = ("seconds", "n_scored", "peak_memory_mb")
    kept = {key: value for key, value in metrics.items() if key not in changing}
    for trial in kept["trials"]:
        trial.pop("n_scored", None)
    return kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "killed.yaml").write_text(CONFIG)
    run_command(*command(folder))
    return contents(folder / "results" / "killed")


@pytest.mark.parametrize("kills", [(0.1, 0.3), (0.5,), (0.8, 0.2, 0.4), (1.0,), (1.3, 0.6)])
def test_a_killed_run_ends_as_one_that_was_not(tmp_path, whole, kills):
    (tmp_path / "killed.yaml").write_text(CONFIG)
    for seconds in kills:
        process = start_command(*go_on(tmp_path))
        time.sleep(seconds)
        process.kill()
        process.join()
    run_command(*go_on(tmp_path))
    assert contents(tmp_path / "results" / "killed") == whole


def test_a_second_call_computes_nothing(tmp_path):
    (tmp_path / "killed.yaml").write_text(CONFIG)
    run_command(*command(tmp_path))
    folder = tmp_path / "results" / "killed"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*.csv")}
    runs = (folder / "runs.csv").read_bytes()
    run_command(*command(tmp_path), errors=tmp_path / "errors")
    assert "2 of 2 runs were finished before" in (tmp_path / "errors").read_text()
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*.csv")}
    assert runs == (folder / "runs.csv").read_bytes()


def test_interrupted_it_says_how_to_go_on(tmp_path):
    (tmp_path / "killed.yaml").write_text(CONFIG)
    process = subprocess.Popen(
        [sys.executable, "-m", "vaega.cli", *command(tmp_path), "--set=search.n_generations=5000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would a child of tests that run in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    wait_for(tmp_path, "results/killed/runs/*/checkpoint/*/*.npz")
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert message.strip().splitlines()[-1] == (
        f"vaega: interrupted; go on with: vaega resume {tmp_path / 'results' / 'killed'}"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_asked_to_end_it_says_how_to_go_on_and_ends_with_the_same_bits(
    tmp_path, whole, number, code
):
    (tmp_path / "killed.yaml").write_text(CONFIG)
    process = start_command(*command(tmp_path), errors=tmp_path / "errors")
    wait_for(tmp_path, "results/killed/runs/*/checkpoint/*/*.npz")
    os.kill(process.pid, number)
    process.join(60)
    assert process.exitcode == code
    assert (tmp_path / "errors").read_text().strip().splitlines()[-1] == (
        f"vaega: interrupted; go on with: vaega resume {tmp_path / 'results' / 'killed'}"
    )
    run_command(*go_on(tmp_path))
    assert contents(tmp_path / "results" / "killed") == whole


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("parallel", ["runs", "fitness"])
def test_workers_end_with_their_parent(tmp_path, number, parallel):
    (tmp_path / "killed.yaml").write_text(CONFIG)
    longer = ["--set=search.n_generations=5000", "--set=fitness.engine=sklearn"]
    process = start_command(*command(tmp_path), *longer, "--jobs=2", f"--parallel={parallel}")
    wait_for(tmp_path, "results/killed/runs/*/checkpoint/*/*.npz")
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    os.kill(process.pid, number)
    process.join(60)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    again = [*go_on(tmp_path), "--max-evaluations=1"]
    process = start_command(*again, errors=tmp_path / "errors")  # no claim is held any more
    process.join(120)
    assert process.exitcode == 1
    assert "waiting for" not in (tmp_path / "errors").read_text()


# A process of its own to its end, at which joblib's workers end too: one that is forked from
# another waits for them.
WITHOUT_PAGES = """
import sys
from tests.processes import without_pages
from vaega.cli import main
with without_pages():
    sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_worker_changes_no_bit(tmp_path):
    places = tmp_path / "one", tmp_path / "two"
    for place in places:
        place.mkdir()
        (place / "killed.yaml").write_text(CONFIG)
    shorter = [
        "--set=fitness.engine=sklearn",
        "--set=fitness.max_iter=5",
        "--set=search.n_searches=1",
    ]
    run_command(*command(places[0]), *shorter)
    words = [*command(places[1]), *shorter, "--jobs=2", "--parallel=fitness"]
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_PAGES, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(places[1], "results/killed/runs/*/checkpoint/*/*.npz")
    workers_of(process.pid)[0].kill()
    _, message = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "a process was killed while it computed a part of a run" in message
    one, two = (contents(place / "results" / "killed") for place in places)
    assert one == two


def workers_of(process_id):
    """Return the processes in which joblib computes for another."""
    children = psutil.Process(process_id).children(recursive=True)
    return [child for child in children if "popen_loky" in " ".join(child.cmdline())]


def wait_for(folder, pattern, seconds=60):
    deadline = time.monotonic() + seconds
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern} came"
        time.sleep(0.1)


def test_two_processes_share_the_runs(tmp_path):
    (tmp_path / "killed.yaml").write_text(CONFIG)
    processes = [start_command(*command(tmp_path)) for _ in range(2)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    table = pd.read_csv(tmp_path / "results" / "killed" / "runs.csv")
    assert list(table["status"]) == ["done", "done"]
