"""What would fail every run of an experiment the same way: its data against its configuration.

`vaega run` says the first fault before any run is started, `vaega check` all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.checks import did_you_mean
from vaega.core.errors import ConfigError, DataError, InputError
from vaega.core.files import path_beside
from vaega.core.wording import counted
from vaega.data._dataset import Dataset, quoted
from vaega.data._preprocess import Preprocessor
from vaega.data._sources import read_columns
from vaega.experiments.augmentation import candidate_arms
from vaega.experiments.intervals import LEAVING_OUT
from vaega.experiments.protocols import Trial, make_protocol, outer_splits
from vaega.experiments.registry import OF_ALL_CLASSES, make_sampler
from vaega.selection._rankers import find_boruta

if TYPE_CHECKING:
    from vaega.experiments.config import DatasetConfig, ExperimentConfig

_MOST_SEEDS = 10  # whose inner splits are tried


def find_faults(
    config: "ExperimentConfig", dataset: Dataset, *, seeds: Sequence[int], device: str = "cpu"
) -> Iterator[InputError]:
    """Yield what is wrong, one error a fault.

    The splits of one seed stand for those of all, but where rows belong together: few groups may
    be parted well by one seed and not by another.
    """
    yield from _raised(partial(_check_metric, config, dataset))
    yield from _raised(partial(_check_search, config, dataset))
    is_drawn = dataset.groups is not None and config.protocol.outer not in LEAVING_OUT
    n_seeds = _MOST_SEEDS if is_drawn else 1
    yield from _split_faults(config, dataset, seeds[:n_seeds])
    for name, arm in config.arms.items():
        yield from _raised(partial(_check_size, name, arm, dataset))
        yield from _raised(partial(_check_arm, arm, dataset, device))


def _raised(check: Callable[[], Any]) -> Iterator[InputError]:
    try:
        check()
    except InputError as error:
        yield error


def _check_metric(config: "ExperimentConfig", dataset: Dataset) -> None:
    if config.fitness.metric == "roc_auc" and dataset.n_classes > 2:
        raise ConfigError(
            f"fitness.metric: roc_auc is for two classes, and {dataset.name!r} has "
            f"{dataset.n_classes}; use roc_auc_ovr or roc_auc_ovo."
        )


def _check_search(config: "ExperimentConfig", dataset: Dataset) -> None:
    if any(arm.selector is None for arm in config.arms.values()):
        named = config.on_features(dataset.feature_names)
        named.search.settings().check_fits(dataset.n_features, owner="search")


def _split_faults(
    config: "ExperimentConfig", dataset: Dataset, seeds: Sequence[int]
) -> Iterator[InputError]:
    once = config.protocol.model_copy(update={"n_repeats": 1})  # which stands for all
    protocol, rows, first = make_protocol(once), dataset.pooled(), None
    try:
        for trial in chain.from_iterable(protocol.trials(dataset, seed) for seed in seeds):
            first = trial if first is None else first  # making each further one is its check
            if isinstance(trial, Trial):
                check_classes(trial, rows, config.fitness.metric)
    except InputError as error:
        yield error
    if first is not None:
        yield from _preparation_faults(config.preprocess, first, rows)


def check_classes(trial: Trial, rows: Dataset, metric: str) -> None:
    """Refuse parts in which a class is missing that the metric needs: of groups, or official."""
    if metric not in OF_ALL_CLASSES:
        return
    few = "take fewer folds, or another metric"
    parts = [(trial.y[split.test], "inner_folds: an inner fold", few) for split in trial.inner]
    if not trial.is_pooled and trial.test.indices is not None:
        parts.append((rows.y[trial.test.indices], "outer: a test part", "take another metric"))
    for y, part, remedy in parts:
        absent = np.setdiff1d(np.arange(rows.n_classes), y)
        if absent.size:
            raise ConfigError(
                f"protocol.{part} has no row of class {rows.class_names[absent[0]]!r}, and "
                f"{metric} needs rows of each class; {remedy}."
            )


def repeated_parts(config: "ExperimentConfig", dataset: Dataset) -> str:
    """Return a sentence where seeds hold out the same few groups; else nothing."""
    seeds, rows = config.seed_list(), dataset.pooled()
    if rows.groups is None or config.protocol.outer != "holdout" or len(seeds) < 2:
        return ""
    parts = {
        split.test.tobytes()
        for seed in seeds
        for split in outer_splits(config.protocol, dataset, rows, seed)
    }
    if len(parts) == len(seeds):
        return ""
    n_groups = len(np.unique(rows.groups))
    return (
        f"{counted(len(parts), 'different test part')} of {n_groups} groups in {len(seeds)} seeds; "
        "outer: leave-one-group-out tests each group once"
    )


def _preparation_faults(steps: Any, trial: Any, rows: Dataset) -> Iterator[InputError]:
    """Fit the preprocessing on the first fit rows and apply it to all rows.

    Where it fails, the values without the gaps and the gaps without the values are tried apart,
    so that a step that refuses values does not hide what nothing fills.
    """
    fit = trial.inner[0].train if isinstance(trial, Trial) else np.arange(len(trial.y))
    failed = list(_raised(partial(_prepare, steps, trial.X[fit], trial.y[fit], rows.X)))
    gaps = np.isnan(rows.X)
    if failed and gaps.any():
        harmless = np.random.default_rng(0).uniform(1.0, 2.0, size=gaps.shape)
        apart = (np.where(gaps, harmless, rows.X), np.where(gaps, np.nan, harmless))
        tried = (_raised(partial(_prepare, steps, X, rows.y, X)) for X in apart)
        failed = list(chain(*tried)) or failed
    yield from failed


def _prepare(steps: Any, X_fit: np.ndarray, y_fit: np.ndarray, X: np.ndarray) -> None:
    Preprocessor(list(steps), random_state=0).fit(X_fit, y_fit).transform(X)


def _check_size(name: str, arm: Any, dataset: Dataset) -> None:
    size = None if arm.selector is None else arm.selector.size
    if isinstance(size, int) and size > dataset.n_features:
        raise ConfigError(
            f"arms.{name}.selector.size: must be at most {dataset.n_features}, the number of "
            f"features, got {size}."
        )


def _check_arm(arm: Any, dataset: Dataset, device: str) -> None:
    for candidate in candidate_arms(arm, len(dataset.X)) if arm.gated else [arm]:
        make_sampler(candidate, dataset.n_classes, device=device, cache=None)
    if arm.selector is not None and arm.selector.kind == "boruta":
        find_boruta()


def load_with_faults(
    section: "DatasetConfig", *, beside: Path
) -> tuple[Dataset | None, list[InputError]]:
    """Load the data of an experiment as far as their faults allow; return these too.

    Columns that are named and not there, and text where numbers should be, are left out to see
    what is wrong beside them.
    """
    try:
        return section.load(beside=beside), []
    except InputError as error:
        absent = _absent_columns(section, beside)
        faults = absent or [error]
    wrong = {(fault.key, fault.value) for fault in absent}
    if ("target", section.target) in wrong:
        return None, faults
    readable = {
        "groups": None if ("groups", section.groups) in wrong else section.groups,
        "ignore": tuple(name for name in section.ignore if ("ignore", name) not in wrong),
    }
    for categorical in dict.fromkeys((section.categorical, "drop")):
        try:
            changed = section.model_copy(update={**readable, "categorical": categorical})
            return changed.load(beside=beside), faults
        except InputError as error:
            faults += [error] if str(error) not in map(str, faults) else []
    return None, faults


def _absent_columns(section: "DatasetConfig", beside: Path) -> list[InputError]:
    """Return a fault for each column that is named and not there, where the file is a table."""
    if getattr(section, "labels", None) is not None or getattr(section, "transpose", None):
        return []  # columns are not what they are in the file
    try:
        table = read_columns(path_beside(section.source, beside), target=section.target)
    except InputError:
        return []
    if table is None:
        return []
    named = [("target", section.target), ("groups", section.groups)]
    named += [("ignore", column) for column in section.ignore]
    return [
        DataError(
            f"{section.source}: {role} must name a column, but {column!r} is not there"
            f"{_meant(column, table.names)}",
            key=role,
            value=column,
        )
        for role, column in named
        if column is not None and column not in table.names
    ]


def _meant(column: str, names: Sequence[str]) -> str:
    return did_you_mean(column, names) or f"; the columns are {quoted(names)}."
