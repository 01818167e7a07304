"""The limit of numeric libraries to one thread, so that bits don't depend on the process around."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one thread in BLAS and OpenMP, also in several threads at once."""
    if getattr(_OWN, "limited", False):  # this thread is in such a block
        yield
        return
    openmp, blas = _libraries()
    with openmp.limit(limits=1):
        _BLAS.enter(blas)
        _OWN.limited = True
        try:
            yield
        finally:
            _OWN.limited = False
            _BLAS.leave()


def _libraries() -> tuple[ThreadpoolController, ThreadpoolController]:
    # Looking for the libraries takes longer than many a block; only an import brings new ones.
    global _FOUND  # noqa: PLW0603
    n_modules = len(sys.modules)
    if _FOUND is None or _FOUND[0] != n_modules:
        every = ThreadpoolController()
        _FOUND = n_modules, every.select(user_api="openmp"), every.select(user_api="blas")
    return _FOUND[1:]


_FOUND: tuple[int, ThreadpoolController, ThreadpoolController] | None = None
_OWN = threading.local()


class _SharedLimit:
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


_BLAS = _SharedLimit()
