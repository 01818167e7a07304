"""The runner: every arm with every seed, each run claimed once, finished ones skipped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs

from vaega.core.errors import ConfigError
from vaega.core.files import canonical_json, fingerprint, path_inside, plain
from vaega.data.dataset import Dataset
from vaega.data.preprocess import Preprocessor
from vaega.evolution.callbacks import Callback
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.plan import Origin, write_plan
from vaega.experiments.protocols import OpenTrial, Trial, make_protocol
from vaega.experiments.samplers import make_sampler
from vaega.experiments.store import Run, Store
from vaega.experiments.worker import Worker
from vaega.fitness.score_store import ScoreStore


@dataclass(frozen=True)
class RunnerOptions:
    """What a run does not depend on: where and how fast.

    Parameters
    ----------
    jobs : int, default=1
        Processes; -1 is one a core. Several pending runs share them run by run, a single one
        fold by fold and mask by mask. The results are the same.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where autoencoders are trained.
    cache : path or "auto" or None, default="auto"
        Where trained autoencoders are kept.
    """

    jobs: int = 1
    device: str = "auto"
    cache: Any = "auto"


@dataclass
class Observer:
    """Hears of the progress of an experiment; every hook is empty.

    Parameters
    ----------
    callbacks : tuple of Callback, default=()
        Handed to searches that run in this process.
    """

    callbacks: tuple[Callback, ...] = field(default=())

    def on_plan(self, runs: Sequence[Run], n_done: int) -> None:
        """Before the first run: all runs, and how many were done before."""

    def on_run_start(self, run: Run) -> None:
        """Before a run that is computed in this process."""

    def on_run_end(self, run: Run, metrics: dict[str, Any]) -> None:
        """After a run: what it recorded."""


def plan_runs(config: ExperimentConfig, dataset: Dataset) -> list[Run]:
    """Return every run of an experiment: arms in order, seeds in order.

    Parameters
    ----------
    config : ExperimentConfig
    dataset : Dataset

    Returns
    -------
    list of Run
    """
    shared = plain(config.model_dump(by_alias=True, exclude={"arms", "seeds", "description"}))
    shared["dataset"] = {**shared["dataset"], "fingerprint": dataset.fingerprint}
    runs = []
    for arm, content in config.arms.items():
        for seed in config.seed_list():
            arm_content = plain(content.model_dump(exclude_unset=True))
            if content.selector is not None and content.selector.size_of is not None:
                other = config.arms[content.selector.size_of]
                arm_content["size_of"] = plain(other.model_dump(exclude_unset=True))
            resolved = {**shared, "arm": {"name": arm, **arm_content}, "seed": seed}
            digest = fingerprint(canonical_json(resolved))[:10]
            runs.append(Run(f"{arm}-{seed:03d}-{digest}", dataset.name, arm, seed, resolved))
    return runs


def run_experiment(
    config: ExperimentConfig,
    dataset: Dataset,
    results: Path,
    *,
    options: RunnerOptions | None = None,
    observer: Observer | None = None,
    origin: Origin | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run what is not finished, and tabulate everything.

    Parameters
    ----------
    config : ExperimentConfig
        The experiment.
    dataset : Dataset
        Its data, loaded.
    results : pathlib.Path
        Folder of all experiments; this one writes to ``results / config.name``.
    options : RunnerOptions, optional
        Processes, device, cache.
    observer : Observer, optional
        Hears of the progress.
    origin : Origin, optional
        From where it is started, for a resume; the working folder when absent.

    Returns
    -------
    runs : pandas.DataFrame
        One row a run, as in ``runs.csv``; a failed run has a status and no scores.
    summary : pandas.DataFrame
        One row an arm, as in ``summary.csv``.

    Raises
    ------
    InputError
        When the data do not fit the protocol, or the folder cannot be written.
    """
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
    """Run what is not finished in a results folder, and tabulate everything.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``; made when missing.
    config, dataset, options, observer, origin
        See `run_experiment`.

    Returns
    -------
    runs, summary : pandas.DataFrame
        See `run_experiment`.
    """
    options, observer = options or RunnerOptions(), observer or Observer()
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
    for run in _complete(pending, worker, options.jobs, observer):
        observer.on_run_end(run, store.metrics(run.id) or {})
        store.tabulate(runs)
    return store.tabulate(runs)


def _check(config: ExperimentConfig, dataset: Dataset, pending: Sequence[Run], device: str) -> None:
    # What fails every run the same way is said once, before any is started.
    _check_metric(config, dataset)
    trials = make_protocol(config.protocol).trials(dataset, pending[0].seed)
    _check_preparation(config, next(trials))
    for _ in trials:  # making a split is the check of it
        pass
    for arm in config.arms.values():
        make_sampler(arm, dataset.n_classes, device=device, cache=None)


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


def _complete(
    pending: Sequence[Run], worker: Worker, jobs: int, observer: Observer
) -> Iterator[Run]:
    held_elsewhere = []
    for run, completed in _first_pass(pending, worker, jobs, observer):
        if completed:
            yield run
        else:
            held_elsewhere.append(run)
    for run in held_elsewhere:  # wait for the other process, and take over where it died
        worker.complete(run, wait=True)
        yield run


def _first_pass(
    pending: Sequence[Run], worker: Worker, jobs: int, observer: Observer
) -> Iterator[tuple[Run, bool]]:
    n_processes = min(effective_n_jobs(jobs), len(pending))
    if n_processes <= 1:
        for run in pending:
            observer.on_run_start(run)
            yield run, worker.complete(run, n_jobs=jobs, callbacks=observer.callbacks)
        return
    parallel = Parallel(n_jobs=n_processes, return_as="generator_unordered", batch_size=1)
    yield from parallel(delayed(_complete_elsewhere)(worker, run) for run in pending)


def _complete_elsewhere(worker: Worker, run: Run) -> tuple[Run, bool]:
    return run, worker.complete(run)
