"""Which runs are computed where and when: in this process, in others, on a cluster."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from joblib import effective_n_jobs

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.experiments.budget import Budget
from vaega.experiments.cluster import Cluster, open_cluster
from vaega.experiments.observer import Observer
from vaega.experiments.outcome import Completion
from vaega.experiments.processes import Pool, ProcessPool
from vaega.experiments.store import Run
from vaega.experiments.worker import Worker

PARALLEL = ("auto", "runs", "fitness")
BACKENDS = ("processes", "dask")


@dataclass(frozen=True)
class Means:
    """What the runs of a call are computed with; the results are the same with any."""

    jobs: int = 1  # Processes; -1 is one a core
    parallel: str = "auto"
    backend: str = "processes"  # Processes of this machine, or the workers of a Dask cluster
    # Address of the cluster's scheduler; a cluster of `jobs` processes is started when absent
    scheduler: str | None = None

    def check(self) -> None:
        """Refuse what does not go together."""
        if self.jobs == 0:
            raise InputError("--jobs: must be a whole number other than 0, got 0.")
        check_choice(self.parallel, "parallel", PARALLEL, owner="runner")
        check_choice(self.backend, "backend", BACKENDS, owner="runner")
        if self.scheduler is not None and self.backend != "dask":
            raise InputError(f"--scheduler: needs --backend dask, got {self.scheduler!r} alone.")

    def split(self, n_runs: int) -> tuple[int, int]:
        """Return how many of so many runs go side by side, and the processes within each."""
        jobs = int(effective_n_jobs(self.jobs))
        if self.parallel == "fitness":
            return 1, jobs
        n_processes = max(1, min(jobs, n_runs))
        return n_processes, 1 if self.parallel == "runs" else jobs // n_processes

    def open(self) -> AbstractContextManager[Cluster | None]:
        """Return a block with the cluster, where there is to be one."""
        if self.backend == "dask":
            return open_cluster(self.scheduler, self.jobs)
        return nullcontext()


@dataclass(frozen=True, eq=False)
class Dispatcher:
    """Gives the runs of a call to what computes them."""

    worker: Worker
    means: Means
    budget: Budget
    observer: Observer
    cluster: Cluster | None = None

    def complete(self, pending: Sequence[Run]) -> Generator[Run]:
        """Compute runs until all are recorded or the budget is spent."""
        for wave in self._waves(pending):
            held_elsewhere = []
            for run, completion in self._first_pass(wave):
                if completion.held:
                    held_elsewhere.append(run)
                if self._counted(run, completion):
                    yield run
            for run in held_elsewhere:  # wait for the other process, and take over where it died
                if not self.budget.is_spent and self._counted(run, self._here(run, wait=True)):
                    yield run

    def _counted(self, run: Run, completion: Completion) -> bool:
        self.budget.use(completion.n_asked)
        recorded = not (completion.held or completion.stopped)
        if not recorded:
            self.observer.on_run_left(run)
        return recorded

    def _waves(self, runs: Sequence[Run]) -> list[list[Run]]:
        # A selection that takes its size from another arm comes when that arm is there.
        waves: list[list[Run]] = [[], []]
        for run in runs:
            selector = self.worker.config.arms[run.arm].selector
            waves[selector is not None and selector.size_of is not None].append(run)
        return waves

    def _first_pass(self, runs: Sequence[Run]) -> Iterator[tuple[Run, Completion]]:
        pool = self._pool(len(runs))
        if pool is not None:
            yield from pool.complete(runs, self.worker, self.budget, self.observer)
            return
        for run in runs:
            if self.budget.is_spent:
                return
            yield run, self._here(run, wait=False)

    def _pool(self, n_runs: int) -> Pool | None:
        parallel = self.means.parallel
        if self.cluster is not None:
            within = parallel == "fitness" or (parallel == "auto" and n_runs == 1)
            return None if within else self.cluster
        n_processes, n_jobs = self.means.split(n_runs)
        return ProcessPool(n_processes, n_jobs) if n_processes > 1 else None

    def _here(self, run: Run, *, wait: bool) -> Completion:
        self.observer.on_run_start(run, self.worker.store.checkpoints(run.id))
        n_jobs = self.means.split(1)[1] if self.cluster is None else -1
        with nullcontext() if self.cluster is None else self.cluster.shared_work():
            return self.worker.complete(
                run,
                wait=wait,
                n_jobs=n_jobs,
                callbacks=self.observer.callbacks,
                allowance=self.budget.allowance(),
            )
