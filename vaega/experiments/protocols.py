"""Evaluation protocols: which rows a search may see, and which are read once, after it.

`PROTOCOLS` holds them by name. The honest one is here; those of the thesis, whose search sees the
test rows, are in `vaega.thesis.protocols` and are imported when a configuration names them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.errors import ConfigError
from vaega.core.randomness import derive_rng, derive_seed
from vaega.core.registry import Registry
from vaega.data._dataset import Dataset
from vaega.data._splits import (
    Split,
    holdout_split,
    kfold_splits,
    leave_one_out_splits,
    official_split,
)
from vaega.experiments.intervals import LEAVING_OUT

if TYPE_CHECKING:
    from vaega.evolution._evolution import Callback
    from vaega.experiments.config import ArmConfig, ExperimentConfig, ProtocolConfig
    from vaega.experiments.trial import TrialResult
    from vaega.fitness._score_store import ScoreStore


@dataclass(frozen=True, eq=False)
class TrialOptions:
    """What a trial is computed with, and does not depend on."""

    device: str = "cpu"  # Where autoencoders are trained
    cache: Any = None  # Where trained autoencoders are kept
    n_jobs: int = 1  # Processes
    callbacks: "Iterable[Callback]" = ()  # Called each generation
    checkpoint: Path | None = None  # Folder where searches keep their state
    store: "ScoreStore | None" = None  # Where scores are kept for other runs


class SealedRows:
    """Test rows that can be read once, and say so when somebody tries again."""

    def __init__(self, X: np.ndarray, y: np.ndarray, indices: np.ndarray | None = None) -> None:
        self._rows: tuple[np.ndarray, np.ndarray] | None = (X, y)
        self.indices = indices  # Among all rows of the data set

    def open(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and forget them."""
        if self._rows is None:
            raise RuntimeError("test rows were read already; a held-out score is computed once")
        rows, self._rows = self._rows, None
        return rows


@dataclass(frozen=True, eq=False)
class InnerSplits:
    """Inner folds of some of the training rows: stratified, groups kept together."""

    y: np.ndarray  # Class codes of all training rows
    groups: np.ndarray | None  # Rows that belong together
    class_names: Sequence[str]  # For messages
    n_folds: int  # Folds; fewer on a subsample where a class has fewer rows or groups

    def __call__(self, rows: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (fit, validate) pairs of indices into `rows`."""
        n_folds = self.n_folds
        if len(rows) < len(self.y):
            n_folds = max(2, min(n_folds, self._fewest(rows)))
        splits = kfold_splits(
            self.y[rows],
            n_splits=n_folds,
            seed=seed,
            groups=None if self.groups is None else self.groups[rows],
            class_names=self.class_names,
            owner="protocol.inner_folds",
        )
        return [(split.train, split.test) for split in splits]

    def _fewest(self, rows: np.ndarray) -> int:
        members = rows if self.groups is None else self.groups[rows]
        y = self.y[rows]
        return min(len(np.unique(members[y == label])) for label in np.unique(y))


@dataclass(frozen=True, eq=False)
class Trial:
    """One outer split: training rows in the open, test rows sealed."""

    X: np.ndarray  # Training rows
    y: np.ndarray  # Their class codes
    split: InnerSplits
    groups: np.ndarray | None  # Training rows that belong together
    test: SealedRows  # The other rows
    seed: int  # Of everything random in this trial, the same for all arms
    is_pooled: bool = False  # Whether its test rows are scored with those of the other trials
    is_final: bool = False  # Whether all rows are training rows, so that no score can be had

    @property
    def inner(self) -> list[Split]:
        """Fit and validate rows of a single search, as indices into the training rows."""
        pairs = self.split(np.arange(len(self.y)), derive_seed(self.seed, "inner splits"))
        return [Split(fit, validate) for fit, validate in pairs]

    @property
    def n_independent(self) -> int:
        """Training rows that do not belong together: groups, where there are any."""
        return len(self.y) if self.groups is None else len(np.unique(self.groups))


def with_permuted_labels(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """Return a data set whose rows, or groups where all rows of each have one, exchange labels.

    Test rows take part: a permutation test asks what the whole procedure does where labels mean
    nothing, and there a row has one label, in whichever part of a trial it is. Were only training
    rows to exchange labels, each trial its own, their mean would vary less than the actual one.
    Official parts keep their classes' sizes.
    """
    if dataset.groups is not None:
        pooled, n_rows = dataset.pooled(), len(dataset.y)
        y = _permuted_groups(pooled.y, np.asarray(pooled.groups), rng)
        test = None if dataset.y_test is None else y[n_rows:]
        return replace(dataset, y=y[:n_rows], y_test=test)
    test = None if dataset.y_test is None else rng.permutation(dataset.y_test)
    return replace(dataset, y=rng.permutation(dataset.y), y_test=test)


def _permuted_groups(y: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    group_labels = y[first]
    if (group_labels[member] != y).any():  # labels differ within groups: rows exchange them
        return rng.permutation(y)
    labels: np.ndarray = rng.permutation(group_labels)[member]
    return labels


def outer_splits(
    config: "ProtocolConfig", dataset: Dataset, rows: Dataset, seed: int
) -> list[Split]:
    """Return the outer splits of a run; `rows` are all rows of `dataset`, pooled."""
    if leaves_out(config, rows):
        groups = None if config.outer != "leave-one-group-out" else rows.groups
        return leave_one_out_splits(
            rows.y, groups=groups, class_names=rows.class_names, owner="protocol.outer"
        )
    if config.outer == "official":
        if dataset.X_test is None:
            raise ConfigError(
                f"protocol.outer: dataset {dataset.name!r} has no official test part; "
                "use holdout or kfold."
            )
        return [official_split(len(dataset.X), len(dataset.X_test))]
    drawn: dict[str, Any] = {
        "seed": derive_seed(seed, "outer splits"),
        "groups": rows.groups,
        "class_names": rows.class_names,
    }
    if config.outer == "holdout":
        size = config.test_size
        return [holdout_split(rows.y, test_size=size, owner="protocol.test_size", **drawn)]
    return kfold_splits(
        rows.y,
        n_splits=config.n_splits,
        n_repeats=config.n_repeats,
        owner="protocol.n_splits",
        **drawn,
    )


def leaves_out(config: "ProtocolConfig", rows: Dataset) -> bool:
    """Return whether each row, or group, is a test part of its own, so that scores are pooled."""
    if config.outer == "leave-one-group-out" and rows.groups is None:
        raise ConfigError(
            "protocol.outer: leave-one-group-out needs groups, and the dataset has none; name "
            "their column in dataset.groups."
        )
    if config.outer == "leave-one-out" and rows.groups is not None:
        raise ConfigError(
            "protocol.outer: leave-one-out would part rows of a group, and the dataset has "
            "groups; use leave-one-group-out."
        )
    as_folds = config.outer == "kfold" and config.n_repeats == 1 and rows.groups is None
    return config.outer in LEAVING_OUT or (as_folds and config.n_splits == len(rows.y))


@dataclass(frozen=True)
class HonestProtocol:
    """Fitness on inner folds of the training rows; test rows read once, after the search."""

    config: "ProtocolConfig"  # The section ``protocol`` of a configuration
    name = "honest"  # As in a configuration
    # Of the section, beside what all protocols read
    keys = frozenset({"inner_folds", "final", "final_rows"})
    is_transductive = False  # Whether the search sees the test rows: nothing is held out then
    columns = ()  # Of ``runs.csv``, beside those that all protocols have
    fitness_rows = "inner folds of the training rows"
    statement = (  # The line that every output carries
        "Protocol honest: fitness is computed on inner folds of the training rows; "
        "test rows are read once, after the mask is final."
    )

    @classmethod
    def check_search(cls, search: Any) -> None:
        """Refuse settings of the section ``search`` that do nothing; here every one does."""

    @classmethod
    def describe(cls, metrics: Mapping[str, Any]) -> str:
        """Return the scores of a finished run, for a line of progress."""
        return (
            f"held out {metrics['heldout_score']:.3f}, inner {metrics['inner_score']:.3f}, "
            f"{metrics['n_features']:.0f} features"
        )

    def trials(
        self, dataset: Dataset, seed: int, permutation: int | None = None
    ) -> Iterator[Trial]:
        """Yield the outer splits of a run, one after the other.

        Seeds share a permutation of the labels, see `with_permuted_labels`.
        """
        if permutation is not None:
            dataset = with_permuted_labels(dataset, derive_rng(permutation, "permuted labels"))
        rows = dataset.pooled()
        is_pooled = leaves_out(self.config, rows)
        for index, split in enumerate(outer_splits(self.config, dataset, rows, seed)):
            trial = self._trial(rows, split, derive_seed(seed, "trial", index))
            yield replace(trial, is_pooled=is_pooled)

    def final_trial(self, dataset: Dataset, seed: int) -> Trial:
        """Return the trial of a final run: all rows are training rows, and none is a test row."""
        rows = dataset.pooled()
        everyone = Split(np.arange(len(rows.y)), np.arange(0))
        return replace(self._trial(rows, everyone, derive_seed(seed, "final")), is_final=True)

    def _trial(self, rows: Dataset, split: Split, seed: int) -> Trial:
        X, y = rows.X[split.train], rows.y[split.train]
        groups = None if rows.groups is None else rows.groups[split.train]
        inner = InnerSplits(y, groups, rows.class_names, self.config.inner_folds)
        test = SealedRows(rows.X[split.test], rows.y[split.test], split.test)
        trial = Trial(X, y, inner, groups, test, seed)
        trial.inner  # noqa: B018  making the splits says what is wrong with them
        return trial

    def run_trial(
        self,
        config: "ExperimentConfig",
        trial: Trial,
        arm: "ArmConfig",
        options: TrialOptions,
        **how: Any,
    ) -> "TrialResult":
        """Search, fit the final model on the mask, and read the test rows once, if there are any.

        `n_classes` is that of the dataset, `size` that of another arm's selection, `describe` asks
        for figures of synthetic rows.
        """
        from vaega.experiments.trial import run_trial  # checking a configuration needs no search

        return run_trial(config, trial, arm, options, **how)


PROTOCOLS = Registry(
    "a class with trials(dataset, seed) and run_trial(...)",
    lambda given: hasattr(given, "trials") and hasattr(given, "run_trial"),
    {
        "honest": HonestProtocol,
        "as-described": "vaega.thesis.protocols.AsDescribedProtocol",
        "as-run": "vaega.thesis.protocols.AsRunProtocol",
    },
)


def make_protocol(config: "ProtocolConfig") -> Any:
    """Return the protocol that the section ``protocol`` names."""
    return PROTOCOLS[config.kind](config)
