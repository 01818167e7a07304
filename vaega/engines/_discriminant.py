"""Linear discriminants: the scatter within classes is linear in the mask, up to its shrinkage."""

import math
from dataclasses import dataclass
from hashlib import blake2b
from numbers import Real
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.linalg import helmert
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.multiclass import type_of_target

from vaega.data._folds import Fold
from vaega.engines import _linear_forms as forms
from vaega.engines._base import (
    DECISION,
    PREDICT,
    PROBA,
    Predictions,
    classify,
    column_blocks,
    softmax_of_scores,
)
from vaega.engines._compiled import kernel, multiply, padded, select
from vaega.engines._linear_forms import (
    COUNT,
    FLOOR,
    N_FACTS,
    NORM,
    PANEL,
    RAW,
    TRACE,
    ColumnGram,
    bound_directions,
    gather_rows,
    largest_count,
    score_rows,
    solve_system,
    sum_sizes,
)


@dataclass(frozen=True, eq=False)
class ScatterTerms:
    """Rows of a fold, each column in the unit that its solver takes.

    They are contrasts within classes of the fit rows, the means of the classes less their mean,
    and the validate rows less that mean.
    """

    by_feature: np.ndarray  # The rows, transposed
    n_rows: int
    gram: ColumnGram  # Of the contrasts
    originals: np.ndarray  # Of each column the first one that is equal in all rows
    sizes: np.ndarray  # As `vaega.engines._linear_forms` sums them up
    moving: np.ndarray  # Which columns vary within classes
    priors: np.ndarray
    n_fit: int

    @property
    def n_contrasts(self) -> int:
        """How many of the rows are contrasts."""
        return self.n_fit - len(self.priors)

    @property
    def may_be_full(self) -> bool:
        """Whether there is no column that adds nothing to others, for any mask."""
        alone = self.originals == np.arange(len(self.originals))
        return bool(self.moving.all() and alone.all())


def make_scatter_terms(
    estimator: LinearDiscriminantAnalysis, fold: Fold, *, is_svd: bool
) -> ScatterTerms | None:
    """Return the terms of a fold."""
    classes, codes, counts = np.unique(fold.y_fit, return_inverse=True, return_counts=True)
    priors = _priors_of(estimator, counts)
    if priors is None or not _is_plain(fold, counts, is_svd=is_svd):
        return None
    n_fit, n_columns = fold.X_fit.shape
    n_contrasts = n_fit - len(classes)
    weights = 1.0 / np.full(len(counts), n_fit) if is_svd else priors / counts
    parts = [helmert(count) * np.sqrt(own) for count, own in zip(counts, weights, strict=True)]
    n_rows = n_fit + len(fold.X_validate)
    by_feature, sizes = np.zeros((n_columns, padded(n_rows, float))), np.empty((n_columns, 4))
    moving = np.empty(n_columns, dtype=bool)
    for own in column_blocks(n_columns):
        block = _measure_scatter(fold, codes, counts, own, is_svd=is_svd)
        rows, moving[own] = by_feature[own, :n_rows].T, block.moving  # a view, to be written
        end = 0
        for code, part in enumerate(parts):
            start, end = end, end + len(part)
            rows[start:end] = part @ block.within[codes == code]
        centre = priors @ block.means
        rows[n_contrasts : n_contrasts + len(classes)] = block.means - centre
        rows[n_contrasts + len(classes) :] = block.validate - centre
        rows /= block.unit
        others = np.square(rows[n_contrasts:])
        sizes[own, forms.ENERGY] = np.square(rows[:n_contrasts]).sum(axis=0)
        sizes[own, forms.ASK] = others.max(axis=0)
        sizes[own, forms.TARGET] = others[: len(classes)].max(axis=0)
        sizes[own, forms.RAW] = np.square(block.raw / block.unit)
    gram, originals = ColumnGram(by_feature, [n_contrasts]), _find_originals(by_feature)
    return ScatterTerms(by_feature, n_rows, gram, originals, sizes, moving, priors, n_fit)


def _find_originals(by_feature: np.ndarray) -> np.ndarray:
    seen: dict[bytes, int] = {}
    digests = [blake2b(row, digest_size=16).digest() for row in by_feature]
    return np.array([seen.setdefault(digest, i) for i, digest in enumerate(digests)])


@dataclass(frozen=True, eq=False)
class _Block:
    """What some columns are, before they are scaled; `raw` is infinite where they are not sound."""

    means: np.ndarray
    within: np.ndarray
    validate: np.ndarray
    unit: np.ndarray
    moving: np.ndarray
    raw: np.ndarray


def _measure_scatter(
    fold: Fold, codes: np.ndarray, counts: np.ndarray, own: slice, *, is_svd: bool
) -> _Block:
    fit, validate = fold.X_fit[:, own], fold.X_validate[:, own]
    sound = np.isfinite(fit).all(axis=0) & np.isfinite(validate).all(axis=0)
    fit, validate = (np.ascontiguousarray(np.where(sound, X, 0.0)) for X in (fit, validate))
    raw = np.maximum(np.abs(fit).max(axis=0), np.abs(validate).max(axis=0))
    means = np.zeros((len(counts), fit.shape[1]))
    np.add.at(means, codes, fit)  # scikit-learn's order of summation, whatever the mask
    means /= counts[:, None]
    within = fit - means[codes]
    moving, unit = (within != 0.0).any(axis=0), np.ones(fit.shape[1])
    if is_svd:
        unit = within.std(axis=0)
        # All rows off by the same rounding: such a column has no weight either.
        moving &= (unit > 0.0) | (np.abs(within).max(axis=0) > 1e-12 * raw)
        sound &= ~moving | (unit > 0.0)
        unit[unit == 0.0] = 1.0
        moving |= ~sound
    return _Block(means, within, validate, unit, moving, np.where(sound, raw, np.inf))


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


# Further columns of `facts`: the least of the diagonal that is added, and the norm of what rounding
# may do to the matrix by the shares that it moves: as it is, and beside the diagonals of classes.
LEAST, SHAKEN, TURNED = N_FACTS, N_FACTS + 1, N_FACTS + 2
N_SHRUNK_FACTS = N_FACTS + 3

_ROUNDING = 8.0 * np.finfo(np.float64).eps  # of each term of a sum, generously
_GROUP = 10  # rows, twice what a product takes at once


@kernel
def compute_shrunk_forms(  # type: ignore[no-untyped-def]
    masks, by_feature, grams, squares, sizes, classes, careful, answers, facts
):
    """Write the forms of each mask, and what is known of its matrix."""
    priors, ends, _, _, _ = classes
    n_classes, n_contrasts = len(priors), ends[-1] - len(priors)
    most = largest_count(masks)
    side, lead = min(most, n_contrasts), n_contrasts % PANEL
    asks = by_feature[0:, n_contrasts - lead :]  # from a whole vector on: some contrasts ask too
    width, steps = -(-(side + n_classes) // PANEL) * PANEL, np.arange(max(most, n_contrasts))
    part, square = np.zeros((side, width)), np.zeros((0 if len(grams) else n_contrasts, width))
    products, scaled, spare = np.zeros((side, width)), np.zeros((side, width)), np.zeros((8, width))
    solution = np.zeros((side, -(-n_classes // PANEL) * PANEL))
    system = products, scaled, spare, solution, steps
    dual_rows, dual_columns = (n_contrasts, most) if most > n_contrasts else (-n_classes, 0)
    crossed = np.zeros((dual_rows + n_classes, asks.shape[1]))
    copied = np.zeros((dual_columns, by_feature.shape[1]))
    asked, shares = np.zeros((n_classes, asks.shape[1])), np.zeros(n_classes)
    totals, ones = np.zeros((1, squares.shape[1])), np.ones((1, masks.shape[1]))
    places, shifts = np.empty(masks.shape[1], np.int64), np.empty(most)
    for row in range(len(masks)):
        own, fact = places[: select(masks[row], places)], facts[row]
        sum_sizes(sizes, own, fact)
        fact[LEAST], fact[SHAKEN], fact[TURNED] = 0.0, 0.0, 0.0
        answers[row] = np.nan
        if len(own) == 0 or not fact[RAW] < np.inf:
            continue
        multiply(totals[0:, 0:], ones[0:, 0:], own, squares, own)
        if len(own) > n_contrasts:
            for code in range(n_classes):
                start, end = _contrasts_of(ends, code)
                norm = _norm_by_rows(
                    part, copied, by_feature, own, steps, start, end, classes, code
                )
                shares[code] = _share(totals[0], norm, own, classes, code, fact)
            trace = _sum_shifts(shifts, shares, own, classes, fact)
            if not fact[LEAST] > 0.0:
                continue
            _fill_dual(system, copied, by_feature, own, shifts, shares, ends)
            if not solve_system(system, n_contrasts, n_classes, 1.0, False, 0.0, fact):
                continue
            _ask_dual(asked, crossed, copied, by_feature, own, system, shares, ends)
            fact[TRACE], fact[FLOOR] = trace, fact[LEAST]
        else:
            _clear(products, len(own))
            for code in range(n_classes):
                start, end = _contrasts_of(ends, code)
                _fill_part(part, grams, square, by_feature, own, steps, start, end, code)
                norm = _norm_by_columns(part, own, classes, code)
                shares[code] = _share(totals[0], norm, own, classes, code, fact)
                _add_part(products, part, 1.0 - shares[code], len(own))
            _sum_shifts(shifts, shares, own, classes, fact)
            _fill_sides(products, shifts, by_feature, own, n_contrasts, n_classes)
            broad = 2.0 if careful else 0.0
            if not solve_system(system, len(own), n_classes, 0.0, False, broad, fact):
                continue
            multiply(asked[0:, 0:], solution.T[:n_classes], steps[: len(own)], asks, own)
        for ask in range(answers.shape[1]):
            for target in range(n_classes):
                answers[row, ask, target] = asked[target, lead + ask]


@kernel
def _contrasts_of(ends, code):  # type: ignore[no-untyped-def]
    start = ends[code - 1] - code if code > 0 else 0
    return start, ends[code] - code - 1


@kernel
def _share(totals, norm, places, classes, code, fact):  # type: ignore[no-untyped-def]
    """Return how much a class is shrunk, and add to what rounding may do by moving it."""
    priors, ends, variances, moving, larger = classes
    count, n_moving, widest, ratio = len(places), 0.0, 0.0, 0.0
    for place in places:
        n_moving += moving[place, code]
        widest = max(widest, variances[place, code])
        ratio += larger[place, code] ** 2
    start = ends[code - 1] if code > 0 else 0
    n_rows, energy = ends[code] - start, 0.0
    for row in range(start, ends[code]):
        energy += totals[row] * totals[row]
    if count == 1:
        return 0.0
    # Rounding of a mean moves a correlation by its share of the spread, rounding of sums by theirs.
    centring = (n_rows + 10.0) * math.sqrt(ratio * count / max(norm, 1.0))
    noise = 4.0 * _ROUNDING * (n_rows + count + 10.0 + centring)
    miss, unsure = (energy / n_rows - norm) / n_rows, noise * (energy / n_rows + norm) / n_rows
    spread = norm - n_moving * n_moving / count  # both times the number of columns
    unsure_spread = noise * (norm + 3.0 * n_moving * n_moving / count)
    reach = math.sqrt(max(spread, 0.0) + unsure_spread)
    share, moved = 0.0, 1.0
    if spread > 0.0:
        share = min(max(miss / spread, 0.0), 1.0)
        moved = min(1.0, (unsure + unsure_spread) / spread)
    fact[SHAKEN] += priors[code] * widest * reach * moved
    if reach > 0.0:
        fact[TURNED] += reach * moved / (share * n_moving / count)
    return share


@kernel
def _sum_shifts(shifts, shares, places, classes, fact):  # type: ignore[no-untyped-def]
    """Write the diagonal that is added, tell its least value, and return the matrix's trace."""
    priors, _, variances, moving, _ = classes
    trace, means = 0.0, np.zeros(len(priors))
    for place in places:
        means += moving[place]
    means /= len(places)
    fact[LEAST] = np.inf
    for step in range(len(places)):
        shift, place = 0.0, places[step]
        for code in range(len(priors)):
            size = priors[code] * variances[place, code]
            shift += size * shares[code] * means[code]
            trace += size * (1.0 - shares[code]) * moving[place, code]
        shifts[step] = shift
        trace += shift
        fact[LEAST] = min(fact[LEAST], shift)
    return trace


@kernel
def _clear(products, size):  # type: ignore[no-untyped-def]
    for step in range(size):
        for other in range(step, size):
            products[step, other] = 0.0


@kernel
def _fill_part(part, grams, square, by_feature, places, steps, start, end, code):  # type: ignore[no-untyped-def]
    """Write the Gram matrix of a class's contrasts, from the diagonal on."""
    size = len(places)
    if len(grams) > 0:
        gram = grams[code]
        for step in range(size):
            above, line = gram[places[step]], part[step]
            for other in range(step, size):
                line[other] = above[places[other]]
        return
    rows, width = square[0 : end - start, 0:], -(-size // PANEL) * PANEL
    gather_rows(rows, by_feature[0:, start:], places)
    for first in range(0, size, _GROUP):
        last, from_ = min(first + _GROUP, size), first // PANEL * PANEL
        left, terms = rows[0:, first:last].T, steps[: end - start]
        multiply(part[first:last, from_:width], left, terms, rows[0:, from_:width], terms)


@kernel
def _norm_by_columns(part, places, classes, code):  # type: ignore[no-untyped-def]
    """Return the sum of squares of a class's correlations."""
    priors, _, variances, _, _ = classes
    total, inverse = 0.0, np.empty(len(places))
    for step in range(len(places)):
        inverse[step] = 1.0 / math.sqrt(priors[code] * variances[places[step], code])
    for step in range(len(places)):
        line, summed = part[step], 0.0
        for other in range(step + 1, len(places)):
            summed += (line[other] * inverse[other]) ** 2
        own = line[step] * inverse[step]
        total += (own * own + 2.0 * summed) * inverse[step] * inverse[step]
    return total


@kernel
def _norm_by_rows(part, copied, by_feature, places, steps, start, end, classes, code):  # type: ignore[no-untyped-def]
    """Return the same as `_norm_by_columns`, of inner products of the contrasts."""
    priors, _, variances, _, _ = classes
    n_rows, total = end - start, 0.0
    width = -(-n_rows // PANEL) * PANEL
    for step in range(len(places)):
        own, line = by_feature[places[step]], copied[step]
        factor = 1.0 / (priors[code] * variances[places[step], code])
        for row in range(n_rows):
            line[row] = own[start + row] * factor
        line[n_rows:width] = 0.0
    left, terms = by_feature.T[start:end], steps[: len(places)]
    multiply(part[0:n_rows, 0:width], left, places, copied[0:, 0:width], terms)
    for row in range(n_rows):
        for other in range(n_rows):
            total += part[row, other] ** 2
    return total


@kernel
def _add_part(products, part, weight, size):  # type: ignore[no-untyped-def]
    for step in range(size):
        line, own = products[step], part[step]
        for other in range(step, size):
            line[other] += weight * own[other]


@kernel
def _fill_sides(products, shifts, by_feature, places, n_contrasts, n_classes):  # type: ignore[no-untyped-def]
    size = len(places)
    used = -(-(size + n_classes) // PANEL) * PANEL
    for step in range(size):
        line, own = products[step], by_feature[places[step]]
        line[step] += shifts[step]
        line[size : size + n_classes] = own[n_contrasts : n_contrasts + n_classes]
        line[size + n_classes : used] = 0.0


@kernel
def _fill_dual(system, copied, by_feature, places, shifts, shares, ends):  # type: ignore[no-untyped-def]
    """Write the inner products of contrasts, columns by the diagonal, rows by their weights."""
    products, _, _, _, steps = system
    n_contrasts, (_, width) = ends[-1] - len(ends), products.shape
    for step in range(len(places)):
        own, line, inverse = by_feature[places[step]], copied[step], 1.0 / shifts[step]
        for row in range(len(line)):
            line[row] = own[row] * inverse
        _weigh(line.reshape(1, -1).T, shares, ends)
    terms = steps[: len(places)]
    for first in range(0, n_contrasts, _GROUP):
        last, start = min(first + _GROUP, n_contrasts), first // PANEL * PANEL
        left = by_feature.T[first:last]
        multiply(products[first:last, start:width], left, places, copied[0:, start:width], terms)
    _weigh(products, shares, ends)


@kernel
def _weigh(rows, shares, ends):  # type: ignore[no-untyped-def]
    for code in range(len(ends)):
        start, end = _contrasts_of(ends, code)
        rows[start:end] *= math.sqrt(1.0 - shares[code])


@kernel
def _ask_dual(asked, crossed, copied, by_feature, places, system, shares, ends):  # type: ignore[no-untyped-def]
    n_classes, (_, _, _, solution, steps) = len(ends), system
    n_contrasts = ends[-1] - n_classes
    others = copied[0:, n_contrasts // PANEL * PANEL :]
    left, terms = by_feature.T[: n_contrasts + n_classes], steps[: len(places)]
    multiply(crossed[0:, 0:], left, places, others, terms)
    _weigh(crossed, shares, ends)
    terms = steps[:n_contrasts]
    multiply(asked[0:, 0:], solution.T[:n_classes], terms, crossed[0:, 0:], terms)
    for code in range(n_classes):
        for ask in range(asked.shape[1]):
            asked[code, ask] = crossed[n_contrasts + code, ask] - asked[code, ask]


_EPSILON = float(np.finfo(float).eps)
_UNSURE = 16.0  # within this factor of where scikit-learn takes a column for constant


@dataclass(frozen=True, eq=False)
class ShrunkTerms:
    """Rows of a fold, and of each class how they spread."""

    scatter: ScatterTerms  # In the columns' own units
    grams: ColumnGram  # Of the contrasts of each class
    # Of the centred fit rows, class by class, in units of the spread in the class
    squares: np.ndarray
    # As `vaega.engines._discriminant.compute_shrunk_forms` takes them
    classes: tuple[np.ndarray, ...]

    def compute(self, masks: np.ndarray, *, careful: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the forms of each mask and the facts of its matrix."""
        terms = self.scatter
        n_asks = terms.n_rows - terms.n_contrasts
        answers = np.empty((len(masks), n_asks, len(terms.priors)))
        facts = np.empty((len(masks), N_SHRUNK_FACTS))
        compute_shrunk_forms(
            np.ascontiguousarray(masks),
            terms.by_feature,
            self.grams.found_for(masks),
            self.squares,
            terms.sizes,
            self.classes,
            careful,
            answers,
            facts,
        )
        return answers, facts


def make_shrunk_terms(estimator: LinearDiscriminantAnalysis, fold: Fold) -> ShrunkTerms | None:
    """Return the terms of a fold."""
    scatter = make_scatter_terms(estimator, fold, is_svd=False)
    if scatter is None:
        return None
    _, codes, counts = np.unique(fold.y_fit, return_inverse=True, return_counts=True)
    n_columns, ends, order = len(scatter.sizes), np.cumsum(counts), np.argsort(codes, kind="stable")
    squares = np.zeros((n_columns, padded(scatter.n_fit, float)))
    variances, moving, larger = np.empty((3, n_columns, len(counts)))
    for own in column_blocks(n_columns):
        rows = fold.X_fit[:, own][order]
        rows = np.where(np.isfinite(scatter.sizes[own, forms.RAW]), rows, 0.0)
        for code, (start, end) in enumerate(zip(ends - counts, ends, strict=True)):
            each = _measure_spread(rows[start:end])
            squares[own, start:end] = each.squares.T
            variances[own, code], moving[own, code] = each.variances, each.moving
            larger[own, code] = each.larger
            scatter.sizes[own, forms.RAW][each.unsure] = np.inf
    grams = ColumnGram(scatter.by_feature, (ends - np.arange(1, len(ends) + 1)).tolist())
    classes = scatter.priors, ends.astype(np.int64), variances, moving, larger
    return ShrunkTerms(scatter, grams, squares, classes)


@dataclass(frozen=True, eq=False)
class _Spread:
    """How the rows of a class spread in some columns; the variance of a constant one is 1."""

    squares: np.ndarray
    variances: np.ndarray
    moving: np.ndarray
    larger: np.ndarray
    unsure: np.ndarray


def _measure_spread(rows: np.ndarray) -> _Spread:
    n_rows, means = len(rows), rows.mean(axis=0)
    moving, within = (rows != rows[0]).any(axis=0), rows - means
    variances = np.square(within).mean(axis=0)
    # scikit-learn takes for constant what the rounding of a mean could explain.
    border = n_rows * _EPSILON * variances + np.square(n_rows * means * _EPSILON)
    unsure = moving & (variances <= _UNSURE * border)
    moving &= variances > 0.0
    variances[~moving] = 1.0
    squares = np.where(moving, np.square(within) / variances, 0.0)
    larger = np.where(moving, np.abs(rows).max(axis=0) / np.sqrt(variances), 0.0)
    return _Spread(squares, variances, moving, larger, unsure)


# Further columns of `facts`: how many eigenvalues count, at most how large the others are, the norm
# of the largest solution for the rows that ask, and the largest eigenvalue.
RANK, CEILING, ASK_NORM, TOP = N_FACTS, N_FACTS + 1, N_FACTS + 2, N_FACTS + 3
N_SPECTRAL_FACTS = N_FACTS + 4


@kernel
def compute_spectral_forms(masks, by_feature, sizes, n_fit, tol, answers, facts):  # type: ignore[no-untyped-def]
    """Write the forms of each mask."""
    n_asks, n_targets = answers.shape[1], answers.shape[2]
    width = -(-n_fit // PANEL) * PANEL
    products, square = np.zeros((n_fit + n_asks, width)), np.zeros((n_fit, width))
    basis, coordinates = np.zeros((n_fit, width)), np.zeros((n_asks, width))
    places, steps = np.empty(masks.shape[1], np.int64), np.arange(n_fit)
    for row in range(len(masks)):
        own, fact = places[: select(masks[row], places)], facts[row]
        sum_sizes(sizes, own, fact)
        answers[row] = np.nan
        dual, size = len(own) > n_fit, min(len(own), n_fit)
        if not 0.0 < fact[:COUNT].sum() + fact[COUNT] < np.inf:
            continue
        if dual:
            others = by_feature[0:, 0 : n_fit + n_asks].T
            multiply(products[0:, 0:], others, own, by_feature[0:, 0:width], own)
        else:
            gather_rows(square, by_feature, own)
            wide = -(-size // PANEL) * PANEL
            part = products[0:size, 0:wide]
            multiply(part, square[0:, 0:size].T, steps, square[0:, 0:wide], steps)
        values, vectors = np.linalg.eigh(products[:size, :size].copy())
        basis[:] = 0.0
        basis[:size, :size] = vectors
        if dual:
            multiply(coordinates[0:, 0:], products[n_fit:, 0:], steps, basis[0:, 0:], steps)
        else:
            asks = by_feature[0:, n_fit : n_fit + n_asks].T
            multiply(coordinates[0:, 0:], asks, own, basis[0:, 0:], steps[:size])
        fact[TRACE], fact[FLOOR] = values.sum(), np.inf
        fact[TOP] = values[-1]
        n_lost = _sum_directions(values, tol, dual, coordinates, answers[row], fact, n_targets)
        fact[RANK] = size - n_lost
        if n_lost > 0:
            basis[0:, n_lost:] = 0.0
            fact[CEILING] = _bound_lost(basis, square, by_feature, own, steps, n_lost, dual)


@kernel
def _sum_directions(values, tol, dual, coordinates, answer, fact, n_targets):  # type: ignore[no-untyped-def]
    # Returns how many directions do not count; eigenvalues are in ascending order.
    n_asks, n_lost = len(coordinates), 0
    norms = np.zeros(n_asks)
    answer[:] = 0.0
    for step in range(len(values)):
        value = values[step]
        if not (value > 0.0 and math.sqrt(value) > tol):
            n_lost += 1
            continue
        fact[FLOOR] = min(fact[FLOOR], value)
        if dual:  # what the rows make of a row becomes its own part in the direction
            for ask in range(n_asks):
                coordinates[ask, step] /= math.sqrt(value)
        for ask in range(n_asks):
            solved = coordinates[ask, step] / value
            norms[ask] += solved * solved
            for target in range(n_targets):
                answer[ask, target] += solved * coordinates[target, step]
    fact[NORM] = math.sqrt(norms[:n_targets].max())
    fact[ASK_NORM] = math.sqrt(norms.max())
    return n_lost


@kernel
def _bound_lost(basis, square, by_feature, own, steps, n_lost, dual):  # type: ignore[no-untyped-def]
    # The squares of what the fit rows make of the directions that do not count: at least their
    # largest eigenvalue, and free of the rounding of products.
    total, wide = 0.0, -(-n_lost // PANEL) * PANEL
    line = np.empty((1, wide))
    size = min(len(own), len(steps))
    for place in range(len(own) if dual else len(steps)):
        at = own[place] if dual else place
        left = (by_feature if dual else square)[at : at + 1, 0:]
        multiply(line[0:, 0:], left, steps[:size], basis[0:, 0:wide], steps[:size])
        for lost in range(n_lost):
            total += line[0, lost] ** 2
    return total


RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = False
EXACT = True
RANDOM = False

_SUM_ROUNDING = 8.0 * np.finfo(float).eps  # of each term of a sum, generously
# The same for the elimination, whose roundings have either sign: they grow as the root of terms.
_TYPICAL = 32.0 * np.finfo(float).eps
_SAFE = 1e-3  # perturbations above this share of the least eigenvalue are beyond the bounds here
_CLEAR = 4.0  # an eigenvalue this often above the border of the rank counts
_NO_LENGTH = 1e-10  # of a direction between means, beside all: here a bound may be rounding

_AUTO = "auto"  # shrinks each class by the lemma of Ledoit and Wolf

_Terms = ScatterTerms | ShrunkTerms | None
_KNOWN: WeakKeyDictionary[Fold, dict[tuple[str, str], _Terms]] = WeakKeyDictionary()


def unsupported(estimator: Any) -> str | None:
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


def predict(
    estimator: LinearDiscriminantAnalysis,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the answers of a linear discriminant analysis for each mask."""
    known = _terms_of(estimator, fold)
    terms = known.scatter if isinstance(known, ShrunkTerms) else known
    if known is None or terms is None or (response_method == DECISION and len(terms.priors) > 2):
        return Predictions.uncertain(len(masks), len(fold.y_validate))
    if estimator.solver == "svd" and not terms.moving.all():
        masks = masks & terms.moving  # the others have no weight
    scores, doubts = _scores_of(known, estimator, masks, careful=False)
    codes, decided = classify(scores, doubts)
    rest = np.flatnonzero(~decided)
    if rest.size:
        scores[rest], doubts[rest] = _scores_of(known, estimator, masks[rest], careful=True)
        codes[rest], decided[rest] = classify(scores[rest], doubts[rest])
    rest = np.flatnonzero(~decided)
    if rest.size and estimator.solver == "svd":
        tol = float(estimator.tol)
        scores[rest], doubts[rest] = _spectral_scores_of(terms, tol, masks[rest])
        codes[rest], decided[rest] = classify(scores[rest], doubts[rest])
    if response_method == PREDICT:
        return Predictions(codes, decided)
    values = (
        np.ascontiguousarray(scores[:, :, 0])
        if response_method == DECISION
        else softmax_of_scores(scores)
    )
    return Predictions(codes, decided, values, doubts)


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
    rounding, summing = _SUM_ROUNDING * total, _TYPICAL * np.sqrt(total)
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
    rounding, summing = _SUM_ROUNDING * total, _TYPICAL * np.sqrt(total)
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
    rounding = _SUM_ROUNDING * (terms.n_fit + count + 10.0)
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
    least, trace = facts[:, LEAST], facts[:, forms.TRACE]
    shaken, turned = facts[:, SHAKEN], facts[:, TURNED]
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
