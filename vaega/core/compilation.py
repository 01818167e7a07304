"""Whether kernels are compiled at all, and just now; the first of a process is said once."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

COMPILING = "compiling kernels, once on this machine"


class Announcement:
    """Knows when kernels are compiled: a first call may take a minute for it."""

    def __init__(self) -> None:
        self.said = multiprocessing.parent_process() is not None  # workers leave it to the parent
        self._n_active = 0  # a kernel compiles those that it calls
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_active(self) -> bool:
        """Whether a kernel is being compiled."""
        return self._n_active > 0

    def begin(self) -> None:
        """Take note of a kernel whose compilation begins."""
        self.say()
        self._n_active += 1
        if self._n_active == 1:
            self._tell()

    def end(self) -> None:
        """Take note of one that is compiled."""
        self._n_active -= 1
        if self._n_active == 0:
            self._tell()

    def say(self) -> None:
        """Print that kernels are compiled, unless it was said before."""
        if not self.said:
            self.said = True
            print(f"vaega: {COMPILING}", file=sys.stderr, flush=True)

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call a function in the block whenever compiling begins or is over."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


ANNOUNCEMENT = Announcement()


def are_kernels_compiled() -> bool:
    """Return whether numba compiles kernels; with ``NUMBA_DISABLE_JIT=1`` few of them compute."""
    from numba import config

    return not getattr(config, "DISABLE_JIT", False)
