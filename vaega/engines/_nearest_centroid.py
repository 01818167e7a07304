"""Nearest centroids: squared distances add over columns, so a mask is a sum of terms."""

from typing import Any

import numpy as np
from sklearn.neighbors import NearestCentroid
from sklearn.utils.multiclass import type_of_target

from vaega.core.kernels import argmax_of_sums, padded
from vaega.data._splits import Fold
from vaega.engines._base import (
    PREDICT,
    Predictions,
    cached_on,
    column_blocks,
    finite_columns,
    has_valid_params,
    is_double,
    relative_error,
)

RESPONSE_METHODS: tuple[str, ...] = (PREDICT,)
SAMPLE_WEIGHT = False
EXACT = True
RANDOM = False

_ZERO_SPREAD = (
    "UserWarning: self.within_class_std_dev_ has at least 1 zero standard deviation."
    "Inputs within the same classes for at least 1 feature are identical."
)


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a nearest-centroid classifier is not computed here, if any."""
    if not isinstance(estimator.metric, str) or estimator.metric != "euclidean":
        return f"metric={estimator.metric!r}"
    if isinstance(estimator.priors, np.ndarray):
        return "priors=array(...)"
    if estimator.priors != "uniform":
        return f"priors={estimator.priors!r}"
    threshold = estimator.shrink_threshold
    return None if threshold is None else f"shrink_threshold={threshold!r}"


def predict(
    estimator: NearestCentroid,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the predictions of nearest centroids for each mask."""
    shape = len(masks), len(fold.y_validate)
    terms = cached_on(fold, "nearest centroid", lambda: _make_terms(fold))
    if terms is None or not has_valid_params(estimator):
        return Predictions.uncertain(*shape)
    n_classes = len(np.unique(fold.y_fit))
    codes, margins = np.empty(shape, dtype=np.int64), np.empty(len(masks))
    sums, no_offsets = np.empty((len(masks), 3)), np.zeros(n_classes - 1)
    argmax_of_sums(np.ascontiguousarray(masks), terms, no_offsets, False, codes, margins, sums)
    size, n_flat, count = sums.T
    error_bounds = relative_error(count) * size
    with np.errstate(invalid="ignore"):  # False where it is not finite
        certain = margins > 2.0 * error_bounds
    # With half of the spreads 0 their median may be 0, and scikit-learn divides by it. Of a single
    # column numpy sums in another order, so that its spread may be 0 or not.
    certain &= (2.0 * n_flat < count) & (count > 1.0)
    return Predictions(codes, certain, warnings={_ZERO_SPREAD: n_flat > 0.0})


def _make_terms(fold: Fold) -> np.ndarray | None:
    """Return what each column adds; (n_columns, padded). None where scikit-learn would not do so.

    By class from the second on and by row, by how much a validation row is nearer, squared, to the
    class than to the first one; then at most |x|^2 + 2 |x c| + |c|^2, which scikit-learn sums;
    whether the column has no spread within classes; and 1.
    """
    n_classes, (n_fit, n_columns) = len(np.unique(fold.y_fit)), fold.X_fit.shape
    if not is_double(fold) or type_of_target(fold.y_fit) not in ("binary", "multiclass"):
        return None
    if n_classes < 2 or n_fit <= n_classes:
        return None
    n_scores = len(fold.X_validate) * (n_classes - 1)
    terms = np.zeros((n_columns, padded(n_scores + 3, float)))
    for block in column_blocks(n_columns):
        _fill_block(terms[block, : n_scores + 3], fold, block)
    return terms


def _fill_block(terms: np.ndarray, fold: Fold, block: slice) -> None:
    fit, validate, is_finite, raw = finite_columns(fold, block)
    fit, validate = np.ascontiguousarray(fit), np.ascontiguousarray(validate)
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    centroids = np.stack([fit[codes == code].mean(axis=0) for code in range(len(classes))])
    squares = np.square(validate[:, None] - centroids)
    closer = (squares[:, :1] - squares[:, 1:]).swapaxes(0, 1).reshape(-1, fit.shape[1])
    spread = np.square(fit - centroids[codes]).sum(axis=0)  # numpy's bits, but for a single column
    n_scores = len(closer)
    terms[:, :n_scores] = closer.T
    terms[:, n_scores] = np.where(is_finite, 4.0 * np.square(raw), np.inf)
    terms[:, n_scores + 1] = spread == 0.0
    terms[:, n_scores + 2] = 1.0
