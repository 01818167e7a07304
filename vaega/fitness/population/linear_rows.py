"""What linear classifiers see of a fold, whatever the mask: its rows, transposed, and its costs."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels.products import padded


@dataclass(frozen=True, eq=False)
class LinearRows:
    """The rows of a fold as kernels take them."""

    # Fit rows, then validate rows, then zeros up to a whole number of vectors; transposed
    values: np.ndarray
    classes: np.ndarray  # Of the fit rows
    codes: np.ndarray  # The class of each fit row
    n_validate: int
    tame: bool
    X_type: np.dtype[Any]  # Of the fit rows before


_NOISE = 1e-12  # what rounding leaves of decisions that are 0, at a cost of 1
_NO_SPREAD = 1e-24  # of a constant column: rounding
_MOST_RATIO = 1e9  # of the mean square of a column to the variance of another

_KNOWN: WeakKeyDictionary[Fold, dict[bool, LinearRows]] = WeakKeyDictionary()


def rows_of(fold: Fold, *, centred: bool) -> LinearRows:
    """Return the rows of a fold, computed once."""
    known = _KNOWN.setdefault(fold, {})
    if centred not in known:
        known[centred] = _make_rows(fold, centred)
    return known[centred]


def _make_rows(fold: Fold, centred: bool) -> LinearRows:
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    n_fit, n_validate = len(fold.X_fit), len(fold.X_validate)
    values = np.zeros((fold.X_fit.shape[1], padded(n_fit + n_validate, np.float64)))
    values[:, :n_fit] = fold.X_fit.T
    values[:, n_fit : n_fit + n_validate] = fold.X_validate.T
    tame = bool(np.isfinite(values).all())
    if tame:
        means = values[:, :n_fit].mean(axis=1, keepdims=True)
        if centred:
            values[:, : n_fit + n_validate] -= means
        tame = _is_tame(values[:, :n_fit], values[:, : n_fit + n_validate])
    return LinearRows(values, classes, codes, n_validate, tame, fold.X_fit.dtype)


def _is_tame(fit: np.ndarray, all_rows: np.ndarray) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        spreads, sizes = fit.var(axis=1), np.square(all_rows).mean(axis=1)
        varied = spreads > _NO_SPREAD * sizes
        least = spreads[varied].min(initial=np.inf)
        return bool(np.isfinite(sizes).all() and sizes.max() <= _MOST_RATIO * least)


def costs_of(estimator: Any, rows: LinearRows, fold: Fold) -> np.ndarray | None:
    """Return what each fit row's loss counts."""
    try:
        estimator._validate_params()
        shares = weigh_classes(estimator, rows, fold)
    except (TypeError, ValueError):
        return None
    weights = np.ones(len(rows.codes)) if fold.weight_fit is None else fold.weight_fit
    costs: np.ndarray = float(estimator.C) * (weights * shares[rows.codes])
    sums = np.bincount(rows.codes, weights=costs)
    if not (np.isfinite(costs).all() and (costs >= 0.0).all() and (sums > 0.0).all()):
        return None
    return costs


def weigh_classes(estimator: Any, rows: LinearRows, fold: Fold) -> np.ndarray:
    """Return the weight of each class, as scikit-learn computes it."""
    shares: np.ndarray = compute_class_weight(
        estimator.class_weight, classes=rows.classes, y=fold.y_fit, sample_weight=fold.weight_fit
    )
    return shares


def doubt_of(scores: np.ndarray, costs: np.ndarray, unsure: float) -> np.ndarray:
    """Return how near the decisions of each mask may be to where they turn, for scikit-learn."""
    noise = _NOISE * float(costs.max())
    doubts: np.ndarray = unsure * (1.0 + np.abs(scores).max(axis=(1, 2))) + noise
    return doubts
