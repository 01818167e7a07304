"""Disk full, folder read-only, clock gone mad, other versions: one sentence, nothing damaged."""

import errno
import itertools
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import filelock
import pytest
import yaml

from tests.contracts.test_shared_work import check_equal
from tests.records import rewrite_plan
from vaega.cli import main

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 2, "final": False},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 6, "n_generations": 3, "n_searches": 1},
    "seeds": 2,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.yaml").write_text(yaml.safe_dump(CONFIG))
    assert run(folder, folder) == 0
    return folder


def run(whole, results, *more):
    return main(["run", str(whole / "small.yaml"), "--results", str(results), *more])


def one_sentence(capsys):
    lines = capsys.readouterr().err.strip().splitlines()
    told = [line for line in lines if line.startswith("vaega: ")]
    assert len(told) == 1, lines
    assert "Traceback" not in "".join(lines)
    return told[0]


def fails_from(n, code, original):
    """Return a function that does what `original` does n times, and then fails for good."""
    calls = iter(range(10**9))

    def fail(*arguments, **keywords):
        if next(calls) >= n:
            raise OSError(code, os.strerror(code))
        return original(*arguments, **keywords)

    return fail


@pytest.mark.parametrize("n_writes", [0, 4, 7, 9, 12])
def test_a_disk_that_fills_up_at_any_write(whole, tmp_path, monkeypatch, capsys, n_writes):
    monkeypatch.setattr(os, "fsync", fails_from(n_writes, errno.ENOSPC, os.fsync))
    assert run(whole, tmp_path) == 2
    sentence = one_sentence(capsys)
    assert sentence.endswith("cannot be written: No space left on device.")
    assert str(tmp_path) in sentence
    monkeypatch.undo()
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text())
    assert not list(tmp_path.rglob(".*.json.*"))
    assert run(whole, tmp_path) == 0
    check_equal(tmp_path / "small", whole / "small")


def test_a_full_disk_says_so_from_another_process_too(whole, tmp_path, capsys):
    assert run(whole, tmp_path, "--max-evaluations", "1") == 1
    capsys.readouterr()
    for place in tmp_path.glob("small/runs/*"):
        shutil.rmtree(place)
    shutil.rmtree(tmp_path / "small/runs")
    (tmp_path / "small/runs").write_text("where a folder should be")
    assert run(whole, tmp_path, "--jobs", "2") == 2
    assert "cannot be written" in one_sentence(capsys)
    (tmp_path / "small/runs").unlink()
    assert run(whole, tmp_path) == 0
    check_equal(tmp_path / "small", whole / "small")


def test_scores_that_find_no_room_are_computed(whole, tmp_path, monkeypatch, recwarn):
    connect = sqlite3.connect

    def connect_small(*arguments, **keywords):
        connection = connect(*arguments, **keywords)
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_small)
    assert run(whole, tmp_path) == 0
    assert any("the search goes on without it" in str(one.message) for one in recwarn)
    check_equal(tmp_path / "small", whole / "small")


def test_scores_that_somebody_locks_for_good_are_computed(whole, tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr("vaega.fitness._score_store._PATIENCE", 0.05)
    assert run(whole, tmp_path) == 0
    for place in tmp_path.glob("small/runs/*"):
        shutil.rmtree(place)
    with sqlite3.connect(tmp_path / "small/memory.sqlite3", isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        assert run(whole, tmp_path) == 0
        connection.execute("ROLLBACK")
    assert any("locked" in str(one.message) for one in recwarn)
    check_equal(tmp_path / "small", whole / "small")


def test_a_read_only_folder(whole, tmp_path, monkeypatch, capsys):
    opened, made = Path.open, filelock.FileLock.acquire

    def open_reading(path, mode="r", *arguments, **keywords):
        if path.is_relative_to(tmp_path) and mode != "r":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, mode, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", open_reading)
    assert run(whole, tmp_path) == 2
    assert one_sentence(capsys).endswith("cannot be written: Read-only file system.")
    monkeypatch.undo()

    def acquire(lock, *arguments, **keywords):
        if Path(lock.lock_file).is_relative_to(tmp_path / "small/runs"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return made(lock, *arguments, **keywords)

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    assert run(whole, tmp_path) == 2
    assert one_sentence(capsys).endswith("cannot be written: Read-only file system.")


@pytest.mark.parametrize("step", [-3600.0, 1e7], ids=["an hour back", "months ahead"])
def test_a_clock_that_jumps_at_every_look(whole, tmp_path, monkeypatch, step):
    began, looks = time.time(), itertools.count()  # threads look too
    monkeypatch.setattr(time, "time", lambda: began + step * next(looks))
    assert run(whole, tmp_path, "--max-hours", "1") == 0
    monkeypatch.undo()
    check_equal(tmp_path / "small", whole / "small")
    for path in tmp_path.glob("small/runs/*/metrics.json"):
        assert 0 <= json.loads(path.read_text())["seconds"] < 600


@pytest.mark.parametrize(
    "content",
    [{"status": "finished"}, [], {"state": "done", "version": 9}, "done"],
)
def test_records_of_another_version_are_computed_again(whole, tmp_path, content):
    shutil.copytree(whole / "small", tmp_path / "small")
    victim = sorted(tmp_path.glob("small/runs/*/metrics.json"))[0]
    victim.write_text(json.dumps(content))
    assert run(whole, tmp_path) == 0
    check_equal(tmp_path / "small", whole / "small")


def test_a_plan_and_scores_of_another_version(whole, tmp_path, capsys, recwarn):
    shutil.copytree(whole / "small", tmp_path / "small")
    rewrite_plan(tmp_path / "small", runs=["of", "before"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv")}
    assert main(["resume", str(tmp_path / "small")]) == 2
    assert "cannot be resumed: the data, or the defaults of this version" in one_sentence(capsys)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv")}
    with sqlite3.connect(tmp_path / "small/memory.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    for place in tmp_path.glob("small/runs/*"):
        shutil.rmtree(place)
    assert run(whole, tmp_path) == 0
    assert any("it is set aside" in str(one.message) for one in recwarn)
    check_equal(tmp_path / "small", whole / "small")
