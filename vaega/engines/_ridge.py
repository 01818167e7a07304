"""Ridge classifiers: one small positive definite system a mask, of columns or of rows."""

from dataclasses import dataclass
from numbers import Real
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from vaega.data._folds import Fold
from vaega.engines import _linear_forms as forms
from vaega.engines._base import DECISION, PREDICT, Predictions, classify, column_blocks
from vaega.engines._compiled import padded
from vaega.engines._linear_forms import ColumnGram

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION)
SAMPLE_WEIGHT = True
EXACT = True
RANDOM = False

_SOLVERS = ("auto", "cholesky", "svd")
_ROUNDING = 8.0 * np.finfo(float).eps  # of each term of a sum, generously
_SAFE = 1e-3  # perturbations above this share of the least eigenvalue are beyond the bounds here


@dataclass(frozen=True, eq=False)
class _Terms:
    """Centred rows of a fold, those to fit scaled by the roots of their weights.

    They are the fit rows, the targets of each class times these, and the validate rows.
    """

    by_feature: np.ndarray  # transposed, shape (n_columns, padded n_rows)
    n_rows: int
    gram: ColumnGram
    sizes: np.ndarray
    targets: np.ndarray  # centred and scaled, shape (n_fit, n_targets)
    offsets: np.ndarray  # of the targets, shape (n_targets,)
    root_weights: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """The rows themselves; of shape (n_rows, n_columns)."""
        return self.by_feature[:, : self.n_rows].T


_KNOWN: WeakKeyDictionary[Fold, dict[str, _Terms | None]] = WeakKeyDictionary()


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
    """Return the answers of a ridge classifier for each mask."""
    terms = _terms_of(estimator, fold)
    if terms is None or (response_method == DECISION and terms.targets.shape[1] > 1):
        return Predictions.uncertain(len(masks), len(fold.y_validate))
    alpha = float(estimator.alpha)
    values, doubts = _values_of(terms, alpha, masks, careful=False)
    codes, decided = classify(values, doubts)
    rest = np.flatnonzero(~decided)
    if rest.size:
        values[rest], doubts[rest] = _values_of(terms, alpha, masks[rest], careful=True)
        codes[rest], decided[rest] = classify(values[rest], doubts[rest])
    if response_method == PREDICT:
        return Predictions(codes, decided)
    return Predictions(codes, decided, np.ascontiguousarray(values[:, :, 0]), doubts)


def _values_of(
    terms: _Terms, alpha: float, masks: np.ndarray, *, careful: bool
) -> tuple[np.ndarray, np.ndarray]:
    n_fit, n_targets = terms.targets.shape
    answers = np.empty((len(masks), terms.n_rows - n_fit, n_targets))
    facts = np.empty((len(masks), forms.N_FACTS))
    forms.compute_forms(
        np.ascontiguousarray(masks),
        terms.by_feature,
        terms.gram.found_for(masks),
        np.empty(0, dtype=np.int64),  # copies of a column matter only without a shift
        terms.sizes,
        terms.targets,
        forms.GIVEN,
        alpha,
        careful,
        answers,
        facts,
    )
    values = answers[:, n_targets:]
    values += terms.offsets
    return values, _doubts_of(terms, alpha, facts)


def _doubts_of(terms: _Terms, alpha: float, facts: np.ndarray) -> np.ndarray:
    """By how much rounding, here or in scikit-learn, may move a decision value of each mask.

    First-order perturbations of the ridge equations, by backward errors of sums and eliminations
    (Higham 2002, "Accuracy and Stability of Numerical Algorithms", chapters 3, 10 and 20).
    """
    n_fit = len(terms.targets)
    count, trace, norm = (facts[:, place] for place in (forms.COUNT, forms.TRACE, forms.NORM))
    rounding = _ROUNDING * (n_fit + count + 10.0)
    with np.errstate(all="ignore"):  # what is not finite is undecided
        floor = np.maximum(facts[:, forms.FLOOR] - rounding * trace, alpha)
        energy, ask, raw = (
            np.sqrt(facts[:, place]) for place in (forms.ENERGY, forms.ASK, forms.RAW)
        )
        dual = count > n_fit
        total = np.linalg.norm(terms.targets, axis=0).max()
        coefficients = np.where(dual, energy * norm, norm)
        residual = np.where(dual, alpha * norm, total)
        moved = rounding * raw  # of centred rows, where means are rounded
        moved_fit = moved * np.linalg.norm(terms.root_weights) + rounding * energy
        # The rows' own weights in the prediction, and the column weights that ask, at most.
        shares = ask / (2.0 * np.sqrt(floor))
        slopes = ask / floor
        solved = np.where(dual, trace * shares * norm, slopes * (trace * norm + energy * total))
        doubts = rounding * solved + moved * coefficients
        doubts += moved_fit * (slopes * residual + shares * coefficients)
        doubts += rounding * (1.0 + ask * coefficients)
        safe = (rounding * trace + 2.0 * moved_fit * (energy + moved_fit)) / floor < _SAFE
        return np.where(safe, doubts, np.inf)


def _terms_of(estimator: RidgeClassifier, fold: Fold) -> _Terms | None:
    key = repr((estimator.class_weight, estimator.fit_intercept))
    known = _KNOWN.setdefault(fold, {})
    if key not in known:
        known[key] = _make_terms(estimator, fold)
    return known[key]


def _make_terms(estimator: RidgeClassifier, fold: Fold) -> _Terms | None:
    """None where scikit-learn would refuse, or compute otherwise."""
    try:
        estimator._validate_params()
        weights = np.ones(len(fold.y_fit)) if fold.weight_fit is None else fold.weight_fit
        if estimator.class_weight:
            weights = weights * compute_sample_weight(estimator.class_weight, fold.y_fit)
    except ValueError:
        return None
    if not _is_plain(fold, weights):
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
    by_feature = np.zeros((n_columns, padded(n_rows, float)))
    sizes = np.empty((n_columns, 4))
    for own in column_blocks(n_columns):
        rows = by_feature[own, :n_rows].T  # a view, to be written
        sound, raw, fit, validate = _centre(estimator, fold, weights, own)
        rows[:n_fit] = fit * roots[:, None]
        rows[n_fit : n_fit + n_targets] = targets.T @ rows[:n_fit]
        rows[n_fit + n_targets :] = validate
        sizes[own, forms.ENERGY] = np.square(rows[:n_fit]).sum(axis=0)
        sizes[own, forms.ASK] = np.square(validate).max(axis=0)
        sizes[own, forms.TARGET] = 0.0
        sizes[own, forms.RAW] = np.where(sound, np.square(raw), np.inf)
    gram = ColumnGram(by_feature, [n_fit])
    return _Terms(by_feature, n_rows, gram, sizes, targets, offsets, roots)


def _centre(
    estimator: RidgeClassifier, fold: Fold, weights: np.ndarray, own: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return which columns of a block are finite, their largest values, and the rows centred."""
    fit, validate = fold.X_fit[:, own], fold.X_validate[:, own]
    sound = np.isfinite(fit).all(axis=0) & np.isfinite(validate).all(axis=0)
    fit, validate = (np.where(sound, X, 0.0) for X in (fit, validate))
    raw = np.maximum(np.abs(fit).max(axis=0), np.abs(validate).max(axis=0))
    if estimator.fit_intercept:
        means = np.average(fit, axis=0, weights=weights)
        fit, validate = fit - means, validate - means
    return sound, raw, fit, validate


def _is_plain(fold: Fold, weights: np.ndarray) -> bool:
    if fold.X_fit.dtype != np.float64 or fold.X_validate.dtype != np.float64:
        return False  # scikit-learn would compute in the precision of the rows
    if type_of_target(fold.y_fit) not in ("binary", "multiclass"):
        return False
    return bool(np.isfinite(weights).all() and (weights >= 0.0).all() and weights.sum() > 0.0)


def leave_one_out(estimator: RidgeClassifier, fold: Fold, masks: np.ndarray) -> np.ndarray:
    """Return the decision values of each fit row, when it is left out of the fit."""
    terms = _terms_of(estimator, fold)
    if terms is None:
        n_classes = len(np.unique(fold.y_fit))
        shape = (len(masks), len(fold.y_fit), n_classes if n_classes > 2 else 1)
        return np.full(shape, np.nan)
    n_fit, roots = len(terms.targets), terms.root_weights[:, None]
    inverses = np.empty((len(masks), n_fit, n_fit))
    for inverse, mask in zip(inverses, masks, strict=True):
        own = terms.rows[:n_fit, mask]
        inverse[:] = np.linalg.inv(own @ own.T / float(estimator.alpha) + np.eye(n_fit))
    free = np.einsum("mii->mi", inverses)[:, :, None]
    if estimator.fit_intercept:
        free = free - roots**2 / (roots**2).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return terms.targets / roots + terms.offsets - inverses @ terms.targets / free / roots
