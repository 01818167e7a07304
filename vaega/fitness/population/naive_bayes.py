"""Gaussian naive Bayes: log-likelihoods add over features, so a population is a matrix product."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.naive_bayes import GaussianNB

from vaega.fitness.folds import Fold
from vaega.fitness.population.responses import LABELS, Responses

NEEDS: tuple[str, ...] = (LABELS,)
WEIGHTS = False
EXACT = True
RANDOM = False

_ROUNDING = 1e-12  # of the sum of all terms' sizes
_SUMMING = 4.0  # roundings a row, generously


@dataclass(frozen=True, eq=False)
class _Terms:
    """What each feature adds to the log-likelihoods of the validate rows, and how sure that is.

    `values` and `doubts` have the shape (n_columns, n_validate * n_classes). The doubt is what a
    term may change by, because scikit-learn adds to every variance a share of the largest one
    among the *selected* features, while one share for all masks is used here, and by rounding.
    """

    values: np.ndarray
    doubts: np.ndarray
    log_priors: np.ndarray
    n_classes: int
    smoothing: float
    spread: np.ndarray  # variance of each feature over all fit rows, shape (n_columns,)
    mean_errors: np.ndarray  # how far rounding may move a mean, shape (n_columns,)
    means: np.ndarray  # of each class, shape (n_classes, n_columns); so are the variances
    variances: np.ndarray
    validate: np.ndarray  # shape (n_validate, n_columns)


_KNOWN: WeakKeyDictionary[Fold, dict[float, _Terms]] = WeakKeyDictionary()


def accepts(estimator: Any) -> str | None:
    """Return which setting of a Gaussian naive Bayes is not computed here, if any.

    Parameters
    ----------
    estimator : sklearn.naive_bayes.GaussianNB

    Returns
    -------
    str or None

    Examples
    --------
    >>> accepts(GaussianNB())
    >>> accepts(GaussianNB(priors=[0.5, 0.5]))
    'priors=[0.5, 0.5]'
    """
    return None if estimator.priors is None else f"priors={estimator.priors!r}"


def respond(
    estimator: GaussianNB, fold: Fold, masks: np.ndarray, *, need: str, seeds: np.ndarray | None
) -> Responses:
    """Return the answers of a Gaussian naive Bayes for each mask.

    Parameters
    ----------
    estimator : sklearn.naive_bayes.GaussianNB
        Not fitted.
    fold : Fold
    masks : numpy.ndarray of bool, shape (n_masks, n_columns)
        Over the columns of the fold; each selects one at least.
    need : {"labels"}
    seeds : None
        Nothing here is random.

    Returns
    -------
    Responses
        A mask is undecided where the two likeliest classes of a row are closer than rounding could
        move them.
    """
    if fold.X_fit.dtype != np.float64:  # scikit-learn would compute in the precision of the rows
        return Responses.undecided(len(masks), len(fold.y_validate))
    terms = _terms_of(fold, float(estimator.var_smoothing))
    weights = masks.astype(float)
    shape = (len(masks), len(fold.y_validate), terms.n_classes)
    joint = (weights @ terms.values).reshape(shape) + terms.log_priors
    doubt = (weights @ terms.doubts).reshape(shape).max(axis=2)
    predicted = joint.argmax(axis=2)
    if terms.n_classes > 1:
        highest = np.partition(joint, terms.n_classes - 2, axis=2)[:, :, -2:]
        clear = highest[:, :, 1] - highest[:, :, 0] > 2.0 * doubt  # False where it is not finite
        for row in np.flatnonzero(~clear.all(axis=1)):
            predicted[row] = _predict_one(terms, masks[row])
    return Responses(predicted, (predicted >= 0).all(axis=1))


def _predict_one(terms: _Terms, mask: np.ndarray) -> np.ndarray:
    # With the smoothing of this very mask, so that only rounding is in doubt.
    columns = np.flatnonzero(mask)
    variance = terms.variances[:, columns] + terms.smoothing * terms.spread[columns].max()
    squared = (terms.validate[:, columns][:, None] - terms.means[:, columns]) ** 2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        parts = np.log(2.0 * np.pi * variance) + squared / variance
        joint = terms.log_priors - 0.5 * parts.sum(axis=2)
        doubt = _ROUNDING * (np.abs(parts).sum(axis=2).max(axis=1) + 1.0)
        moved = terms.mean_errors[columns] * (1.0 + np.sqrt(squared)) / variance
        doubt += (moved * (1.0 + squared / variance)).sum(axis=2).max(axis=1)
    highest = np.partition(joint, terms.n_classes - 2, axis=1)[:, -2:]
    if not (highest[:, 1] - highest[:, 0] > doubt).all():
        return np.full(len(joint), -1)
    return joint.argmax(axis=1)


def _terms_of(fold: Fold, smoothing: float) -> _Terms:
    known = _KNOWN.setdefault(fold, {})
    if smoothing not in known:
        known[smoothing] = _make_terms(fold, smoothing)
    return known[smoothing]


def _make_terms(fold: Fold, smoothing: float) -> _Terms:
    X = np.asarray(fold.X_fit, dtype=float)
    validate = np.asarray(fold.X_validate, dtype=float)
    classes, counts = np.unique(fold.y_fit, return_counts=True)
    spread = X.var(axis=0)
    largest = smoothing * spread.max()
    means, variances = np.empty((2, len(classes), X.shape[1]))
    # numpy may sum a column in another order where it stands alone; a mean far from 0 then moves.
    mean_errors = _SUMMING * len(X) * np.finfo(float).eps * np.abs(X).max(axis=0)
    values = np.empty((X.shape[1], len(validate), len(classes)))
    doubts = np.empty_like(values)
    for place, label in enumerate(classes):
        own = X[fold.y_fit == label]
        mean = means[place] = own.mean(axis=0)
        variance = variances[place] = own.var(axis=0)
        squared = (validate - mean) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            smoothed = variance + largest
            value = -0.5 * (np.log(2.0 * np.pi * smoothed) + squared / smoothed)
            # The other end of what the smoothing may be: none at all.
            slope = 0.5 * (1.0 / variance + squared / variance**2)
            doubt = largest * slope + _ROUNDING * (np.abs(value) + squared / smoothed + 1.0)
            moved = mean_errors * (1.0 + np.sqrt(squared)) / smoothed
            doubt += moved * (1.0 + squared / smoothed)
        values[:, :, place] = value.T
        doubts[:, :, place] = np.nan_to_num(doubt.T, nan=np.inf, posinf=1e300)
    flat = (X.shape[1], -1)
    return _Terms(
        np.nan_to_num(values, neginf=-1e300, posinf=1e300).reshape(flat),
        np.nan_to_num(doubts, nan=1e300, posinf=1e300).reshape(flat),
        np.log(counts / counts.sum()),
        len(classes),
        smoothing,
        spread,
        mean_errors,
        means,
        variances,
        validate,
    )
