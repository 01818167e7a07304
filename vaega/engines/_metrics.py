"""Metrics of many classifiers' answers at once, with scikit-learn's arithmetic."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    roc_auc_score,
)
from sklearn.utils.multiclass import type_of_target

from vaega.data._folds import Fold
from vaega.engines._base import DECISION, PREDICT, PROBA, Predictions
from vaega.engines._kernels import kernel, total

_LINKS = 8  # in doubt, of which every combination is tried


@kernel
def areas_under_curves(values, doubts, truth, weights, weighted, out):  # type: ignore[no-untyped-def]
    """Compute the area under the ROC curve of each mask's values."""
    kept = np.flatnonzero(weights > 0.0)
    n = len(kept)
    own_truth, own_weights = truth[kept].astype(np.float64), weights[kept]
    truths, masses, room = np.empty(n), np.empty(n), np.empty((5, n + 1))
    ends, maybe = np.empty(n, np.bool_), np.empty(n, np.int64)
    for m in range(len(values)):
        out[m] = np.nan
        own, doubt = values[m][kept], doubts[m][kept]
        if n == 0 or not np.isfinite(own).all() or not np.isfinite(doubt).all():
            continue
        order = np.argsort(-own, kind="mergesort")
        for i in range(n):
            truths[i], masses[i] = own_truth[order[i]], own_weights[order[i]]
        n_maybe = _group(own[order], doubt[order], truths, weighted, ends, maybe, room)
        if n_maybe >= 0:
            out[m] = _certain_area(truths, masses, ends, maybe[:n_maybe], room)


@kernel
def _group(values, doubts, truth, weighted, ends, maybe, room):  # type: ignore[no-untyped-def]
    """Mark which rows end a group of ties; return how many may or may not, -1 for too much doubt.

    Values fall. Two neighbours are apart for certain where all that follows lies, with its doubt,
    below all that precedes; what lies between two such borders is one tie if nothing of it is in
    doubt.
    """
    n, n_maybe, lowest, start = len(values), 0, np.inf, 0
    highest = room[0]
    highest[n] = -np.inf
    for i in range(n - 1, -1, -1):
        highest[i] = max(highest[i + 1], values[i] + doubts[i])
    any_doubt = False
    for i in range(n):
        lowest = min(lowest, values[i] - doubts[i])
        any_doubt |= doubts[i] != 0.0
        ends[i] = highest[i + 1] < lowest
        if not ends[i]:
            continue
        alone = start == i
        if not alone and weighted:  # the order of equals, which is the library's own, has bits
            return -1
        if any_doubt and not alone:
            for j in range(start, i):
                if truth[j] != truth[i] or n_maybe == _LINKS:
                    return -1
                maybe[n_maybe] = j
                n_maybe += 1
        start, any_doubt = i + 1, False
    return n_maybe


@kernel
def _certain_area(truth, weights, ends, maybe, room):  # type: ignore[no-untyped-def]
    area = _area(truth, weights, ends, room)
    for choice in range(1, 1 << len(maybe)):
        for bit in range(len(maybe)):
            ends[maybe[bit]] = (choice >> bit) & 1
        if _area(truth, weights, ends, room) != area:
            return np.nan
    return area


@kernel
def _area(truth, weights, ends, room):  # type: ignore[no-untyped-def]
    """Return the area by the trapezoidal rule, without the points of the curve between others."""
    hits, misses, y, x, terms = room[0], room[1], room[2], room[3], room[4]
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
    """Compute the share of the weights whose rows are predicted right, for each mask."""
    each, every = np.empty(len(truth)), total(weights)
    for m in range(len(codes)):
        for i in range(len(truth)):
            each[i] = weights[i] if of_class[codes[m, i]] == truth[i] else 0.0
        out[m] = total(each) / every


@kernel
def mean_f1(truth, predicted, weights, n_labels, out):  # type: ignore[no-untyped-def]
    """Compute the mean F1 of the labels that occur, for each mask."""
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
    """Compute the mean recall of the labels, for each mask."""
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


_EPSILON = float(np.finfo(float).eps)
_LOSS_DOUBT = 1e-12  # of a loss, relative to the larger of it and 1


@dataclass(frozen=True)
class Metric:
    """A metric that is computed here."""

    name: str  # Of the metric, as scikit-learn's scorers are named
    response_method: str  # What of a classifier's answers it is made of


# By the function, its settings, what it is called with, and the sign that makes higher better.
_BY_RANK, _BY_SHARE = ("decision_function", "predict_proba"), ("predict_proba",)
_KNOWN = {
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
    if kind.__name__ == "_PassthroughScorer":
        known = scorer._estimator is estimator
        return Metric("accuracy", PREDICT) if known else None
    if kind.__name__ != "_Scorer":
        return None
    method = scorer._response_method
    settings = tuple(sorted((scorer._kwargs or {}).items()))
    methods = (method,) if isinstance(method, str) else tuple(method)
    try:
        return _KNOWN.get((scorer._score_func, settings, methods, scorer._sign))
    except TypeError:  # a setting that has no hash, as a list of labels
        return None


@dataclass(frozen=True, eq=False)
class _Truth:
    """The validate rows as the metrics take them.

    `labels` are places among the sorted labels of all rows; `of_class` are the places of the fit
    rows' classes, by which predictions come.
    """

    labels: np.ndarray
    of_class: np.ndarray
    n_labels: int
    weights: np.ndarray
    weighted: bool

    @property
    def is_of_classes(self) -> bool:
        """Whether the validate rows have the classes of the fit rows, all of them and no other."""
        n_present = len(np.unique(self.labels))
        return n_present == len(self.of_class) == self.n_labels and n_present > 1


_TRUTHS: WeakKeyDictionary[Fold, _Truth | None] = WeakKeyDictionary()


def score_predictions(metric: Metric, fold: Fold, answers: Predictions) -> np.ndarray:
    """Return the metric of each mask's answers."""
    scores = np.full(len(answers.codes), np.nan)
    if fold not in _TRUTHS:
        _TRUTHS[fold] = _truth_of(fold)
    truth, rows = _TRUTHS[fold], np.flatnonzero(answers.certain)
    if truth is None or not rows.size:
        return scores
    if metric.response_method == PREDICT:
        codes = np.ascontiguousarray(answers.codes, dtype=np.int64)
        own = codes if rows.size == len(codes) else codes[rows]
        scores[rows] = _score_codes(metric.name, truth, own)
    elif truth.is_of_classes and answers.values is not None:
        values = np.asarray(answers.values[rows], dtype=float)
        scores[rows] = _score_values(metric, truth, values, _doubts_of(answers, rows, values))
    return scores


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


def _doubts_of(answers: Predictions, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    if answers.error_bounds is None:
        return np.zeros(values.shape)
    doubts = np.asarray(answers.error_bounds[rows], dtype=float)
    by_mask = doubts.reshape(doubts.shape + (1,) * (values.ndim - doubts.ndim))
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
    metric: Metric, truth: _Truth, values: np.ndarray, doubts: np.ndarray
) -> np.ndarray:
    n_classes = len(truth.of_class)
    if metric.name == "neg_log_loss":
        return -_loss(truth, values, doubts)
    if n_classes == 2:
        if metric.response_method == PROBA:
            values, doubts = values[:, :, 1], doubts[:, :, 1]
        return _areas(values, doubts, truth.labels == 1, truth)
    # By ranks alone scikit-learn has no area of several classes; nor pairs of them with weights.
    if metric.name == "roc_auc" or (metric.name == "roc_auc_ovo" and truth.weighted):
        return np.full(len(values), np.nan)
    by_class = _areas_of_pairs if metric.name == "roc_auc_ovo" else _areas_of_classes
    scores = by_class(truth, values, doubts).mean(axis=1)
    return np.where(_are_shares(values, 0.9e-5), scores, np.nan)


def _areas(
    values: np.ndarray, doubts: np.ndarray, positive: np.ndarray, truth: _Truth
) -> np.ndarray:
    scores = np.empty(len(values))
    values, doubts = np.ascontiguousarray(values), np.ascontiguousarray(doubts)
    weights = truth.weights[: len(positive)]
    areas_under_curves(values, doubts, positive, weights, truth.weighted, scores)
    return scores


def _areas_of_classes(truth: _Truth, values: np.ndarray, doubts: np.ndarray) -> np.ndarray:
    areas = [
        _areas(values[:, :, code], doubts[:, :, code], truth.labels == code, truth)
        for code in range(truth.n_labels)
    ]
    return np.stack(areas, axis=1)


def _areas_of_pairs(truth: _Truth, values: np.ndarray, doubts: np.ndarray) -> np.ndarray:
    areas = []
    for pair in combinations(range(truth.n_labels), 2):
        rows = np.flatnonzero(np.isin(truth.labels, pair))
        labels = truth.labels[rows]
        one, other = (
            _areas(values[:, rows, code], doubts[:, rows, code], labels == code, truth)
            for code in pair
        )
        areas.append((one + other) / 2)
    return np.stack(areas, axis=1)


def _are_shares(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Whether scikit-learn takes them for probabilities."""
    bounded = ((values >= 0.0) & (values <= 1.0)).all(axis=(1, 2))
    return bounded & (np.abs(values.sum(axis=2) - 1.0) < tolerance).all(axis=1)


def _loss(truth: _Truth, values: np.ndarray, doubts: np.ndarray) -> np.ndarray:
    own = (slice(None), np.arange(len(truth.labels)), truth.labels)
    right, doubt = values[own], doubts[own]
    if values.shape[2] == 2:  # scikit-learn takes the other class's share from one
        right = np.where(truth.labels == 1, values[:, :, 1], 1.0 - values[:, :, 1])
        doubt = doubts[:, :, 1]
    clipped = np.clip(right, _EPSILON, 1.0 - _EPSILON)
    # What clipping hides is no doubt.
    above = np.log(np.clip(right + doubt, _EPSILON, 1.0 - _EPSILON) / clipped)
    below = np.log(clipped / np.clip(right - doubt, _EPSILON, 1.0 - _EPSILON))
    losses, moved = _average(-np.log(clipped), truth), _average(above + below, truth)
    certain = moved <= _LOSS_DOUBT * np.maximum(losses, 1.0)
    tolerance = 1e-8 if values.shape[2] > 2 else np.inf  # the sum of two is 1 by construction
    return np.where(certain & _are_shares(values, tolerance), losses, np.nan)
