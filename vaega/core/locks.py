"""Locks between processes, on one machine or on several that share a folder, with their holders."""

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

_QUIET = 2.0  # seconds of waiting in which nothing is said


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
        self._lock = FileLock(path)
        self._about = path.with_name(f"{path.name}.holder")
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
            self._about.unlink()
        self._lock.release()

    def holder(self) -> str:
        """Return who holds the lock, and since when, as far as it is known."""
        try:
            about = json.loads(self._about.read_text(encoding="utf-8"))
            return f"process {int(about['pid'])} on {about['host']} (since {about['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def _write_holder(self) -> None:
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        about = {"pid": os.getpid(), "host": platform.node(), "since": now}
        with contextlib.suppress(OSError):  # the lock is what counts
            self._about.write_text(json.dumps(about), encoding="utf-8")


def _print(line: str) -> None:
    print(f"vaega: {line}", file=sys.stderr, flush=True)
