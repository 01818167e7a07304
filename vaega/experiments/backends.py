"""Backends: whole runs on processes of this machine, or on the workers of a Dask cluster.

A run on a cluster is claimed and recorded here and computed there. The workers need not see the
results folder. Where they do they keep checkpoints in it, and a run whose worker dies goes on from
there on another one; elsewhere it begins again. The store of scores is for workers of this machine:
SQLite cannot share a file between machines.
"""

import logging
import os
import platform
import threading
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblib import cpu_count, parallel_config
from joblib.externals.loky import ProcessPoolExecutor

from vaega import __version__
from vaega.core.errors import InputError, MissingExtraError, ResultsError, first_line
from vaega.core.processes import end_with
from vaega.core.provenance import check_same_software, describe_software
from vaega.core.threads import plain_warnings
from vaega.core.trust import WithTrust
from vaega.experiments.monitor import Allowance, Budget, Observer, quiet_logger
from vaega.experiments.runs import Run, RunResult, RunStatus
from vaega.fitness._cross_validated import make_cluster_backend, work_on

if TYPE_CHECKING:
    from vaega.data._dataset import Dataset
    from vaega.experiments.runner import Worker
    from vaega.experiments.store import Store

_IDLE = 300.0  # seconds after which a process that has nothing to do ends
# Of numeric libraries, so that processes do not take each other's cores
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
_MAX_CRASHES = 2  # that a run may have a part in before it gets a process for itself alone


class ProcessPool:
    """Processes of this machine."""

    def __init__(self, n_processes: int, n_jobs: int = 1) -> None:
        self.n_processes = n_processes
        self.n_jobs = n_jobs

    def complete(
        self, runs: Sequence[Run], worker: "Worker", budget: Budget, observer: Observer
    ) -> Iterator[tuple[Run, RunStatus]]:
        """Compute runs, and yield each as it ends."""
        remaining, quarantined, crashes = list(runs), list[Run](), Counter[str]()
        while remaining and not budget.is_spent:
            begun: dict[str, Run] = {}
            try:
                for run, status in self._spread(remaining, begun, worker, budget, observer):
                    del begun[run.id]
                    remaining.remove(run)
                    yield run, status
                break
            except BrokenProcessPool:
                crashes.update(begun.keys())
                _report_crash(begun.values())
            for run in [run for run in remaining if crashes[run.id] >= _MAX_CRASHES]:
                remaining.remove(run)
                quarantined.append(run)
        for run in quarantined:
            if not budget.is_spent:
                yield run, self._alone(run, worker, budget, observer)

    def _spread(
        self,
        runs: Sequence[Run],
        begun: dict[str, Run],
        worker: "Worker",
        budget: Budget,
        observer: Observer,
    ) -> Iterator[tuple[Run, RunStatus]]:
        waiting, under_way = deque(runs), dict[Future[RunStatus], Run]()
        with _processes(self.n_processes) as executor:
            while waiting or under_way:
                # One is begun when a process is free for it: what may be used is known then.
                while waiting and len(under_way) < self.n_processes and not budget.is_spent:
                    run = waiting.popleft()
                    begun[run.id] = run
                    observer.on_run_start(run, worker.store.checkpoints(run.id))
                    task = (worker, run, self.n_jobs, budget.allowance())
                    under_way[executor.submit(WithTrust(_complete), *task)] = run
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future), future.result()

    def _alone(self, run: Run, worker: "Worker", budget: Budget, observer: Observer) -> RunStatus:
        try:
            ((_, status),) = self._spread([run], {}, worker, budget, observer)
        except BrokenProcessPool:
            sentence = (
                f"the process that computed it was killed {_MAX_CRASHES + 1} times, at last while "
                "nothing else was computed; it may need more memory than there is."
            )
            with worker.store.claim(run.id, wait=True):
                if not worker.store.is_done(run.id):
                    worker.record(run, RunResult(error=sentence))
            return RunStatus()
        return status


@contextmanager
def _processes(n_processes: int) -> Iterator[Executor]:
    # Started here and not through joblib, which takes runs before a process is free for them.
    n_threads = str(max(1, cpu_count() // n_processes))
    environment = {name: n_threads for name in _THREADS if name not in os.environ}
    executor = ProcessPoolExecutor(
        n_processes,
        timeout=_IDLE,
        initializer=end_with,
        initargs=(os.getpid(),),
        env=environment,
    )
    try:
        yield executor
    except BaseException:  # nobody waits for the other runs; they go on from their checkpoints
        executor.shutdown(wait=True, kill_workers=True)
        raise
    executor.shutdown(wait=True)


def _complete(worker: "Worker", run: Run, n_jobs: int, allowance: Allowance) -> RunStatus:
    with plain_warnings():
        return worker.complete(run, n_jobs=n_jobs, allowance=allowance)


def _report_crash(runs: Iterable[Run]) -> None:
    titles = " and ".join(run.title for run in runs)
    warnings.warn(
        f"a process was killed while these were computed: {titles}; they go on from their "
        "checkpoints.",
        stacklevel=3,
    )


_PATIENCE = 20.0  # seconds to reach a scheduler
_POLL = 1.0  # seconds between two polls for workers that came later
_ONE_RUN = threading.Lock()  # torch's random state is the process's: one run at a time in each


@contextmanager
def open_cluster(scheduler: str | None, jobs: int) -> Iterator["Cluster"]:
    """Connect to a cluster, or start one of processes of this machine."""
    if find_spec("distributed") is None:
        raise MissingExtraError(owner="--backend dask", package="dask[distributed]", extra="dask")
    with ExitStack() as stack:
        if scheduler is None:
            client = stack.enter_context(_start_here(cpu_count() if jobs < 0 else jobs))
        else:
            client = stack.enter_context(_connect(scheduler))
        yield Cluster(client, scheduler or "the local cluster")


@contextmanager
def _start_here(n_workers: int) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    # Its log says of each worker that dies what is said here in one sentence, or mended.
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _connect(address: str) -> Iterator[Any]:
    from distributed import Client

    with quiet_logger("distributed.client", logging.CRITICAL):
        try:
            client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"--scheduler: must be the address of a Dask scheduler that answers, as "
                f"tcp://host:8786, got {address!r}."
            ) from error
        with client:
            _check_workers(client, address)
            yield client


def _check_workers(client: Any, address: str) -> None:
    try:
        workers = list(client.run(describe_software).values())
    except Exception as error:
        raise InputError(
            f"--scheduler: the workers of {address} cannot import vaega; install vaega "
            f"{__version__} where they run."
        ) from error
    others = {worker["vaega"] for worker in workers} - {__version__}
    if others:
        raise InputError(
            f"--scheduler: the workers of {address} must have vaega {__version__}, as here, got "
            f"{min(others)}."
        )
    for worker in workers:
        check_same_software(worker, describe_software(), owner=f"--scheduler: {address}")


class Cluster:
    """A cluster that computes runs, or the masks of one run."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name
        self._backend: Any = None

    def shared_work(self) -> AbstractContextManager[Any]:
        """Return a block in which the folds and masks of searches are the cluster's work."""
        if self._backend is None:
            self._backend = make_cluster_backend(self.client)
        return work_on(self._backend)

    def complete(
        self, runs: Sequence[Run], worker: "Worker", budget: Budget, observer: Observer
    ) -> Iterator[tuple[Run, RunStatus]]:
        """Compute runs, one at a time on each worker, and yield each as it ends."""
        waiting, sender = deque(runs), _Sender(self, worker)
        under_way: dict[Future[RunResult], tuple[Run, ExitStack]] = {}
        try:
            while waiting or under_way:
                while waiting and len(under_way) < self._n_workers() and not budget.is_spent:
                    run, claim = waiting.popleft(), ExitStack()
                    if not claim.enter_context(worker.store.claim(run.id, wait=False)):
                        yield run, RunStatus(locked=True)
                    elif worker.store.is_done(run.id):
                        claim.close()
                        yield run, RunStatus()
                    else:
                        future = sender.send(run, budget.allowance(), observer)
                        under_way[future] = run, claim
                if budget.is_spent and not under_way:
                    return
                for future in wait(under_way, _POLL, return_when=FIRST_COMPLETED).done:
                    run, claim = under_way.pop(future)
                    with claim:
                        status = sender.receive(run, future)
                    yield run, status
        finally:
            for future, (_, claim) in under_way.items():
                future.cancel()
                claim.close()

    def _n_workers(self) -> int:
        # Workers may come later, and some clusters start them only when there is work.
        try:
            return max(1, len(self.client.ncores()))
        except OSError as error:  # asked in the moment in which the scheduler dies
            raise self.lost() from error

    def lost(self) -> ResultsError:
        """Return the error of a scheduler that does not answer any more."""
        return ResultsError(f"{self.name}: the connection is lost; what is done is kept.")


class _Sender:
    """Sends runs to workers; the data travel once."""

    def __init__(self, cluster: Cluster, worker: "Worker") -> None:
        self.cluster = cluster
        self.worker = worker
        self.folder = _ResultsFolder.of(worker.store)
        self._executor = cluster.client.get_executor(pure=False)
        self._data: Any = None

    def send(self, run: Run, allowance: Allowance, observer: Observer) -> "Future[RunResult]":
        self.worker.record_start(run)
        observer.on_run_start(run, self.worker.store.checkpoints(run.id))
        try:
            inputs = self.worker.inputs(run)
        except InputError as error:
            failed: Future[RunResult] = Future()
            failed.set_result(RunResult(error=str(error)))
            return failed
        worker = self.worker.without_data(self.folder.path)
        compute = WithTrust(_compute_there)
        return self._executor.submit(
            compute,
            worker,
            self._sent_data(),
            run,
            inputs,
            allowance,
            self.folder,
            self.worker.environment(),
        )

    def _sent_data(self) -> Any:
        if self._data is None or self._data.status != "finished":  # all that had them are gone
            client = self.cluster.client
            (self._data,) = client.scatter([_Data(self.worker.dataset)], broadcast=True)
        return self._data

    def receive(self, run: Run, future: "Future[RunResult]") -> RunStatus:
        try:
            result = future.result()
        except ResultsError:
            raise
        except CancelledError as error:
            if self.cluster.client.status != "running":
                raise self.cluster.lost() from error
            result = RunResult(error="its worker died, and with it the data; try it again.")
        except Exception as error:  # its workers died one after the other, or are of another kind
            result = RunResult(error=f"the cluster could not complete it: {first_line(error)}")
        if result.environment:
            self.worker.store.record_start(run, result.environment)
        self.worker.record(run, result)
        return RunStatus(stopped=result.stopped, n_asked=result.n_asked)


@dataclass(frozen=True, eq=False)
class _Data:
    dataset: "Dataset"


@dataclass(frozen=True)
class _ResultsFolder:
    """A results folder, and by what a worker knows whether it sees that one."""

    path: Path
    host: str
    plan: str

    @classmethod
    def of(cls, store: "Store") -> "_ResultsFolder":
        return cls(store.folder.resolve(), platform.node(), store.plan_digest())


def _compute_there(
    worker: "Worker",
    data: _Data,
    run: Run,
    inputs: Any,
    allowance: Allowance,
    results: _ResultsFolder,
    sent_from: dict[str, Any],
) -> RunResult:
    environment = worker.environment()
    check_same_software(environment, sent_from)  # a worker may have come later than the others
    is_here = worker.store.plan_digest() == results.plan
    memory = worker.memory if is_here and platform.node() == results.host else None
    worker = replace(worker, dataset=data.dataset, memory=memory)
    with _ONE_RUN, parallel_config(backend="sequential"), ExitStack() as stack:
        folder = None
        if is_here:
            # A worker that the scheduler gave up may still be computing: no two write at once.
            stack.enter_context(worker.store.claim(run.id, wait=True, name=".work"))
            folder = worker.store.checkpoints(run.id)
        result = worker.compute(run, lambda: inputs, allowance=allowance, folder=folder)
    return replace(result, environment=environment)
