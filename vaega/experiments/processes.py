"""Processes of this machine that take whole runs, and what happens when one of them dies."""

import os
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol

from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor

from vaega.experiments.budget import Allowance, Budget
from vaega.experiments.observer import Observer
from vaega.experiments.outcome import Completion, Outcome
from vaega.experiments.store import Run
from vaega.experiments.worker import Worker

_IDLE = 300.0  # seconds after which a process that has nothing to do ends
_THREADS = (  # of numeric libraries, so that processes do not take each other's cores
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_DEATHS = 2  # that a run may have a part in before it gets a process for itself alone


class Pool(Protocol):
    """What computes whole runs, several at once."""

    def complete(
        self, runs: Sequence[Run], worker: Worker, budget: Budget, observer: Observer
    ) -> Iterator[tuple[Run, Completion]]:
        """Yield each run that was begun, as it ends; none is begun once the budget is spent."""


class ProcessPool:
    """Processes of this machine."""

    def __init__(self, n_processes: int, n_jobs: int = 1) -> None:
        self.n_processes = n_processes
        self.n_jobs = n_jobs

    def complete(
        self, runs: Sequence[Run], worker: Worker, budget: Budget, observer: Observer
    ) -> Iterator[tuple[Run, Completion]]:
        """Compute runs, and yield each as it ends."""
        left, suspects, deaths = list(runs), list[Run](), Counter[str]()
        while left and not budget.is_spent:
            taken: dict[str, Run] = {}
            try:
                for run, completion in self._spread(left, taken, worker, budget, observer):
                    del taken[run.id]
                    left.remove(run)
                    yield run, completion
                break
            except BrokenProcessPool:
                deaths.update(taken.keys())
                _say_died(taken.values())
            for run in [run for run in left if deaths[run.id] >= _DEATHS]:
                left.remove(run)
                suspects.append(run)
        for run in suspects:
            if not budget.is_spent:
                yield run, self._alone(run, worker, budget, observer)

    def _spread(
        self,
        runs: Sequence[Run],
        taken: dict[str, Run],
        worker: Worker,
        budget: Budget,
        observer: Observer,
    ) -> Iterator[tuple[Run, Completion]]:
        left, under_way = deque(runs), dict[Future[Completion], Run]()
        with _processes(self.n_processes) as executor:
            while left or under_way:
                # One is taken when a process is free for it: what may be used is known then.
                while left and len(under_way) < self.n_processes and not budget.is_spent:
                    run = left.popleft()
                    taken[run.id] = run
                    observer.on_run_start(run, worker.store.checkpoints(run.id))
                    given = (worker, run, self.n_jobs, budget.allowance())
                    under_way[executor.submit(_complete, *given)] = run
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future), future.result()

    def _alone(self, run: Run, worker: Worker, budget: Budget, observer: Observer) -> Completion:
        try:
            ((_, completion),) = self._spread([run], {}, worker, budget, observer)
        except BrokenProcessPool:
            sentence = (
                f"the process that computed it was killed {_DEATHS + 1} times, at last while "
                "nothing else was computed; it may need more memory than there is."
            )
            with worker.store.claim(run.id, wait=True):
                if not worker.store.is_done(run.id):
                    worker.record(run, Outcome(0.0, 0, error=sentence))
            return Completion()
        return completion


@contextmanager
def _processes(n_processes: int) -> Iterator[Executor]:
    # Started here and not through joblib, which takes runs before a process is free for them.
    n_threads = str(max(1, cpu_count() // n_processes))
    environment = {name: n_threads for name in _THREADS if name not in os.environ}
    executor = ProcessPoolExecutor(n_processes, timeout=_IDLE, env=environment)
    try:
        yield executor
    except BaseException:  # nobody waits for the other runs; they go on from their checkpoints
        executor.shutdown(wait=True, kill_workers=True)
        raise
    executor.shutdown(wait=True)


def _complete(worker: Worker, run: Run, n_jobs: int, allowance: Allowance) -> Completion:
    return worker.complete(run, n_jobs=n_jobs, allowance=allowance)


def _say_died(runs: Iterable[Run]) -> None:
    titles = " and ".join(run.title for run in runs)
    warnings.warn(
        f"a process was killed while these were computed: {titles}; they go on from their "
        "checkpoints.",
        stacklevel=3,
    )
