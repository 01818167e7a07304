"""Processes that may outlive what they belong to: workers their parent, folders their owner."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vaega.core.errors import ResultsError

_LOOK = 1.0  # seconds between two looks at the parent
_WATCHING = threading.Lock()


def end_with(parent: int) -> None:
    """End this process a second after its parent has died, whatever it computes.

    Linux could send a signal, but sends it as well when only the thread is over that started the
    process. On Windows, where a child does not learn of it, nothing is done.
    """
    if os.name == "posix" and _WATCHING.acquire(blocking=False):
        threading.Thread(target=_watch, args=(parent,), name="vaega-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)  # the main thread may be in a kernel for long; what it wrote is whole


@dataclass(frozen=True)
class OfParent:
    """A function for workers, which then end with the process that made this object."""

    function: Callable[..., Any]
    parent: int = field(default_factory=os.getpid)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        if os.getppid() == self.parent:  # not in the parent itself, nor on a cluster
            end_with(self.parent)
        return self.function(*arguments, **keywords)


_OWNER = ".owner"  # in a temporary folder; locked as long as its owner lives


class TemporaryFolder:
    """A folder for temporary files; what dead processes left is removed before it is made."""

    def __init__(self, prefix: str) -> None:
        remove_orphans(prefix)
        with naming_temporary_files(Path(tempfile.gettempdir())):
            self._folder, self._lock = _make_owned(prefix)

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self._folder.name)

    def close(self) -> None:
        """Remove it; it goes as well with the object, and with the process."""
        self._lock.release()
        self._folder.cleanup()


@contextlib.contextmanager
def naming_temporary_files(folder: Path) -> Iterator[None]:
    """Let a full disk, or none that may be written to, be said with the folder and the remedy."""
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{folder}: temporary files cannot be written: {error.strerror or error}; the variable "
            "TMPDIR names another folder for them."
        ) from error


def _make_owned(prefix: str) -> tuple[tempfile.TemporaryDirectory[str], FileLock]:
    while True:
        folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
        owner = Path(folder.name) / _OWNER
        lock = FileLock(owner)
        try:
            lock.acquire(timeout=0)
        except Timeout:  # somebody looked just now whether it is an orphan
            continue
        except (OSError, NotImplementedError):  # no locks here: nobody can take it for one
            return folder, lock
        if owner.exists():
            return folder, lock


def remove_orphans(prefix: str) -> None:
    """Remove temporary folders of this user whose owners are dead."""
    for owner in Path(tempfile.gettempdir()).glob(f"{prefix}*/{_OWNER}"):
        with contextlib.suppress(OSError, NotImplementedError, Timeout):
            if _is_ours(owner.parent):
                with FileLock(owner, timeout=0):
                    shutil.rmtree(owner.parent)


def _is_ours(folder: Path) -> bool:
    # The folder of temporary files is everybody's: what a link leads to is not for us to remove.
    user = folder.lstat().st_uid
    return not folder.is_symlink() and user == getattr(os, "getuid", lambda: user)()
