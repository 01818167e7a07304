"""Masks that are scored on the workers of a Dask cluster: what travels, and what when one dies.

joblib's Dask backend leaves four things to its callers. Workers do not see the files of this
machine, so the folds are sent to them, once (`vaega.fitness._folds`). In a block of
``parallel_config`` every classifier would give its own work to the cluster, a forest its trees, and
add up their votes in the order in which they come; so only the folds and masks of a search go there
(`work_on`), and within a worker everything is computed alone. And where the workers that were given
some work died one after the other, joblib would wait for it for ever; here that is an error.
"""

import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from joblib import Parallel, effective_n_jobs, parallel_config

from vaega.core.errors import InputError, first_line

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
            caught.append(f"{category.__name__}: {first_line(message)}")


_RECORDER = _Recorder()


_BACKEND: ContextVar[Any] = ContextVar("_BACKEND", default=None)


def make_cluster_backend(client: Any) -> Any:
    """Return what `work_on` takes to compute on a cluster."""
    from joblib._dask import DaskDistributedBackend

    class ClusterBackend(DaskDistributedBackend):
        def submit(self, func: Any, callback: Any = None) -> Any:
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: _hand_over(done, callback))
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, BaseException):  # of the cluster; those of the work are wrapped
                raise InputError(f"the cluster could not complete the work: {first_line(out)}")
            return super().retrieve_result_callback(out)

    return ClusterBackend(client=client)


def _hand_over(done: Any, callback: Any) -> None:
    error = done.exception()
    if error is not None and callback is not None:
        callback(error)


@contextmanager
def work_on(backend: Any) -> Iterator[None]:
    """Give the folds and masks of the searches in the block to a cluster, and nothing else."""
    token = _BACKEND.set(backend)
    try:
        yield
    finally:
        _BACKEND.reset(token)


def make_parallel(n_jobs: int | None, prefer: str | None = None) -> Parallel:
    """Return what computes folds and masks: the cluster of `work_on`, else what joblib chooses."""
    backend = None if n_jobs == 1 else _BACKEND.get()
    return Parallel(n_jobs=n_jobs, prefer=prefer, backend=backend)


def count_workers(n_jobs: int | None) -> int:
    """Return how many workers that is."""
    backend = None if n_jobs == 1 else _BACKEND.get()
    return int(effective_n_jobs(n_jobs) if backend is None else backend.effective_n_jobs(n_jobs))


def client_of(parallel: Parallel) -> Any:
    """Return the client of the cluster on which a `Parallel` computes."""
    return getattr(parallel._backend, "client", None)


@dataclass(frozen=True)
class Alone:
    """A function that on a worker computes alone, whatever it gives to joblib."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        with parallel_config(backend="sequential"):
            return self.function(*arguments, **keywords)
