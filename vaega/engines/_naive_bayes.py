"""Gaussian naive Bayes: the log-likelihoods of a mask are sums over its features."""

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.naive_bayes import GaussianNB

from vaega.data._folds import Fold
from vaega.engines._base import DECISION, PREDICT, PROBA, Predictions
from vaega.engines._compiled import judge, kernel, padded

_BLOCK = 16  # columns that are summed apart, so that few roundings add up
_EPSILON = float(np.finfo(np.float64).eps)
_ROUNDINGS = 4.0 * _EPSILON  # of one term, generously


@kernel
def joint_log_likelihoods(masks, rows, moments, spread, log_priors, smoothing, joint, doubt):  # type: ignore[no-untyped-def]
    """Compute the joint log-likelihoods of rows and classes, and how far rounding may move them."""
    n_columns, n_classes = len(rows), len(log_priors)
    columns, scales = np.empty(n_columns, np.int64), np.empty((n_classes, 5))
    room = np.empty((3, n_classes, rows.shape[1]))
    for m in range(len(masks)):
        n, raised, raised_error = 0, 0.0, 0.0
        for f in range(n_columns):
            columns[n] = f
            n += masks[m, f]
        for j in range(n):
            raised = max(raised, spread[columns[j], 0])
            raised_error = max(raised_error, spread[columns[j], 1])
        raised, raised_error = raised * smoothing, raised_error * smoothing
        _add_columns(columns, n, rows, moments, raised, raised_error, scales, room)
        n_roundings = (2 * _BLOCK + 64 + n // _BLOCK) * _EPSILON
        for c in range(n_classes):
            logarithms = scales[c, 4] + np.log(scales[c, 0])
            sizes = n * max(abs(np.log(scales[c, 2])), abs(np.log(scales[c, 3]))) + 1.0
            for i in range(joint.shape[2]):
                square = room[0, c, i]
                joint[m, c, i] = log_priors[c] + (-0.5 * logarithms - 0.5 * square)
                doubt[m, c, i] = scales[c, 1] + room[1, c, i] + n_roundings * (sizes + square)


@kernel
def _add_columns(columns, n, rows, moments, raised, raised_error, scales, room):  # type: ignore[no-untyped-def]
    """Add up the terms: squares in `room[0]` by blocks in `room[2]`, their errors in `room[1]`.

    In `scales`, for each class: a product of variances, an error that all rows share, the least
    and the largest variance, and the logarithms of earlier products. No array is sliced here: a
    slice costs as much as a dozen terms.
    """
    n_classes, width = room.shape[1], rows.shape[1]
    room[:] = 0.0
    for c in range(n_classes):
        scales[c, 0] = scales[c, 2] = scales[c, 3] = 1.0
        scales[c, 1] = scales[c, 4] = 0.0
    for j in range(n):
        f = columns[j]
        for c in range(n_classes):
            mean, variance = moments[f, c, 0], moments[f, c, 1] + raised
            # A term is (log v + q) / 2 with q = (x - m)^2 / v. An error d of m moves it by
            # |x - m| d / v + d^2 / 2v, and an error of v by half its share of v, times 1 + q.
            precision, scaled = 1.0 / variance, 2.0 * np.pi * variance
            shift = moments[f, c, 2] * precision
            error = (moments[f, c, 3] + raised_error) * precision + _ROUNDINGS
            scales[c, 0] *= scaled
            scales[c, 1] += error + shift * moments[f, c, 2]
            scales[c, 2], scales[c, 3] = min(scales[c, 2], scaled), max(scales[c, 3], scaled)
            if not 1e-100 < scales[c, 0] < 1e100:  # one logarithm for many variances
                scales[c, 4] += np.log(scales[c, 0])
                scales[c, 0] = 1.0
            for i in range(width):
                away = rows[f, i] - mean
                square = away * away * precision
                room[2, c, i] += square
                room[1, c, i] += shift * abs(away) + error * square
        if j % _BLOCK == _BLOCK - 1 or j == n - 1:
            for c in range(n_classes):
                for i in range(width):
                    room[0, c, i] += room[2, c, i]
                    room[2, c, i] = 0.0


@kernel
def tabulate(rows, moments, spread, smoothing, table, n_rows, n_bounds):  # type: ignore[no-untyped-def]
    """Write what each column adds to the log-likelihoods of classes, less that of the first one.

    All variances are raised by the same share of the largest spread of all columns. That of the
    selected ones is less or equal, and what this changes is a part of the errors.
    """
    n_classes, raised, raised_error = moments.shape[1], 0.0, 0.0
    for f in range(len(rows)):
        raised = max(raised, smoothing * spread[f, 0])
        raised_error = max(raised_error, smoothing * spread[f, 1])
    last, rounding = n_rows * (n_classes - 1), 2.0 * _ROUNDINGS * (len(rows) + 70.0)
    for f in range(len(rows)):
        own = smoothing * spread[f, 0]
        for c in range(n_classes):
            mean, variance, mean_error = moments[f, c, 0], moments[f, c, 1], moments[f, c, 2]
            # The variance that is meant lies between these two.
            precision, highest = 1.0 / (variance + raised), 1.0 / (variance + own)
            logarithm = 0.5 * np.log(2.0 * np.pi * (variance + raised))
            error = (moments[f, c, 3] + raised_error + (raised - own)) * highest + _ROUNDINGS
            for i in range(n_rows):
                away = abs(rows[f, i] - mean)
                _subtract(table, f, i, c, n_rows, last, logarithm + 0.5 * (away * away * precision))
                square = away * away * highest
                wrong = error * (1.0 + square) + mean_error * highest * (away + mean_error)
                wrong = 2.0 * wrong + rounding * (abs(logarithm) + error + square)
                place = last + (i if n_bounds > 1 else 0)
                if not wrong <= table[f, place]:
                    table[f, place] = wrong if wrong > table[f, place] else np.inf  # no number


@kernel
def _subtract(table, f, i, c, n_rows, last, term):  # type: ignore[no-untyped-def]
    if c > 0:
        table[f, (c - 1) * n_rows + i] -= term
    else:
        for place in range(i, last, n_rows):
            table[f, place] = term


@kernel
def likeliest(joint, doubt, codes, decided):  # type: ignore[no-untyped-def]
    """Name the likeliest class of each row, and the masks whose classes rounding cannot change."""
    n_masks, n_classes, n_rows = joint.shape
    for m in range(n_masks):
        decided[m] = True
        for i in range(n_rows):
            best, first, second, most = 0, -np.inf, -np.inf, 0.0
            for c in range(n_classes):
                value = joint[m, c, i]
                most = max(most, doubt[m, c, i])
                decided[m] &= np.isfinite(value) and np.isfinite(doubt[m, c, i])
                if value > first:
                    best, first, second = c, value, first
                elif value > second:
                    second = value
            codes[m, i] = best
            decided[m] &= first - second > 2.0 * most


@kernel
def shares(joint, doubt, values, doubts, decided):  # type: ignore[no-untyped-def]
    """Compute the probabilities of the classes, and how far rounding may move each."""
    n_masks, n_classes, n_rows = joint.shape
    for m in range(n_masks):
        decided[m] = True
        for i in range(n_rows):
            error = 0.0
            for c in range(n_classes):
                error = max(error, 2.0 * doubt[m, c, i])
                decided[m] &= np.isfinite(joint[m, c, i]) and np.isfinite(doubt[m, c, i])
            if decided[m]:
                _share(joint[m, :, i], error, values[m, i], doubts[m, i])


@kernel
def _share(joint, error, values, doubts):  # type: ignore[no-untyped-def]
    highest, others, farther = joint.max(), -1.0, -np.inf
    for value in joint:
        others += value == highest
        if value < highest:
            farther = max(farther, value - highest)
    for value in joint:
        if value < highest:
            others += np.exp(value - highest)
    normal, more = np.log1p(others), others * np.expm1(min(error, 700.0))
    rounding = _EPSILON * (2.0 * abs(highest) + 8.0)  # of the logarithm of the sum
    few = others + more < 0.1 * _EPSILON * min(1.0, abs(highest))
    is_one = few and farther + error < -30.0
    for c in range(len(joint)):
        below = (joint[c] - highest) - normal
        own = error + rounding + _EPSILON * 2.0 * abs(joint[c])
        values[c] = np.exp(below)
        if joint[c] == highest:
            values[c], doubts[c] = (1.0, 0.0) if is_one else (values[c], more + rounding)
        elif below + own < -746.0:
            values[c], doubts[c] = 0.0, 0.0
        elif below < -700.0:  # numbers this small have few digits, or none
            doubts[c] = np.exp(min(below + own, 0.0)) + 1e-320
        else:
            doubts[c] = values[c] * np.expm1(min(own, 700.0))


RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = True
EXACT = True
RANDOM = False

_LOGARITHM = 4e-13  # of a probability, from where on rounding is visible in its logarithm
_MACHINE_EPSILON = float(np.finfo(float).eps)
_SUMMING = 4.0 * _MACHINE_EPSILON  # roundings a row, generously
_ROUNDING = 8.0 * _MACHINE_EPSILON  # of each term of a sum, generously
_LARGEST_TABLE = 2**28  # bytes


@dataclass(frozen=True, eq=False)
class _Moments:
    """What no mask changes: what scikit-learn learns of each feature, and how sure it is.

    `rows` are those of `validate`, by feature; for `of_classes` and `spread` see the kernel.
    `tables` holds, by the smoothing, what each feature adds to the scores of the rows.
    """

    validate: np.ndarray
    rows: np.ndarray
    of_classes: np.ndarray
    spread: np.ndarray
    masses: np.ndarray  # of the classes: how many fit rows they have, or the sum of their weights
    tables: dict[float, np.ndarray] = field(default_factory=dict)


_KNOWN: WeakKeyDictionary[Fold, _Moments | None] = WeakKeyDictionary()


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
    """Return the answers of a Gaussian naive Bayes for each mask."""
    shape = (len(masks), len(fold.y_validate))
    if fold not in _KNOWN:
        _KNOWN[fold] = _moments_of(fold)
    moments = _KNOWN[fold]
    priors = None if moments is None else _priors(estimator, moments)
    if moments is None or priors is None or (response_method == DECISION and len(priors) != 2):
        return Predictions.uncertain(*shape)
    smoothing = float(estimator.var_smoothing)
    if response_method == PREDICT:
        return _labels(moments, masks, priors, smoothing)
    joint, doubt = _joint(moments, masks, priors, smoothing)
    codes, decided = np.empty(shape, dtype=np.int64), np.empty(shape[0], dtype=bool)
    likeliest(joint, doubt, codes, decided)
    values, doubts = np.empty((2, *shape, len(priors)))
    shares(joint, doubt, values, doubts, decided)
    for row in np.flatnonzero(decided & _are_close(values, doubts, response_method)):
        learned = _learned(moments, masks[row], priors, smoothing)
        if learned is not None:
            values[row], doubts[row] = learned.predict_proba(learned.rows), 0.0
    if response_method == DECISION:
        values, doubts = values[:, :, 1], doubts[:, :, 1]
    return Predictions(codes, decided, values, doubts)


def _joint(
    moments: _Moments, masks: np.ndarray, priors: np.ndarray, smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joint log-likelihoods and their doubts, (n_masks, n_classes, n_rows)."""
    joint, doubt = np.empty((2, len(masks), len(priors), len(moments.validate)))
    joint_log_likelihoods(
        np.ascontiguousarray(masks),
        moments.rows,
        moments.of_classes,
        moments.spread,
        np.log(priors),
        smoothing,
        joint,
        doubt,
    )
    return joint, doubt


def _labels(
    moments: _Moments, masks: np.ndarray, priors: np.ndarray, smoothing: float
) -> Predictions:
    """Return the likeliest classes, by the quickest way that is sure of those of a mask."""
    codes = np.empty((len(masks), len(moments.validate)), dtype=np.int64)
    decided = _add_up(moments, masks, priors, smoothing, codes)
    unsure = np.flatnonzero(~decided)
    if unsure.size:
        own_codes, own_decided = codes[unsure], decided[unsure]
        likeliest(*_joint(moments, masks[unsure], priors, smoothing), own_codes, own_decided)
        codes[unsure], decided[unsure] = own_codes, own_decided
    for row in np.flatnonzero(~decided):
        learned = _learned(moments, masks[row], priors, smoothing)
        if learned is not None:
            codes[row], decided[row] = learned.joint.argmax(axis=1), True  # as it predicts
    return Predictions(codes, decided)


def _add_up(
    moments: _Moments, masks: np.ndarray, priors: np.ndarray, smoothing: float, codes: np.ndarray
) -> np.ndarray:
    """Write the likeliest classes from sums of terms, and return of which masks that is sure."""
    table = _table_of(moments, len(priors), smoothing)
    if table is None:
        return np.zeros(len(masks), dtype=bool)
    by_row = _bounds_rows(len(priors))
    offsets, margins = np.log(priors), np.empty(len(masks))
    bounds = np.zeros((len(masks), 0 if by_row else 1))
    masks = np.ascontiguousarray(masks)
    judge(masks, table, offsets[1:] - offsets[0], by_row, codes, margins, bounds)
    doubts = bounds.sum(axis=1) + _ROUNDING * (1.0 + np.abs(offsets).max())
    with np.errstate(invalid="ignore"):  # False where it is not finite
        return np.asarray(margins > 2.0 * doubts)


def _bounds_rows(n_classes: int) -> bool:
    # A class of few rows may have no spread in a column. Rows that are away from it are certainly
    # of another class, though what they are told by is huge, and wrong by more than others are:
    # among many classes there is such a one for most rows. For two a bound a row would take as
    # long as the scores.
    return n_classes > 2


def _table_of(moments: _Moments, n_classes: int, smoothing: float) -> np.ndarray | None:
    """Return what each feature adds; None where that would take too much memory, or is nothing."""
    n_rows = len(moments.validate)
    n_bounds = n_rows if _bounds_rows(n_classes) else 1
    shape = len(moments.rows), padded(n_rows * (n_classes - 1) + n_bounds, np.float64)
    if n_classes < 2 or 8 * shape[0] * shape[1] > _LARGEST_TABLE:
        return None
    table = moments.tables.get(smoothing)
    if table is None:
        table = np.zeros(shape)
        tabulate(
            moments.rows, moments.of_classes, moments.spread, smoothing, table, n_rows, n_bounds
        )
        moments.tables.clear()  # one is kept, of the smoothing at hand
        moments.tables[smoothing] = table
    return table


def _are_close(values: np.ndarray, doubts: np.ndarray, response_method: str) -> np.ndarray:
    """Whether rounding may turn the order of two rows, or move a logarithm visibly."""
    order = np.argsort(values, axis=1)
    low, high = (np.take_along_axis(values + sign * doubts, order, 1) for sign in (-1, 1))
    unsure = high > low
    meet = high[:, :-1] >= low[:, 1:]
    close = (meet & (unsure[:, :-1] | unsure[:, 1:])).any(axis=(1, 2))
    if response_method == PROBA:
        rest = np.maximum(np.minimum(values, 1.0 - values), np.finfo(float).eps)
        close |= (doubts > _LOGARITHM * rest).any(axis=(1, 2))
    return np.asarray(close)


class _Learned(GaussianNB):
    """A classifier that was told what scikit-learn would learn, and the rows it is to judge."""

    rows: np.ndarray
    joint: np.ndarray  # their joint log-likelihoods

    def _check_X(self, X: np.ndarray) -> np.ndarray:
        return X


def _learned(
    moments: _Moments, mask: np.ndarray, priors: np.ndarray, smoothing: float
) -> _Learned | None:
    """Return what scikit-learn would learn from some columns, to the bit; None where unknown.

    It learns of a column what it learns of all of them: numpy adds up whole rows. Only for a
    column that stands alone numpy takes another order.
    """
    columns = np.flatnonzero(mask)
    if columns.size < 2:
        return None
    learned = _Learned()
    raised = smoothing * moments.spread[columns, 0].max()
    learned.theta_ = np.ascontiguousarray(moments.of_classes[columns, :, 0].T)
    learned.var_ = np.ascontiguousarray(moments.of_classes[columns, :, 1].T) + raised
    learned.class_prior_, learned.classes_ = priors, np.arange(len(priors))
    learned.rows = moments.validate.take(columns, axis=1)
    with np.errstate(all="ignore"):
        learned.joint = learned._joint_log_likelihood(learned.rows)
    return learned if np.isfinite(learned.joint).all() else None


def _priors(estimator: GaussianNB, moments: _Moments) -> np.ndarray | None:
    """Return the priors; None for settings that scikit-learn refuses."""
    try:
        estimator._validate_params()
        if estimator.priors is None:
            priors = moments.masses / moments.masses.sum()
        else:
            priors = np.asarray(estimator.priors, dtype=float)
    except (TypeError, ValueError):
        return None
    right = priors.shape == moments.masses.shape and (priors > 0.0).all()  # it warns of a zero
    return priors if right and np.isclose(priors.sum(), 1.0) else None


def _moments_of(fold: Fold) -> _Moments | None:
    """Return the moments; None where scikit-learn would compute in another precision, or warn."""
    X, weights = np.ascontiguousarray(fold.X_fit), fold.weight_fit
    if X.dtype != np.float64 or not (len(X) and _are_usual(weights)):
        return None
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    every = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    masses = np.array([every[codes == code].sum() for code in range(len(classes))])
    if np.isclose(masses, 0.0).any():
        return None
    with np.errstate(all="ignore"):
        # numpy may sum a column in another order where it stands alone; a mean far from 0 moves.
        mean_error = _SUMMING * (len(X) + 2) * np.abs(X).max(axis=0)
        spread = X.var(axis=0)
        of_classes = [
            _moments_in(X[codes == code], None if weights is None else every[codes == code])
            for code in range(len(classes))
        ]
        means, variances = (np.stack(each, axis=1) for each in zip(*of_classes, strict=True))
        errors = np.broadcast_to(mean_error[:, None], means.shape)
        bound = _variance_error(variances, errors, len(X))
        return _Moments(
            fold.X_validate,
            _rows_by_feature(fold.X_validate),
            np.stack([means, variances, errors, bound], axis=2),
            np.stack([spread, _variance_error(spread, mean_error, len(X))], axis=1),
            masses,
        )


def _are_usual(weights: np.ndarray | None) -> bool:
    return weights is None or bool(np.isfinite(weights).all() and (weights >= 0.0).all())


def _moments_in(X: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    if weights is None:
        return X.mean(axis=0), X.var(axis=0)
    mean = np.average(X, axis=0, weights=weights)
    return mean, np.average((X - mean) ** 2, axis=0, weights=weights)


def _variance_error(variances: np.ndarray, mean_errors: np.ndarray, n_rows: int) -> np.ndarray:
    return _SUMMING * (n_rows + 6) * variances + 4.0 * mean_errors**2


def _rows_by_feature(X: np.ndarray) -> np.ndarray:
    rows = np.zeros((X.shape[1], padded(len(X), np.float64)))
    rows[:, : len(X)] = X.T
    return rows
