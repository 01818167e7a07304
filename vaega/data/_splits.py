"""Splits, which rows are fitted on and which tested, and folds, their prepared rows as arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaega.core.checks import check_count
from vaega.core.errors import DataError, InputError
from vaega.core.randomness import derive_rng, derive_seed
from vaega.data._dataset import is_missing

_N_GROUP_DRAWS = 50


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of one split.

    Parameters
    ----------
    train, test : intp array of shape (n_train,) and (n_test,)
        Sorted and disjoint.

    Examples
    --------
    >>> official_split(2, 1).test
    array([2])
    """

    train: np.ndarray
    test: np.ndarray

    def __post_init__(self) -> None:
        for field in ("train", "test"):
            rows = np.sort(np.asarray(getattr(self, field), dtype=np.intp))
            rows.flags.writeable = False
            object.__setattr__(self, field, rows)
        assert not np.intersect1d(self.train, self.test).size, "a row is on one side only"


def official_split(n_train: int, n_test: int) -> Split:
    """Return the split of a pooled dataset that its source fixes: training rows come first.

    Parameters
    ----------
    n_train, n_test : int
        Rows of the two parts, at least one each.

    Returns
    -------
    Split

    Examples
    --------
    >>> official_split(3, 2)
    Split(train=array([0, 1, 2]), test=array([3, 4]))
    """
    n_train = check_count(n_train, "n_train", owner="official_split")
    n_test = check_count(n_test, "n_test", owner="official_split")
    rows = np.arange(n_train + n_test)
    return Split(rows[:n_train], rows[n_train:])


def holdout_split(
    y: Any,
    *,
    test_size: float = 0.3,
    seed: int,
    groups: Any = None,
    class_names: Sequence[str] | None = None,
    owner: str = "holdout",
) -> Split:
    """Hold out a part of every class.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Class codes or labels.
    test_size : float, default=0.3
        The fraction of the rows to test, in (0, 1); as near as the classes, and the groups, allow.
    seed : int
        Equal seeds give equal splits.
    groups : array-like of shape (n_rows,), optional
        Rows with equal values stay on one side.
    class_names : sequence of str, optional
        Names of the codes, for the error messages.
    owner : str, default="holdout"
        Who asks, for the error messages.

    Returns
    -------
    Split
        With every class on both sides.

    Raises
    ------
    DataError
        When a class has one row only, or one group only.

    Examples
    --------
    >>> holdout_split([0, 0, 0, 1, 1, 1], test_size=0.33, seed=0).test.size
    2
    """
    if not (isinstance(test_size, float | np.floating) and 0.0 < test_size < 1.0):
        raise InputError(f"{owner}: test_size must be a fraction in (0, 1), got {test_size!r}.")
    rows = _Rows(y, groups, class_names, owner=owner)
    rows.check_class_sizes(2, "a holdout split", "")
    rng = derive_rng(seed, "holdout")
    draw = _stratified_test if rows.groups is None else _grouped_test
    test = draw(rows, float(test_size), rng)
    return Split(np.flatnonzero(~test), np.flatnonzero(test))


def kfold_splits(
    y: Any,
    *,
    n_splits: int = 5,
    n_repeats: int = 1,
    seed: int,
    groups: Any = None,
    class_names: Sequence[str] | None = None,
    owner: str = "kfold",
) -> list[Split]:
    """Cut the rows into stratified folds, each tested once a repeat.

    Parameters
    ----------
    y, seed, groups, class_names, owner
        Those of `holdout_split`; a repeat doesn't depend on how many there are.
    n_splits : int, default=5
        Folds, at least 2 and at most the rows of the smallest class.
    n_repeats : int, default=1
        How many times to cut anew.

    Returns
    -------
    list of Split
        ``n_splits * n_repeats`` of them, repeat by repeat.

    Raises
    ------
    DataError
        When a class has fewer rows than there are folds, or the groups are too few.

    Examples
    --------
    >>> splits = kfold_splits([0, 1] * 6, n_splits=3, n_repeats=2, seed=0)
    >>> len(splits), splits[0].test.size
    (6, 4)
    """
    n_splits = check_count(n_splits, "n_splits", owner=owner, minimum=2)
    n_repeats = check_count(n_repeats, "n_repeats", owner=owner)
    rows = _Rows(y, groups, class_names, owner=owner)
    largest = int(rows.counts.min())
    possible = f"the largest n_splits possible is {largest}"
    remedy = f"; {possible if largest >= 2 else 'no n_splits is possible'}"
    rows.check_class_sizes(n_splits, f"{n_splits} folds", remedy)
    rows.check_group_count(n_splits)
    folds = _plain_folds if rows.groups is None else _grouped_folds
    return [
        Split(np.flatnonzero(fold != k), np.flatnonzero(fold == k))
        for repeat in range(n_repeats)
        for fold in [folds(rows, n_splits, derive_seed(seed, "kfold", repeat))]
        for k in range(n_splits)
    ]


def leave_one_out_splits(
    y: Any,
    *,
    groups: Any = None,
    class_names: Sequence[str] | None = None,
    owner: str = "leave-one-out",
) -> list[Split]:
    """Test each row, or each group of rows, alone.

    Parameters
    ----------
    y, groups, class_names, owner
        Those of `holdout_split`.

    Returns
    -------
    list of Split
        One a row, or a group in sorted order; nothing of it is random.

    Raises
    ------
    DataError
        When a class has one row only, or one group only.

    Examples
    --------
    >>> [split.test.tolist() for split in leave_one_out_splits([0, 0, 1, 1], groups=[5, 7, 5, 7])]
    [[0, 2], [1, 3]]
    """
    rows = _Rows(y, groups, class_names, owner=owner)
    rows.check_class_sizes(2, "leaving one out", "")
    left_out = np.arange(len(rows.codes)) if rows.groups is None else rows.groups
    return [
        Split(np.flatnonzero(left_out != part), np.flatnonzero(left_out == part))
        for part in range(int(left_out.max()) + 1)
    ]


def encode_groups(groups: Any, n_rows: int, *, owner: str) -> np.ndarray:
    """Return the code of each row's group, (n_rows,), from 0; a missing label is an error."""
    values = np.asarray(groups)
    if values.shape != (n_rows,):
        raise DataError(
            f"{owner}: groups must have one value for each of the {n_rows} rows, "
            f"got shape {values.shape}."
        )
    missing = np.flatnonzero([is_missing(value) for value in values.tolist()])
    if missing.size:
        raise DataError(
            f"{owner}: groups must have a value for every row, got "
            f"{values.tolist()[missing[0]]!r} in row {missing[0]} ({missing.size} of {n_rows} rows "
            "have none); leave such a row out, or give it a group of its own."
        )
    plain = values.astype(str) if values.dtype.hasobject else values
    return np.asarray(np.unique(plain, return_inverse=True)[1])


class _Rows:
    """The classes and groups of the rows to split, checked."""

    def __init__(
        self, y: Any, groups: Any, class_names: Sequence[str] | None, *, owner: str
    ) -> None:
        labels = np.asarray(y)
        if labels.ndim != 1 or not labels.size:
            raise DataError(
                f"{owner}: y must be one-dimensional with at least one row, "
                f"got shape {labels.shape}."
            )
        self.owner = owner
        values, self.codes = np.unique(labels, return_inverse=True)
        self.names = [str(v) if class_names is None else class_names[int(v)] for v in values]
        self.counts = np.bincount(self.codes)
        self.groups = None if groups is None else encode_groups(groups, len(labels), owner=owner)

    def check_class_sizes(self, minimum: int, what: str, remedy: str) -> None:
        small = int(np.argmin(self.counts))
        if self.counts[small] < minimum:
            raise DataError(
                f"{self.owner}: every class needs at least {minimum} rows for {what}, got "
                f"{self.counts[small]} in class {self.names[small]!r}{remedy}."
            )
        if self.groups is None:
            return
        n_groups = (self.group_table() > 0).sum(axis=0)
        alone = int(np.argmin(n_groups))
        if n_groups[alone] < 2:
            raise DataError(
                f"{self.owner}: every class needs rows of at least 2 groups, "
                f"got 1 group in class {self.names[alone]!r}."
            )

    def check_group_count(self, n_splits: int) -> None:
        n_groups = n_splits if self.groups is None else int(self.groups.max()) + 1
        if n_groups < n_splits:
            raise DataError(
                f"{self.owner}: {n_splits} folds need at least {n_splits} groups of rows, "
                f"got {n_groups}."
            )

    def group_table(self) -> np.ndarray:
        """Return how many rows of each class each group has, shape (n_groups, n_classes)."""
        assert self.groups is not None
        table = np.zeros((self.groups.max() + 1, len(self.counts)), dtype=np.int64)
        np.add.at(table, (self.groups, self.codes), 1)
        return table


def _stratified_test(rows: _Rows, test_size: float, rng: np.random.Generator) -> np.ndarray:
    test = np.zeros(len(rows.codes), dtype=bool)
    for code, n_test in enumerate(_shares(rows.counts, test_size)):
        test[rng.permutation(np.flatnonzero(rows.codes == code))[:n_test]] = True
    return test


def _shares(counts: np.ndarray, test_size: float) -> np.ndarray:
    # Largest remainders: the whole is as near to test_size as each class allows.
    ideal = counts * test_size
    shares = np.clip(np.floor(ideal).astype(np.int64), 1, counts - 1)
    missing = round(counts.sum() * test_size) - shares.sum()
    for code in np.argsort(shares - ideal, kind="stable"):
        if missing > 0 and shares[code] < counts[code] - 1:
            shares[code] += 1
            missing -= 1
    return shares


def _grouped_test(rows: _Rows, test_size: float, rng: np.random.Generator) -> np.ndarray:
    """Return the first random part that will do; where none does, the nearest to it.

    The best of many would be the same for every seed where groups are few. A part will do when of
    each class it is off by a quarter of the rows that were asked for, or by half of its largest
    group. Two groups of each class, or all but one, stay for inner folds where that can be.
    """
    table = rows.group_table()
    target, n_groups = rows.counts * test_size, (table > 0).sum(axis=0)
    near = np.maximum(0.25 * target, 0.5 * table.max(axis=0))
    best, best_distance = None, np.inf
    for stay in (2, 1):
        for _ in range(_N_GROUP_DRAWS):
            order = rng.permutation(len(table))
            chosen = _fill(table, target, order, stay=np.minimum(stay, n_groups - 1))
            off = np.abs(table[chosen].sum(axis=0) - target)
            if not (table[chosen] > 0).any(axis=0).all():
                continue
            if (off <= near).all():
                return chosen[rows.groups]
            if (off**2).sum() < best_distance:
                best, best_distance = chosen, float((off**2).sum())
        if best is not None:
            return best[rows.groups]
    raise DataError(
        f"{rows.owner}: the {len(table)} groups cannot be parted so that every class is on "
        "both sides; more and smaller groups are needed."
    )


def _fill(
    table: np.ndarray, target: np.ndarray, order: np.ndarray, *, stay: np.ndarray
) -> np.ndarray:
    """Take groups in order while each brings a class not held yet, or the counts nearer.

    No group is taken that would leave fewer groups of a class than are to `stay`.
    """
    chosen = np.zeros(len(table), dtype=bool)
    held, left = np.zeros(len(target)), (table > 0).sum(axis=0)
    for group in order:
        after, left_after = held + table[group], left - (table[group] > 0)
        new = ((table[group] > 0) & (held == 0)).any()
        nearer = ((after - target) ** 2).sum() < ((held - target) ** 2).sum()
        if (new or nearer) and (left_after >= stay).all():
            chosen[group] = True
            held, left = after, left_after
    return chosen


def _plain_folds(rows: _Rows, n_splits: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(n_splits, shuffle=True, random_state=seed)
    return _fold_numbers(splitter.split(rows.codes, rows.codes), len(rows.codes))


def _grouped_folds(rows: _Rows, n_splits: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    kept = None
    has_all = bool(((rows.group_table() > 0).sum(axis=0) >= n_splits).all())
    for attempt in range(_N_GROUP_DRAWS):
        splitter = StratifiedGroupKFold(
            n_splits, shuffle=True, random_state=derive_seed(seed, attempt)
        )
        parts = splitter.split(rows.codes, rows.codes, rows.groups)
        fold = _fold_numbers(parts, len(rows.codes))
        held = np.zeros((n_splits, len(rows.counts)), dtype=int)  # rows of each class in each fold
        np.add.at(held, (fold, rows.codes), 1)
        if held.all():  # each class can be scored in each fold
            return fold
        if kept is None and held.sum(axis=1).all() and (held < rows.counts).all():
            kept = fold
        if kept is not None and not has_all:  # a class of too few groups is missing somewhere
            return kept
    if kept is None:
        raise DataError(
            f"{rows.owner}: the groups cannot be cut into {n_splits} folds so that every class "
            "stays in every training part; take fewer folds."
        )
    return kept


def _fold_numbers(parts: Iterator[tuple[np.ndarray, np.ndarray]], n_rows: int) -> np.ndarray:
    fold = np.empty(n_rows, dtype=np.intp)
    for number, (_, test) in enumerate(parts):
        fold[test] = number
    return fold


@dataclass(frozen=True, eq=False)
class Fold:
    """A prepared inner split; synthetic rows are among the fit rows alone.

    A fold is compared and hashed by identity, so that what is computed of it can be cached by it.

    Parameters
    ----------
    X_fit : numpy.ndarray of float, shape (n_fit + n_synthetic, n_columns)
        Real fit rows first, then synthetic ones.
    y_fit : numpy.ndarray, shape (n_fit + n_synthetic,)
        Their labels.
    X_validate : numpy.ndarray of float, shape (n_validate, n_columns)
        Real rows only.
    y_validate : numpy.ndarray, shape (n_validate,)
        Their labels.
    columns : numpy.ndarray of int, shape (n_columns,)
        The feature of each column.
    n_real : int
        How many of the first fit rows are real for certain: all of them, where the sampler kept
        them in front.
    weight_fit : numpy.ndarray of float, shape (n_fit + n_synthetic,), optional
        Weights of the fit rows; a synthetic row weighs what real rows of its class do on average.
    weight_validate : numpy.ndarray of float, shape (n_validate,), optional
        Weights of the validation rows in the score.
    """

    X_fit: np.ndarray
    y_fit: np.ndarray
    X_validate: np.ndarray
    y_validate: np.ndarray
    columns: np.ndarray
    n_real: int
    weight_fit: np.ndarray | None = None
    weight_validate: np.ndarray | None = None
