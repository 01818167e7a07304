"""Runs on a real cluster of processes on loopback: the bits of one process, whoever dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

from tests.contracts.test_shared_work import check_equal, wait_until
from tests.processes import ensure_running
from vaega.cli import main
from vaega.core import provenance
from vaega.experiments import backends
from vaega.experiments.backends import _ResultsFolder, open_cluster
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment
from vaega.experiments.runner import ExecutionOptions

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

pytest.importorskip("distributed", reason="needs the extra dask")

CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2},
    "arms": {
        "original": {},
        "smote": {"generator": {"kind": "smote"}, "n_synthetic": 20},
        "anova": {"selector": {"kind": "f_classif", "size": "original"}},
    },
    "fitness": {"classifier": "decision_tree", "max_depth": 2},
    "search": {"population_size": 8, "n_generations": 2, "n_searches": 2},
    "seeds": 2,
}


@pytest.fixture(scope="module", autouse=True)
def _forked_workers():
    """Fork workers from a process that has imported what they need; Dask spawns them else."""
    import dask

    ensure_running()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "small.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    assert run(folder, folder / "alone") == 0
    return folder


@pytest.fixture(scope="module")
def address():
    """Return the address of a cluster of two processes that somebody else started."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=2,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
    ) as cluster:
        yield cluster.scheduler_address


def run(folder, results, *more):
    return main(["run", str(folder / "small.yaml"), "--results", str(results), *more])


def test_a_cluster_that_is_started_here_gives_the_same_bits(project, tmp_path):
    assert run(project, tmp_path, "--backend", "dask", "--jobs", "2") == 0
    check_equal(tmp_path / "small", project / "alone/small")
    assert not list(tmp_path.glob("small/runs/*/checkpoint"))


@pytest.mark.parametrize("parallel", ["runs", "fitness"])
def test_an_existing_cluster_gives_the_same_bits(project, address, tmp_path, parallel):
    more = ["--backend", "dask", "--scheduler", address, "--parallel", parallel]
    assert run(project, tmp_path, *more) == 0
    check_equal(tmp_path / "small", project / "alone/small")


def test_workers_that_see_no_results_folder_give_the_same_bits(
    project, address, tmp_path, monkeypatch
):
    of = _ResultsFolder.of
    monkeypatch.setattr(
        _ResultsFolder,
        "of",
        classmethod(lambda cls, store: _ResultsFolder(of(store).path, "elsewhere", "x")),
    )
    # A run that is left alone, as the last final one, would be computed here.
    more = ["--backend", "dask", "--scheduler", address, "--parallel", "runs"]
    assert run(project, tmp_path, *more) == 0
    check_equal(tmp_path / "small", project / "alone/small")
    assert not list(tmp_path.glob("small/runs/*/.work"))
    assert not list(tmp_path.glob("small/memory.sqlite3"))
    for path in tmp_path.glob("small/runs/*/environment.json"):
        assert json.loads(path.read_text())["vaega"]


def test_a_budget_reaches_the_workers(project, address, tmp_path, capsys):
    more = ["--backend", "dask", "--scheduler", address, "--max-evaluations", "10"]
    assert run(project, tmp_path, *more) == 1
    assert "the budget is spent: 0 of 9 runs are recorded" in capsys.readouterr().out
    assert list(tmp_path.glob("small/runs/*/checkpoint/trial-0/*.npz"))
    assert run(project, tmp_path) == 0
    check_equal(tmp_path / "small", project / "alone/small")


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """Return an experiment that takes a while, its data, and its results from one process."""
    search = {**CONFIG["search"], "n_generations": 8}
    config = make_config({**CONFIG, "arms": {"original": {}}, "search": search, "seeds": 2})
    folder = tmp_path_factory.mktemp("longer")
    data = config.dataset.load(beside=folder)
    run_experiment(config, data, folder)
    return config, data, folder / "small"


@pytest.mark.parametrize("parallel", ["runs", "fitness"])
def test_a_worker_killed_in_the_middle_changes_nothing(longer, tmp_path, monkeypatch, parallel):
    (config, data, alone), pids, killed = longer, [], []

    class Watched(backends.Cluster):
        def __init__(self, client, name):
            super().__init__(client, name)
            pids.extend(client.run(os.getpid).values())

    monkeypatch.setattr(backends, "Cluster", Watched)

    def kill():
        wait_until(lambda: list(tmp_path.glob("dask/small/runs/*/checkpoint/*/*.npz")))
        os.kill(pids[0], signal.SIGKILL)
        killed.append(pids[0])

    thread = threading.Thread(target=kill)
    thread.start()
    options = ExecutionOptions(jobs=2, backend="dask", parallel=parallel)
    runs, _ = run_experiment(config, data, tmp_path / "dask", options=options)
    thread.join()
    assert killed
    assert (runs["status"] == "done").all()
    check_equal(tmp_path / "dask/small", alone)


def test_a_scheduler_that_dies_is_one_sentence_and_what_is_done_is_kept(tmp_path, capsys):
    code = "from distributed.cli import dask_scheduler, dask_worker; {}.main()"
    port = tmp_path / "scheduler.json"
    scheduler = subprocess.Popen(
        [sys.executable, "-c", code.format("dask_scheduler"), "--host", "127.0.0.1", "--port", "0",
         "--scheduler-file", str(port), "--no-dashboard"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: port.exists() and port.read_text().endswith("}"))
    worker = subprocess.Popen(
        [sys.executable, "-c", code.format("dask_worker"), "--scheduler-file", str(port),
         "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--no-nanny"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        search = {**CONFIG["search"], "n_generations": 400}
        content = {**CONFIG, "arms": {"original": {}}, "search": search}
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(content))

        def kill():
            wait_until(lambda: list(tmp_path.glob("small/runs/*/checkpoint/*/*.npz")))
            scheduler.kill()

        thread = threading.Thread(target=kill)
        thread.start()
        address = json.loads(port.read_text())["address"]
        assert run(tmp_path, tmp_path, "--backend", "dask", "--scheduler", address) == 2
        thread.join()
    finally:
        scheduler.kill()
        worker.kill()
        scheduler.wait()
        worker.wait()
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error == f"vaega: {address}: the connection is lost; what is done is kept."
    assert list(tmp_path.glob("small/runs/*/checkpoint"))


@pytest.mark.parametrize("address", ["nowhere", "tcp://127.0.0.1:1", "tcp://", "3", "http://x:80"])
def test_an_address_where_nobody_answers(project, tmp_path, capsys, monkeypatch, address):
    monkeypatch.setattr(backends, "_PATIENCE", 0.5)
    started = time.monotonic()
    assert run(project, tmp_path, "--backend", "dask", "--scheduler", address) == 2
    assert time.monotonic() - started < 60
    error = capsys.readouterr().err.strip().splitlines()
    assert error == [
        "vaega: --scheduler: must be the address of a Dask scheduler that answers, as "
        f"tcp://host:8786, got {address!r}."
    ]


def test_without_dask(project, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert run(project, tmp_path, "--backend", "dask") == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error == [
        "vaega: --backend dask: needs the package dask[distributed], which is not installed; "
        "install it with: pip install 'dask[distributed]', or install vaega with its extra dask."
    ]


def test_workers_of_another_version(address, monkeypatch):
    monkeypatch.setattr(backends, "__version__", "99.0")
    with (
        pytest.raises(ValueError, match=r"must have vaega 99\.0, as here, got 0\."),
        open_cluster(address, 1),
    ):
        pass


@pytest.mark.parametrize("name", ["source_digest", "_versions"])
def test_workers_with_other_sources_or_packages(address, monkeypatch, name):
    other, part = {
        "source_digest": ("bb", "sources of vaega .*, here bb"),
        "_versions": ({"numpy": "0.1"}, "numpy .*, here 0.1"),
    }[name]
    monkeypatch.setattr(provenance, name, lambda: other)
    words = f"^--scheduler: {address}: its workers must have the software that is here, got {part}"
    with pytest.raises(ValueError, match=words), open_cluster(address, 1):
        pass


@pytest.mark.parametrize("parallel", ["runs", "fitness"])
def test_a_worker_that_comes_later_with_other_software(
    project, address, tmp_path, monkeypatch, parallel
):
    monkeypatch.setattr(backends, "_check_workers", lambda client, address: None)
    monkeypatch.setattr(provenance, "source_digest", lambda: "bb")
    more = ["--backend", "dask", "--scheduler", address, "--parallel", parallel]
    assert run(project, tmp_path, *more, "--set=arms={original: {}}") == 1
    errors = [json.loads(path.read_text()) for path in tmp_path.glob("small/runs/*/metrics.json")]
    assert errors
    for error in errors:
        assert "its workers must have the software that is here, got sources" in error["error"]
