"""How alike the correlations of two sets of rows are, over all pairs of columns."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# More columns than that are represented by so many of them, chosen at random.
MAX_COLUMNS = 8000
# Columns on each side of a block of pairs.
BLOCK = 1024


@dataclass(frozen=True)
class CorrelationSimilarity:
    """The mean over pairs of columns."""

    mean: float  # Of the pairs' scores, in [0, 1]; NaN without a pair
    n_columns: int  # Columns that vary on both sides, and their pairs
    n_pairs: int  # Columns that vary on both sides, and their pairs


def correlation_scores(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return ``1 - |r_real - r_synthetic| / 2`` of each pair of columns, r being Pearson's.

    Equal to the score of SDMetrics' ``CorrelationSimilarity``. Memory is the square of the columns;
    `correlation_similarity` needs none of it.
    """
    constant = _constant(real) | _constant(synthetic)
    left, right = _unit_columns(real), _unit_columns(synthetic)
    scores = 1.0 - np.abs(_products(left, left) - _products(right, right)) / 2.0
    scores[constant] = scores[:, constant] = np.nan
    return scores


def correlation_similarity(
    real: np.ndarray,
    synthetic: np.ndarray,
    *,
    rng: np.random.Generator,
    max_columns: int = MAX_COLUMNS,
) -> CorrelationSimilarity:
    """Return the mean of `correlation_scores` over all pairs of different columns, by blocks."""
    columns = np.flatnonzero(~(_constant(real) | _constant(synthetic)))
    if len(columns) > max_columns:
        columns = np.sort(rng.choice(columns, max_columns, replace=False))
    n_pairs = len(columns) * (len(columns) - 1) // 2
    if n_pairs == 0:
        return CorrelationSimilarity(float("nan"), len(columns), 0)
    left, right = _unit_columns(real[:, columns]), _unit_columns(synthetic[:, columns])
    total = sum(_gap(left, right, *block) for block in _blocks(len(columns)))
    return CorrelationSimilarity(1.0 - total / n_pairs / 2.0, len(columns), n_pairs)


def _blocks(n: int) -> Iterator[tuple[slice, slice]]:
    for row in range(0, n, BLOCK):
        for column in range(row, n, BLOCK):
            yield slice(row, row + BLOCK), slice(column, column + BLOCK)


def _gap(left: np.ndarray, right: np.ndarray, rows: slice, columns: slice) -> float:
    """Sum ``|r - r'|`` over the pairs of a block; a block on the diagonal has each pair twice."""
    gaps = _products(left[:, rows], left[:, columns])
    gaps -= _products(right[:, rows], right[:, columns])
    total = float(np.abs(gaps, out=gaps).sum())
    return total / 2.0 if rows == columns else total


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.clip(left.T @ right, -1.0, 1.0)


def _unit_columns(X: np.ndarray) -> np.ndarray:
    centred = X - X.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return centred / np.where(length > 0, length, 1.0)


def _constant(X: np.ndarray) -> np.ndarray:
    return np.ptp(X, axis=0) == 0
