"""What holds for one thread of a process: numeric libraries on one thread, captured warnings.

Both change what Python and the libraries keep by process, so that threads that overlap need care.
"""

import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

from vaega.core.errors import first_line, printable

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

    A thread that waits for workers in threads enters such a block as well: then BLAS is limited
    once, not again for each of their calls.
    """
    if getattr(_STATE, "limited", False):  # this thread is in such a block
        yield
        return
    openmp, _ = _libraries()
    with openmp.limit(limits=1), _BLAS:
        _STATE.limited = True
        try:
            yield
        finally:
            _STATE.limited = False


def _libraries() -> tuple[ThreadpoolController, ThreadpoolController]:
    """Return the OpenMP and the BLAS libraries of this process."""
    # Looking for them takes longer than many a block; only an import brings new ones.
    global _LIBRARIES  # noqa: PLW0603
    n_modules = len(sys.modules)
    if _LIBRARIES is None or _LIBRARIES[0] != n_modules:
        every = ThreadpoolController()
        _LIBRARIES = n_modules, every.select(user_api="openmp"), every.select(user_api="blas")
    return _LIBRARIES[1:]


@contextmanager
def _blas_on_one_thread() -> Iterator[None]:
    """Limit the BLAS libraries of the process, whichever thread enters and whichever leaves.

    Recent versions of threadpoolctl let only one living thread at a time set the limit of OpenBLAS,
    and ignore all others: where the first one in outlives the last one out, the limit would stay.
    So the function below that rule is called; older versions and other libraries have no rule.
    """
    limits = [
        (getattr(library, "_real_set_num_threads", library.set_num_threads), library.num_threads)
        for library in _libraries()[1].lib_controllers
    ]
    for set_number, _ in limits:
        set_number(1)
    try:
        yield
    finally:
        for set_number, before in limits:
            set_number(before)


class SharedContext:
    """A context of the whole process: the first thread in enters it, the last one out leaves it."""

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self._make, self._lock, self._users = make, threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._context = self._make()
                self._context.__enter__()
            self._users += 1

    def __exit__(self, *reason: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._context.__exit__(None, None, None)


_LIBRARIES: tuple[int, ThreadpoolController, ThreadpoolController] | None = None
_STATE = threading.local()
_BLAS = SharedContext(_blas_on_one_thread)


@contextmanager
def captured_warnings() -> Iterator[Counter[str]]:
    """Count the warnings of the block, by category and first line, instead of showing them.

    The counter is filled when the block ends.
    """
    outer, caught = getattr(_STATE, "caught", None), list[str]()
    captured: Counter[str] = Counter()
    with _RECORDING:
        _STATE.caught = caught
        try:
            yield captured
        finally:
            _STATE.caught = outer
    captured.update(caught)
    if any(_SWALLOWED_INTERRUPT in text for text in captured):
        raise KeyboardInterrupt


@contextmanager
def _recording() -> Iterator[None]:
    """Give the warnings of each thread to its own list, though Python handles them by process.

    Two blocks of ``warnings.catch_warnings`` that overlap in two threads would restore each other's
    state and leave it replaced for good.
    """
    with warnings.catch_warnings():
        show_others = warnings.showwarning

        def show(message: Any, category: Any, *where: Any, **more: Any) -> None:
            caught = getattr(_STATE, "caught", None)
            if caught is None:
                show_others(message, category, *where, **more)
            else:
                caught.append(f"{category.__name__}: {first_line(message)}")

        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


_RECORDING = SharedContext(_recording)


@contextmanager
def plain_warnings() -> Iterator[None]:
    r"""Show warnings meant for people as one sentence, without the line of code that gave them."""
    before = warnings.formatwarning

    def format_warning(message: Any, category: type[Warning], *where: Any, **more: Any) -> str:
        if issubclass(category, (UserWarning, FutureWarning)):
            return "".join(f"{printable(line)}\n" for line in f"vaega: {message}".split("\n"))
        return before(message, category, *where, **more)

    warnings.formatwarning = format_warning
    try:
        yield
    finally:
        warnings.formatwarning = before
