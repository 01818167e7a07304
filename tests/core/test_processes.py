"""Workers end with their parent, and what a dead process left in the temp folder goes."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

import psutil
import pytest

from vaega.core import processes
from vaega.core.errors import ResultsError
from vaega.core.processes import OfParent, TemporaryFolder, remove_orphans

BUSY = """
import sys
from vaega.core.processes import end_with
end_with(int(sys.argv[1]))
while True:
    pass
"""
PARENT = f"""
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", {BUSY!r}, str(os.getpid())])
print(worker.pid, flush=True)
time.sleep(600)
"""
OWNER = """
import os, signal
from vaega.core.processes import TemporaryFolder
folder = TemporaryFolder("vaega-test-")
(folder.path / "rows.npy").write_text("rows")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_busy_worker_ends_soon_after_its_parent_was_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    try:
        deadline = time.monotonic() + 60
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "it computes on"
            time.sleep(0.1)
    except psutil.NoSuchProcess:
        pass
    finally:
        parent.stdout.close()
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def test_only_a_child_of_the_caller_watches_it(monkeypatch):
    watched = []
    monkeypatch.setattr(processes, "end_with", watched.append)
    assert OfParent(max)(1, 2) == 2  # in the caller itself
    assert OfParent(max, parent=os.getppid())(1, 2) == 2
    assert watched == [os.getppid()]


@pytest.fixture
def temp(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folders_of_dead_processes_go_and_those_of_living_ones_stay(temp):
    dead = subprocess.run([sys.executable, "-c", OWNER], check=False)
    assert dead.returncode == -signal.SIGKILL
    (orphan,) = temp.iterdir()
    foreign = temp / "vaega-test-of-somebody"
    foreign.mkdir()
    other = TemporaryFolder("vaega-other-")
    assert orphan.exists()  # it is not called as those of the other kind
    folder = TemporaryFolder("vaega-test-")
    assert not orphan.exists()
    remove_orphans("vaega-")
    assert sorted(temp.iterdir()) == sorted([foreign, other.path, folder.path])
    folder.close()
    other.close()
    assert list(temp.iterdir()) == [foreign]


def test_a_link_is_not_followed(temp, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".owner").touch()
    (temp / "vaega-test-link").symlink_to(elsewhere)
    remove_orphans("vaega-test-")
    assert elsewhere.exists()


def test_a_folder_that_is_forgotten_goes(temp):
    folder = TemporaryFolder("vaega-test-")
    path = folder.path
    with pytest.warns(ResourceWarning):
        del folder
    assert not path.exists()


def test_a_full_temporary_folder_is_named(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)
    with pytest.raises(ResultsError) as refusal:
        TemporaryFolder("vaega-test-")
    assert str(refusal.value).startswith(f"{tempfile.gettempdir()}: temporary files cannot be")
    assert "No space left on device; the variable TMPDIR" in str(refusal.value)
