"""Warnings of classifiers: counted, not shown by the thousand; an interrupt is not swallowed."""

import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# scikit-learn's multilayer perceptron answers Ctrl-C with this warning and a half-trained model,
# whose score must not count.
_SWALLOWED_INTERRUPT = "Training interrupted by user"


@contextmanager
def counted_warnings() -> Iterator[Counter[str]]:
    """Count the warnings of the block instead of showing them."""
    counted: Counter[str] = Counter()
    with _RECORDER.record() as caught:
        yield counted
    counted.update(caught)
    if any(_SWALLOWED_INTERRUPT in text for text in counted):
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
            first_line = str(message).strip().split("\n", 1)[0]
            caught.append(f"{category.__name__}: {first_line}")


_RECORDER = _Recorder()
