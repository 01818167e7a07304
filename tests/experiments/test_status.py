"""Where an experiment stands, and what may be removed of it."""

import json
import shutil

import pytest
from filelock import FileLock

from tests.report.experiments import run_small
from vaega.core.errors import ResultsError
from vaega.experiments.status import clean_results, read_status


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    arms = {"original": {}, "jitter": {"generator": {"kind": "jitter"}, "amount": 40}}
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
    (place_of(folder, 0) / "metrics.json").write_text(json.dumps(failure))
    (place_of(folder, 1) / "metrics.json").unlink()
    (place_of(folder, 2) / "metrics.json").unlink()
    shutil.rmtree(place_of(folder, 3))
    with FileLock(place_of(folder, 2) / ".claim"):
        assert states(folder) == ["failed", "stopped", "running", "waiting", "done", "done"]
    assert read_status(folder).runs[0].error == "no luck"
    assert read_status(folder).sentence == "6 runs: 2 done, 1 failed, 2 stopped, 1 waiting."


def test_a_failed_run_that_is_tried_again_is_running(folder):
    (place_of(folder, 0) / "metrics.json").write_text('{"status": "failed", "error": "x"}')
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
    (place_of(folder, 0) / "metrics.json").write_text('{"status": "failed", "error": "x"}')
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
