"""One thread in numeric libraries: the same sums, to the bit, whatever runs around them."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one thread in BLAS and OpenMP, also in several threads at once.

    OpenMP keeps its limit by thread, BLAS libraries keep theirs by process. Two overlapping blocks
    of ``threadpool_limits`` in two threads would restore each other's: the first one out would
    free BLAS while the other still computes, and the last one would leave the limit behind. So the
    last one out lifts the limit of BLAS. The libraries are selected by hand, since
    ``threadpool_limits(user_api=...)`` limits those it names and restores all.

    Recent versions of threadpoolctl let one thread at a time set the limit of OpenBLAS, and ignore
    the others. So a thread that waits for workers in threads enters such a block as well.
    """
    if getattr(_STATE, "limited", False):  # this thread is in such a block
        yield
        return
    openmp, blas = _libraries()
    with openmp.limit(limits=1):
        _BLAS.enter(blas)
        _STATE.limited = True
        try:
            yield
        finally:
            _STATE.limited = False
            _BLAS.leave()


def _libraries() -> tuple[ThreadpoolController, ThreadpoolController]:
    """Return the OpenMP and the BLAS libraries of this process."""
    # Looking for them takes longer than many a block; only an import brings new ones.
    global _LIBRARIES  # noqa: PLW0603
    n_modules = len(sys.modules)
    if _LIBRARIES is None or _LIBRARIES[0] != n_modules:
        every = ThreadpoolController()
        _LIBRARIES = n_modules, every.select(user_api="openmp"), every.select(user_api="blas")
    return _LIBRARIES[1:]


class _SharedLimit:
    """A limit of BLAS that the first user sets and the last one lifts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    def enter(self, libraries: ThreadpoolController) -> None:
        with self._lock:
            if self._users == 0:
                self._limits = libraries.limit(limits=1)
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limits.restore_original_limits()


_LIBRARIES: tuple[int, ThreadpoolController, ThreadpoolController] | None = None
_STATE = threading.local()
_BLAS = _SharedLimit()
