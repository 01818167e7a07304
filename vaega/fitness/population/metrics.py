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

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels.areas import areas_under_curves
from vaega.fitness.population.kernels.confusions import mean_f1, mean_recall, share_right
from vaega.fitness.population.responses import LABELS, PROBABILITIES, RANKING, Responses

_EPSILON = float(np.finfo(float).eps)
_LOSS_DOUBT = 1e-12  # of a loss, relative to the larger of it and 1


@dataclass(frozen=True)
class Metric:
    """A metric that is computed here."""

    name: str  # Of the metric, as scikit-learn's scorers are named
    need: str  # What of a classifier's answers it is made of


# By the function, its settings, what it is called with, and the sign that makes higher better.
_BY_RANK, _BY_SHARE = ("decision_function", "predict_proba"), ("predict_proba",)
_KNOWN = {
    (accuracy_score, (), ("predict",), 1): Metric("accuracy", LABELS),
    (balanced_accuracy_score, (), ("predict",), 1): Metric("balanced_accuracy", LABELS),
    (f1_score, (("average", "macro"), ("pos_label", None)), ("predict",), 1): Metric(
        "f1_macro", LABELS
    ),
    (roc_auc_score, (), _BY_RANK, 1): Metric("roc_auc", RANKING),
    (roc_auc_score, (), _BY_SHARE, 1): Metric("roc_auc", PROBABILITIES),
    (roc_auc_score, (("multi_class", "ovr"),), _BY_SHARE, 1): Metric("roc_auc_ovr", PROBABILITIES),
    (roc_auc_score, (("multi_class", "ovo"),), _BY_SHARE, 1): Metric("roc_auc_ovo", PROBABILITIES),
    (log_loss, (), _BY_SHARE, -1): Metric("neg_log_loss", PROBABILITIES),
}


def recognise_metric(scorer: Any, estimator: Any) -> Metric | None:
    """Return the metric that a scorer computes, where it is known here."""
    kind = type(scorer)
    if not kind.__module__.startswith("sklearn."):
        return None
    if kind.__name__ == "_PassthroughScorer":
        known = scorer._estimator is estimator
        return Metric("accuracy", LABELS) if known else None
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


def score_responses(metric: Metric, fold: Fold, answers: Responses) -> np.ndarray:
    """Return the metric of each mask's answers."""
    scores = np.full(len(answers.codes), np.nan)
    if fold not in _TRUTHS:
        _TRUTHS[fold] = _truth_of(fold)
    truth, rows = _TRUTHS[fold], np.flatnonzero(answers.decided)
    if truth is None or not rows.size:
        return scores
    if metric.need == LABELS:
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


def _doubts_of(answers: Responses, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    if answers.doubts is None:
        return np.zeros(values.shape)
    doubts = np.asarray(answers.doubts[rows], dtype=float)
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
    place = np.full(truth.n_labels, -1)
    place[present] = np.arange(len(present))
    mean_recall(labels, place[predicted], truth.weights, len(present), scores)
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
        if metric.need == PROBABILITIES:
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
