"""What holds for one thread of a process: numeric libraries on one thread, captured warnings.

Both change what Python and the libraries keep by process, so that threads that overlap need care.
"""

import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

from vaega.core.errors import first_line

# scikit-learn's multilayer perceptron answers Ctrl-C with this warning and a half-trained model,
# whose score must not count.
_SWALLOWED_INTERRUPT = "Training interrupted by user"


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


@contextmanager
def captured_warnings() -> Iterator[Counter[str]]:
    """Count the warnings of the block, by category and first line, instead of showing them.

    The counter is filled when the block ends.
    """
    captured: Counter[str] = Counter()
    with _RECORDER.record() as caught:
        yield captured
    captured.update(caught)
    if any(_SWALLOWED_INTERRUPT in text for text in captured):
        raise KeyboardInterrupt


class _Recorder:
    """Records by thread, though Python keeps the handling of warnings by process.

    Two blocks of ``warnings.catch_warnings`` that overlap in two threads restore each other's
    state and leave it replaced for good. So the first block in replaces it, the last one out puts
    it back, and each thread has a list of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._local = threading.local()

    @contextmanager
    def record(self) -> Iterator[list[str]]:
        """Yield the list that fills with this thread's warnings."""
        outer, caught = getattr(self._local, "caught", None), list[str]()
        self._enter()
        self._local.caught = caught
        try:
            yield caught
        finally:
            self._local.caught = outer
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._context = warnings.catch_warnings()
                self._context.__enter__()
                self._show_others = warnings.showwarning
                warnings.simplefilter("always")
                warnings.showwarning = self._show

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._context.__exit__(None, None, None)

    def _show(self, message: Any, category: Any, *where: Any, **more: Any) -> None:
        caught = getattr(self._local, "caught", None)
        if caught is None:
            self._show_others(message, category, *where, **more)
        else:
            caught.append(f"{category.__name__}: {first_line(message)}")


_RECORDER = _Recorder()
