"""Nearest neighbours: all distances of a mask from one matrix product, then votes."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from vaega.core.kernels import kernel, multiply, padded, part, select
from vaega.data._splits import Fold
from vaega.engines._base import (
    DECISION,
    PREDICT,
    PROBA,
    Predictions,
    cached_on,
    has_valid_params,
    relative_error,
)

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = False
EXACT = True
RANDOM = False

_FLOAT32_ROWS = 1e-10  # relative error of scikit-learn's squared distances of float32 rows
_TINY32, _TINY64 = np.float32(1e-37), 1e-300  # what underflows of a term


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a nearest-neighbour classifier is not computed here, if any."""
    is_euclidean = estimator.metric == "euclidean" or (
        estimator.metric == "minkowski" and estimator.p == 2
    )
    if not is_euclidean:
        name = "p" if estimator.metric == "minkowski" else "metric"
        return f"{name}={getattr(estimator, name)!r}"
    if estimator.metric_params:
        return f"metric_params={estimator.metric_params!r}"
    is_uniform = isinstance(estimator.weights, str) and estimator.weights == "uniform"
    return None if is_uniform else f"weights={estimator.weights!r}"


def predict(
    estimator: KNeighborsClassifier,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the predictions of nearest neighbours for each mask."""
    shape = len(masks), len(fold.y_validate)
    rows = cached_on(fold, "neighbours", lambda: _make_rows(fold))
    is_ranking = response_method == DECISION
    if not _is_usual(estimator, fold) or (is_ranking and rows.n_classes != 2):
        return Predictions.uncertain(*shape)
    codes, certain = np.full(shape, -1), np.empty(len(masks), dtype=bool)
    votes = np.empty((*((0, 0) if response_method == PREDICT else shape), rows.n_classes))
    vote(
        np.ascontiguousarray(masks if rows.usable.all() else masks & rows.usable),
        rows.near,
        rows.exact,
        rows.errors,
        rows.scale**2,
        rows.codes,
        int(estimator.n_neighbors),
        codes,
        certain,
        votes,
    )
    if not rows.usable.all():
        certain &= ~masks[:, ~rows.usable].any(axis=1)  # scikit-learn refuses these
    if response_method == PREDICT:
        return Predictions(codes, certain)
    values = votes / int(estimator.n_neighbors)
    return Predictions(codes, certain, values[:, :, 1] if is_ranking else values)


def _is_usual(estimator: KNeighborsClassifier, fold: Fold) -> bool:
    """Whether scikit-learn takes the settings, and rows of one precision."""
    k, dtypes = estimator.n_neighbors, {fold.X_fit.dtype, fold.X_validate.dtype}
    is_usual = dtypes in ({np.dtype(np.float32)}, {np.dtype(np.float64)})
    is_usual &= isinstance(k, Integral) and 1 <= int(k) <= len(fold.y_fit)
    return is_usual and has_valid_params(estimator)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Fit and validation rows, as they are and by column, centred and scaled, in float32."""

    exact: tuple[np.ndarray, np.ndarray]  # (n_rows, n_columns), float64
    near: tuple[np.ndarray, np.ndarray]  # (n_columns, padded rows), float32
    # By the number of columns, relative errors of a distance in float32 and in float64; by column,
    # the largest squares of a fit and a validation row
    errors: tuple[np.ndarray, np.ndarray, np.ndarray]
    scale: float  # Of the rows in float32
    codes: np.ndarray
    n_classes: int
    usable: np.ndarray  # Which columns are finite


def _make_rows(fold: Fold) -> _Rows:
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    counts = np.arange(fold.X_fit.shape[1] + 1)
    in_double = relative_error(counts)
    if fold.X_fit.dtype != np.float64:
        in_double = np.maximum(in_double, _FLOAT32_ROWS)
    X_fit, X_validate = (_writeable(X) for X in (fold.X_fit, fold.X_validate))
    with np.errstate(all="ignore"):
        facts = np.stack([_summed_up(X) for X in (X_fit, X_validate)])  # (2, 3, n_columns)
        lowest, highest, total = facts.swapaxes(0, 1)
        usable = np.isfinite(total).all(axis=0)
        middle = np.where(usable, total[0] / len(X_fit), 0.0)
        squares = np.maximum(lowest**2, highest**2).sum(axis=0)
        largest = np.maximum(highest - middle, middle - lowest).max(axis=0)
        scale = _scale_of(largest.max(where=usable, initial=0.0))
    near = _by_column(X_fit, middle, scale), _by_column(X_validate, middle, scale)
    errors = relative_error(counts, np.float32), in_double, squares
    exact = X_fit, X_validate
    return _Rows(exact, near, errors, scale, codes.astype(np.int64), len(classes), usable)


def _writeable(X: np.ndarray) -> np.ndarray:
    """Return rows as kernels are compiled for: a worker's files are not to be written."""
    X = np.ascontiguousarray(X, dtype=float)
    return np.asarray(X) if X.flags.writeable else np.array(X)


def _summed_up(X: np.ndarray) -> np.ndarray:
    facts = np.zeros((3, X.shape[1]))
    if len(X):
        summarise(X, facts)
    return facts


@kernel
def summarise(X, facts):  # type: ignore[no-untyped-def]
    """Write the least and the greatest value and the sum of each column, (3, n_columns)."""
    lowest, highest, total = facts[0], facts[1], facts[2]
    lowest[:] = X[0]
    highest[:] = X[0]
    for i in range(len(X)):
        row = X[i]
        for j in range(len(row)):
            value = row[j]
            lowest[j] = value if value < lowest[j] else lowest[j]
            highest[j] = value if value > highest[j] else highest[j]
            total[j] += value


def _scale_of(largest: float) -> float:
    """Return a power of 2, which moves no bit; 0 where squares overflow or vanish."""
    is_usual = 1e-100 < largest < 1e100
    return float(np.ldexp(1.0, -int(np.frexp(largest)[1]))) if is_usual else 0.0


def _by_column(X: np.ndarray, middle: np.ndarray, scale: float) -> np.ndarray:
    columns = np.zeros((X.shape[1], padded(len(X), np.float32)), dtype=np.float32)
    write_columns(X, middle, scale, columns)
    return columns


_GROUP = 16  # columns that are turned at once: as many lines of memory are written


@kernel
def write_columns(X, middle, scale, columns):  # type: ignore[no-untyped-def]
    """Write rows by column, centred and scaled, in float32."""
    for start in range(0, X.shape[1], _GROUP):
        end = min(start + _GROUP, X.shape[1])
        for i in range(len(X)):
            for j in range(start, end):
                columns[j, i] = np.float32((X[i, j] - middle[j]) * scale)


_TWO = np.float32(2.0)
_LANES = 32  # fit rows that are compared at once
_MANY_LANES = 256
_CACHE = 24_576  # distances that are computed before they are read: of as many rows as that holds


@kernel
def vote(  # type: ignore[no-untyped-def]
    masks, near_rows, exact, errors, unit, fit_codes, k, codes, certain, values
):
    """Write the class that the k nearest fit rows of each validation row vote for, and the votes.

    Distances from a product in float32 leave few candidates, which are measured in float64, column
    by column as scikit-learn's trees do. Two distances differ for certain by more than twice the
    error bound of one, ``relative_error(n) * (|x| + |y|)^2 <= relative_error(n) * 2 (x^2 + y^2)``.
    """
    n_rows, n_columns, n_fit = codes.shape[1], len(masks[0]), len(fit_codes)
    near_fit, near_validate = near_rows
    width = near_fit.shape[1]
    step = max(5, _CACHE // width // 5 * 5)
    products = np.empty((step, width), np.float32)
    squares = np.empty((2, max(width, near_validate.shape[1])), np.float32)
    indices, candidates = np.empty(n_columns, np.int64), np.empty(width, np.int64)
    nearest, lanes = np.empty(k, np.float32), np.empty(width + _MANY_LANES, np.float32)
    distances, farthest = np.empty(width), np.empty(k)
    votes = np.empty((2, values.shape[2]))
    for m in range(len(masks)):
        n = select(masks[m], indices)
        columns, size = indices[:n], 0.0
        for f in columns:
            size += errors[2][f]
        error = 4.0 * errors[1][n] * size + _TINY64
        longest = _sum_squares(near_fit, columns, squares[0])
        _sum_squares(near_validate, columns, squares[1])
        for j in range(n_fit, width):
            squares[0, j] = np.nan  # what fills up is never near
        certain[m] = True
        for start in range(0, n_rows, step):
            rows = near_validate[:, start : min(start + step, n_rows)].T
            dots = products[: len(rows)]
            multiply(dots, rows, columns, near_fit, columns)
            for r in range(len(rows)):
                i = start + r
                near = 4.0 * errors[0][n] * (longest + squares[1, i]) + n * _TINY32 + error * unit
                near = np.float32(near)
                n_near = _find_candidates(
                    dots[r], squares[0, :width], near, nearest, candidates, lanes
                )
                n_certain = n_near
                if n_near > k:
                    _measure_candidates(exact, i, columns, candidates, n_near, distances)
                    n_certain, n_near = _sort_out(distances, error, farthest, candidates, n_near)
                is_certain = _count_votes(
                    fit_codes, candidates, n_certain, n_near, k, len(values) > 0, votes
                )
                codes[m, i] = _most_votes(votes)
                certain[m] &= is_certain
                if len(values):
                    values[m, i] = votes[0]
            if not certain[m]:
                break


@part
def _find_candidates(products, lengths, error, nearest, candidates, lanes):  # type: ignore[no-untyped-def]
    """Write the fit rows that may be among the k nearest; return how many there are."""
    k = len(nearest)
    high = np.float32(_bound(products, lengths, nearest, lanes) + error)
    n_near = _scan(products, lengths, high, error, nearest, candidates, lanes)
    n_left = 0
    for j in range(n_near):
        if lanes[candidates[j]] <= np.float32(nearest[k - 1] + error):
            candidates[n_left] = candidates[j]
            n_left += 1
    return n_left


@kernel
def _sum_squares(rows, columns, lengths):  # type: ignore[no-untyped-def]
    """Sum the squares of the columns of each row; return the largest sum."""
    longest, n = 0.0, rows.shape[1]
    for j in range(n):
        lengths[j] = 0.0
    for f in columns:
        for j in range(n):
            lengths[j] += rows[f, j] * rows[f, j]
    for j in range(n):
        longest = max(longest, lengths[j])
    return longest


@part
def _bound(products, lengths, nearest, lowest):  # type: ignore[no-untyped-def]
    """Return what the k nearest are not farther than: the k-th of the least distances of lanes."""
    n, k = len(lengths), len(nearest)
    for j in range(k):
        nearest[j] = np.inf
    if k > _LANES // 2:
        return np.float32(np.inf)
    lanes = _LANES
    while lanes < min(n, _MANY_LANES):
        lanes *= 2
    for j in range(lanes):
        lowest[j] = np.inf
    for start in range(0, n, lanes):
        dots, squares = products[start:], lengths[start : start + lanes]
        for j in range(len(squares)):
            distance = squares[j] - _TWO * dots[j]
            lowest[j] = distance if distance < lowest[j] else lowest[j]
    while lanes > _LANES:
        lanes //= 2
        for j in range(lanes):
            lowest[j] = lowest[j + lanes] if lowest[j + lanes] < lowest[j] else lowest[j]
    for j in range(_LANES):
        if lowest[j] < nearest[k - 1]:
            _insert(nearest, k - 1, lowest[j])
    bound = nearest[k - 1]
    for j in range(k):
        nearest[j] = np.inf
    return bound


@part
def _scan(products, lengths, high, error, nearest, candidates, distances):  # type: ignore[no-untyped-def]
    n_near, k = 0, len(nearest)
    for start in range(0, len(lengths), _LANES):
        dots, squares, n_below = products[start:], lengths[start : start + _LANES], 0
        for j in range(len(squares)):  # without a branch, so that it takes vectors
            n_below += squares[j] - _TWO * dots[j] <= high
        if n_below == 0:
            continue
        for j in range(start, start + len(squares)):
            distance = lengths[j] - _TWO * products[j]
            if distance <= high:
                distances[j], candidates[n_near] = distance, j
                n_near += 1
                if distance < nearest[k - 1]:
                    _insert(nearest, k - 1, distance)
                    high = min(high, np.float32(nearest[k - 1] + error))
    return n_near


@part
def _measure_candidates(exact, i, columns, candidates, n_near, distances):  # type: ignore[no-untyped-def]
    for j in range(n_near):
        distances[candidates[j]] = 0.0
    for f in columns:  # in this order, as scikit-learn's trees do
        value = exact[1][i, f]
        for j in range(n_near):
            away = value - exact[0][candidates[j], f]
            distances[candidates[j]] += away * away


@part
def _sort_out(distances, error, nearest, candidates, n_near):  # type: ignore[no-untyped-def]
    """Return how many candidates are nearest for certain, and how many may be; the former first."""
    k = len(nearest)
    for j in range(k):
        nearest[j] = np.inf
    for j in range(n_near):
        if distances[candidates[j]] < nearest[k - 1]:
            _insert(nearest, k - 1, distances[candidates[j]])
    n_left, n_certain = 0, 0
    for j in range(n_near):
        if distances[candidates[j]] <= nearest[k - 1] + error:
            candidates[n_left] = candidates[j]
            n_left += 1
    for j in range(n_left):
        index = candidates[j]
        if n_left == k or distances[index] < nearest[k - 1] - error:
            candidates[j], candidates[n_certain] = candidates[n_certain], index
            n_certain += 1
    return n_certain, n_left


@part
def _insert(nearest, n, distance):  # type: ignore[no-untyped-def]
    while n > 0 and nearest[n - 1] > distance:
        nearest[n] = nearest[n - 1]
        n -= 1
    nearest[n] = distance


@part
def _count_votes(codes, candidates, n_certain, n_near, k, all_votes, votes):  # type: ignore[no-untyped-def]
    """Count votes; return whether they are certain, or only the winner unless `all_votes` matter.

    Whichever of the uncertain candidates are nearest, a class gets `votes[0]` at least and
    `votes[1]` at most.
    """
    n_classes = votes.shape[1]
    for c in range(n_classes):
        votes[0, c] = votes[1, c] = 0.0
    if n_near < k:  # numbers beyond the range
        return False
    for j in range(n_certain, n_near):
        votes[1, codes[candidates[j]]] += 1.0
    n_left, n_uncertain, is_certain = k - n_certain, n_near - n_certain, True
    for c in range(n_classes):
        uncertain = votes[1, c]
        votes[0, c], votes[1, c] = (
            max(0.0, n_left - (n_uncertain - uncertain)),
            min(n_left, uncertain),
        )
        is_certain &= votes[0, c] == votes[1, c]
    for j in range(n_certain):
        votes[0, codes[candidates[j]]] += 1.0
        votes[1, codes[candidates[j]]] += 1.0
    if is_certain or all_votes:
        return is_certain
    best = _most_votes(votes)
    least, is_settled = votes[0, best], True
    for c in range(n_classes):
        is_settled &= c == best or votes[1, c] < least or (votes[1, c] == least and c > best)
    return is_settled


@part
def _most_votes(votes):  # type: ignore[no-untyped-def]
    best = 0
    for c in range(1, votes.shape[1]):
        if votes[0, c] > votes[0, best]:
            best = c
    return best
