"""Locks say for whom one waits."""

import os
import platform
import subprocess
import sys
import threading

import pytest

from vaega.core import locks
from vaega.core.locks import HeldLock, Holder


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(locks, "_QUIET", 0.05)


def test_who_waits_is_told_for_whom_once(tmp_path):
    told, path = [], tmp_path / "run.lock"
    first, second = HeldLock(path, "the run"), HeldLock(path, "the run", told.append)
    assert first.acquire()
    thread = threading.Thread(target=take_and_leave, args=(second,))
    thread.start()
    thread.join(0.5)
    first.release()
    thread.join()
    (line,) = told
    assert line.startswith(f"waiting for process {os.getpid()} on {platform.node()} (since 20")
    assert line.endswith("), which holds the run")
    assert not (tmp_path / "run.lock.holder").exists()


def take_and_leave(lock):
    assert lock.acquire()
    lock.release()


def test_a_lock_that_is_not_waited_for_says_nothing(tmp_path, capsys):
    first, second = (HeldLock(tmp_path / "run.lock", "the run") for _ in range(2))
    assert first.acquire(0.0)
    assert not second.acquire(0.0)
    assert not second.acquire(0.01)
    assert capsys.readouterr().err == ""


def test_a_wait_ends_with_its_time(tmp_path, capsys):
    first, second = (HeldLock(tmp_path / "run.lock", "the run") for _ in range(2))
    assert first.acquire()
    assert not second.acquire(0.2)
    assert capsys.readouterr().err.startswith("vaega: waiting for process ")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\xff"])
def test_a_holder_that_cannot_be_read_is_another_process(tmp_path, content):
    (tmp_path / "run.lock.holder").write_bytes(content.encode("latin-1"))
    assert HeldLock(tmp_path / "run.lock", "the run").holder() == "another process"


def test_a_holder_that_was_killed_is_known_to_be_gone():
    here = Holder(os.getpid(), platform.node(), "")
    assert not here.has_died
    assert not Holder(2**22 + 1, "another-machine", "").has_died  # nobody knows
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert Holder(process.pid, platform.node(), "").has_died
