"""Linear discriminants: the scatter within classes is linear in the mask, up to its shrinkage."""

from numbers import Real
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels import forms
from vaega.fitness.population.kernels.spectral_forms import (
    ASK_NORM,
    CEILING,
    N_SPECTRAL_FACTS,
    RANK,
    TOP,
    compute_spectral_forms,
)
from vaega.fitness.population.margins import decide, soften
from vaega.fitness.population.responses import LABELS, PROBABILITIES, RANKING, Responses
from vaega.fitness.population.scatter_terms import ScatterTerms, make_scatter_terms

NEEDS: tuple[str, ...] = (LABELS, RANKING, PROBABILITIES)
WEIGHTS = False
EXACT = True
RANDOM = False

_ROUNDING = 8.0 * np.finfo(float).eps  # of each term of a sum, generously
# The same for the elimination, whose roundings have either sign: they grow as the root of terms.
_TYPICAL = 32.0 * np.finfo(float).eps
_SAFE = 1e-3  # perturbations above this share of the least eigenvalue are beyond the bounds here
_CLEAR = 4.0  # an eigenvalue this often above the border of the rank counts


_KNOWN: WeakKeyDictionary[Fold, dict[tuple[str, bool], ScatterTerms | None]] = WeakKeyDictionary()


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
        and where one direction more or less may count in the scatter within classes.

    Notes
    -----
    A column that is constant but for the rounding of its means is not left out by scikit-learn,
    but weighs as much as others: its predictions are then made of roundings, and are left to it.

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
    if estimator.solver == "svd" and not terms.moving.all():
        masks = masks & terms.moving  # the others have no weight
    scores, doubts = _scores_of(terms, estimator, masks, careful=False)
    codes, decided = decide(scores, doubts)
    rest = np.flatnonzero(~decided)
    if rest.size:
        scores[rest], doubts[rest] = _scores_of(terms, estimator, masks[rest], careful=True)
        codes[rest], decided[rest] = decide(scores[rest], doubts[rest])
    rest = np.flatnonzero(~decided)
    if rest.size and estimator.solver == "svd":
        tol = float(estimator.tol)
        scores[rest], doubts[rest] = _spectral_scores_of(terms, tol, masks[rest])
        codes[rest], decided[rest] = decide(scores[rest], doubts[rest])
    if need == LABELS:
        return Responses(codes, decided)
    values = np.ascontiguousarray(scores[:, :, 0]) if need == RANKING else soften(scores)
    return Responses(codes, decided, values, doubts)


def _scores_of(
    terms: ScatterTerms, estimator: LinearDiscriminantAnalysis, masks: np.ndarray, *, careful: bool
) -> tuple[np.ndarray, np.ndarray]:
    n_contrasts, n_classes = terms.n_contrasts, len(terms.priors)
    answers = np.empty((len(masks), terms.n_rows - n_contrasts, n_classes))
    facts = np.empty((len(masks), forms.N_FACTS))
    is_svd = estimator.solver == "svd"
    share = 0.0 if estimator.shrinkage is None else float(estimator.shrinkage)
    forms.compute_forms(
        np.ascontiguousarray(masks),
        terms.by_feature,
        terms.sizes,
        np.empty((n_contrasts, n_classes)),
        forms.UNSHIFTED if is_svd else forms.SHARED,
        share,
        careful,
        answers,
        facts,
    )
    with np.errstate(all="ignore"):  # what is not finite is undecided
        if is_svd:
            doubts = _doubts_of_svd(terms, facts, float(estimator.tol))
            rank = np.minimum(facts[:, forms.COUNT], n_contrasts)
            return _finish(terms, answers, doubts, rank, float(estimator.tol))
        return _finish(terms, answers, _doubts_of_shared(terms, facts, share), None, 0.0)


def _spectral_scores_of(
    terms: ScatterTerms, tol: float, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `_scores_of` for masks whose scatter may lack rank."""
    n_contrasts = terms.n_contrasts
    answers = np.empty((len(masks), terms.n_rows - n_contrasts, len(terms.priors)))
    facts = np.empty((len(masks), N_SPECTRAL_FACTS))
    compute_spectral_forms(
        np.ascontiguousarray(masks),
        terms.by_feature,
        terms.sizes,
        n_contrasts,
        tol,
        answers,
        facts,
    )
    with np.errstate(all="ignore"):  # what is not finite is undecided
        doubts = _doubts_of_spectrum(terms, facts, tol)
        return _finish(terms, answers, doubts, facts[:, RANK], tol)


def _finish(
    terms: ScatterTerms,
    answers: np.ndarray,
    doubts: np.ndarray,
    rank: np.ndarray | None,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores made of forms, in their place, and their doubts."""
    n_classes = len(terms.priors)
    between, scores = answers[:, :n_classes], answers[:, n_classes:]
    scores -= 0.5 * np.einsum("mkk->mk", between)[:, None]
    scores += np.log(terms.priors)
    if n_classes == 2:
        return scores[:, :, 1:] - scores[:, :, :1], 2.0 * doubts
    if rank is not None:
        doubts = np.where(_keeps_all(terms, between, doubts, rank, tol), doubts, np.inf)
    return scores, doubts


def _doubts_of_svd(terms: ScatterTerms, facts: np.ndarray, tol: float) -> np.ndarray:
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


def _doubts_of_spectrum(terms: ScatterTerms, facts: np.ndarray, tol: float) -> np.ndarray:
    """As `_doubts_of_svd`, where some directions may not count.

    Rounding also turns the directions that count towards those that do not: by its size over the
    gap between their values. Means within classes are scikit-learn's to the bit, so that their
    rounding adds only what contrasts leave out: the square of it.
    """
    ask, target, raw = (np.sqrt(facts[:, place]) for place in (forms.ASK, forms.TARGET, forms.RAW))
    top, floor, lost = facts[:, TOP], facts[:, forms.FLOOR], np.sqrt(facts[:, CEILING])
    total = terms.n_fit + facts[:, forms.COUNT] + 10.0
    rounding, summing = _ROUNDING * total, _TYPICAL * np.sqrt(total)
    floor = floor - rounding * top
    scale, moved = np.sqrt(floor), rounding * raw
    noise = moved + rounding * np.sqrt(facts[:, forms.TRACE])
    gap = scale - lost - noise
    solved, asked = facts[:, forms.NORM], facts[:, ASK_NORM]
    dual = facts[:, forms.COUNT] > terms.n_contrasts
    full = facts[:, RANK] == facts[:, forms.COUNT]
    within = np.where(dual, np.sqrt(top / floor), 1.0) * asked * solved
    turn = np.where(dual, 1.0 / np.sqrt(top) + lost / floor, 1.0 / scale) / gap
    across = np.where(full, 0.0, turn * (ask * solved + target * asked))
    doubts = summing * (1.0 + np.abs(np.log(terms.priors)).max() + ask * solved)
    doubts += 4.0 * (summing * top + moved**2) * (within + across) + moved * (asked + solved)
    safe = (rounding * top < _SAFE * gap * scale) & (noise < _SAFE * gap)
    safe &= (gap > 0.0) & (scale - noise > tol)
    safe &= (full & terms.moving.all()) | (lost + noise < tol)
    return np.where(safe, doubts, np.inf)


def _keeps_all(
    terms: ScatterTerms, between: np.ndarray, doubts: np.ndarray, rank: np.ndarray, tol: float
) -> np.ndarray:
    """Whether no direction between the means is so short beside the longest that it is dropped."""
    n_classes = len(terms.priors)
    roots = np.sqrt(terms.n_fit * terms.priors / (n_classes - 1))
    products = np.nan_to_num(between * roots[:, None] * roots, nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.linalg.eigvalsh(products)[:, ::-1]
    counting = np.minimum(n_classes - 1, rank).astype(int)
    least = lengths[np.arange(len(lengths)), np.maximum(counting, 1) - 1]
    noise = n_classes * np.square(roots).max() * doubts
    return least > _CLEAR * tol**2 * lengths[:, 0] + 10.0 * noise


def _doubts_of_shared(terms: ScatterTerms, facts: np.ndarray, share: float) -> np.ndarray:
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


def _terms_of(estimator: LinearDiscriminantAnalysis, fold: Fold) -> ScatterTerms | None:
    is_svd = estimator.solver == "svd"
    priors = None if estimator.priors is None else np.asarray(estimator.priors).tolist()
    known = _KNOWN.setdefault(fold, {})
    key = (repr(priors), is_svd)
    if key not in known:
        known[key] = make_scatter_terms(estimator, fold, is_svd=is_svd)
    return known[key]
