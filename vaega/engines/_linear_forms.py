"""Quadratic forms x' A^-1 t of many masks, A the Gram matrix of a mask's columns: ridge and LDA.

With fewer columns than rows A is solved in the columns (primal), else in the rows (dual).
"""

import math

import numpy as np

from vaega.core.kernels import (
    PANEL,
    invert_trace,
    kernel,
    largest_count,
    multiply,
    select,
    substitute_back,
    substitute_forward,
    triangulate,
)

# Columns of `sizes`, squared: of the centred fit rows the norm of the column; of the rows that are
# multiplied and of the targets the largest entry; of the raw rows the largest entry. `facts` has
# their sums over the selected columns, squared bounds of the norms of rows.
ENERGY, QUERY, TARGET, RAW = 0, 1, 2, 3
# Further columns of `facts`: selected columns, trace and least eigenvalue (from below) of the
# eliminated matrix, norm of the longest solution.
COUNT, TRACE, FLOOR, NORM = 4, 5, 6, 7
N_FACTS = 8

# Below this share of the mean eigenvalue, the determinant bounds the least one too loosely.
_BROAD = 1e-3
_GROUP = 10  # rows, twice what a product computes at once


@kernel
def compute_forms(  # type: ignore[no-untyped-def]
    masks, by_column, gram, originals, sizes, given, shift, answers, facts
):
    """Write x' (R' R + shift I)^-1 t for the rows R to fit, rows t of targets, and x of all others.

    `by_column` (n_columns, padded rows) holds R, then the targets, then other rows, transposed;
    `gram` (1, n_columns, n_columns) their products, or (0, 0, 0); `sizes` (n_columns, 4).
    With a shift, targets are R' `given`, (n_fit, n_targets). Without one the inverse is the
    pseudo-inverse, `given` counts by its shape only, and columns that are equal (`originals`: the
    first such of each) are one, times the root of their number.
    Writes `answers` (n_masks, n_targets + n_others, n_targets), NaN where A is not positive
    definite, and `facts` (n_masks, N_FACTS).
    """
    n_fit, n_targets = given.shape
    most = largest_count(masks)
    side, lead = min(most, n_fit), n_fit % PANEL
    queries = by_column[0:, n_fit - lead :]  # from a whole vector on: `lead` rows of R are queries
    wide = -(-n_targets // PANEL) * PANEL
    width = -(-(side + wide) // PANEL) * PANEL
    products, scaled = np.zeros((side, width)), np.zeros((side, width))
    square, spare = np.zeros((0 if len(gram) else n_fit, width)), np.zeros((PANEL, width))
    crossed = np.zeros((n_fit + n_targets if most > n_fit else 0, queries.shape[1]))
    solution, asked = np.zeros((side, wide)), np.zeros((n_targets, queries.shape[1]))
    indices, steps = np.empty(masks.shape[1], np.int64), np.arange(n_fit)
    roots, merged = np.ones(side), np.zeros(masks.shape[1], np.int64)
    system = products, scaled, spare, solution, steps
    for row in range(len(masks)):
        chosen, fact = indices[: select(masks[row], indices)], facts[row]
        _sum_sizes(sizes, chosen, fact)
        answers[row] = np.nan
        if len(chosen) > n_fit:
            _fill_dual(products, by_column, chosen, given, shift > 0.0)
            if not _solve(system, n_fit, n_targets, shift, shift == 0.0, fact):
                continue
            multiply(crossed[0:, 0:], by_column.T[: len(crossed)], chosen, queries, chosen)
            multiply(asked[0:, 0:], solution.T[:n_targets], steps, crossed[0:, 0:], steps)
        elif len(chosen) > 0:
            if shift == 0.0:
                chosen = chosen[: _merge(chosen, originals, roots, merged)]
            _fill_primal(products, gram, square, by_column, chosen, roots, steps, n_targets)
            if not _solve(system, len(chosen), n_targets, shift, False, fact):
                continue
            for step in range(len(chosen)):
                for target in range(n_targets):
                    solution[step, target] *= roots[step]
            multiply(asked[0:, 0:], solution.T[:n_targets], steps[: len(chosen)], queries, chosen)
        else:
            continue
        for query in range(answers.shape[1]):
            for target in range(n_targets):
                answers[row, query, target] = asked[target, lead + query]


def matrix_error(gamma: np.ndarray, facts: np.ndarray, n_fit: int) -> np.ndarray:
    """Return the 2-norm of what rounding does to the eliminated matrix of each mask; (n_masks,).

    An entry, an inner product or what the elimination leaves of one, is off by `gamma` times the
    mean diagonal; a matrix of `size` such independent entries has a norm of about 2 sqrt(size).
    """
    size = np.minimum(facts[:, COUNT], n_fit)
    return 2.0 * gamma * facts[:, TRACE] / np.sqrt(size)


@kernel
def _sum_sizes(sizes, chosen, fact):  # type: ignore[no-untyped-def]
    fact[:] = 0.0
    fact[COUNT] = len(chosen)
    for column in chosen:
        for size in range(4):
            fact[size] += sizes[column, size]


@kernel
def _merge(chosen, originals, roots, merged):  # type: ignore[no-untyped-def]
    # Keeps the first of equal columns, writes the root of their number, returns how many are kept.
    # An entry of `merged` that another mask left names another column, or is behind the last.
    n_kept = 0
    for column in chosen:
        original = originals[column]
        index = merged[original]
        if index < n_kept and originals[chosen[index]] == original:
            roots[index] += 1.0
        else:
            merged[original], chosen[n_kept], roots[n_kept] = n_kept, column, 1.0
            n_kept += 1
    for index in range(n_kept):
        roots[index] = math.sqrt(roots[index])
    return n_kept


@kernel
def _fill_dual(products, by_column, chosen, given, has_given):  # type: ignore[no-untyped-def]
    n_fit, n_targets = given.shape
    width = -(-(n_fit + n_targets) // PANEL) * PANEL
    _multiply_upper(products, by_column, n_fit, width, chosen)
    if has_given:
        products[:, n_fit : n_fit + n_targets] = given


@kernel
def _fill_primal(products, gram, square, by_column, chosen, roots, steps, n_targets):  # type: ignore[no-untyped-def]
    n_fit, size = len(steps), len(chosen)
    if len(gram) > 0:
        for step in range(size):
            above, line = gram[0, chosen[step]], products[step]
            for other in range(step, size):
                line[other] = above[chosen[other]]
    else:
        for step in range(-(-size // PANEL) * PANEL):
            for row in range(n_fit):
                square[row, step] = by_column[chosen[step], row] if step < size else 0.0
        _multiply_upper(products, square, size, -(-size // PANEL) * PANEL, steps)
    used = -(-(size + n_targets) // PANEL) * PANEL
    for step in range(size):
        line, column, root = products[step], by_column[chosen[step]], roots[step]
        for other in range(step, size):
            line[other] *= root * roots[other]
        for target in range(n_targets):
            line[size + target] = column[n_fit + target] * root
        line[size + n_targets : used] = 0.0


@kernel
def _multiply_upper(products, rows, size, width, terms):  # type: ignore[no-untyped-def]
    # What the triangle needs: rows in groups, each from the vector of its diagonal on.
    for first in range(0, size, _GROUP):
        last, start = min(first + _GROUP, size), first // PANEL * PANEL
        part = products[first:last, start:width]
        multiply(part, rows[0:, first:last].T, terms, rows[0:, start:width], terms)


@kernel
def _solve(system, size, n_targets, shift, twice, fact):  # type: ignore[no-untyped-def]
    """Eliminate a matrix, write solutions and facts; False where it is not positive definite."""
    products, scaled, spare, solution, steps = system
    trace = 0.0
    for step in range(size):
        products[step, step] += shift
        trace += products[step, step]
    width = -(-(size + n_targets) // PANEL) * PANEL
    floor = triangulate(products, scaled, spare, steps, size, width)
    if floor < 0.0:
        return False
    if max(floor, shift) < _BROAD * trace / size:
        floor = 1.0 / invert_trace(products, scaled, steps, size)
    for step in range(size):
        for target in range(n_targets):
            solution[step, target] = products[step, size + target]
    substitute_back(products, solution, steps, size)
    if twice:
        substitute_forward(scaled, solution, steps, 0, size)
        substitute_back(products, solution, steps, size)
    fact[TRACE], fact[FLOOR] = trace, max(floor, shift)
    for target in range(n_targets):
        square = 0.0
        for step in range(size):
            square += solution[step, target] ** 2
        fact[NORM] = max(fact[NORM], math.sqrt(square))
    return True


# The Gram matrix of all columns ------------------------------------------------------------------

_WIDTH = 24  # columns that are packed together, so that their rows follow each other in memory


@kernel
def compute_gram(by_column, n_fit, gram):  # type: ignore[no-untyped-def]
    """Write the inner products of columns over their first rows, from the diagonal on."""
    n_columns, steps = len(by_column), np.arange(n_fit)
    packed, part = np.zeros((n_fit, _WIDTH)), np.empty((n_columns, _WIDTH))
    for start in range(0, n_columns, _WIDTH):
        end = min(start + _WIDTH, n_columns)
        for column in range(start, end):
            for row in range(n_fit):
                packed[row, column - start] = by_column[column, row]
        multiply(part[:end], by_column, steps, packed, steps)
        gram[:end, start:end] = part[:end, : end - start]


_MOST_BYTES = 2**25
_FEW_ROWS = 256  # with fewer, products cost no more than looking them up
_SHARE = 0.25  # of the inner products; one by one for each mask they cost more than all at once


class ColumnGram:
    """Inner products of all columns over the fit rows, computed once masks have used enough."""

    def __init__(self, by_column: np.ndarray, n_fit: int) -> None:
        self._by_column, self._n_fit = by_column, n_fit
        self._n_used, self._gram = 0.0, np.empty((0, 0, 0))

    def for_masks(self, masks: np.ndarray) -> np.ndarray:
        """Return the products, (1, n_columns, n_columns), or (0, 0, 0) while they don't pay."""
        n_columns, n_fit = len(self._by_column), self._n_fit
        is_useful = n_fit >= _FEW_ROWS and 8 * n_columns**2 <= _MOST_BYTES
        if len(self._gram) or not is_useful:
            return self._gram
        counts = np.count_nonzero(masks, axis=1).astype(float)
        self._n_used += float(np.square(counts[counts <= n_fit]).sum())
        if self._n_used >= _SHARE * n_columns**2:
            gram = np.empty((1, n_columns, n_columns))
            compute_gram(self._by_column, n_fit, gram[0])
            self._gram = gram
        return self._gram
