"""Protocols: which rows a search may see, and which are read once, after it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vaega.core.errors import ConfigError
from vaega.core.randomness import derive_seed
from vaega.data.dataset import Dataset
from vaega.data.splits import Split, holdout_split, kfold_splits, official_split
from vaega.experiments.config import ProtocolConfig


class SealedRows:
    """Test rows that can be read once, and say so when somebody tries again.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_rows, n_features)
        Test rows.
    y : numpy.ndarray of int, shape (n_rows,)
        Their labels.

    Examples
    --------
    >>> sealed = SealedRows(np.zeros((1, 2)), np.zeros(1))
    >>> X, y = sealed.open()
    >>> sealed.open()
    Traceback (most recent call last):
    ...
    RuntimeError: test rows were read already; a held-out score is computed once
    """

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self._rows: tuple[np.ndarray, np.ndarray] | None = (X, y)

    def open(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and forget them.

        Returns
        -------
        X, y : numpy.ndarray

        Raises
        ------
        RuntimeError
            When they were read before.
        """
        if self._rows is None:
            raise RuntimeError("test rows were read already; a held-out score is computed once")
        rows, self._rows = self._rows, None
        return rows


@dataclass(frozen=True, eq=False)
class Trial:
    """One outer split: training rows in the open, test rows sealed.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_train, n_features)
        Training rows.
    y : numpy.ndarray of int, shape (n_train,)
        Their class codes.
    split : callable
        ``split(rows, seed)`` gives inner (fit, validate) pairs of positions within these training
        rows; those of all rows under the trial's own seed are the inner splits.
    groups : numpy.ndarray, shape (n_train,), or None
        Training rows that belong together.
    test : SealedRows
        The other rows.
    seed : int
        Of everything random in this trial, the same for all arms.
    """

    X: np.ndarray
    y: np.ndarray
    split: Callable[[np.ndarray, int], list[tuple[np.ndarray, np.ndarray]]]
    groups: np.ndarray | None
    test: SealedRows
    seed: int

    @property
    def inner(self) -> list[Split]:
        """Fit and validate rows of a single search, as indices into the training rows."""
        pairs = self.split(np.arange(len(self.y)), derive_seed(self.seed, "inner splits"))
        return [Split(fit, validate) for fit, validate in pairs]


@dataclass(frozen=True, eq=False)
class InnerSplits:
    """Inner folds of some of the training rows: stratified, groups kept together.

    Parameters
    ----------
    y : numpy.ndarray of int, shape (n_train,)
        Class codes of all training rows.
    groups : numpy.ndarray, shape (n_train,), or None
        Rows that belong together.
    class_names : sequence of str
        For messages.
    n_folds : int
        Folds; fewer on a subsample where a class has fewer rows or groups.
    """

    y: np.ndarray
    groups: np.ndarray | None
    class_names: Sequence[str]
    n_folds: int

    def __call__(self, rows: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (fit, validate) pairs of positions within `rows`."""
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


@dataclass(frozen=True)
class HonestProtocol:
    """Fitness on inner folds of the training rows; test rows read once, after the search.

    Parameters
    ----------
    config : ProtocolConfig
        The section ``protocol`` of a configuration.
    """

    config: ProtocolConfig
    statement = (
        "Protocol honest: fitness is computed on inner folds of the training rows; "
        "test rows are read once, after the mask is final."
    )

    def trials(self, dataset: Dataset, seed: int) -> Iterator[Trial]:
        """Yield the outer splits of a run, one after the other.

        Parameters
        ----------
        dataset : Dataset
            With ``outer: official`` its own test part is the test part; otherwise all labelled
            rows are pooled and split anew for each seed.
        seed : int
            Of the run.

        Yields
        ------
        Trial

        Raises
        ------
        ConfigError
            When the dataset has no official test part and one is wanted.
        DataError
            When a class has too few rows for the splits.
        """
        rows = dataset.pooled()
        for place, split in enumerate(self._outer_splits(dataset, rows, seed)):
            trial_seed = derive_seed(seed, "trial", place)
            X, y = rows.X[split.train], rows.y[split.train]
            groups = None if rows.groups is None else rows.groups[split.train]
            inner = InnerSplits(y, groups, rows.class_names, self.config.inner_folds)
            test = SealedRows(rows.X[split.test], rows.y[split.test])
            trial = Trial(X, y, inner, groups, test, trial_seed)
            trial.inner  # noqa: B018  making the splits says what is wrong with them
            yield trial

    def _outer_splits(self, dataset: Dataset, rows: Dataset, seed: int) -> list[Split]:
        if self.config.outer == "official":
            if dataset.X_test is None:
                raise ConfigError(
                    f"protocol.outer: dataset {dataset.name!r} has no official test part; "
                    "use holdout or kfold."
                )
            return [official_split(len(dataset.X), len(dataset.X_test))]
        outer_seed = derive_seed(seed, "outer splits")
        if self.config.outer == "holdout":
            test_size = self.config.test_size
            return [
                holdout_split(
                    rows.y,
                    test_size=test_size,
                    seed=outer_seed,
                    groups=rows.groups,
                    class_names=rows.class_names,
                    owner="protocol.test_size",
                )
            ]
        return kfold_splits(
            rows.y,
            n_splits=self.config.n_splits,
            n_repeats=self.config.n_repeats,
            seed=outer_seed,
            groups=rows.groups,
            class_names=rows.class_names,
            owner="protocol.n_splits",
        )
