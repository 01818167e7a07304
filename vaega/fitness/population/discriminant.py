"""Linear discriminants: the scatter within classes is linear in the mask, up to its shrinkage."""

from dataclasses import dataclass
from numbers import Real
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.linalg import helmert
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.multiclass import type_of_target

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels import forms
from vaega.fitness.population.kernels.products import padded
from vaega.fitness.population.margins import decide, soften
from vaega.fitness.population.responses import LABELS, PROBABILITIES, RANKING, Responses

NEEDS: tuple[str, ...] = (LABELS, RANKING, PROBABILITIES)
WEIGHTS = False
EXACT = True
RANDOM = False

_ROUNDING = 8.0 * np.finfo(float).eps  # of each term of a sum, generously
# The same for the elimination, whose roundings have either sign: they grow as the root of terms.
_TYPICAL = 32.0 * np.finfo(float).eps
_SAFE = 1e-3  # perturbations above this share of the least eigenvalue are beyond the bounds here
_CLEAR = 4.0  # an eigenvalue this often above the border of the rank counts


@dataclass(frozen=True, eq=False)
class _Terms:
    """Rows of a fold, each column in the unit that its solver takes.

    `rows` holds contrasts within classes of the fit rows, the means of the classes less their
    mean, and the validate rows less that mean.
    """

    by_feature: np.ndarray
    rows: np.ndarray
    sizes: np.ndarray
    moving: np.ndarray  # which columns vary within classes, shape (n_columns,)
    priors: np.ndarray
    n_fit: int

    @property
    def n_contrasts(self) -> int:
        """How many of the rows are contrasts."""
        return self.n_fit - len(self.priors)


_KNOWN: WeakKeyDictionary[Fold, dict[tuple[str, bool], _Terms | None]] = WeakKeyDictionary()


def accepts(estimator: Any) -> str | None:
    """Return which setting of a linear discriminant analysis is not computed here, if any.

    Parameters
    ----------
    estimator : sklearn.discriminant_analysis.LinearDiscriminantAnalysis

    Returns
    -------
    str or None

    Examples
    --------
    >>> accepts(LinearDiscriminantAnalysis())
    >>> accepts(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
    "shrinkage='auto'"
    """
    shrinkage = estimator.shrinkage
    if estimator.solver not in ("svd", "lsqr", "eigen"):
        return f"solver={estimator.solver!r}"
    if shrinkage is not None:
        shared = isinstance(shrinkage, Real) and 0.0 <= float(shrinkage) < 1.0
        if estimator.solver == "svd" or not shared:
            return f"shrinkage={shrinkage!r}"
    for name in ("covariance_estimator", "n_components"):
        if getattr(estimator, name) is not None:
            return f"{name}={getattr(estimator, name)!r}"
    return (
        f"store_covariance={estimator.store_covariance!r}" if estimator.store_covariance else None
    )


def respond(
    estimator: LinearDiscriminantAnalysis,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
) -> Responses:
    """Return the answers of a linear discriminant analysis for each mask.

    Parameters
    ----------
    estimator : sklearn.discriminant_analysis.LinearDiscriminantAnalysis
        Not fitted.
    fold : Fold
    masks : numpy.ndarray of bool, shape (n_masks, n_columns)
        Over the columns of the fold; each selects one at least.
    need : {"labels", "ranking", "probabilities"}
    seeds : None
        Nothing here is random.

    Returns
    -------
    Responses
        A mask is undecided where two classes are so close that rounding could turn a prediction,
        and where the scatter within classes has not the rank that rows and columns allow.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [9.0], [8.0]]), np.array(["a", "a", "b", "b"])
    >>> fold = Fold(X, y, X, y, columns=np.arange(1), n_real=4)
    >>> lda = LinearDiscriminantAnalysis()
    >>> respond(lda, fold, np.array([[True]]), need="labels", seeds=None).codes
    array([[0, 0, 1, 1]])
    """
    terms = _terms_of(estimator, fold)
    if terms is None or (need == RANKING and len(terms.priors) > 2):
        return Responses.undecided(len(masks), len(fold.y_validate))
    if estimator.solver == "svd":
        masks = masks & terms.moving  # the others have no weight
    scores, doubts = _scores_of(terms, estimator, masks, careful=False)
    codes, decided = decide(scores, doubts)
    rest = np.flatnonzero(~decided)
    if rest.size:
        scores[rest], doubts[rest] = _scores_of(terms, estimator, masks[rest], careful=True)
        codes[rest], decided[rest] = decide(scores[rest], doubts[rest])
    if need == LABELS:
        return Responses(codes, decided)
    values = np.ascontiguousarray(scores[:, :, 0]) if need == RANKING else soften(scores)
    return Responses(codes, decided, values, doubts)


def _scores_of(
    terms: _Terms, estimator: LinearDiscriminantAnalysis, masks: np.ndarray, *, careful: bool
) -> tuple[np.ndarray, np.ndarray]:
    n_contrasts, n_classes = terms.n_contrasts, len(terms.priors)
    answers = np.empty((len(masks), len(terms.rows) - n_contrasts, n_classes))
    facts = np.empty((len(masks), forms.N_FACTS))
    is_svd = estimator.solver == "svd"
    share = 0.0 if estimator.shrinkage is None else float(estimator.shrinkage)
    forms.compute_forms(
        np.ascontiguousarray(masks),
        terms.by_feature,
        terms.rows,
        terms.sizes,
        np.empty((n_contrasts, n_classes)),
        forms.UNSHIFTED if is_svd else forms.SHARED,
        share,
        careful,
        answers,
        facts,
    )
    between = answers[:, :n_classes]
    scores = answers[:, n_classes:] - 0.5 * np.einsum("mkk->mk", between)[:, None]
    scores += np.log(terms.priors)
    with np.errstate(all="ignore"):  # what is not finite is undecided
        if is_svd:
            doubts = _doubts_of_svd(terms, facts, float(estimator.tol))
            if n_classes > 2:
                full = _keeps_all(terms, between, doubts, facts, float(estimator.tol))
                doubts = np.where(full, doubts, np.inf)
        else:
            doubts = _doubts_of_shared(terms, facts, share)
    if n_classes == 2:
        return scores[:, :, 1:] - scores[:, :, :1], 2.0 * doubts
    return scores, doubts


def _doubts_of_svd(terms: _Terms, facts: np.ndarray, tol: float) -> np.ndarray:
    """By how much rounding, here or in scikit-learn, may move a score of each mask.

    Infinite where a singular value within classes may count as none, or one that is none may
    count.
    """
    count, trace = facts[:, forms.COUNT], facts[:, forms.TRACE]
    ask, target, raw = (np.sqrt(facts[:, place]) for place in (forms.ASK, forms.TARGET, forms.RAW))
    total = terms.n_fit + count + 10.0
    rounding, summing = _ROUNDING * total, _TYPICAL * np.sqrt(total)
    floor = facts[:, forms.FLOOR] - rounding * trace
    scale = np.sqrt(floor)
    # What the targets become: told for few columns, else by what rows have become.
    solved = np.where(count > terms.n_contrasts, np.sqrt(trace), 1.0) * facts[:, forms.NORM]
    solved = np.minimum(solved, target / floor)
    moved = rounding * raw  # of centred rows, where means are rounded
    doubts = summing * (1.0 + np.abs(np.log(terms.priors)).max() + ask * solved)
    doubts += 4.0 * summing * trace / floor * ask * solved
    doubts += moved * ((ask + target) / floor + 3.0 * ask * solved / scale)
    noise = moved + rounding * np.sqrt(trace)
    safe = (rounding * trace < _SAFE * floor) & (noise < _SAFE * scale)
    safe &= floor > _CLEAR * tol**2
    full = (count <= terms.n_contrasts) & terms.moving.all()  # else there are values of 0
    safe &= full | (tol > 10.0 * noise)
    return np.where(safe, doubts, np.inf)


def _keeps_all(
    terms: _Terms, between: np.ndarray, doubts: np.ndarray, facts: np.ndarray, tol: float
) -> np.ndarray:
    """Whether no direction between the means is so short beside the longest that it is dropped."""
    n_classes = len(terms.priors)
    roots = np.sqrt(terms.n_fit * terms.priors / (n_classes - 1))
    products = np.nan_to_num(between * roots[:, None] * roots, nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.linalg.eigvalsh(products)[:, ::-1]
    counting = np.minimum(n_classes - 1, facts[:, forms.COUNT]).astype(int)
    least = lengths[np.arange(len(lengths)), np.maximum(counting, 1) - 1]
    noise = n_classes * np.square(roots).max() * doubts
    return least > _CLEAR * tol**2 * lengths[:, 0] + 10.0 * noise


def _doubts_of_shared(terms: _Terms, facts: np.ndarray, share: float) -> np.ndarray:
    """As `_doubts_of_svd` for the other solvers, which solve with raw means."""
    count, raw = facts[:, forms.COUNT], np.sqrt(facts[:, forms.RAW])
    rounding = _ROUNDING * (terms.n_fit + count + 10.0)
    shift = share / (1.0 - share) * facts[:, forms.ENERGY] / count
    trace = facts[:, forms.ENERGY] + count * shift
    floor = np.where(count > terms.n_contrasts, shift, facts[:, forms.FLOOR] - rounding * trace)
    floor = np.maximum(floor, shift)
    moved, scale = rounding * raw, np.sqrt(floor)
    doubts = rounding * (1.0 + np.abs(np.log(terms.priors)).max())
    doubts = doubts + 4.0 * rounding * (1.0 + trace / floor) * raw * raw / floor
    doubts += moved * (2.0 * raw + 3.0 * raw * raw / scale) / floor
    safe = (rounding * trace < _SAFE * floor) & (moved < _SAFE * scale)
    return np.where(safe, doubts / (1.0 - share), np.inf)


def _terms_of(estimator: LinearDiscriminantAnalysis, fold: Fold) -> _Terms | None:
    is_svd = estimator.solver == "svd"
    priors = None if estimator.priors is None else np.asarray(estimator.priors).tolist()
    known = _KNOWN.setdefault(fold, {})
    key = (repr(priors), is_svd)
    if key not in known:
        known[key] = _make_terms(estimator, fold, is_svd=is_svd)
    return known[key]


def _make_terms(
    estimator: LinearDiscriminantAnalysis, fold: Fold, *, is_svd: bool
) -> _Terms | None:
    """None where scikit-learn would refuse, or warn, or compute otherwise."""
    classes, codes, counts = np.unique(fold.y_fit, return_inverse=True, return_counts=True)
    priors = _priors_of(estimator, counts)
    if priors is None or not _is_plain(fold, counts, is_svd=is_svd):
        return None
    sound = np.isfinite(fold.X_fit).all(axis=0) & np.isfinite(fold.X_validate).all(axis=0)
    fit, validate = (np.where(sound, X, 0.0) for X in (fold.X_fit, fold.X_validate))
    raw = np.maximum(np.abs(fit).max(axis=0), np.abs(validate).max(axis=0))
    means = np.zeros((len(classes), fit.shape[1]))
    np.add.at(means, codes, fit)  # scikit-learn's order of summation, whatever the mask
    means /= counts[:, None]
    within = fit - means[codes]
    moving, unit = (within != 0.0).any(axis=0), np.ones(fit.shape[1])
    if is_svd:
        unit = within.std(axis=0)
        sound &= ~moving | (unit > 0.0)
        unit[unit == 0.0] = 1.0
        moving |= ~sound
    centre = priors @ means
    weights = 1.0 / np.full(len(counts), len(fit)) if is_svd else priors / counts
    contrasts = [
        helmert(count) @ within[codes == code] * np.sqrt(weight)
        for code, (count, weight) in enumerate(zip(counts, weights, strict=True))
    ]
    rows = np.concatenate([*contrasts, means - centre, validate - centre]) / unit
    n_contrasts, n_classes = len(fit) - len(classes), len(classes)
    sizes = np.stack(
        [
            np.square(rows[:n_contrasts]).sum(axis=0),
            np.square(rows[n_contrasts:]).max(axis=0),
            np.square(rows[n_contrasts : n_contrasts + n_classes]).max(axis=0),
            np.where(sound, np.square(raw / unit), np.inf),
        ],
        axis=1,
    )
    by_feature = np.zeros((rows.shape[1], padded(len(rows), float)))
    by_feature[:, : len(rows)] = rows.T
    return _Terms(by_feature, rows, sizes, moving, priors, len(fit))


def _priors_of(estimator: LinearDiscriminantAnalysis, counts: np.ndarray) -> np.ndarray | None:
    try:
        estimator._validate_params()
        if estimator.priors is None:
            return counts / counts.sum()
        priors = np.asarray(estimator.priors, dtype=float)
    except (TypeError, ValueError):
        return None
    fits = priors.shape == counts.shape and (priors > 0.0).all()
    # Where they do not sum to 1, scikit-learn warns, or a direction between means is noise.
    return priors if fits and abs(priors.sum() - 1.0) < 1e-12 else None


def _is_plain(fold: Fold, counts: np.ndarray, *, is_svd: bool) -> bool:
    if fold.X_fit.dtype != np.float64 or fold.X_validate.dtype != np.float64:
        return False  # scikit-learn would compute in the precision of the rows
    if type_of_target(fold.y_fit) not in ("binary", "multiclass"):
        return False
    if len(counts) < 2 or counts.sum() <= len(counts):
        return False
    return bool(is_svd or counts.min() > 1)  # the covariance of one row is warned of
