"""Linear discriminants: the scatter within classes is linear in the mask, up to its shrinkage."""

from numbers import Real
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels import forms, ledoit_wolf
from vaega.fitness.population.kernels.directions import bound_directions, score_rows
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
from vaega.fitness.population.shrunk_scatter import ShrunkTerms, make_shrunk_terms

NEEDS: tuple[str, ...] = (LABELS, RANKING, PROBABILITIES)
WEIGHTS = False
EXACT = True
RANDOM = False

_ROUNDING = 8.0 * np.finfo(float).eps  # of each term of a sum, generously
# The same for the elimination, whose roundings have either sign: they grow as the root of terms.
_TYPICAL = 32.0 * np.finfo(float).eps
_SAFE = 1e-3  # perturbations above this share of the least eigenvalue are beyond the bounds here
_CLEAR = 4.0  # an eigenvalue this often above the border of the rank counts
_NO_LENGTH = 1e-10  # of a direction between means, beside all: here a bound may be rounding

_AUTO = "auto"  # shrinks each class by the lemma of Ledoit and Wolf

_Terms = ScatterTerms | ShrunkTerms | None
_KNOWN: WeakKeyDictionary[Fold, dict[tuple[str, str], _Terms]] = WeakKeyDictionary()


def accepts(estimator: Any) -> str | None:
    """Return which setting of a linear discriminant analysis is not computed here, if any."""
    shrinkage = estimator.shrinkage
    if estimator.solver not in ("svd", "lsqr", "eigen"):
        return f"solver={estimator.solver!r}"
    if shrinkage is not None:
        shared = isinstance(shrinkage, Real) and 0.0 <= float(shrinkage) < 1.0
        if estimator.solver == "svd" or not (shared or shrinkage == _AUTO):
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
    """Return the answers of a linear discriminant analysis for each mask."""
    known = _terms_of(estimator, fold)
    terms = known.scatter if isinstance(known, ShrunkTerms) else known
    if known is None or terms is None or (need == RANKING and len(terms.priors) > 2):
        return Responses.undecided(len(masks), len(fold.y_validate))
    if estimator.solver == "svd" and not terms.moving.all():
        masks = masks & terms.moving  # the others have no weight
    scores, doubts = _scores_of(known, estimator, masks, careful=False)
    codes, decided = decide(scores, doubts)
    rest = np.flatnonzero(~decided)
    if rest.size:
        scores[rest], doubts[rest] = _scores_of(known, estimator, masks[rest], careful=True)
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
    terms: ScatterTerms | ShrunkTerms,
    estimator: LinearDiscriminantAnalysis,
    masks: np.ndarray,
    *,
    careful: bool,
) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(terms, ShrunkTerms):
        answers, facts = terms.compute(masks, careful=careful)
        with np.errstate(all="ignore"):  # what is not finite is undecided
            doubts = _doubts_of_shrunk(terms.scatter, facts, answers)
            return _finish(terms.scatter, answers, doubts, None, 0.0)
    n_contrasts, n_classes = terms.n_contrasts, len(terms.priors)
    answers = np.empty((len(masks), terms.n_rows - n_contrasts, n_classes))
    facts = np.empty((len(masks), forms.N_CAREFUL_FACTS))
    is_svd = estimator.solver == "svd"
    share = 0.0 if estimator.shrinkage is None else float(estimator.shrinkage)
    forms.compute_forms(
        np.ascontiguousarray(masks),
        terms.by_feature,
        terms.gram.found_for(masks),
        terms.originals,
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
    """Return scores made of forms, and their doubts."""
    n_classes, constants = len(terms.priors), np.log(terms.priors)
    between = answers[:, :n_classes]
    scores = np.empty(
        (len(answers), answers.shape[1] - n_classes, n_classes if n_classes > 2 else 1)
    )
    score_rows(answers, constants, scores)
    if n_classes == 2:
        return scores, 2.0 * doubts
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
    asked = facts[:, forms.ASKED]
    known = asked > 0.0  # then as in `_doubts_of_spectrum`, whose directions count all here
    doubts += np.where(
        known,
        4.0 * (summing * trace + moved**2) * asked * solved + moved * (asked + solved),
        4.0 * summing * trace / floor * ask * solved
        + moved * ((ask + target) / floor + 3.0 * ask * solved / scale),
    )
    noise = moved + rounding * np.sqrt(trace)
    safe = (rounding * trace < _SAFE * floor) & (noise < _SAFE * scale)
    safe &= floor > _CLEAR * tol**2
    full = (count <= terms.n_contrasts) & terms.may_be_full  # else there may be values of 0
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
    safe &= (full & terms.may_be_full) | (lost + noise < tol)
    return np.where(safe, doubts, np.inf)


def _keeps_all(
    terms: ScatterTerms, between: np.ndarray, doubts: np.ndarray, rank: np.ndarray, tol: float
) -> np.ndarray:
    """Whether no direction between the means is so short beside the longest that it is dropped."""
    n_classes = len(terms.priors)
    roots = np.sqrt(terms.n_fit * terms.priors / (n_classes - 1))
    noise = 10.0 * n_classes * np.square(roots).max() * doubts
    bounds = np.empty((len(between), 2))
    bound_directions(between, roots, bounds)
    kept = bounds[:, 0] > (_CLEAR * tol**2 + _NO_LENGTH) * bounds[:, 1] + noise
    rest = np.flatnonzero(~kept & np.isfinite(noise))
    products = np.nan_to_num(between[rest] * roots[:, None] * roots, posinf=0.0, neginf=0.0)
    lengths = np.linalg.eigvalsh(products)[:, ::-1]
    counting = np.minimum(n_classes - 1, rank[rest]).astype(int)
    least = lengths[np.arange(len(rest)), np.maximum(counting, 1) - 1]
    kept[rest] = least > _CLEAR * tol**2 * lengths[:, 0] + noise[rest]
    return kept


def _doubts_of_shared(terms: ScatterTerms, facts: np.ndarray, share: float) -> np.ndarray:
    """As `_doubts_of_svd` for the other solvers, which solve with raw means."""
    count = facts[:, forms.COUNT]
    shift = share / (1.0 - share) * facts[:, forms.ENERGY] / count
    trace = facts[:, forms.ENERGY] + count * shift
    return _doubts_of_shift(terms, facts, trace, shift)[0] / (1.0 - share)


def _doubts_of_shift(
    terms: ScatterTerms, facts: np.ndarray, trace: np.ndarray, least: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the doubts of a matrix to which a diagonal is added, and its least eigenvalue."""
    count, raw = facts[:, forms.COUNT], np.sqrt(facts[:, forms.RAW])
    rounding = _ROUNDING * (terms.n_fit + count + 10.0)
    floor = np.where(count > terms.n_contrasts, least, facts[:, forms.FLOOR] - rounding * trace)
    floor = np.maximum(floor, least)
    moved, scale = rounding * raw, np.sqrt(floor)
    doubts = rounding * (1.0 + np.abs(np.log(terms.priors)).max())
    doubts = doubts + 4.0 * rounding * (1.0 + trace / floor) * raw * raw / floor
    doubts += moved * (2.0 * raw + 3.0 * raw * raw / scale) / floor
    safe = (rounding * trace < _SAFE * floor) & (moved < _SAFE * scale)
    return np.where(safe, doubts, np.inf), floor


def _doubts_of_shrunk(terms: ScatterTerms, facts: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """As `_doubts_of_shared`, where rounding moves the shares of the diagonal as well.

    What that does is bounded in the columns' own units, and in those of the matrix: whichever is
    closer.
    """
    least, trace = facts[:, ledoit_wolf.LEAST], facts[:, forms.TRACE]
    shaken, turned = facts[:, ledoit_wolf.SHAKEN], facts[:, ledoit_wolf.TURNED]
    doubts, floor = _doubts_of_shift(terms, facts, trace, least)
    ask, target = (np.sqrt(facts[:, place]) for place in (forms.ASK, forms.TARGET))
    dual = facts[:, forms.COUNT] > terms.n_contrasts
    own = np.sqrt(np.einsum("mkk->mk", answers[:, : len(terms.priors)]).max(axis=1))
    by_norm = shaken * ask / floor * np.where(dual, target / floor, facts[:, forms.NORM])
    by_norm[~(shaken < _SAFE * floor)] = np.inf
    by_form = np.where(turned < _SAFE, turned * ask / np.sqrt(floor) * own, np.inf)
    return doubts + 2.0 * np.fmin(by_norm, by_form)


def _terms_of(estimator: LinearDiscriminantAnalysis, fold: Fold) -> _Terms:
    is_svd, auto = estimator.solver == "svd", estimator.shrinkage == _AUTO
    priors = None if estimator.priors is None else np.asarray(estimator.priors).tolist()
    known = _KNOWN.setdefault(fold, {})
    key = (repr(priors), "svd" if is_svd else _AUTO if auto else "shared")
    if key not in known:
        if auto:
            known[key] = make_shrunk_terms(estimator, fold)
        else:
            known[key] = make_scatter_terms(estimator, fold, is_svd=is_svd)
    return known[key]
