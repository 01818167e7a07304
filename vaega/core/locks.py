"""Locks between processes, on one machine or on several that share a folder, with their holders."""

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from vaega.core.errors import printable
from vaega.core.files import read_file

_QUIET = 2.0  # seconds of waiting in which nothing is said


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock, as it wrote itself down."""

    pid: int
    host: str
    since: str  # Date and time, with the offset from UTC

    @property
    def has_died(self) -> bool:
        """Whether no such process is left, which is known of this machine alone."""
        if self.host != platform.node() or os.name != "posix":  # elsewhere a signal 0 is one
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # somebody else's
            return False
        return False


def read_holder(path: Path) -> Holder | None:
    """Return who holds the lock of a file; the lock itself is not touched.

    Who was killed has not taken its name away: see `Holder.has_died`.
    """
    try:
        about = json.loads(read_file(_holder_file(path)).decode("utf-8"))
        return Holder(int(about["pid"]), str(about["host"]), str(about["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _holder_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")


class HeldLock:
    """A lock whose holder can be named, so that nobody waits without knowing for whom.

    Parameters
    ----------
    path : pathlib.Path
        The file that is locked; the holder stands in another one beside it.
    what : str
        What is locked, in words.
    tell : callable, optional
        Gets the line on whom a wait is for; printed to stderr when absent.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     lock = HeldLock(Path(folder) / "run.lock", "the run")
    ...     print(lock.acquire(), lock.holder().startswith(f"process {os.getpid()} on "))
    ...     lock.release()
    True True
    """

    def __init__(self, path: Path, what: str, tell: Callable[[str], None] | None = None) -> None:
        self.what = what
        self._path, self._lock = path, FileLock(path)
        self._tell = tell or _print

    def acquire(self, seconds: float | None = None) -> bool:
        """Wait for so long, or for ever, and return whether the lock is held now.

        Raises
        ------
        OSError
            When the file cannot be written.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        told = ""
        while True:
            left = _QUIET if deadline is None else min(_QUIET, deadline - time.monotonic())
            try:
                self._lock.acquire(timeout=max(0.0, left))
            except Timeout:
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                if (holder := self.holder()) != told:
                    self._tell(f"waiting for {holder}, which holds {self.what}")
                    told = holder
            else:
                self._write_holder()
                return True

    def release(self) -> None:
        """Let others have it."""
        with contextlib.suppress(OSError):
            _holder_file(self._path).unlink()
        self._lock.release()

    def remove(self) -> None:
        """Release the lock for good: its file goes too, which nobody else may wait for."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.release()

    def holder(self) -> str:
        """Return who holds the lock, and since when, as far as it is known."""
        holder = read_holder(self._path)
        if holder is None:
            return "another process"
        return f"process {holder.pid} on {holder.host} (since {holder.since})"

    def _write_holder(self) -> None:
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        about = asdict(Holder(os.getpid(), platform.node(), now))
        with contextlib.suppress(OSError):  # the lock is what counts
            _holder_file(self._path).write_text(json.dumps(about), encoding="utf-8")


def _print(line: str) -> None:
    print(f"vaega: {printable(line)}", file=sys.stderr, flush=True)
