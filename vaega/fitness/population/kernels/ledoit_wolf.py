"""Forms of the inverse of a scatter within classes that is shrunk as much as the columns ask for.

Ledoit and Wolf (2004, "A well-conditioned estimator for large-dimensional covariance matrices"):
the share of the diagonal follows from the rows and the selected columns. Classes are shrunk one by
one, in units of each column's spread in the class, as scikit-learn does it: so a mask's matrix is a
weighted sum of the classes' Gram matrices, and a diagonal.
"""

import math

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.forms import (
    FLOOR,
    N_FACTS,
    RAW,
    TRACE,
    gather_rows,
    largest_count,
    solve_system,
    sum_sizes,
)
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.selection import select
from vaega.fitness.population.kernels.triangle import PANEL

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
