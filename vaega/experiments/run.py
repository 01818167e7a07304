"""The runner: every arm with every seed, each run claimed once, finished ones skipped."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import effective_n_jobs

from vaega.core.checks import check_choice
from vaega.core.errors import ConfigError, InputError
from vaega.core.files import canonical_json, fingerprint, path_inside, plain
from vaega.data._dataset import Dataset
from vaega.data._preprocess import Preprocessor
from vaega.experiments.backends import Cluster, Pool, ProcessPool, open_cluster
from vaega.experiments.config import REMOVED_SETTINGS, ExperimentConfig
from vaega.experiments.gate import candidate_arms
from vaega.experiments.monitor import Budget, Observer
from vaega.experiments.protocols import OpenTrial, Trial, make_protocol
from vaega.experiments.store import Origin, Run, Store, write_plan
from vaega.experiments.trial import make_sampler
from vaega.experiments.worker import Completion, Worker
from vaega.fitness._score_store import ScoreStore
from vaega.selection._filters import find_boruta

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


@dataclass(frozen=True)
class RunnerOptions(Means):
    """What a run does not depend on: where, how fast, and how much of the work in this call."""

    device: str = "auto"  # Where autoencoders are trained
    cache: Any = "auto"  # Where trained autoencoders are kept
    max_seconds: float | None = None
    max_evaluations: int | None = None  # Masks that the runs of the call may ask for, together


def plan_runs(config: ExperimentConfig, dataset: Dataset) -> list[Run]:
    """Return every run of an experiment: arms in order, seeds in order, permuted labels last."""
    shared = plain(
        config.model_dump(by_alias=True, exclude={"arms", "seeds", "description", "null"})
    )
    shared["dataset"] = {**shared["dataset"], "fingerprint": dataset.fingerprint}
    runs = []
    for arm, seed, permutation in config.run_list():
        resolved = {**shared, "arm": {"name": arm, **_arm_content(config, arm)}, "seed": seed}
        name = f"{arm}-{seed:03d}"
        if permutation is not None:
            resolved["permutation"] = permutation
            name = f"{name}-null-{permutation:03d}"
        # An id stays what it was: settings that are no more had their defaults in it.
        identity = {**resolved, "search": {**resolved["search"], **REMOVED_SETTINGS}}
        digest = fingerprint(canonical_json(identity))[:10]
        runs.append(Run(f"{name}-{digest}", dataset.name, arm, seed, resolved, permutation))
    return runs


def _arm_content(config: ExperimentConfig, arm: str) -> dict[str, Any]:
    content = config.arms[arm]
    found: dict[str, Any] = plain(content.model_dump(exclude_unset=True))
    if content.selector is not None and content.selector.size_of is not None:
        other = config.arms[content.selector.size_of]
        found["size_of"] = plain(other.model_dump(exclude_unset=True))
    return found


def run_experiment(
    config: ExperimentConfig,
    dataset: Dataset,
    results: Path,
    *,
    options: RunnerOptions | None = None,
    observer: Observer | None = None,
    origin: Origin | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run what is not finished, and tabulate everything."""
    folder = path_inside(results, config.name)
    return complete_runs(folder, config, dataset, options=options, observer=observer, origin=origin)


def complete_runs(
    folder: Path,
    config: ExperimentConfig,
    dataset: Dataset,
    *,
    options: RunnerOptions | None = None,
    observer: Observer | None = None,
    origin: Origin | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run what is not finished in a results folder, and tabulate everything."""
    options, observer = options or RunnerOptions(), observer or Observer()
    options.check()
    budget = Budget(options.max_seconds, options.max_evaluations)
    store = Store(folder)
    runs = plan_runs(config, dataset)
    pending = [run for run in runs if not store.is_done(run.id)]
    if pending:
        _check(config, dataset, pending, options.device)
    observer.on_plan(runs, len(runs) - len(pending))
    origin = origin or Origin(beside=Path.cwd(), started_in=Path.cwd())
    write_plan(folder, config, [run.id for run in runs], origin)
    memory = ScoreStore(folder / "memory.sqlite3")
    worker = Worker(config, dataset, store, options.device, options.cache, memory, runs=tuple(runs))
    with options.open() if pending else nullcontext() as cluster:
        dispatcher = Dispatcher(worker, options, budget, observer, cluster)
        with closing(dispatcher.complete(pending)) as completed:
            for run in completed:
                observer.on_run_end(run, store.metrics(run.id) or {})
                store.tabulate(runs)
    return store.tabulate(runs)


def _check(config: ExperimentConfig, dataset: Dataset, pending: Sequence[Run], device: str) -> None:
    # What fails every run the same way is said once, before any is started.
    _check_metric(config, dataset)
    if any(arm.selector is None for arm in config.arms.values()):
        config.search.settings().check_fits(dataset.n_features, owner="search")
    trials = make_protocol(config.protocol).trials(dataset, pending[0].seed)
    _check_preparation(config, next(trials))
    for _ in trials:  # making a split is the check of it
        pass
    for arm in config.arms.values():
        for one in candidate_arms(arm, len(dataset.X)) if arm.gated else [arm]:
            make_sampler(one, dataset.n_classes, device=device, cache=None)
        if arm.selector is not None and arm.selector.kind == "boruta":
            find_boruta()


def _check_metric(config: ExperimentConfig, dataset: Dataset) -> None:
    if config.fitness.metric == "roc_auc" and dataset.n_classes > 2:
        raise ConfigError(
            f"fitness.metric: roc_auc is for two classes, and {dataset.name!r} has "
            f"{dataset.n_classes}; use roc_auc_ovr or roc_auc_ovo."
        )


def _check_preparation(config: ExperimentConfig, trial: Trial | OpenTrial) -> None:
    fit = trial.inner[0].train if isinstance(trial, Trial) else np.arange(len(trial.y))
    preparation = Preprocessor(list(config.preprocess), random_state=0)
    preparation.fit(trial.X[fit], trial.y[fit]).transform(trial.X)
