"""The runner: every arm with every seed, each run claimed once, finished ones skipped."""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import ConfigError
from vaega.core.files import canonical_json, fingerprint, path_inside, plain
from vaega.data.dataset import Dataset
from vaega.data.preprocess import Preprocessor
from vaega.experiments.budget import Budget
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.dispatch import Dispatcher, Means
from vaega.experiments.gate import candidate_arms
from vaega.experiments.observer import Observer
from vaega.experiments.plan import Origin, write_plan
from vaega.experiments.protocols import OpenTrial, Trial, make_protocol
from vaega.experiments.samplers import make_sampler
from vaega.experiments.store import Run, Store
from vaega.experiments.worker import Worker
from vaega.fitness.score_store import ScoreStore
from vaega.selection.rankings import find_boruta
from vaega.selection.search import check_fits


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
        digest = fingerprint(canonical_json(resolved))[:10]
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
        check_fits(config.search.settings(), dataset.n_features, owner="search")
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
