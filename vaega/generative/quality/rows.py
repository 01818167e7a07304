"""The rows that a measurement compares: fitted on, synthetic, held out."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_X_y

from vaega.core.errors import InputError
from vaega.generative.labels import check_labels
from vaega.generative.scaling import binary_units

# Smaller numbers are nothing to measures that round, larger ones too much for squares.
LEAST_SIZE, MOST_SIZE = 1e-6, 1e100


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """Three sets of rows with the codes of their classes."""

    # Rows that the generator was fitted on, rows that it made, rows that it never saw
    X_fit: np.ndarray
    y_fit: np.ndarray  # Codes into `classes`
    # Rows that the generator was fitted on, rows that it made, rows that it never saw
    X_synthetic: np.ndarray
    y_synthetic: np.ndarray  # Codes into `classes`
    # Rows that the generator was fitted on, rows that it made, rows that it never saw
    X_test: np.ndarray
    y_test: np.ndarray  # Codes into `classes`
    classes: np.ndarray  # Sorted labels of the fit rows

    @property
    def varies(self) -> np.ndarray:
        """Which columns (n_features,) vary among the fit rows."""
        return np.ptp(self.X_fit, axis=0) > 0

    def in_units(self) -> "ComparedRows":
        """Return the rows with columns of extreme size divided by a power of two, near 1.

        Nothing else changes: shapes of distributions and correlations stay what they are, and can
        be computed.
        """
        largest = np.abs(self.X_fit).max(axis=0)
        extreme = ((largest > 0.0) & (largest < LEAST_SIZE)) | (largest > MOST_SIZE)
        if not extreme.any():
            return self
        unit = binary_units(np.where(extreme, largest, 1.0))
        parts = [X / unit for X in (self.X_fit, self.X_synthetic, self.X_test)]
        names = ("X_fit", "X_synthetic", "X_test")
        return replace(self, **dict(zip(names, parts, strict=True)))

    def scaled(self, *, limit: float = np.inf) -> "ComparedRows":
        """Return the rows standardised by the fit rows, without columns constant there."""
        kept = self.varies
        mean, deviation = self.X_fit[:, kept].mean(axis=0), self.X_fit[:, kept].std(axis=0)
        # A deviation may round to 0 where the values differ in their last bits.
        scale = np.where(deviation > 0, deviation, 1.0)
        parts = [
            np.clip((X[:, kept] - mean) / scale, -limit, limit)
            for X in (self.X_fit, self.X_synthetic, self.X_test)
        ]
        codes = self.y_fit, self.y_synthetic, self.y_test
        return ComparedRows(
            parts[0], codes[0], parts[1], codes[1], parts[2], codes[2], self.classes
        )

    def matched(self, rng: np.random.Generator) -> np.ndarray:
        """Choose synthetic rows as many in each class as are held out, or as many as there are."""
        counts = np.bincount(self.y_test, minlength=len(self.classes))
        chosen = [
            rng.permutation(np.flatnonzero(self.y_synthetic == code))[:count]
            for code, count in enumerate(counts)
        ]
        return np.sort(np.concatenate(chosen))


def check_rows(
    X_fit: Any,
    y_fit: Any,
    X_synthetic: Any,
    y_synthetic: Any,
    X_test: Any,
    y_test: Any,
    *,
    owner: str = "measure_rows",
) -> ComparedRows:
    """Return the rows as arrays of equal width with labels coded by those of the fit rows."""
    X_fit, y_fit = check_labelled(X_fit, y_fit, "y_fit", owner=owner)
    classes, codes = np.unique(y_fit, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"{owner}: y_fit must hold two classes or more, got {len(classes)}.")
    if not np.ptp(X_fit, axis=0).any():
        raise InputError(f"{owner}: needs a column that varies, got {X_fit.shape[1]} constant.")
    width = X_fit.shape[1]
    X_synthetic = _checked(X_synthetic, "X_synthetic", width, owner)
    X_test = _checked(X_test, "X_test", width, owner)
    synthetic = _coded(y_synthetic, "y_synthetic", classes, len(X_synthetic), owner)
    test = _coded(y_test, "y_test", classes, len(X_test), owner)
    fewest = np.bincount(synthetic, minlength=len(classes))
    if fewest.min() < 2:
        raise InputError(
            f"{owner}: every class needs at least two synthetic rows, got {fewest.min()} of "
            f"{classes.tolist()[fewest.argmin()]!r}."
        )
    return ComparedRows(X_fit, codes, X_synthetic, synthetic, X_test, test, classes)


def check_labelled(X: Any, y: Any, name: str, *, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and their labels as arrays."""
    if y is None:
        raise InputError(f"{owner}: {name} must hold a label for every row, got None.")
    labels = check_labels(y, owner=owner)
    X, labels = check_X_y(X, labels, dtype=np.float64, ensure_min_samples=3)
    return X, labels


def _checked(X: Any, name: str, width: int, owner: str) -> np.ndarray:
    X = check_array(X, dtype=np.float64, input_name=name)
    if X.shape[1] != width:
        raise InputError(f"{owner}: {name} must have {width} columns, got {X.shape[1]}.")
    return X


def _coded(y: Any, name: str, classes: np.ndarray, n: int, owner: str) -> np.ndarray:
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise InputError(f"{owner}: {name} must hold {n} labels, got shape {labels.shape}.")
    known = {label: code for code, label in enumerate(classes.tolist())}
    unknown = [label for label in labels.tolist() if label not in known]
    if unknown:
        raise InputError(f"{owner}: {name} must hold labels of y_fit, got {unknown[0]!r}.")
    return np.array([known[label] for label in labels.tolist()], dtype=int)
