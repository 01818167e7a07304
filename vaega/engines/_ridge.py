"""Ridge classifiers: one positive definite system a mask, in its columns or in the rows."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from vaega.core.kernels import padded
from vaega.data._splits import Fold
from vaega.engines import _linear_forms as forms
from vaega.engines._base import (
    DECISION,
    PREDICT,
    Predictions,
    cached_on,
    classify,
    column_blocks,
    finite_columns,
    has_valid_params,
    is_double,
    relative_error,
)
from vaega.engines._linear_forms import ColumnGram

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION)
SAMPLE_WEIGHT = True
EXACT = True
RANDOM = False

_SOLVERS = ("auto", "cholesky", "svd")
_SMALL = 1e-3  # perturbations above this share of the least eigenvalue are not of first order


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a ridge classifier is not computed here, if any."""
    if estimator.solver not in _SOLVERS:
        return f"solver={estimator.solver!r}"
    alpha = estimator.alpha
    if not (isinstance(alpha, Real) and 0.0 < float(alpha) < np.inf):
        return f"alpha={alpha!r}"
    return f"positive={estimator.positive!r}" if estimator.positive else None


def predict(
    estimator: RidgeClassifier,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the predictions of a ridge classifier for each mask."""
    key = repr((estimator.class_weight, estimator.fit_intercept))
    rows = cached_on(fold, ("ridge", key), lambda: _make_rows(estimator, fold))
    if rows is None or (response_method == DECISION and rows.targets.shape[1] > 1):
        return Predictions.uncertain(len(masks), len(fold.y_validate))
    alpha = float(estimator.alpha)
    n_targets = rows.targets.shape[1]
    answers = np.empty((len(masks), n_targets + len(fold.y_validate), n_targets))
    facts = np.empty((len(masks), forms.N_FACTS))
    forms.compute_forms(
        np.ascontiguousarray(masks),
        rows.by_column,
        rows.gram.for_masks(masks),
        np.empty(0, dtype=np.int64),  # copies of a column are no matter with a shift
        rows.sizes,
        rows.targets,
        alpha,
        answers,
        facts,
    )
    decisions = answers[:, n_targets:] + rows.offsets
    error_bounds = _error_bounds(rows, facts)
    codes, certain = classify(decisions, error_bounds)
    if response_method == PREDICT:
        return Predictions(codes, certain)
    return Predictions(codes, certain, np.ascontiguousarray(decisions[:, :, 0]), error_bounds)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Centred rows of a fold, fit rows scaled by the roots of their weights."""

    by_column: np.ndarray  # Fit rows, targets' products, validation rows; (n_columns, padded rows)
    gram: ColumnGram
    sizes: np.ndarray  # See `_linear_forms`; (n_columns, 4)
    targets: np.ndarray  # Centred and scaled, +1 and -1 before; (n_fit, n_targets)
    offsets: np.ndarray  # Of the targets; (n_targets,)
    root_weights: np.ndarray  # (n_fit,)


def _make_rows(estimator: RidgeClassifier, fold: Fold) -> _Rows | None:
    """Return the rows, None where scikit-learn would refuse them or compute otherwise."""
    weights = _weights_of(estimator, fold)
    if weights is None:
        return None
    binarizer = LabelBinarizer(pos_label=1, neg_label=-1)
    targets = binarizer.fit_transform(fold.y_fit).astype(float)
    if len(binarizer.classes_) < 2:
        return None
    offsets = np.zeros(targets.shape[1])
    if estimator.fit_intercept:
        offsets = np.average(targets, axis=0, weights=weights)
    roots = np.sqrt(weights)
    targets = (targets - offsets) * roots[:, None]
    n_fit, n_targets, n_columns = len(targets), len(offsets), fold.X_fit.shape[1]
    n_rows = n_fit + n_targets + len(fold.X_validate)
    by_column, sizes = np.zeros((n_columns, padded(n_rows, float))), np.zeros((n_columns, 4))
    for block in column_blocks(n_columns):
        is_finite, raw, fit, validate = _centre(estimator, fold, weights, block)
        rows = by_column[block, :n_rows].T  # a view, to be written
        rows[:n_fit] = fit * roots[:, None]
        rows[n_fit : n_fit + n_targets] = targets.T @ rows[:n_fit]
        rows[n_fit + n_targets :] = validate
        sizes[block, forms.ENERGY] = np.square(rows[:n_fit]).sum(axis=0)
        sizes[block, forms.QUERY] = np.square(validate).max(axis=0)
        sizes[block, forms.RAW] = np.where(is_finite, np.square(raw), np.inf)
    return _Rows(by_column, ColumnGram(by_column, n_fit), sizes, targets, offsets, roots)


def _weights_of(estimator: RidgeClassifier, fold: Fold) -> np.ndarray | None:
    if not is_double(fold) or type_of_target(fold.y_fit) not in ("binary", "multiclass"):
        return None
    if not has_valid_params(estimator):
        return None
    weights = np.ones(len(fold.y_fit)) if fold.weight_fit is None else fold.weight_fit
    try:
        if estimator.class_weight:
            weights = weights * compute_sample_weight(estimator.class_weight, fold.y_fit)
    except ValueError:
        return None
    usable = np.isfinite(weights).all() and (weights >= 0.0).all() and weights.sum() > 0.0
    return weights if usable else None


def _centre(
    estimator: RidgeClassifier, fold: Fold, weights: np.ndarray, block: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return which columns of a block are finite, their largest values, and the rows centred."""
    fit, validate, is_finite, raw = finite_columns(fold, block)
    if estimator.fit_intercept:
        means = np.average(fit, axis=0, weights=weights)
        fit, validate = fit - means, validate - means
    return is_finite, raw, fit, validate


def _error_bounds(rows: _Rows, facts: np.ndarray) -> np.ndarray:
    """Return by how much rounding, here and in scikit-learn, may move a decision; (n_masks,).

    A decision is x w with w = A^-1 R' y, A = R' R + alpha I. To first order it moves by

        dx w + u dR' (y - R w) - u R' dR w - u dA w,    u = x A^-1,

    where dx and dR come of the means that are subtracted, and dA of the products and the
    elimination (Higham 2002, theorem 10.3). With more columns than rows the system is solved in
    the rows, w = R' v with (R R' + alpha I) v = y: then y - R w = alpha v and |u| <= |x| / alpha.
    """
    n_fit = len(rows.targets)
    count, norm, floor = (facts[:, column] for column in (forms.COUNT, forms.NORM, forms.FLOOR))
    with np.errstate(all="ignore"):  # what is not finite is uncertain
        energy, query, raw = (
            np.sqrt(facts[:, column]) for column in (forms.ENERGY, forms.QUERY, forms.RAW)
        )
        gamma, is_dual = relative_error(n_fit + count), count > n_fit
        matrix = forms.matrix_error(gamma, facts, n_fit)
        moved = gamma * raw
        moved_fit = moved * np.linalg.norm(rows.root_weights)
        weight = np.where(is_dual, energy, 1.0) * norm  # |w|
        reach = query / np.sqrt(floor)  # |u R'|
        total = np.linalg.norm(rows.targets, axis=0).max()
        residual = np.where(is_dual, query * norm, query / floor * total)  # |u| |y - R w|
        errors = gamma * (1.0 + query * weight) + moved * weight
        errors += np.where(is_dual, reach, query / floor) * matrix * norm
        errors += moved_fit * (residual + reach * weight)
        is_small = matrix + 2.0 * moved_fit * (energy + moved_fit) < _SMALL * floor
        return np.where(is_small, errors, np.inf)
