"""Nearest neighbours: all distances of a mask from one matrix product."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels.products import padded
from vaega.fitness.population.kernels.votes import vote
from vaega.fitness.population.responses import LABELS, PROBABILITIES, RANKING, Responses

NEEDS: tuple[str, ...] = (LABELS, RANKING, PROBABILITIES)
WEIGHTS = False
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


def accepts(estimator: Any) -> str | None:
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


def respond(
    estimator: KNeighborsClassifier,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
) -> Responses:
    """Return the answers of nearest neighbours for each mask."""
    shape = (len(masks), len(fold.y_validate))
    if fold not in _KNOWN:
        _KNOWN[fold] = _rows_of(fold)
    rows = _KNOWN[fold]
    by_distance = estimator.weights == "distance"
    usual = _is_usual(estimator, fold, by_distance)
    if not usual or (need == RANKING and rows.n_classes != 2):
        return Responses.undecided(*shape)
    predicted, decided = np.full(shape, -1), np.empty(len(masks), dtype=bool)
    n_asked = (0, 0) if need == LABELS else shape
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
    if need == LABELS:
        return Responses(predicted, decided)
    if need == RANKING:
        values, doubts = values[:, :, 1], doubts[:, :, 1]
    return Responses(predicted, decided, values, doubts)


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
