"""Forms ``ask @ inverse(rows.T @ rows + shift) @ target`` on the selected columns of each mask.

Linear classifiers with a closed form ask for these: of validate rows as `ask`, with what tells the
classes apart as `target`. With fewer selected columns than fit rows, the matrix of columns is
eliminated; else that of rows, which is smaller and gives the same (the "dual").
"""

import math

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.selection import select
from vaega.fitness.population.kernels.triangle import (
    PANEL,
    invert_trace,
    substitute_back,
    substitute_forward,
    triangulate,
)

# Kinds of targets. GIVEN: rows.T times something known for each fit row. UNSHIFTED: there is no
# shift, and the dual inverts twice, as a pseudo-inverse does. SHARED: the shift is a share of the
# mean diagonal, and targets are any.
GIVEN, UNSHIFTED, SHARED = 0, 1, 2

ENERGY, ASK, TARGET, RAW = 0, 1, 2, 3  # columns of `sizes`, and of `facts` their sums
COUNT, TRACE, FLOOR, NORM = 4, 5, 6, 7  # further columns of `facts`
N_FACTS = 8
ASKED = 8  # one more, where `facts` have room for it and the careful way eliminated columns
N_CAREFUL_FACTS = 9

# Below this share of the mean eigenvalue, the determinant bounds the least one too loosely.
_BROAD = 1e-3
_GROUP = 10  # rows, twice what a product takes at once


@kernel
def compute_forms(  # type: ignore[no-untyped-def]
    masks, by_feature, gram, originals, sizes, given, kind, shift, careful, answers, facts
):
    """Write the forms of each mask."""
    n_fit, n_targets = given.shape
    most, told = largest_count(masks), careful and facts.shape[1] > ASKED
    side, lead = min(most, n_fit), n_fit % PANEL
    asks = by_feature[0:, n_fit - lead :]  # from a whole vector on: `lead` fit rows ask as well
    wide = asks.shape[1] if told else -(-n_targets // PANEL) * PANEL
    width = -(-(side + wide) // PANEL) * PANEL
    products, scaled = np.zeros((side, width)), np.zeros((side, width))
    square, spare = np.zeros((0 if len(gram) else n_fit, width)), np.zeros((PANEL, width))
    crossed = np.zeros((n_fit + n_targets if most > n_fit else 0, asks.shape[1]))
    solution, asked = np.zeros((side, wide)), np.zeros((n_targets, asks.shape[1]))
    places, steps = np.empty(masks.shape[1], np.int64), np.arange(n_fit)
    roots, seats = np.ones(side), np.zeros(masks.shape[1], np.int64)
    system = products, scaled, spare, solution, steps
    broad = 2.0 if careful else _BROAD if kind == UNSHIFTED else 0.0
    for row in range(len(masks)):
        own, fact = places[: select(masks[row], places)], facts[row]
        sum_sizes(sizes, own, fact)
        answers[row] = np.nan
        scale, own_shift = 1.0, shift
        if kind == SHARED:
            scale, own_shift = 1.0 - shift, shift / (1.0 - shift) * fact[ENERGY] / len(own)
        if len(own) > n_fit:
            if kind == SHARED and not own_shift > 0.0:
                continue
            _fill_dual(products, by_feature, own, given, kind)
            if not solve_system(
                system, n_fit, n_targets, own_shift, kind == UNSHIFTED, broad, fact
            ):
                continue
            _ask_dual(asked, crossed, asks, by_feature, own, system, kind, own_shift)
        elif len(own) > 0:
            if kind == UNSHIFTED:
                own = own[: _merge(own, originals, roots, seats)]
            n_sides = answers.shape[1] if told else n_targets
            _fill_primal(products, gram, square, by_feature, own, roots, steps, n_sides)
            if not solve_system(system, len(own), n_sides, own_shift, False, broad, fact):
                continue
            if told:
                fact[ASKED] = fact[NORM]
            _ask_primal(asked, asks, own, roots, system, fact)
        else:
            continue
        for ask in range(answers.shape[1]):
            for target in range(n_targets):
                answers[row, ask, target] = asked[target, lead + ask] / scale


@kernel
def _ask_dual(asked, crossed, asks, by_feature, places, system, kind, shift):  # type: ignore[no-untyped-def]
    (n_targets, _), (_, _, _, solution, steps) = asked.shape, system
    n_fit = len(steps)
    multiply(crossed[0:, 0:], by_feature.T[: len(crossed)], places, asks, places)
    multiply(asked[0:, 0:], solution.T[:n_targets], steps, crossed[0:, 0:], steps)
    if kind == SHARED:
        asked[:] = (crossed[n_fit:] - asked) / shift


@kernel
def _ask_primal(asked, asks, places, roots, system, fact):  # type: ignore[no-untyped-def]
    (n_targets, _), (_, _, _, solution, steps) = asked.shape, system
    fact[NORM] = _largest_norm(solution, len(places), n_targets)
    for step in range(len(places)):
        for target in range(n_targets):
            solution[step, target] *= roots[step]
    multiply(asked[0:, 0:], solution.T[:n_targets], steps[: len(places)], asks, places)


@kernel
def _merge(places, originals, roots, seats):  # type: ignore[no-untyped-def]
    # Keeps of equal columns the first one, tells the root of their number, returns how many are
    # kept. A seat that was left by another mask holds another column, or lies behind the last.
    kept = 0
    for place in places:
        original = originals[place]
        seat = seats[original]
        if seat < kept and originals[places[seat]] == original:
            roots[seat] += 1.0
        else:
            seats[original], places[kept], roots[kept] = kept, place, 1.0
            kept += 1
    for seat in range(kept):
        roots[seat] = math.sqrt(roots[seat])
    return kept


@kernel
def largest_count(masks):  # type: ignore[no-untyped-def]
    """Return how many columns a mask selects at most."""
    most = 0
    for mask in masks:
        count = 0
        for chosen in mask:
            count += chosen
        most = max(most, count)
    return most


@kernel
def sum_sizes(sizes, places, fact):  # type: ignore[no-untyped-def]
    """Write the sums of sizes over the selected columns, their number, and 0 for other facts."""
    fact[:] = 0.0
    fact[COUNT] = len(places)
    for place in places:
        for size in range(4):
            fact[size] += sizes[place, size]


@kernel
def solve_system(system, size, n_targets, shift, twice, broad, fact):  # type: ignore[no-untyped-def]
    """Eliminate a matrix, and tell what is known of it."""
    products, scaled, spare, solution, steps = system
    trace = 0.0
    for step in range(size):
        products[step, step] += shift
        trace += products[step, step]
    width = -(-(size + n_targets) // PANEL) * PANEL
    floor = triangulate(products, scaled, spare, steps, size, width)
    if floor < 0.0:
        return False
    if floor < broad * trace / size:
        floor = 1.0 / invert_trace(products, scaled, steps, size)
    for step in range(size):
        for target in range(n_targets):
            solution[step, target] = products[step, size + target]
    substitute_back(products, solution, steps, size)
    if twice:
        substitute_forward(scaled, solution, steps, 0, size)
        substitute_back(products, solution, steps, size)
    fact[TRACE], fact[FLOOR] = trace, floor
    fact[NORM] = _largest_norm(solution, size, n_targets)
    return True


@kernel
def _multiply_upper(products, rows, size, width, terms):  # type: ignore[no-untyped-def]
    # What the triangle needs: rows in groups, each from the vector of its diagonal on.
    for first in range(0, size, _GROUP):
        last, start = min(first + _GROUP, size), first // PANEL * PANEL
        part = products[first:last, start:width]
        multiply(part, rows[0:, first:last].T, terms, rows[0:, start:width], terms)


@kernel
def _fill_dual(products, by_feature, places, given, kind):  # type: ignore[no-untyped-def]
    n_fit, n_targets = given.shape
    width = -(-(n_fit + n_targets) // PANEL) * PANEL
    _multiply_upper(products, by_feature, n_fit, width, places)
    if kind == GIVEN:
        products[:, n_fit : n_fit + n_targets] = given


@kernel
def gather_rows(square, by_feature, places):  # type: ignore[no-untyped-def]
    """Write the fit rows of the selected columns, and 0 behind these up to a whole vector."""
    size = len(places)
    for step in range(-(-size // PANEL) * PANEL):
        for row in range(len(square)):
            square[row, step] = by_feature[places[step], row] if step < size else 0.0


@kernel
def _fill_primal(products, gram, square, by_feature, places, roots, steps, n_targets):  # type: ignore[no-untyped-def]
    n_fit, size = len(steps), len(places)
    if len(gram) > 0:
        for step in range(size):
            above, line = gram[0, places[step]], products[step]
            for other in range(step, size):
                line[other] = above[places[other]]
    else:
        gather_rows(square, by_feature, places)
        _multiply_upper(products, square, size, -(-size // PANEL) * PANEL, steps)
    used = -(-(size + n_targets) // PANEL) * PANEL
    for step in range(size):
        line, own, root = products[step], by_feature[places[step]], roots[step]
        for other in range(step, size):
            line[other] *= root * roots[other]
        for target in range(n_targets):
            line[size + target] = own[n_fit + target] * root
        line[size + n_targets : used] = 0.0


@kernel
def _largest_norm(solution, size, n_targets):  # type: ignore[no-untyped-def]
    largest = 0.0
    for target in range(n_targets):
        total = 0.0
        for step in range(size):
            total += solution[step, target] ** 2
        largest = max(largest, total)
    return math.sqrt(largest)
