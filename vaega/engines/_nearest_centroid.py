"""Nearest centroids: squared distances add over features, so a mask is a sum of terms."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.neighbors import NearestCentroid
from sklearn.utils.multiclass import type_of_target

from vaega.data._folds import Fold
from vaega.engines._base import (
    DECISION,
    PREDICT,
    PROBA,
    Predictions,
    column_blocks,
    softmax_of_scores,
)
from vaega.engines._compiled import gather, judge, padded

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = False
EXACT = True
RANDOM = False

_ROUNDING = 8.0 * np.finfo(float).eps  # of each term of a sum, generously
_ZERO_SPREAD = (
    "UserWarning: self.within_class_std_dev_ has at least 1 zero standard deviation."
    "Inputs within the same classes for at least 1 feature are identical."
)


@dataclass(frozen=True, eq=False)
class _Terms:
    """What each column adds, and to what it adds.

    The first terms of a column are, by class from the second on and by row, by how much a validate
    row is nearer, squared, to the class than to the first one; then its size for rounding, whether
    it has no spread within classes, whether nobody can tell when it is alone, and 1.
    """

    values: np.ndarray  # shape (n_columns, padded n_validate * (n_classes - 1) + 4)
    log_priors: np.ndarray  # of the classes after the first, less that of the first
    n_fit: int


_KNOWN: WeakKeyDictionary[Fold, dict[tuple[str, bool], _Terms | None]] = WeakKeyDictionary()


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a nearest-centroid classifier is not computed here, if any."""
    if not isinstance(estimator.metric, str) or estimator.metric != "euclidean":
        return f"metric={estimator.metric!r}"
    if isinstance(estimator.priors, np.ndarray):  # scikit-learn asks whether it equals a text
        return "priors=array(...)"
    threshold = estimator.shrink_threshold
    return None if threshold is None else f"shrink_threshold={threshold!r}"


def predict(
    estimator: NearestCentroid,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the answers of nearest centroids for each mask."""
    priors = _priors_of(estimator, fold)
    n_validate = len(fold.y_validate)
    if priors is None or (response_method == DECISION and len(priors) > 2):
        return Predictions.uncertain(len(masks), n_validate)
    equal = bool(np.isclose(priors, 1.0 / len(priors)).all())
    terms = _terms_of(fold, priors, scaled=not equal)
    if terms is None:
        return Predictions.uncertain(len(masks), n_validate)
    masks = np.ascontiguousarray(masks)
    answers = _labels(terms, masks, n_validate)
    if response_method == PREDICT:
        return answers
    scaled = _terms_of(fold, priors, scaled=True)
    assert scaled is not None
    scores, doubts, _ = _scores_of(scaled, masks, n_validate)
    values = (
        np.ascontiguousarray(scores[:, :, 0])
        if response_method == DECISION
        else softmax_of_scores(scores)
    )
    return Predictions(answers.codes, answers.certain, values, doubts, answers.warnings)


def _labels(terms: _Terms, masks: np.ndarray, n_validate: int) -> Predictions:
    n_others = len(terms.log_priors)
    codes = np.empty((len(masks), n_validate), dtype=np.int64)
    margins, rest = np.empty(len(masks)), np.empty((len(masks), 4))
    judge(masks, terms.values, terms.log_priors, False, codes, margins, rest)
    doubts, warned = _doubts_of(terms, rest)
    with np.errstate(invalid="ignore"):  # False where it is not finite
        decided = margins > (doubts if n_others == 1 else 2.0 * doubts)
    return Predictions(codes, decided, warnings={_ZERO_SPREAD: warned})


def _scores_of(
    terms: _Terms, masks: np.ndarray, n_validate: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    totals = np.empty((len(masks), terms.values.shape[1]))
    gather(np.ascontiguousarray(masks), terms.values, totals)
    n_others = len(terms.log_priors)
    n_scores = n_validate * n_others
    doubts, warned = _doubts_of(terms, totals[:, n_scores : n_scores + 4])
    by_class = totals[:, :n_scores].reshape(len(masks), n_others, n_validate)
    scores = np.empty((len(masks), n_validate, n_others + (n_others > 1)))
    scores[:, :, 0] = 0.0
    scores[:, :, -n_others:] = by_class.transpose(0, 2, 1) + terms.log_priors
    return scores, doubts, warned


def _doubts_of(terms: _Terms, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much rounding may move scores, and which masks scikit-learn warns of."""
    size, without, alone, count = rest.T
    doubts = _ROUNDING * (count + terms.n_fit + 10.0) * size
    doubts += _ROUNDING * (1.0 + np.abs(terms.log_priors).max())
    # With half of the spreads 0 their median may be 0, and scikit-learn divides by it.
    doubts[(2.0 * without >= count) | ((count == 1.0) & (alone > 0.0))] = np.inf
    return doubts, without > 0.0


def _priors_of(estimator: NearestCentroid, fold: Fold) -> np.ndarray | None:
    """None where scikit-learn would refuse, or warn, or compute otherwise."""
    try:
        estimator._validate_params()
        _, counts = np.unique(fold.y_fit, return_counts=True)
        uniform = np.full(len(counts), 1.0 / len(counts))
        if isinstance(estimator.priors, str):
            priors = counts / len(fold.y_fit) if estimator.priors == "empirical" else uniform
        else:
            priors = np.asarray(estimator.priors, dtype=float)
    except (TypeError, ValueError):
        return None
    if priors.shape != counts.shape or not (priors > 0.0).all():
        return None
    return priors if np.isclose(priors.sum(), 1.0) and len(priors) > 1 else None


def _terms_of(fold: Fold, priors: np.ndarray, *, scaled: bool) -> _Terms | None:
    key = (repr(priors.tolist()), scaled)
    known = _KNOWN.setdefault(fold, {})
    if key not in known:
        known[key] = _make_terms(fold, priors, scaled=scaled)
    return known[key]


def _make_terms(fold: Fold, priors: np.ndarray, *, scaled: bool) -> _Terms | None:
    if fold.X_fit.dtype != np.float64 or fold.X_validate.dtype != np.float64:
        return None  # scikit-learn would compute in the precision of the rows
    n_fit, n_columns = fold.X_fit.shape
    if type_of_target(fold.y_fit) not in ("binary", "multiclass") or n_fit <= len(priors):
        return None
    n_scores = len(fold.X_validate) * (len(priors) - 1)
    values = np.zeros((n_columns, padded(n_scores + 4, float)))
    for own in column_blocks(n_columns):
        _fill_block(values[own, : n_scores + 4], fold, own, scaled=scaled)
    log_priors = 2.0 * np.log(priors) if scaled else np.zeros(len(priors))
    return _Terms(values, log_priors[1:] - log_priors[0], n_fit)


def _fill_block(values: np.ndarray, fold: Fold, own: slice, *, scaled: bool) -> None:
    """Write the terms of a block of columns."""
    fit, validate = fold.X_fit[:, own], fold.X_validate[:, own]
    sound = np.isfinite(fit).all(axis=0) & np.isfinite(validate).all(axis=0)
    fit, validate = (np.where(sound, X, 0.0).astype(float, order="C") for X in (fit, validate))
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    centroids = np.stack([fit[codes == code].mean(axis=0) for code in range(len(classes))])
    raw = np.maximum(np.abs(fit).max(axis=0), np.abs(validate).max(axis=0))
    # numpy sums rows of two columns and more one after the other, so that these are its bits.
    free = len(fit) - len(classes)
    spread = np.sqrt(np.square(fit - centroids[codes]).sum(axis=0) / free)
    alone = (spread <= 1e-12 * len(fit) * raw) & ~_is_flat(fit, codes)
    unit = np.where(spread > 0.0, spread, 1.0) if scaled else np.ones(len(raw))
    squared = np.square((validate[:, None] - centroids) / unit)
    sizes = 4.0 * np.square(raw / unit)
    if scaled:
        sizes += squared.max(axis=(0, 1)) * (raw / unit)  # what rounding of the spread moves
    n_scores = len(validate) * (len(classes) - 1)
    nearer = (squared[:, :1] - squared[:, 1:]).swapaxes(0, 1)
    values[:, :n_scores] = nearer.reshape(n_scores, len(raw)).T
    for place, known in enumerate((np.where(sound, sizes, np.inf), spread == 0.0, alone, 1.0)):
        values[:, n_scores + place] = known


def _is_flat(fit: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Which columns have no spread within classes for certain, however their means are rounded.

    Sums of equal numbers of single precision are exact in double precision.
    """
    flat = (fit.astype(np.float32) == fit).all(axis=0)
    for code in range(codes.max() + 1):
        own = fit[codes == code]
        flat &= (own == own[0]).all(axis=0)
    return flat
