"""Processes of this machine that take whole runs, and what happens when one of them dies."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from joblib import Parallel, delayed

from vaega.experiments.budget import Allowance, Budget
from vaega.experiments.observer import Observer
from vaega.experiments.outcome import Completion, Outcome
from vaega.experiments.store import Run
from vaega.experiments.worker import Worker

_DEATHS = 2  # that a run may have a part in before it gets a process for itself alone


class Pool(Protocol):
    """What computes whole runs, several at once."""

    def complete(
        self, runs: Sequence[Run], worker: Worker, budget: Budget, observer: Observer
    ) -> Iterator[tuple[Run, Completion]]:
        """Yield each run that was begun, as it ends; none is begun once the budget is spent."""


class ProcessPool:
    """Processes of this machine.

    Parameters
    ----------
    n_processes : int
        At least two.
    n_jobs : int, default=1
        Processes within each run.

    Notes
    -----
    When the system kills a process (no memory left, say), joblib ends all of them. The runs that
    were under way go on from their checkpoints in new ones. A run that was under way twice when
    that happened gets a process for itself; when that one is killed too it is the run's own doing,
    and recorded as its failure.
    """

    def __init__(self, n_processes: int, n_jobs: int = 1) -> None:
        self.n_processes = n_processes
        self.n_jobs = n_jobs

    def complete(
        self, runs: Sequence[Run], worker: Worker, budget: Budget, observer: Observer
    ) -> Iterator[tuple[Run, Completion]]:
        """Compute runs, and yield each as it ends.

        Parameters
        ----------
        runs : sequence of Run
        worker : Worker
        budget : Budget
        observer : Observer

        Yields
        ------
        run : Run
        completion : Completion
            Of runs that were begun; the order is that in which they end.

        Raises
        ------
        ResultsError
            When the results folder fails.
        """
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
        parallel = Parallel(
            n_jobs=self.n_processes,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch=self.n_processes,  # a run is taken when a process is free for it
        )

        def tasks() -> Iterator[object]:
            for run in list(runs):
                if budget.is_spent:
                    return
                taken[run.id] = run
                observer.on_run_start(run, worker.store.checkpoints(run.id))
                yield delayed(_complete)(worker, run, self.n_jobs, budget.allowance())

        yield from parallel(tasks())

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


def _complete(
    worker: Worker, run: Run, n_jobs: int, allowance: Allowance
) -> tuple[Run, Completion]:
    return run, worker.complete(run, n_jobs=n_jobs, allowance=allowance)


def _say_died(runs: object) -> None:
    titles = " and ".join(run.title for run in runs)  # type: ignore[attr-defined]
    warnings.warn(
        f"a process was killed while these were computed: {titles}; they go on from their "
        "checkpoints.",
        stacklevel=3,
    )
