"""The affine scale on which an autoencoder sees rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vaega.core.errors import InputError

# Numbers in a block of columns, about: 8 MiB of float64.
BLOCK_ENTRIES = 1 << 20
# Squares of numbers of any other size may be infinite, or lose their bits.
LEAST_SQUARED, MOST_SQUARED = 1e-130, 1e140
# Of larger numbers, sums of squares may not be finite in single precision, as networks compute, and
# sums of fourth powers in double precision, as closed forms do.
MOST_SINGLE, MOST_DOUBLE = 1e12, 1e60


@dataclass(frozen=True)
class Scaling:
    """Columns that vary, shifted and divided; columns that don't, remembered.

    A constant column teaches nothing and would dilute the decoder's noise, so that the network
    never sees it; it comes back exactly.
    """

    shift: np.ndarray  # What is subtracted; the value itself where a column is constant
    scale: np.ndarray  # What is divided by, 1 where a column is constant
    varies: np.ndarray  # The columns the network sees

    @classmethod
    def fitted(cls, X: np.ndarray, *, owner: str, standardize: bool = True) -> "Scaling":
        """Learn the scale from rows (n, n_features); with `standardize` False only the constants.

        Entries that are NaN are left out; a column of nothing else counts as a constant 0.
        """
        shift, scale = np.empty(X.shape[1]), np.ones(X.shape[1])
        varies = np.empty(X.shape[1], dtype=bool)
        for own in column_blocks(*X.shape):
            mean, deviation, varies[own] = _measure(X[:, own])
            shift[own] = mean
            if standardize:
                scale[own] = np.where(varies[own], deviation, 1.0)
            else:
                shift[own] = np.where(varies[own], 0.0, mean)
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


def column_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Return slices of columns, so wide that a copy of a block stays small beside wide data."""
    width = max(16, BLOCK_ENTRIES // max(1, n_rows))
    return (slice(start, min(start + width, n_columns)) for start in range(0, n_columns, width))


def check_size(X: np.ndarray, most: float, *, owner: str) -> None:
    """Refuse rows that are used as they are and too large to compute with."""
    for own in column_blocks(*X.shape):
        largest = float(np.fmax.reduce(np.abs(X[:, own]), axis=None, initial=0.0))
        if largest > most:
            raise InputError(
                f"{owner}: values must be at most {most:g} in size when they are not standardised, "
                f"got {largest:g}."
            )


def binary_units(largest: np.ndarray) -> np.ndarray:
    """Return powers of two near the largest sizes of columns, to divide them by without a loss."""
    return np.exp2(np.floor(np.log2(np.where(largest > 0.0, largest, 1.0))))


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
        seen = ~np.isnan(X)
        count = np.maximum(seen.sum(axis=0), 1)
        filled = np.where(seen, X, 0.0)
        first = filled[seen.argmax(axis=0), np.arange(X.shape[1])]
        largest, mean = np.abs(filled).max(axis=0), filled.sum(axis=0) / count
        deviation = np.sqrt((np.square(filled - mean) * seen).sum(axis=0) / count)
    # The deviation of equal floats is rounding error, up to a few ulp of their size.
    varies = deviation > 10 * np.finfo(np.float64).eps * largest
    return np.where(varies, mean, first), deviation, varies
