"""Training data of a generative model: class labels as codes, scaled columns, validation splits.

A model is trained on `TrainingData`: the columns that vary, standardised, with a mask of the
observed entries where some are missing. Statistics within classes, which generated rows have to
match, are computed here too, block by block, so that wide tables need no second copy.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from vaega.core.errors import InputError
from vaega.core.threads import captured_warnings

# Numbers in a block of columns, about: 8 MiB of float64.
BLOCK_ENTRIES = 1 << 20
# Squares of numbers of any other size may be infinite, or lose their bits.
LEAST_SQUARED, MOST_SQUARED = 1e-130, 1e140
# Of larger numbers, sums of squares may not be finite in single precision, as networks compute, and
# sums of fourth powers in double precision, as closed forms do.
MOST_SINGLE, MOST_DOUBLE = 1e12, 1e60


@dataclass(frozen=True)
class Scaling:
    """Standardisation of the columns that vary; constant columns are remembered.

    A constant column teaches nothing and would dilute the decoder's noise, so that the network
    never sees it; it comes back exactly.
    """

    shift: np.ndarray  # What is subtracted; the value itself where a column is constant
    scale: np.ndarray  # What is divided by, 1 where a column is constant
    varies: np.ndarray  # Mask of the columns the network sees

    @classmethod
    def fitted(cls, X: np.ndarray, *, owner: str, standardize: bool = True) -> "Scaling":
        """Learn the scale from rows (n, n_features); with `standardize` False only the constants.

        Entries that are NaN are left out; a column of nothing else counts as a constant 0.
        """
        shift, scale = np.empty(X.shape[1]), np.ones(X.shape[1])
        varies = np.empty(X.shape[1], dtype=bool)
        for columns in column_blocks(*X.shape):
            mean, deviation, varies[columns] = _measure(X[:, columns])
            shift[columns] = mean
            if standardize:
                scale[columns] = np.where(varies[columns], deviation, 1.0)
            else:
                shift[columns] = np.where(varies[columns], 0.0, mean)
        if not varies.any():
            raise InputError(
                f"{owner}: needs a column that varies, got {X.shape[1]} constant ones."
            )
        return cls(shift, scale, varies)

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Map rows (n, n_features) to the network's scale (n, n_varying)."""
        return (X[:, self.varies] - self.shift[self.varies]) / self.scale[self.varies]

    def backward(self, rows: np.ndarray) -> np.ndarray:
        """Map network rows (n, n_varying) back to rows (n, n_features)."""
        X = np.tile(self.shift, (len(rows), 1))
        X[:, self.varies] += rows * self.scale[self.varies]
        return X

    def of_columns(self, features: np.ndarray) -> "Scaling":
        """Return the scaling of some columns, given by their indices."""
        return Scaling(self.shift[features], self.scale[features], self.varies[features])


def _measure(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, or value, and deviation of each column, and whether it varies."""
    largest = np.fmax.reduce(np.abs(X), axis=0)
    extreme = (largest > MOST_SQUARED) | ((largest < LEAST_SQUARED) & (largest > 0.0))
    if not extreme.any():
        return _moments(X)
    unit = binary_units(np.where(extreme, largest, 1.0))
    mean, deviation, varies = _moments(X / unit)
    return mean * unit, deviation * unit, varies


def _moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not np.isnan(X).any():
        first, largest = X[0], np.abs(X).max(axis=0)
        mean, deviation = X.mean(axis=0), X.std(axis=0)
    else:
        observed = ~np.isnan(X)
        count = np.maximum(observed.sum(axis=0), 1)
        filled = np.where(observed, X, 0.0)
        first = filled[observed.argmax(axis=0), np.arange(X.shape[1])]
        largest, mean = np.abs(filled).max(axis=0), filled.sum(axis=0) / count
        deviation = np.sqrt((np.square(filled - mean) * observed).sum(axis=0) / count)
    # The deviation of equal floats is rounding error, up to a few ulp of their size.
    varies = deviation > 10 * np.finfo(np.float64).eps * largest
    return np.where(varies, mean, first), deviation, varies


def binary_units(largest: np.ndarray) -> np.ndarray:
    """Return powers of two near the largest sizes of columns, to divide them by without a loss."""
    return np.exp2(np.floor(np.log2(np.where(largest > 0.0, largest, 1.0))))


def check_size(X: np.ndarray, most: float, *, owner: str) -> None:
    """Refuse rows that are used as they are and too large to compute with."""
    for columns in column_blocks(*X.shape):
        largest = float(np.fmax.reduce(np.abs(X[:, columns]), axis=None, initial=0.0))
        if largest > most:
            raise InputError(
                f"{owner}: values must be at most {most:g} in size when they are not standardised, "
                f"got {largest:g}."
            )


def column_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Return slices of columns, so wide that a copy of a block stays small beside wide data."""
    width = max(16, BLOCK_ENTRIES // max(1, n_rows))
    return (slice(start, min(start + width, n_columns)) for start in range(0, n_columns, width))


@dataclass(frozen=True)
class TrainingData:
    """Rows with their classes, in single precision, as networks are trained."""

    values: np.ndarray  # (n, n_varying); 0, the mean, where an entry is missing
    codes: np.ndarray  # Class of each row (n,), all zero without labels
    class_priors: np.ndarray  # Share of each class (n_classes,)
    observed: np.ndarray | None  # Mask of the entries that are not missing; None when none is
    labelled: bool  # Whether there were labels

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        codes: np.ndarray,
        scaling: Scaling,
        *,
        labelled: bool,
        order: np.ndarray | None = None,
    ) -> "TrainingData":
        """Put rows (n, n_features) on the network's scale, in the given order."""
        order = np.arange(len(X)) if order is None else order
        codes = codes[order]
        varying = np.flatnonzero(scaling.varies)
        values = np.empty((len(X), len(varying)), dtype=np.float32)
        observed: np.ndarray | None = None
        for block in column_blocks(len(X), len(varying)):
            columns = varying[block]
            rows = (X[:, columns] - scaling.shift[columns]) / scaling.scale[columns]
            missing = np.isnan(rows)
            if missing.any():
                if observed is None:
                    observed = np.ones(values.shape, dtype=bool)
                observed[:, block] = ~missing[order]
                rows[missing] = 0.0
            values[:, block] = rows[order]
        return cls(values, codes, np.bincount(codes) / len(codes), observed, labelled)

    @property
    def n_features(self) -> int:
        """Columns that vary."""
        return self.values.shape[1]

    def take(self, index: np.ndarray) -> np.ndarray:
        """Return the values of some rows; not copied where they follow one another."""
        first = int(index[0])
        consecutive = bool((index == np.arange(first, first + len(index))).all())
        return self.values[first : first + len(index)] if consecutive else self.values[index]

    def with_nan(self, index: np.ndarray) -> np.ndarray:
        """Return the values of some rows as float64, NaN where an entry is missing."""
        values = self.values[index].astype(np.float64)
        return values if self.observed is None else np.where(self.observed[index], values, np.nan)

    def within_class_variance(self) -> np.ndarray:
        """Return the variance around the class means of what was observed, (n_varying,)."""
        return within_class_variance(self.values, self.codes, self.observed)

    def class_means(self) -> np.ndarray:
        """Return the mean of each class over what was observed, (n_classes, n_varying)."""
        return class_means(self.values, self.codes, self.observed)


def within_class_variance(
    rows: np.ndarray, codes: np.ndarray, observed: np.ndarray | None = None
) -> np.ndarray:
    """Return each feature's variance around the class means, pooled over classes."""
    present = np.unique(codes)
    if len(present) == len(rows):
        codes, present = np.zeros(len(rows), dtype=int), np.array([0])
    variance = np.empty(rows.shape[1])
    for columns in column_blocks(*rows.shape):
        total, freedom = 0.0, -float(len(present))
        for code in present:
            in_class = codes == code
            part = rows[in_class, columns].astype(np.float64)
            weight = np.ones(1) if observed is None else observed[in_class, columns]
            count = len(part) if observed is None else np.maximum(weight.sum(axis=0), 1)
            mean = (part * weight).sum(axis=0) / count
            total = total + (np.square(part - mean) * weight).sum(axis=0)
            freedom = freedom + count
        variance[columns] = total / np.maximum(1, freedom)
    return variance


def class_means(
    rows: np.ndarray, codes: np.ndarray, observed: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean of each class, (n_classes, n_features); codes 0, 1, ... are all present.

    A class of which nothing was observed in a column has the mean of the others there.
    """
    means = np.empty((codes.max() + 1, rows.shape[1]))
    for columns in column_blocks(*rows.shape):
        for code in range(len(means)):
            in_class = codes == code
            part = rows[in_class, columns].astype(np.float64)
            if observed is None:
                means[code, columns] = part.mean(axis=0)
                continue
            weight = observed[in_class, columns]
            with np.errstate(invalid="ignore"):
                means[code, columns] = (part * weight).sum(axis=0) / weight.sum(axis=0)
    unknown = np.isnan(means)
    if unknown.any():
        known = np.maximum(1, (~unknown).sum(axis=0))
        means = np.where(unknown, np.where(unknown, 0.0, means).sum(axis=0) / known, means)
    return means


def grouped_splits(
    codes: np.ndarray,
    groups: np.ndarray,
    fraction: float,
    *,
    crossed: bool,
    rng: np.random.Generator,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return `validation_splits` that hold out whole groups (n,), each by its commonest class.

    No class is held out as a whole where it has rows of two groups; where this leaves no group to
    hold out, rows are.
    """
    table = np.zeros((int(groups.max()) + 1, int(codes.max()) + 1), dtype=int)
    np.add.at(table, (groups, codes), 1)
    splits = []
    if len(table) > 2:
        parts = validation_splits(table.argmax(axis=1), fraction, crossed=crossed, rng=rng)
        splits = [_rows_of_groups(table, groups, heldout) for _, heldout in parts]
    if not splits or not all(heldout.size for _, heldout in splits):
        return validation_splits(codes, fraction, crossed=crossed, rng=rng)
    return splits


def _rows_of_groups(
    table: np.ndarray, groups: np.ndarray, heldout: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    trained = np.delete(table, heldout, axis=0).any(axis=0)
    kept = heldout[~(table[heldout][:, ~trained] > 0).any(axis=1)]
    out = np.isin(groups, kept)
    return np.flatnonzero(~out), np.flatnonzero(out)


def validation_splits(
    codes: np.ndarray, fraction: float, *, crossed: bool, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (training, held-out) row indices, once, or twice with other rows held out."""
    training, heldout = validation_split(codes, fraction, rng=rng)
    if not crossed:
        return [(training, heldout)]
    present, remaining = np.unique(codes[training], return_inverse=True)
    if len(training) <= max(2, len(present)):
        return [(training, heldout)] * 2
    second = training[validation_split(remaining, len(heldout) / len(training), rng=rng)[1]]
    return [(training, heldout), (np.setdiff1d(np.arange(len(codes)), second), second)]


def validation_split(
    codes: np.ndarray, fraction: float, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into those that train and those held out, each class in proportion.

    Every class keeps at least one training row, and at least one row is held out. Only when every
    class has a single row are rows held out whatever their class.
    """
    if np.bincount(codes).max() < 2:
        codes = np.zeros_like(codes)
    counts = np.bincount(codes)
    most = len(codes) - max(2, int(np.count_nonzero(counts)))
    quotas = _quotas(counts, max(1, min(round(fraction * len(codes)), most)), rng)
    heldout = np.concatenate(
        [rng.permutation(np.flatnonzero(codes == code))[:n] for code, n in enumerate(quotas)]
    )
    return np.setdiff1d(np.arange(len(codes)), heldout), np.sort(heldout)


def _quotas(counts: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """Share `total` among classes in proportion to `counts` (largest remainder), one row kept."""
    shares = total * counts / counts.sum()
    capacity = np.maximum(counts - 1, 0)
    quotas = np.minimum(shares.astype(int), capacity)
    order = rng.permutation(len(counts))  # ties fall to no class in particular
    while quotas.sum() < total:
        remainder = np.where(quotas < capacity, shares - quotas, -np.inf)
        quotas[order[np.argmax(remainder[order])]] += 1
    return quotas


def dense_rows(X: Any) -> Any:
    """Return rows that came as a sparse matrix, or a DataFrame of sparse columns, as dense ones."""
    if sparse.issparse(X):
        return X.toarray(order="C")
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(X, pandas.DataFrame):
        return X
    subtypes = {n: t.subtype for n, t in X.dtypes.items() if isinstance(t, pandas.SparseDtype)}
    return X.astype(subtypes) if subtypes else X


def check_labels(y: Any, *, owner: str) -> Any:
    """Return `y`, object labels as an array of one type; no column of labels unchanged."""
    labels = None if y is None else np.asarray(y)
    if labels is None or labels.ndim != 1:
        return y
    missing = [label for label in labels.tolist() if _is_missing(label)]
    if missing:
        raise InputError(f"{owner}: y must hold a label for every row, got {missing[0]!r}.")
    if labels.dtype != object:
        return labels
    if all(isinstance(label, Number | np.bool_) for label in labels):
        return np.array(labels.tolist())
    try:
        np.unique(labels)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise InputError(f"{owner}: y must hold labels of one type, got {kinds}.") from None
    return labels


def encode_labels(
    y: Any, n: int, *, required: bool, owner: str = "encode_labels"
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the classes, sorted, and the code of each row (n,)."""
    labels = check_labels(_one_column(y), owner=owner)
    if required and not _are_objects(labels):
        check_classification_targets(labels)
    one_a_row = labels is not None and np.shape(labels) == (n,)
    if not one_a_row or not (required or _are_classes(labels)):
        return None, np.zeros(n, dtype=int)
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes


def codes_of(y: Any, classes: np.ndarray | None, n: int, *, owner: str) -> np.ndarray | None:
    """Return the codes (n,) of labels that fit has seen; None for None."""
    if y is None or classes is None:
        return None
    labels = _one_column(y)
    if labels.shape != (n,):
        raise InputError(f"{owner}: y must hold {n} labels, one a row, got shape {labels.shape}.")
    known = codes_by_label(classes)
    unknown = [label for label in labels.tolist() if label not in known]
    if unknown:
        raise InputError(f"{owner}: y must hold labels seen in fit, got {unknown[0]!r}.")
    return np.array([known[label] for label in labels.tolist()], dtype=int)


def codes_by_label(classes: np.ndarray) -> dict[Any, int]:
    """Return the code of each label."""
    return {label: code for code, label in enumerate(classes.tolist())}


def _one_column(y: Any) -> Any:
    labels = None if y is None else np.asarray(y)
    column = labels is not None and labels.ndim == 2 and labels.shape[1] == 1
    return labels[:, 0] if column and labels is not None else labels


def _is_missing(label: Any) -> bool:
    if label is None or (isinstance(label, float) and math.isnan(label)):
        return True
    return type(label).__name__ in ("NAType", "NaTType")  # pandas', which need not be imported


def _are_objects(labels: Any) -> bool:
    """Return whether labels are neither numbers nor strings; scikit-learn does not know such."""
    if labels is None or labels.dtype != object or labels.ndim != 1:
        return False
    return not all(isinstance(label, str) for label in labels)


def _are_classes(y: np.ndarray) -> bool:
    if _are_objects(y):
        return True
    with captured_warnings():  # "many classes, is this a regression?" is what we ask
        return type_of_target(y) in ("binary", "multiclass")
