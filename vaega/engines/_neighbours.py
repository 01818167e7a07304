"""Nearest neighbours: all distances of a mask from one matrix product."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from vaega.data._folds import Fold
from vaega.engines._base import DECISION, PREDICT, PROBA, Predictions
from vaega.engines._compiled import kernel, multiply, padded, part, select

_EPSILON = float(np.finfo(np.float64).eps)
_SINGLE = float(np.finfo(np.float32).eps)
_TINY = 1e-37  # what underflows of a term in single precision, and in double
_TINIEST = 1e-300
_TWO = np.float32(2.0)
_LANES = 32  # fit rows that are compared at once
_MANY_LANES = 256
_CACHE = 24_576  # distances that are computed before they are read: of as many rows as that holds


@kernel
def vote(  # type: ignore[no-untyped-def]
    masks, fit, validate, largest, unit, codes, k, by_distance, direct, coarse,
    out, decided, values, doubts,
):  # fmt: skip
    """Name the class that the nearest fit rows of each validate row vote for, and their shares."""
    n_rows, n_columns, n_fit = out.shape[1], len(masks[0]), len(codes)
    near_fit, near_validate, width = fit[0], validate[0], fit[0].shape[1]
    longer = max(width, near_validate.shape[1])
    step = max(5, _CACHE // width // 5 * 5)
    product, lengths = np.empty((step, width), np.float32), np.empty((2, longer), np.float32)
    columns, places = np.empty(n_columns, np.int64), np.empty(width, np.int64)
    nearest, lanes = np.empty(k, np.float32), np.empty(width + _MANY_LANES, np.float32)
    distances, farthest = np.empty(longer), np.empty(k)
    tally = np.empty((3, values.shape[2]))
    for m in range(len(masks)):
        n = select(masks[m], columns)
        chosen, near_error = columns[:n], 4.0 * (n + 8) * _SINGLE
        longest = _measure(near_fit, chosen, lengths[0])
        _measure(near_validate, chosen, lengths[1])
        doubt = _doubt(fit[1], validate[1], chosen, largest, by_distance, coarse, distances)
        for j in range(n_fit, width):
            lengths[0, j] = np.nan  # what fills up is never near
        decided[m] = True
        for start in range(0, n_rows, step):
            rows = near_validate[:, start : min(start + step, n_rows)].T
            own = product[: len(rows)]
            multiply(own, rows, chosen, near_fit, chosen)
            for r in range(len(rows)):
                i = start + r
                near = near_error * (longest + lengths[1, i]) + n * _TINY + doubt * unit
                near = np.float32(near)
                n_near = _find(own[r], lengths[0, :width], near, nearest, places, lanes)
                n_sure = n_near
                if n_near > k or (by_distance and n_near == k):
                    _measure_directly(fit[1], validate[1], i, chosen, places, n_near, distances)
                    n_sure, n_near = _settle(distances, doubt, farthest, places, n_near)
                if by_distance:
                    sure = _tally_distances(
                        distances, doubt, direct[m], codes, places, n_sure, n_near, k, tally
                    )
                else:
                    sure = _tally(codes, places, n_sure, n_near, k, len(values) > 0, tally)
                out[m, i] = _first_of_most(tally)
                decided[m] &= sure
                if sure and len(values):
                    _share(tally, values[m, i], doubts[m, i])
            if not decided[m]:
                break


@kernel
def _doubt(fit, validate, chosen, largest, by_distance, coarse, room):  # type: ignore[no-untyped-def]
    """Return how far rounding may move a squared distance."""
    error, terms = max(coarse, 4.0 * (len(chosen) + 16) * _EPSILON), 0.0
    if by_distance:  # then it is a part of the answer, else a coarse one will do
        terms = _measure(fit, chosen, room) + _measure(validate, chosen, room)
    else:
        for f in chosen:
            terms += largest[f]
    return error * terms + _TINIEST


@kernel
def _measure(rows, chosen, lengths):  # type: ignore[no-untyped-def]
    """Sum the squares of the chosen columns; return the largest sum."""
    longest, n = 0.0, rows.shape[1]
    for j in range(n):
        lengths[j] = 0.0
    for f in chosen:
        for j in range(n):
            lengths[j] += rows[f, j] * rows[f, j]
    for j in range(n):
        longest = max(longest, lengths[j])
    return longest


@part
def _find(products, lengths, doubt, nearest, places, lanes):  # type: ignore[no-untyped-def]
    """Find the rows that may be nearest; return how many there are, their places in `places`."""
    k = len(nearest)
    high = np.float32(_bound(products, lengths, nearest, lanes) + doubt)
    n_near = _scan(products, lengths, high, doubt, nearest, places, lanes)
    n_kept = 0
    for j in range(n_near):
        if lanes[places[j]] <= np.float32(nearest[k - 1] + doubt):
            places[n_kept] = places[j]
            n_kept += 1
    return n_kept


@part
def _measure_directly(fit, validate, i, chosen, places, n_near, distances):  # type: ignore[no-untyped-def]
    for j in range(n_near):
        distances[places[j]] = 0.0
    for f in chosen:  # in this order, as scikit-learn's trees do
        own = validate[f, i]
        for j in range(n_near):
            away = own - fit[f, places[j]]
            distances[places[j]] += away * away


@part
def _settle(distances, doubt, nearest, places, n_near):  # type: ignore[no-untyped-def]
    """Return how many are nearest for certain, and how many may be; in this order in `places`."""
    k = len(nearest)
    for j in range(k):
        nearest[j] = np.inf
    for j in range(n_near):
        if distances[places[j]] < nearest[k - 1]:
            _insert(nearest, k - 1, distances[places[j]])
    n_kept, n_sure = 0, 0
    for j in range(n_near):
        if distances[places[j]] <= nearest[k - 1] + doubt:
            places[n_kept] = places[j]
            n_kept += 1
    for j in range(n_kept):
        place = places[j]
        if n_kept == k or distances[place] < nearest[k - 1] - doubt:
            places[j], places[n_sure] = places[n_sure], place
            n_sure += 1
    return n_sure, n_kept


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
        own, own_lengths = products[start:], lengths[start : start + lanes]
        for j in range(len(own_lengths)):
            distance = own_lengths[j] - _TWO * own[j]
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
def _scan(products, lengths, high, doubt, nearest, places, distances):  # type: ignore[no-untyped-def]
    n_near, k = 0, len(nearest)
    for start in range(0, len(lengths), _LANES):
        own, own_lengths, n_below = products[start:], lengths[start : start + _LANES], 0
        for j in range(len(own_lengths)):  # without a branch, so that it takes vectors
            n_below += own_lengths[j] - _TWO * own[j] <= high
        if n_below == 0:
            continue
        for j in range(start, start + len(own_lengths)):
            distance = lengths[j] - _TWO * products[j]
            if distance <= high:
                distances[j], places[n_near] = distance, j
                n_near += 1
                if distance < nearest[k - 1]:
                    _insert(nearest, k - 1, distance)
                    high = min(high, np.float32(nearest[k - 1] + doubt))
    return n_near


@part
def _insert(nearest, n, distance):  # type: ignore[no-untyped-def]
    while n > 0 and nearest[n - 1] > distance:
        nearest[n] = nearest[n - 1]
        n -= 1
    nearest[n] = distance


@part
def _tally(codes, places, n_sure, n_near, k, exactly, tally):  # type: ignore[no-untyped-def]
    """Count votes; return whether they are sure, or their outcome is where that is enough.

    Whoever is nearest of those in doubt, each class gets its least votes at least and its most at
    most. `tally` holds the votes, the most votes, and the error of a vote.
    """
    n_classes = tally.shape[1]
    for c in range(n_classes):
        tally[0, c] = tally[1, c] = tally[2, c] = 0.0
    if n_near < k:  # numbers beyond the range
        return False
    for j in range(n_sure, n_near):
        tally[1, codes[places[j]]] += 1.0
    n_left, n_unsure, is_sure = k - n_sure, n_near - n_sure, True
    for c in range(n_classes):
        unsure = tally[1, c]
        tally[0, c], tally[1, c] = max(0.0, n_left - (n_unsure - unsure)), min(n_left, unsure)
        is_sure &= tally[0, c] == tally[1, c]
    for j in range(n_sure):
        tally[0, codes[places[j]]] += 1.0
        tally[1, codes[places[j]]] += 1.0
    if is_sure or exactly:
        return is_sure
    best = _first_of_most(tally)
    least, is_settled = tally[0, best], True
    for c in range(n_classes):
        is_settled &= c == best or tally[1, c] < least or (tally[1, c] == least and c > best)
    return is_settled


@part
def _first_of_most(tally):  # type: ignore[no-untyped-def]
    best = 0
    for c in range(1, tally.shape[1]):
        if tally[0, c] > tally[0, best]:
            best = c
    return best


@kernel
def _tally_distances(  # type: ignore[no-untyped-def]
    distances, doubt, direct, codes, places, n_sure, n_near, k, tally
):
    """Add up the inverse distances; return whether they, and their outcome, are sure.

    A row at distance 0 outvotes all that are not. `tally[2]` is the error, relative to the sum.
    """
    votes = tally[0]
    tally[:] = 0.0
    if n_near < k:  # numbers beyond the range
        return False
    n_zero = 0
    for j in range(n_near):
        if direct and distances[places[j]] == 0.0:
            votes[codes[places[j]]] += 1.0
            n_zero += 1
    if n_zero:
        return n_zero <= k
    if n_near > k and not _are_of_one_class(codes, places, n_sure, n_near):
        return False
    worst = 0.0
    for j in range(k):  # if the last are in doubt, they are as far, up to the doubt
        distance = distances[places[j]]
        moved = 0.0 if direct and n_near == k else doubt
        if not distance > 100.0 * moved:
            return False
        worst = max(worst, moved / distance)
        votes[codes[places[j]]] += 1.0 / np.sqrt(distance)
    tally[2] = worst + 4.0 * (k + 4) * _EPSILON
    best = _first_of_most(tally)
    for c in range(len(votes)):
        if c != best and votes[best] - votes[c] <= tally[2, c] * (votes[best] + votes[c]):
            return False
    return True


@kernel
def _are_of_one_class(codes, places, n_sure, n_near):  # type: ignore[no-untyped-def]
    first, is_one = codes[places[n_sure]], True
    for j in range(n_sure + 1, n_near):
        is_one &= codes[places[j]] == first
    return is_one


@kernel
def _share(tally, values, doubts):  # type: ignore[no-untyped-def]
    all_votes = tally[0].sum()
    for c in range(len(values)):
        values[c] = tally[0, c] / all_votes
        alone = tally[0, c] in (0.0, all_votes)  # then no rounding moves the share
        doubts[c] = 0.0 if alone else 2.0 * tally[2, c] * values[c]


RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = False
EXACT = True
RANDOM = False

_FEW = 15  # columns, up to which scikit-learn's "auto" takes a tree
_COARSE = 1e-10  # of a squared distance, where rows have single precision


@dataclass(frozen=True, eq=False)
class _Rows:
    """What no mask changes: rows as the kernel takes them; `usable` columns are finite."""

    fit: tuple[np.ndarray, np.ndarray]
    validate: tuple[np.ndarray, np.ndarray]
    largest: np.ndarray
    unit: float
    codes: np.ndarray
    n_classes: int
    usable: np.ndarray


_KNOWN: WeakKeyDictionary[Fold, _Rows] = WeakKeyDictionary()


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a nearest-neighbour classifier is not computed here, if any."""
    euclidean = estimator.metric == "euclidean" or (
        estimator.metric == "minkowski" and estimator.p == 2
    )
    if not euclidean:
        name = "p" if estimator.metric == "minkowski" else "metric"
        return f"{name}={getattr(estimator, name)!r}"
    if estimator.metric_params:
        return f"metric_params={estimator.metric_params!r}"
    known = isinstance(estimator.weights, str) and estimator.weights in ("uniform", "distance")
    return None if known else f"weights={estimator.weights!r}"


def predict(
    estimator: KNeighborsClassifier,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the answers of nearest neighbours for each mask."""
    shape = (len(masks), len(fold.y_validate))
    if fold not in _KNOWN:
        _KNOWN[fold] = _rows_of(fold)
    rows = _KNOWN[fold]
    by_distance = estimator.weights == "distance"
    usual = _is_usual(estimator, fold, by_distance)
    if not usual or (response_method == DECISION and rows.n_classes != 2):
        return Predictions.uncertain(*shape)
    predicted, decided = np.full(shape, -1), np.empty(len(masks), dtype=bool)
    n_asked = (0, 0) if response_method == PREDICT else shape
    values, doubts = np.empty((2, *n_asked, rows.n_classes))
    vote(
        np.ascontiguousarray(masks & rows.usable),
        rows.fit,
        rows.validate,
        rows.largest,
        rows.unit,
        rows.codes,
        int(estimator.n_neighbors),
        by_distance,
        _takes_tree(estimator, masks, len(rows.codes)),
        0.0 if fold.X_fit.dtype == np.float64 else _COARSE,
        predicted,
        decided,
        values,
        doubts,
    )
    decided &= ~masks[:, ~rows.usable].any(axis=1)  # scikit-learn refuses these
    if response_method == PREDICT:
        return Predictions(predicted, decided)
    if response_method == DECISION:
        values, doubts = values[:, :, 1], doubts[:, :, 1]
    return Predictions(predicted, decided, values, doubts)


def _rows_of(fold: Fold) -> _Rows:
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    X_fit, X_validate = (np.asarray(X, dtype=float) for X in (fold.X_fit, fold.X_validate))
    usable = np.isfinite(X_fit).all(axis=0) & np.isfinite(X_validate).all(axis=0)
    with np.errstate(all="ignore"):
        middle = np.where(usable, X_fit.mean(axis=0), 0.0)
        squares = (X_fit**2).max(axis=0) + (X_validate**2).max(axis=0, initial=0.0)
        near = [np.where(usable, X - middle, 0.0) for X in (X_fit, X_validate)]
        largest = max(np.abs(X).max(initial=0.0) for X in near)
        scale = _scale_of(largest)
        fit, validate = (
            (_by_column(X * scale, np.float32), _by_column(own, np.float64))
            for X, own in zip(near, (X_fit, X_validate), strict=True)
        )
    return _Rows(fit, validate, squares, scale**2, codes.astype(np.int64), len(classes), usable)


def _scale_of(largest: float) -> float:
    """Return a power of 2, which moves no bit; 0 where squares overflow or vanish."""
    usual = 1e-100 < largest < 1e100
    return float(np.ldexp(1.0, -int(np.frexp(largest)[1]))) if usual else 0.0


def _by_column(X: np.ndarray, dtype: Any) -> np.ndarray:
    columns = np.zeros((X.shape[1], padded(len(X), dtype)), dtype=dtype)
    columns[:, : len(X)] = X.T
    return columns


def _is_usual(estimator: KNeighborsClassifier, fold: Fold, by_distance: bool) -> bool:
    """Whether scikit-learn takes the settings, and computes as it does for rows of one kind."""
    try:
        estimator._validate_params()
    except (TypeError, ValueError):
        return False
    kinds = {fold.X_fit.dtype, fold.X_validate.dtype}
    single = kinds == {np.dtype(np.float32)} and not by_distance
    usual = single or kinds == {np.dtype(np.float64)}
    k = estimator.n_neighbors
    return usual and isinstance(k, Integral) and 1 <= int(k) <= len(fold.y_fit)


def _takes_tree(estimator: KNeighborsClassifier, masks: np.ndarray, n_fit: int) -> np.ndarray:
    """Whether scikit-learn sums squared differences, as its trees do."""
    if estimator.algorithm != "auto":
        return np.full(len(masks), estimator.algorithm != "brute")
    few = masks.sum(axis=1) <= _FEW
    return few & (estimator.n_neighbors < n_fit // 2)
