"""The runner: completes runs on one process, several, or a cluster, each claimed once.

A `Worker` computes one run and records what it came to; experiments, classical baselines and the
thesis's studies fill its two holes, `measure` and `record_value`. `complete` gives runs to it:
finished ones are skipped, failed ones recorded with a sentence and tried again by the next call.
"""

import os
import platform
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs

from vaega.core.checks import check_choice
from vaega.core.compilation import ANNOUNCEMENT
from vaega.core.errors import InputError, ResultsError, first_line
from vaega.core.processes import remove_orphans
from vaega.core.provenance import describe_software, differing_parts, processor_kind
from vaega.evolution._evolution import Callback
from vaega.experiments.backends import Cluster, ProcessPool, open_cluster
from vaega.experiments.monitor import (
    Allowance,
    Budget,
    BudgetSpentError,
    Meter,
    Observer,
    PeakMemory,
    WriteHeartbeat,
)
from vaega.experiments.runs import Run, RunResult, RunStatus
from vaega.experiments.store import Store
from vaega.fitness._score_store import ScoreStore

PARALLEL = ("auto", "runs", "fitness")
BACKENDS = ("processes", "dask")


@dataclass(frozen=True)
class ExecutionOptions:
    """What a run does not depend on: where, how fast, and how much of the work in this call.

    Parameters
    ----------
    jobs : int, default=1
        Processes; -1 is one a core.
    parallel : {"auto", "runs", "fitness"}, default="auto"
        What they share: whole runs, the folds and masks of one run, or as it fits.
    backend : {"processes", "dask"}, default="processes"
        Processes of this machine, or the workers of a Dask cluster.
    scheduler : str, optional
        Address of the cluster's scheduler; a cluster of `jobs` processes is started when absent.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where autoencoders are trained.
    cache : path or "auto" or None, default="auto"
        Where trained autoencoders are kept.
    max_seconds : float, optional
        Wall time of the call. Runs that are under way then are left after their generation and
        go on from there in the next call.
    max_evaluations : int, optional
        Masks that the runs of the call may ask for, together.
    """

    jobs: int = 1
    parallel: str = "auto"
    backend: str = "processes"
    scheduler: str | None = None
    device: str = "auto"
    cache: Any = "auto"
    max_seconds: float | None = None
    max_evaluations: int | None = None

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

    def budget(self) -> Budget:
        """Return what this call may use, from now on."""
        return Budget(self.max_seconds, self.max_evaluations)


@dataclass(frozen=True, eq=False)
class Worker:
    """Completes runs, in this process or in another: a subclass measures and records."""

    dataset: Any  # The data of all runs; none where they travel apart
    store: Store  # Where results go
    device: str = "cpu"  # Where autoencoders are trained
    # Scores that the runs share and that outlive a run which is killed
    memory: ScoreStore | None = None

    def measure(
        self,
        run: Run,
        inputs: Any,
        *,
        n_jobs: int,
        callbacks: Sequence[Callback],
        folder: Path | None,
    ) -> Any:
        """Compute what a run is for; `folder` is that of its checkpoints."""
        raise NotImplementedError

    def record_value(self, run: Run, result: RunResult) -> None:
        """Record what `measure` returned, and its seconds."""
        raise NotImplementedError

    def describe_error(self, error: Exception) -> str:
        """Return why a run failed, in a sentence."""
        return first_line(error)

    def inputs(self, run: Run) -> Any:
        """Return what a run needs to know of other runs, read where the results are."""
        return None

    def stage(self, run: Run) -> int:
        """Return in which stage a run comes; it may need runs of the stages before."""
        return 0

    def count_asked(self, value: Any) -> int:
        """Return for how many masks a measured value says that it asked."""
        return 0

    def complete(
        self,
        run: Run,
        *,
        wait: bool = False,
        n_jobs: int = 1,
        callbacks: Iterable[Callback] = (),
        allowance: Allowance | None = None,
    ) -> RunStatus:
        """Compute a run, unless it is done or another process holds it, and record the result."""
        allowance, asked_at = allowance or Allowance(), time.monotonic()
        with self.store.claim(run.id, wait=wait, seconds=allowance.seconds) as claimed:
            if not claimed:
                return RunStatus(locked=True)
            if self.store.is_done(run.id):
                return RunStatus()
            self.record_start(run)
            result = self.compute(
                run,
                partial(self.inputs, run),
                n_jobs=n_jobs,
                callbacks=callbacks,
                allowance=allowance.after(time.monotonic() - asked_at),
                folder=self.store.checkpoints(run.id),
            )
            self.record(run, result)
        return RunStatus(stopped=result.stopped, n_asked=result.n_asked)

    def compute(
        self,
        run: Run,
        inputs: Callable[[], Any],
        *,
        n_jobs: int = 1,
        callbacks: Iterable[Callback] = (),
        allowance: Allowance | None = None,
        folder: Path | None = None,
    ) -> RunResult:
        """Compute a run and record nothing."""
        started, meter = time.perf_counter(), Meter(allowance or Allowance())
        peak = PeakMemory()
        hooks: list[Callback] = [meter, *callbacks]
        value, error, trace, stopped = None, "", "", False
        try:
            with ExitStack() as stack:
                if folder is not None:
                    heartbeat = WriteHeartbeat(folder)
                    heartbeat.beat()  # in place of what one that was killed wrote last
                    stack.enter_context(ANNOUNCEMENT.heard_by(heartbeat.beat))
                    hooks.append(heartbeat)
                value = self.measure(run, inputs(), n_jobs=n_jobs, callbacks=hooks, folder=folder)
        except BudgetSpentError:
            stopped = True
        except ResultsError:
            raise  # the folder itself fails: no use in trying to write that into it
        except Exception as exception:
            error, trace = self.describe_error(exception), traceback.format_exc()
        n_asked = meter.n_asked
        if value is not None:  # selections in place of a search have no generations
            n_asked = max(0, self.count_asked(value) - meter.n_restored)
        seconds = time.perf_counter() - started
        return RunResult(
            seconds, n_asked, value, error, trace, stopped, peak_memory=peak.megabytes()
        )

    def record_start(self, run: Run) -> None:
        """Write down what a run is and where it runs.

        What other software computed of it is removed: one run is never of two.
        """
        environment = self.environment()
        before = self.store.environment_under_way(run.id)
        if before is not None:
            reason = _why_not_continued(before, environment)
            if reason:
                warnings.warn(f"{run.title}: {reason}, so that it begins anew.", stacklevel=2)
                self.store.remove_checkpoints(run.id)
            else:
                environment["processor"] = _processors(before, environment)
        self.store.record_start(run, environment)

    def record(self, run: Run, result: RunResult) -> None:
        """Record a result or a failure; nothing where the run was stopped."""
        if result.stopped:
            return
        if result.value is None:
            self.store.record_failure(run, result.error, result.trace, result.seconds)
        else:
            self.record_value(run, result)

    def environment(self) -> dict[str, Any]:
        """Return the versions and the machine that a run is computed with."""
        return describe_environment(self.device)

    def without_data(self, folder: Path) -> "Worker":
        """Return the worker for a process that has the data, and finds the results at `folder`."""
        memory = self.memory and ScoreStore(folder / self.memory.path.name)
        return replace(self, dataset=None, store=Store(folder), memory=memory)


def describe_environment(device: str) -> dict[str, Any]:
    """Return the versions and the machine that a run was computed with."""
    return {
        **describe_software(),
        "platform": platform.platform(),
        "processor": processor_kind(),
        "cores": os.cpu_count(),
        "device": device,
    }


def _why_not_continued(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return why a run is not continued that was begun in another environment; empty if it is."""
    if "code" not in before:
        return "nothing says what software computed what there is of it"
    differing = differing_parts(before, now)
    if not differing:
        return ""
    return f"other software computed what there is of it ({'; '.join(differing)})"


def _processors(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the processors of a run in the order in which they were at work on it."""
    earlier, own = str(before.get("processor", now["processor"])), str(now["processor"])
    return earlier if earlier.endswith(own) else f"{earlier}, then {own}"


class TaskWorker(Worker):
    """A worker whose runs measure figures by name, and record these alone."""

    def record_value(self, run: Run, result: RunResult) -> None:
        """Record the figures."""
        figures: dict[str, Any] = result.value
        self.store.record_metrics(run, {"status": "done", "seconds": result.seconds, **figures})

    def describe_error(self, error: Exception) -> str:
        """Return the whole message, and the type of an error that is not ours."""
        kind, text = type(error).__name__, " ".join(str(error).split())
        return (text or kind) if isinstance(error, InputError) else f"{kind}: {text or kind}"


def complete(
    worker: Worker,
    runs: Sequence[Run],
    *,
    options: ExecutionOptions,
    observer: Observer,
    budget: Budget | None = None,
) -> Iterator[Run]:
    """Compute the runs that are not done, and yield each as it is recorded."""
    pending = [run for run in runs if not worker.store.is_done(run.id)]
    observer.on_plan(runs, len(runs) - len(pending))
    remove_orphans("vaega-")
    with options.open() if pending else nullcontext() as cluster:
        dispatcher = Dispatcher(worker, options, budget or options.budget(), observer, cluster)
        with closing(dispatcher.complete(pending)) as recorded:
            for run in recorded:
                observer.on_run_end(run, worker.store.metrics(run.id) or {})
                yield run


@dataclass(frozen=True, eq=False)
class Dispatcher:
    """Gives the runs of a call to what computes them."""

    worker: Worker
    options: ExecutionOptions
    budget: Budget
    observer: Observer
    cluster: Cluster | None = None

    def complete(self, pending: Sequence[Run]) -> Generator[Run]:
        """Compute runs until all are recorded or the budget is spent."""
        for stage in sorted({self.worker.stage(run) for run in pending}):
            locked = []
            for run, status in self._first_pass(
                [run for run in pending if self.worker.stage(run) == stage]
            ):
                if status.locked:
                    locked.append(run)
                if self._is_recorded(run, status):
                    yield run
            for run in locked:  # wait for the other process, and take over where it died
                if not self.budget.is_spent and self._is_recorded(run, self._here(run, wait=True)):
                    yield run

    def _is_recorded(self, run: Run, status: RunStatus) -> bool:
        self.budget.use(status.n_asked)
        if not status.recorded:
            self.observer.on_run_left(run)
        return status.recorded

    def _first_pass(self, runs: Sequence[Run]) -> Iterator[tuple[Run, RunStatus]]:
        pool = self._pool(len(runs))
        if pool is not None:
            yield from pool.complete(runs, self.worker, self.budget, self.observer)
            return
        for run in runs:
            if self.budget.is_spent:
                return
            yield run, self._here(run, wait=False)

    def _pool(self, n_runs: int) -> ProcessPool | Cluster | None:
        parallel = self.options.parallel
        if self.cluster is not None:
            within = parallel == "fitness" or (parallel == "auto" and n_runs == 1)
            return None if within else self.cluster
        n_processes, n_jobs = self.options.split(n_runs)
        return ProcessPool(n_processes, n_jobs) if n_processes > 1 else None

    def _here(self, run: Run, *, wait: bool) -> RunStatus:
        self.observer.on_run_start(run, self.worker.store.checkpoints(run.id))
        n_jobs = self.options.split(1)[1] if self.cluster is None else -1
        with nullcontext() if self.cluster is None else self.cluster.shared_work():
            return self.worker.complete(
                run,
                wait=wait,
                n_jobs=n_jobs,
                callbacks=self.observer.callbacks,
                allowance=self.budget.allowance(),
            )
