"""Metrics of many classifiers' predictions at once, with scikit-learn's arithmetic."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    roc_auc_score,
)
from sklearn.utils.multiclass import type_of_target

from vaega.core.kernels import kernel, total
from vaega.data._splits import Fold
from vaega.engines._base import DECISION, PREDICT, PROBA, Predictions, cached_on


@dataclass(frozen=True)
class Metric:
    """A metric that is computed here."""

    name: str  # As scikit-learn's scorers are named
    response_method: str  # What it is made of: see `_base`


# By the function, its settings, the response methods, and the sign that makes higher better.
_BY_RANK, _BY_SHARE = ("decision_function", "predict_proba"), ("predict_proba",)
_METRICS = {
    (accuracy_score, (), ("predict",), 1): Metric("accuracy", PREDICT),
    (balanced_accuracy_score, (), ("predict",), 1): Metric("balanced_accuracy", PREDICT),
    (f1_score, (("average", "macro"), ("pos_label", None)), ("predict",), 1): Metric(
        "f1_macro", PREDICT
    ),
    (roc_auc_score, (), _BY_RANK, 1): Metric("roc_auc", DECISION),
    (roc_auc_score, (), _BY_SHARE, 1): Metric("roc_auc", PROBA),
    (roc_auc_score, (("multi_class", "ovr"),), _BY_SHARE, 1): Metric("roc_auc_ovr", PROBA),
    (roc_auc_score, (("multi_class", "ovo"),), _BY_SHARE, 1): Metric("roc_auc_ovo", PROBA),
    (log_loss, (), _BY_SHARE, -1): Metric("neg_log_loss", PROBA),
}


def match_metric(scorer: Any, estimator: Any) -> Metric | None:
    """Return the metric that a scorer computes, where it is known here."""
    kind = type(scorer)
    if not kind.__module__.startswith("sklearn."):
        return None
    if kind.__name__ == "_PassthroughScorer":  # ``estimator.score``
        return Metric("accuracy", PREDICT) if scorer._estimator is estimator else None
    if kind.__name__ != "_Scorer":
        return None
    methods, settings = scorer._response_method, sorted((scorer._kwargs or {}).items())
    methods = (methods,) if isinstance(methods, str) else tuple(methods)
    try:
        return _METRICS.get((scorer._score_func, tuple(settings), methods, scorer._sign))
    except TypeError:  # a setting that has no hash, as a list of labels
        return None


@dataclass(frozen=True, eq=False)
class _Truth:
    """The validation rows as the metrics take them."""

    labels: np.ndarray  # Indices of the sorted labels of all rows; (n_validate,)
    of_class: np.ndarray  # Those of the fit rows' classes, by which predictions come; (n_classes,)
    n_labels: int
    weights: np.ndarray
    weighted: bool

    @property
    def is_of_classes(self) -> bool:
        """Whether the validation rows have the classes of the fit rows, all and no other."""
        n_present = len(np.unique(self.labels))
        return n_present == len(self.of_class) == self.n_labels and n_present > 1


def score_predictions(metric: Metric, fold: Fold, predictions: Predictions) -> np.ndarray:
    """Return the metric of each mask's predictions, NaN where scikit-learn has to score it."""
    scores = np.full(len(predictions.codes), np.nan)
    truth = cached_on(fold, "truth", lambda: _truth_of(fold))
    rows = np.flatnonzero(predictions.certain)
    if truth is None or not rows.size:
        return scores
    if metric.response_method == PREDICT:
        codes = np.ascontiguousarray(predictions.codes, dtype=np.int64)
        chosen = codes if rows.size == len(codes) else codes[rows]
        scores[rows] = _score_codes(metric.name, truth, chosen)
    elif truth.is_of_classes and predictions.values is not None:
        values = np.asarray(predictions.values[rows], dtype=float)
        error_bounds = _error_bounds_of(predictions, rows, values)
        scores[rows] = _score_values(metric, truth, values, error_bounds)
    return scores


_EPSILON = float(np.finfo(float).eps)
_LOSS_ERROR = 1e-12  # of a loss, relative to the larger of it and 1


def _truth_of(fold: Fold) -> _Truth | None:
    """Return the truth, None for labels or weights that scikit-learn may refuse."""
    if not (_are_labels(fold.y_fit) and _are_labels(fold.y_validate)):
        return None
    classes = np.unique(fold.y_fit)
    if isinstance(classes[0], str) != isinstance(fold.y_validate[0], str):
        return None
    every = np.unique(np.concatenate([classes, fold.y_validate]))
    labels, of_class = (np.searchsorted(every, y) for y in (fold.y_validate, classes))
    weights = fold.weight_validate
    if weights is None:
        return _Truth(labels, of_class, len(every), np.ones(len(labels)), False)
    usual = weights.dtype == np.float64 and weights.shape == labels.shape
    if not (usual and (weights >= 0).all() and np.isfinite(weights).all() and weights.any()):
        return None
    return _Truth(labels, of_class, len(every), np.ascontiguousarray(weights), True)


def _are_labels(y: np.ndarray) -> bool:
    try:
        return len(y) > 0 and type_of_target(y) in ("binary", "multiclass")
    except (TypeError, ValueError):
        return False


def _error_bounds_of(predictions: Predictions, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    if predictions.error_bounds is None:
        return np.zeros(values.shape)
    error_bounds = np.asarray(predictions.error_bounds[rows], dtype=float)
    by_mask = error_bounds.reshape(error_bounds.shape + (1,) * (values.ndim - error_bounds.ndim))
    return np.broadcast_to(by_mask, values.shape)


def _score_codes(name: str, truth: _Truth, codes: np.ndarray) -> np.ndarray:
    scores = np.empty(len(codes))
    if name == "accuracy":
        share_right(truth.labels, truth.of_class, codes, truth.weights, scores)
        return scores
    predicted = truth.of_class[codes]
    if name == "f1_macro":
        mean_f1(truth.labels, predicted, truth.weights, truth.n_labels, scores)
        return scores
    present, labels = np.unique(truth.labels, return_inverse=True)
    if len(present) == 1:  # scikit-learn warns of a single label
        return np.full(len(codes), np.nan)
    index = np.full(truth.n_labels, -1)
    index[present] = np.arange(len(present))
    mean_recall(labels, index[predicted], truth.weights, len(present), scores)
    return scores


def _average(each: np.ndarray, truth: _Truth) -> np.ndarray:
    # Along contiguous memory: numpy sums as for a single row.
    return (each * truth.weights).sum(axis=1) / truth.weights.sum()


def _score_values(
    metric: Metric, truth: _Truth, values: np.ndarray, error_bounds: np.ndarray
) -> np.ndarray:
    n_classes = len(truth.of_class)
    if metric.name == "neg_log_loss":
        return -_loss(truth, values, error_bounds)
    if n_classes == 2:
        if metric.response_method == PROBA:
            values, error_bounds = values[:, :, 1], error_bounds[:, :, 1]
        return _areas(values, error_bounds, truth.labels == 1, truth)
    # By ranks alone scikit-learn has no area of several classes; nor pairs of them with weights.
    if metric.name == "roc_auc" or (metric.name == "roc_auc_ovo" and truth.weighted):
        return np.full(len(values), np.nan)
    by_class = _areas_of_pairs if metric.name == "roc_auc_ovo" else _areas_of_classes
    scores = by_class(truth, values, error_bounds).mean(axis=1)
    return np.where(_are_shares(values, 0.9e-5), scores, np.nan)


def _areas(
    values: np.ndarray, error_bounds: np.ndarray, positive: np.ndarray, truth: _Truth
) -> np.ndarray:
    scores = np.empty(len(values))
    values, error_bounds = np.ascontiguousarray(values), np.ascontiguousarray(error_bounds)
    weights = truth.weights[: len(positive)]
    areas_under_curves(values, error_bounds, positive, weights, truth.weighted, scores)
    return scores


def _areas_of_classes(truth: _Truth, values: np.ndarray, error_bounds: np.ndarray) -> np.ndarray:
    areas = [
        _areas(values[:, :, code], error_bounds[:, :, code], truth.labels == code, truth)
        for code in range(truth.n_labels)
    ]
    return np.stack(areas, axis=1)


def _areas_of_pairs(truth: _Truth, values: np.ndarray, error_bounds: np.ndarray) -> np.ndarray:
    areas = []
    for pair in combinations(range(truth.n_labels), 2):
        rows = np.flatnonzero(np.isin(truth.labels, pair))
        labels = truth.labels[rows]
        one, other = (
            _areas(values[:, rows, code], error_bounds[:, rows, code], labels == code, truth)
            for code in pair
        )
        areas.append((one + other) / 2)
    return np.stack(areas, axis=1)


def _are_shares(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Whether scikit-learn takes them for probabilities."""
    bounded = ((values >= 0.0) & (values <= 1.0)).all(axis=(1, 2))
    return bounded & (np.abs(values.sum(axis=2) - 1.0) < tolerance).all(axis=1)


def _loss(truth: _Truth, values: np.ndarray, error_bounds: np.ndarray) -> np.ndarray:
    of_label = slice(None), np.arange(len(truth.labels)), truth.labels
    right, error_bound = values[of_label], error_bounds[of_label]
    if values.shape[2] == 2:  # scikit-learn takes the other class's share from one
        right = np.where(truth.labels == 1, values[:, :, 1], 1.0 - values[:, :, 1])
        error_bound = error_bounds[:, :, 1]
    clipped = np.clip(right, _EPSILON, 1.0 - _EPSILON)
    # Clipping hides errors.
    above = np.log(np.clip(right + error_bound, _EPSILON, 1.0 - _EPSILON) / clipped)
    below = np.log(clipped / np.clip(right - error_bound, _EPSILON, 1.0 - _EPSILON))
    losses, moved = _average(-np.log(clipped), truth), _average(above + below, truth)
    certain = moved <= _LOSS_ERROR * np.maximum(losses, 1.0)
    tolerance = 1e-8 if values.shape[2] > 2 else np.inf  # the sum of two is 1 by construction
    return np.where(certain & _are_shares(values, tolerance), losses, np.nan)


# Kernels -----------------------------------------------------------------------------------------


@kernel
def areas_under_curves(values, error_bounds, truth, weights, weighted, out):  # type: ignore[no-untyped-def]
    """Compute the area under the ROC curve of each mask's values, NaN where it is uncertain.

    `values` and `error_bounds` (n_masks, n_rows), `truth` of bool and `weights` (n_rows,).
    """
    counting = np.flatnonzero(weights > 0.0)
    n = len(counting)
    of_row, mass_of_row = truth[counting].astype(np.float64), weights[counting]
    truths, masses, scratch = np.empty(n), np.empty(n), np.empty((5, n + 1))
    ends = np.empty(n, np.bool_)
    for m in range(len(values)):
        out[m] = np.nan
        value, error = values[m][counting], error_bounds[m][counting]
        if n == 0 or not np.isfinite(value).all() or not np.isfinite(error).all():
            continue
        order = np.argsort(-value, kind="mergesort")
        for i in range(n):
            truths[i], masses[i] = of_row[order[i]], mass_of_row[order[i]]
        if _find_ties(value[order], error[order], weighted, ends, scratch[0]):
            out[m] = _area(truths, masses, ends, scratch)


@kernel
def _find_ties(values, errors, weighted, ends, highest):  # type: ignore[no-untyped-def]
    """Mark which rows end a group of ties in falling values; return whether that is certain.

    Two neighbours differ for certain where all that follows lies, with its error, below all that
    precedes; what lies between two such borders is one tie if its values are exact.
    """
    n, lowest, start, is_exact = len(values), np.inf, 0, True
    highest[n] = -np.inf
    for i in range(n - 1, -1, -1):
        highest[i] = max(highest[i + 1], values[i] + errors[i])
    for i in range(n):
        lowest = min(lowest, values[i] - errors[i])
        is_exact &= errors[i] == 0.0
        ends[i] = highest[i + 1] < lowest
        if ends[i]:
            # The order of equals, which scikit-learn chooses, has bits if they have weights.
            if start < i and (weighted or not is_exact):
                return False
            start, is_exact = i + 1, True
    return True


@kernel
def _area(truth, weights, ends, scratch):  # type: ignore[no-untyped-def]
    """Return the area by the trapezoidal rule, without the points of the curve between others."""
    hits, misses, y, x, terms = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    n_points, hit, miss = 0, 0.0, 0.0
    for i in range(len(truth)):
        hit += truth[i] * weights[i]
        miss += (1.0 - truth[i]) * weights[i]
        if ends[i]:
            hits[n_points], misses[n_points] = hit, miss
            n_points += 1
    if not (hit > 0.0 and miss > 0.0):
        return np.nan
    y[0] = x[0] = 0.0
    n_corners = 1
    for i in range(n_points):
        if i in (0, n_points - 1) or _is_corner(hits, i) or _is_corner(misses, i):
            y[n_corners], x[n_corners] = hits[i] / hit, misses[i] / miss
            n_corners += 1
    for i in range(n_corners - 1):
        terms[i] = (x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2.0
    return total(terms[: n_corners - 1])


@kernel
def _is_corner(sums, i):  # type: ignore[no-untyped-def]
    return (sums[i + 1] - sums[i]) - (sums[i] - sums[i - 1]) != 0.0


@kernel
def share_right(truth, of_class, codes, weights, out):  # type: ignore[no-untyped-def]
    """Compute the share of the weights of rows that are predicted right; (n_masks,)."""
    each, every = np.empty(len(truth)), total(weights)
    for m in range(len(codes)):
        for i in range(len(truth)):
            each[i] = weights[i] if of_class[codes[m, i]] == truth[i] else 0.0
        out[m] = total(each) / every


@kernel
def mean_f1(truth, predicted, weights, n_labels, out):  # type: ignore[no-untyped-def]
    """Compute the mean F1 of the labels that occur, for each mask; (n_masks,)."""
    true, named, right = np.empty(n_labels), np.empty(n_labels), np.empty(n_labels)
    seen, each = np.empty(n_labels, np.bool_), np.empty(n_labels)
    for m in range(len(predicted)):
        true[:], named[:], right[:], seen[:] = 0.0, 0.0, 0.0, False
        for i in range(len(truth)):
            label, guess, weight = truth[i], predicted[m, i], weights[i]
            seen[label] = seen[guess] = True
            true[label] += weight
            named[guess] += weight
            if label == guess:
                right[label] += weight
        n = 0
        for label in range(n_labels):
            if seen[label]:
                # There and back, as scikit-learn makes these of a confusion matrix.
                all_named = right[label] + (named[label] - right[label])
                all_true = right[label] + (true[label] - right[label])
                each[n] = 2.0 * right[label] / (all_true + all_named)  # 0 / 0 is NaN
                n += 1
        out[m] = total(each[:n]) / n


@kernel
def mean_recall(truth, predicted, weights, n_labels, out):  # type: ignore[no-untyped-def]
    """Compute the mean recall of the labels, for each mask; (n_masks,)."""
    sums, each = np.empty((n_labels, n_labels)), np.empty(n_labels)
    for m in range(len(predicted)):
        sums[:] = 0.0
        known = True
        for i in range(len(truth)):
            guess = predicted[m, i]
            known &= guess >= 0
            sums[truth[i], max(guess, 0)] += weights[i]
        for label in range(n_labels):
            each[label] = sums[label, label] / total(sums[label])  # 0 / 0 is NaN
        out[m] = total(each) / n_labels if known else np.nan
