"""Gaussian naive Bayes: the log-likelihoods of a mask are sums over its columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.naive_bayes import GaussianNB

from vaega.core.kernels import add_rows, argmax_of_sums, kernel, least, padded, rank, select
from vaega.data._splits import Fold
from vaega.engines._base import (
    DECISION,
    PREDICT,
    PROBA,
    FittedGaussianNB,
    Predictions,
    cached_on,
    given_priors,
    has_valid_params,
    relative_error,
)

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = True
EXACT = True
RANDOM = False

_LARGEST_TABLE = 2**28  # bytes


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a Gaussian naive Bayes is not computed here: none."""
    return None


def predict(
    estimator: GaussianNB,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the predictions of a Gaussian naive Bayes for each mask.

    Where sums over a table of the columns leave a class uncertain, and for probabilities,
    scikit-learn's own formula is applied to the moments, which no mask changes.
    """
    shape = len(masks), len(fold.y_validate)
    moments = cached_on(fold, "naive bayes", lambda: _moments_of(fold))
    priors = None if moments is None else _priors_of(estimator, moments)
    if moments is None or priors is None or (response_method == DECISION and len(priors) != 2):
        return Predictions.uncertain(*shape)
    smoothing = float(estimator.var_smoothing)
    codes, certain = np.full(shape, -1, dtype=np.int64), np.zeros(len(masks), dtype=bool)
    values = None
    if response_method == PREDICT:
        table = _table_of(fold, moments, smoothing)
        if table is not None:
            certain = _classify_sums(table, masks, priors, codes)
    else:
        values = np.zeros((*shape, len(priors)))
    for row in np.flatnonzero(~certain):
        columns = np.flatnonzero(masks[row])
        if columns.size < 2:  # numpy sums a lone column in another order: left to scikit-learn
            continue
        X = fold.X_validate.take(columns, axis=1)
        with np.errstate(all="ignore"):
            fitted = _fit(moments, columns, priors, smoothing, X)
            certain[row] = np.isfinite(fitted.joint).all()
            codes[row] = fitted.joint.argmax(axis=1)
            if values is not None and certain[row]:
                values[row] = fitted.predict_proba(X)
    if values is not None and response_method == DECISION:
        values = np.ascontiguousarray(values[:, :, 1])
    return Predictions(codes, certain, values)


@dataclass(frozen=True, eq=False)
class _Moments:
    """What scikit-learn learns of each column, to the bit, whatever other columns are selected.

    numpy sums whole rows; only of a column that stands alone it sums in another order.
    """

    means: np.ndarray  # (n_columns, n_classes)
    variances: np.ndarray  # (n_columns, n_classes)
    total_variances: np.ndarray  # Of all fit rows; (n_columns,)
    class_weights: np.ndarray  # Fit rows of the classes, or the sum of their weights; (n_classes,)


def _moments_of(fold: Fold) -> _Moments | None:
    """Return the moments; None where scikit-learn would compute in another precision, or warn."""
    X, weights = np.ascontiguousarray(fold.X_fit), fold.weight_fit
    if X.dtype != np.float64 or not len(X):
        return None
    if weights is not None and not (np.isfinite(weights).all() and (weights >= 0.0).all()):
        return None
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    of_classes = [codes == code for code in range(len(classes))]
    every = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    class_weights = np.array([every[rows].sum() for rows in of_classes])
    if np.isclose(class_weights, 0.0).any():
        return None
    with np.errstate(all="ignore"):
        pairs = [
            _moments_in(X[rows], None if weights is None else every[rows]) for rows in of_classes
        ]
        means, variances = (np.stack(each, axis=1) for each in zip(*pairs, strict=True))
        return _Moments(means, variances, X.var(axis=0), class_weights)


def _moments_in(X: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    if weights is None:
        return X.mean(axis=0), X.var(axis=0)
    mean = np.average(X, axis=0, weights=weights)
    return mean, np.average((X - mean) ** 2, axis=0, weights=weights)


def _priors_of(estimator: GaussianNB, moments: _Moments) -> np.ndarray | None:
    """Return the priors; None for settings that scikit-learn refuses."""
    if not has_valid_params(estimator):
        return None
    if estimator.priors is None:
        return moments.class_weights / moments.class_weights.sum()
    priors = given_priors(estimator, len(moments.class_weights))  # it warns of a zero
    return None if priors is None or not np.isclose(priors.sum(), 1.0) else priors


def _fit(
    moments: _Moments, columns: np.ndarray, priors: np.ndarray, smoothing: float, X: np.ndarray
) -> FittedGaussianNB:
    """Return what scikit-learn would fit to two columns or more, for validation rows of these."""
    raised = smoothing * moments.total_variances[columns].max()
    means, variances = (
        np.ascontiguousarray(each[columns].T) for each in (moments.means, moments.variances)
    )
    return FittedGaussianNB(means, variances + raised, priors, X)


@dataclass(frozen=True, eq=False)
class _Table:
    """What each column adds to the log-likelihoods of the classes, see `tabulate`."""

    terms: np.ndarray  # (n_columns, padded)
    smoothings: np.ndarray  # By which a column raises all variances, if none does more
    floor: float  # The least of them, but of columns that vary by rounding alone
    has_flat: bool  # Whether a class has no spread in some column


def _table_of(fold: Fold, moments: _Moments, smoothing: float) -> _Table | None:
    """Return the table; None where there is nothing to tell apart, or it would be too large."""
    key = "naive bayes", smoothing
    return cached_on(fold, key, lambda: _make_table(fold, moments, smoothing))


def _make_table(fold: Fold, moments: _Moments, smoothing: float) -> _Table | None:
    (n_columns, n_classes), n_rows = moments.means.shape, len(fold.X_validate)
    means, variances = moments.means, moments.variances
    smoothings = smoothing * moments.total_variances
    varies = moments.total_variances > np.square(_ROUNDING * np.abs(means).max(axis=1))
    floor = float(smoothings.min(where=varies, initial=np.inf))
    lowest = np.maximum(smoothings, floor)
    has_flat = bool((variances <= _FLAT * lowest[:, None]).any()) and np.isfinite(floor)
    n_scores, n_bounds = n_rows * (n_classes - 1), _n_bounds(n_rows, n_classes, has_flat)
    size = (n_scores + n_bounds) * (1 + has_flat) + has_flat * (n_classes - 1)
    width = padded(size, np.float64)
    if n_classes < 2 or 8 * n_columns * width > _LARGEST_TABLE:
        return None
    terms, by_column = np.zeros((n_columns, width)), np.ascontiguousarray(fold.X_validate.T)
    gamma, n_flat = float(relative_error(n_columns)), n_bounds if has_flat else 0
    raised = lowest if has_flat else smoothings
    tabulate(by_column, means, variances, raised, gamma, n_bounds, n_flat, terms)
    return _Table(terms, smoothings, floor, has_flat)


def _n_bounds(n_rows: int, n_classes: int, has_flat: bool) -> int:
    # A class of few rows may have no spread in a column. Rows away from it are certainly of another
    # class, by huge log-likelihoods with large errors: among many classes there is such a one for
    # most rows. For two a bound a row would take as long as the scores.
    return n_rows if n_classes > 2 or has_flat else 1


_FLAT = 1e-6  # of the smoothing: a variance below does not count beside it
_ROUNDING = 1e-12  # of a column's values: a standard deviation below is that of their rounding


@kernel
def tabulate(by_column, means, variances, smoothings, gamma, n_bounds, n_flat, table):  # type: ignore[no-untyped-def]
    """Write what each column adds to the log-likelihoods of classes less that of the first one.

    A row of `table`: (n_classes - 1) times n_rows log-likelihoods, then `n_bounds` error bounds.
    All variances are raised by the largest of `smoothings`; what raises them in a mask lies between
    the column's own and this one. It moves log(v) + (x - m)^2 / v by at most the difference
    over v times 1 + (x - m)^2 / v at the lower v, and rounding by `gamma` times the sizes of the
    terms. Where a class has no spread in a column, the mask's own smoothing is its variance: then
    come, if `n_flat`, the squares (x - m)^2 of these classes less those of the first one, the
    largest of them by row, and how many such classes there are more.
    """
    (n_columns, n_classes), n_rows = means.shape, by_column.shape[1]
    raised, n_scores = smoothings.max(), n_rows * (n_classes - 1)
    first_square = n_scores + n_bounds
    first_size, first_count = first_square + n_scores, first_square + n_scores + n_flat
    for f in range(n_columns):
        for c in range(n_classes):
            flat = n_flat > 0 and variances[f, c] <= _FLAT * smoothings[f]
            variance, lowest = variances[f, c] + raised, variances[f, c] + smoothings[f]
            logarithm = 0.5 * np.log(2.0 * np.pi * variance)
            relative_rise = (raised - smoothings[f]) / lowest
            start = 0
            if flat:
                start, relative_rise = first_square, variances[f, c] / smoothings[f]
                for k in range(0 if c == 0 else c - 1, n_classes - 1 if c == 0 else c):
                    table[f, first_count + k] += 1.0 if c > 0 else -1.0
            for i in range(n_rows):
                square = (by_column[f, i] - means[f, c]) ** 2
                term = square if flat else logarithm + 0.5 * (square / variance)
                if c > 0:
                    table[f, start + (c - 1) * n_rows + i] -= term
                else:
                    for index in range(start + i, start + n_scores, n_rows):
                        table[f, index] += term
                if flat:
                    table[f, first_size + i] = max(table[f, first_size + i], square)
                    if variances[f, c] == 0.0:
                        continue
                    error = relative_rise * (1.0 + square / smoothings[f])
                else:
                    error = relative_rise * (1.0 + square / lowest) + gamma * (
                        abs(logarithm) + square / lowest
                    )
                index = n_scores + (i if n_bounds > 1 else 0)
                if not error <= table[f, index]:
                    table[f, index] = error if error > table[f, index] else np.inf  # NaN


def _classify_sums(
    table: _Table, masks: np.ndarray, priors: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Write the most likely classes from sums of the table, and return which masks are certain."""
    n_classes, by_row = len(priors), len(priors) > 2
    offsets, margins = np.log(priors), np.empty(len(masks))
    bounds = np.zeros((len(masks), 0 if by_row or table.has_flat else 1))
    differences = offsets[1:] - offsets[0]
    masks = np.ascontiguousarray(masks)
    if table.has_flat:
        gamma = float(relative_error(masks.shape[1]))
        smoothings = table.smoothings, table.floor
        argmax_of_smoothed(masks, table.terms, smoothings, gamma, differences, codes, margins)
    else:
        argmax_of_sums(masks, table.terms, differences, by_row, codes, margins, bounds)
    error_bounds = bounds.sum(axis=1) + relative_error(n_classes) * (1.0 + np.abs(offsets).max())
    with np.errstate(invalid="ignore"):  # False where it is not finite
        return np.asarray(margins > 2.0 * error_bounds)


@kernel
def argmax_of_smoothed(masks, terms, smoothings, gamma, offsets, codes, margins):  # type: ignore[no-untyped-def]
    """Write what `argmax_of_sums` does, of sums to which the mask's own smoothing belongs.

    `smoothings` are those of the columns, and one below which a margin is NaN.
    """
    n_rows, n_others = codes.shape[1], len(offsets)
    n_scores = n_rows * n_others
    indices, sums = np.empty(masks.shape[1], np.int64), np.empty((1, terms.shape[1]))
    first, second = np.empty(n_rows), np.empty(n_rows)
    scores, errors = sums[0, :n_scores], sums[0, n_scores : n_scores + n_rows]
    squares = sums[0, n_scores + n_rows : 2 * n_scores + n_rows]
    sizes = sums[0, 2 * n_scores + n_rows : 2 * (n_scores + n_rows)]
    counts = sums[0, 2 * (n_scores + n_rows) :]
    for m in range(len(masks)):
        n = select(masks[m], indices)
        add_rows(sums, 0, terms, indices, n)
        smoothing = 0.0
        for k in range(n):
            smoothing = max(smoothing, smoothings[0][indices[k]])
        logarithm, weight = 0.5 * np.log(2.0 * np.pi * smoothing), 0.5 / smoothing
        for c in range(n_others):
            for i in range(n_rows):
                k = c * n_rows + i
                scores[k] += weight * squares[k] - counts[c] * logarithm
        for i in range(n_rows):
            errors[i] += gamma * (2.0 * weight * sizes[i] + n * abs(logarithm))
        rank(sums, offsets, True, first, second, codes, m)
        margins[m] = least(first.view(np.int64)) if smoothing >= smoothings[1] else np.nan
