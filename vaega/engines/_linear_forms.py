"""The Gram matrices of a fold's columns, once masks have asked for enough of them."""

import math
from collections.abc import Sequence

import numpy as np

from vaega.engines._compiled import kernel, multiply, select

PANEL = 8  # rows; as wide as a vector of float64, so that each panel starts at a whole vector


@kernel
def triangulate(system, scaled, spare, steps, size, width):  # type: ignore[no-untyped-def]
    """Reduce a system to its upper triangle, right-hand sides included."""
    trace = 0.0
    for row in range(size):
        trace += system[row, row]
    mean, product = trace / size, 1.0
    for first in range(0, size, PANEL):
        last = min(first + PANEL, size)
        if first > 0:
            part = spare[0 : last - first, 0 : width - first]
            above = system[0:first, first:width]
            multiply(part, scaled[0:first, first:last].T, steps[:first], above, steps[:first])
            for row in range(first, last):
                for column in range(first, width):
                    system[row, column] -= part[row - first, column - first]
        for row in range(first, last):
            pivot = system[row, row]
            if not pivot > 0.0:
                return -1.0
            product *= pivot / mean
            for column in range(row, width):
                scaled[row, column] = system[row, column] / pivot
            for other in range(row + 1, last):
                factor = scaled[row, other]
                for column in range(other, width):
                    system[other, column] -= factor * system[row, column]
    return product * mean / math.e


@kernel
def substitute_forward(scaled, solution, steps, start, size):  # type: ignore[no-untyped-def]
    """Solve with the lower triangle that `triangulate` left as the transpose of `scaled`."""
    n_sides = solution.shape[1]
    part = np.empty((PANEL, n_sides))
    for first in range(start, size, PANEL):
        last, known = min(first + PANEL, size), steps[start:first]
        if first > start:
            left = scaled[0:first, first:last].T
            multiply(part[0 : last - first, 0:], left, known, solution[0:, 0:], known)
            for row in range(first, last):
                for side in range(n_sides):
                    solution[row, side] -= part[row - first, side]
        for row in range(first, last):
            for other in range(row + 1, last):
                factor = scaled[row, other]
                for side in range(n_sides):
                    solution[other, side] -= factor * solution[row, side]


@kernel
def substitute_back(system, solution, steps, size):  # type: ignore[no-untyped-def]
    """Solve with the upper triangle that `triangulate` left."""
    n_sides = solution.shape[1]
    part = np.empty((PANEL, n_sides))
    for first in range((size - 1) // PANEL * PANEL, -1, -PANEL):
        last = min(first + PANEL, size)
        known = steps[last:size]
        if last < size:
            below, rows = solution[0:, 0:], system[first:last, 0:]
            multiply(part[0 : last - first, 0:], rows, known, below, known)
            for row in range(first, last):
                for side in range(n_sides):
                    solution[row, side] -= part[row - first, side]
        for row in range(last - 1, first - 1, -1):
            for side in range(n_sides):
                solution[row, side] /= system[row, row]
            for other in range(first, row):
                factor = system[other, row]
                for side in range(n_sides):
                    solution[other, side] -= factor * solution[row, side]


@kernel
def invert_trace(system, scaled, steps, size):  # type: ignore[no-untyped-def]
    """Return the trace of the inverse of what `triangulate` has reduced."""
    trace, solution = 0.0, np.empty((size, PANEL))
    for first in range(0, size, PANEL):
        for row in range(first, size):
            for side in range(PANEL):
                solution[row, side] = 1.0 if row - first == side else 0.0
        substitute_forward(scaled, solution, steps, first, size)
        for row in range(first, size):
            total = 0.0
            for side in range(PANEL):
                total += solution[row, side] ** 2
            trace += total / system[row, row]
    return trace


_WIDTH = 24  # columns that are packed together, so that their rows follow each other in memory


@kernel
def compute_gram(by_feature, first, last, gram):  # type: ignore[no-untyped-def]
    """Write the inner products of columns over some rows, from the diagonal on."""
    n_columns, steps = len(by_feature), np.arange(last - first)
    packed, part = np.zeros((last - first, _WIDTH)), np.empty((n_columns, _WIDTH))
    for start in range(0, n_columns, _WIDTH):
        end = min(start + _WIDTH, n_columns)
        for column in range(start, end):
            for row in range(first, last):
                packed[row - first, column - start] = by_feature[column, row]
        multiply(part[:end], by_feature[0:, first:], steps, packed, steps)
        gram[:end, start:end] = part[:end, : end - start]


@kernel
def score_rows(answers, constants, scores):  # type: ignore[no-untyped-def]
    """Write the scores of rows, of forms that means and rows ask for."""
    n_classes, single = answers.shape[2], scores.shape[2] == 1
    offsets = np.empty(n_classes)
    for mask in range(len(answers)):
        for code in range(n_classes):
            offsets[code] = constants[code] - 0.5 * answers[mask, code, code]
        rows, to = answers[mask, n_classes:], scores[mask]
        for row in range(len(to)):
            if single:
                to[row, 0] = (rows[row, 1] + offsets[1]) - (rows[row, 0] + offsets[0])
            else:
                for code in range(n_classes):
                    to[row, code] = rows[row, code] + offsets[code]


@kernel
def bound_directions(answers, roots, bounds):  # type: ignore[no-untyped-def]
    """Write bounds of the squared lengths of the directions between the means of the classes."""
    n_classes, steps = len(roots), np.arange(len(roots))
    width = -(-n_classes // PANEL) * PANEL
    system, scaled = np.zeros((n_classes, width)), np.zeros((n_classes, width))
    spare, total = np.zeros((PANEL, width)), (roots * roots).sum()
    for mask in range(len(answers)):
        trace = 0.0
        for code in range(n_classes):
            trace += answers[mask, code, code] * roots[code] * roots[code]
        for code in range(n_classes):
            for other in range(code, n_classes):
                both = roots[code] * roots[other]
                system[code, other] = answers[mask, code, other] * both + trace * both / total
        bounds[mask, 0], bounds[mask, 1] = 0.0, trace
        if triangulate(system, scaled, spare, steps, n_classes, width) > 0.0:
            bounds[mask, 0] = 1.0 / invert_trace(system, scaled, steps, n_classes)


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


_MOST_BYTES = 2**25
_FEW_ROWS = 256  # with fewer, products cost no more than looking them up
_SHARE = 0.25  # of the inner products; one by one for each mask they cost more than all at once


class ColumnGram:
    """What masks look the inner products of their columns up in."""

    def __init__(self, by_feature: np.ndarray, ends: Sequence[int]) -> None:
        self._by_feature, self._ends = by_feature, list(ends)
        self._asked, self._found = 0.0, np.empty((0, 0, 0))

    def found_for(self, masks: np.ndarray) -> np.ndarray:
        """Return the products, or an empty array as long as it pays to compute each mask's."""
        n_columns, n_parts, n_rows = len(self._by_feature), len(self._ends), self._ends[-1]
        useful = n_rows >= _FEW_ROWS * n_parts and 8 * n_parts * n_columns**2 <= _MOST_BYTES
        if len(self._found) or not useful:
            return self._found
        counts = np.count_nonzero(masks, axis=1).astype(float)
        self._asked += float(np.square(counts[counts <= n_rows]).sum())
        if self._asked >= _SHARE * n_columns**2:
            found, starts = np.empty((n_parts, n_columns, n_columns)), [0, *self._ends]
            for start, end, gram in zip(starts, self._ends, found, strict=False):
                compute_gram(self._by_feature, start, end, gram)
            self._found = found
        return self._found
