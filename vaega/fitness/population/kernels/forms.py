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

# Below this share of the mean eigenvalue, the determinant bounds the least one too loosely.
_BROAD = 1e-3
_GROUP = 10  # rows, twice what a product takes at once


@kernel
def compute_forms(  # type: ignore[no-untyped-def]
    masks, by_feature, sizes, given, kind, shift, careful, answers, facts
):
    """Write the forms of each mask.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_columns)
    by_feature : numpy.ndarray of float64, shape (n_columns, padded number of rows)
        Fit rows, then the rows of the targets, then the other rows that ask; transposed.
    sizes : numpy.ndarray of float64, shape (n_columns, 4)
        Squared sizes of a column, of which the sums over a mask are told as facts.
    given : numpy.ndarray of float64, shape (n_fit, n_targets)
        What `rows.T` is multiplied with to give the targets; only its shape counts for other kinds.
    kind : int
        `GIVEN`, `UNSHIFTED` or `SHARED`.
    shift : float
        Added to the diagonal; for `SHARED` the share of the mean diagonal in a convex sum with it.
    careful : bool
        Whether to bound the least eigenvalue by the inverse, not by the determinant: closer, and
        slower.
    answers : numpy.ndarray of float64, shape (n_masks, n_targets + n_others, n_targets)
        What is written: the targets ask first, then the others. NaN where elimination failed.
    facts : numpy.ndarray of float64, shape (n_masks, `N_FACTS`)
        What is written: sums of sizes, the number of selected columns, the trace and the least
        eigenvalue (bounded from below) of the matrix that was eliminated, and the norm of its
        largest solution.

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 5.0]])  # 2 to fit, 1 target
    >>> by_feature, answers, facts = np.zeros((2, 8)), np.zeros((1, 2, 1)), np.zeros((1, N_FACTS))
    >>> by_feature[:, :4] = rows.T
    >>> masks, sizes, given = np.ones((1, 2), dtype=bool), np.zeros((2, 4)), np.zeros((2, 1))
    >>> compute_forms(masks, by_feature, sizes, given, UNSHIFTED, 0.0, False, answers, facts)
    >>> answers[0, 1]  # 3 / 1 + 5 / 4
    array([4.25])
    """
    n_fit, n_targets = given.shape
    width = -(-(n_fit + n_targets) // PANEL) * PANEL
    products = np.zeros((n_fit + answers.shape[1], width))
    scaled, spare = np.zeros((n_fit, width)), np.zeros((PANEL, width))
    square = np.zeros((n_fit, width))
    wide = -(-n_targets // PANEL) * PANEL
    solution, asked = np.zeros((n_fit, wide)), np.zeros((answers.shape[1], wide))
    places, steps = np.empty(masks.shape[1], np.int64), np.arange(n_fit)
    for row in range(len(masks)):
        count = select(masks[row], places)
        own, fact = places[:count], facts[row]
        sum_sizes(sizes, own, fact)
        answers[row] = np.nan
        own_shift = shift
        if kind == SHARED:
            own_shift = shift / (1.0 - shift) * fact[ENERGY] / count
        dual = count > n_fit
        if count == 0 or (dual and kind == SHARED and not own_shift > 0.0):
            continue
        if dual:
            _fill_dual(products, by_feature, own, given, kind)
        else:
            _fill_primal(products, square, by_feature, own, steps, n_targets)
        size = n_fit if dual else count
        twice = dual and kind == UNSHIFTED
        broad = 2.0 if careful else _BROAD if kind == UNSHIFTED else 0.0
        if not _solve(
            products, scaled, spare, solution, steps, size, n_targets, own_shift, twice, broad, fact
        ):
            continue
        if dual:
            multiply(asked[0:, 0:], products[n_fit:, 0:], steps, solution[0:, 0:], steps)
        else:
            others = by_feature[0:, n_fit : n_fit + len(asked)].T
            multiply(asked[0:, 0:], others, own, solution[0:, 0:], steps[:count])
        if dual and kind == SHARED:
            asked[:, :n_targets] = (
                products[n_fit:, n_fit : n_fit + n_targets] - asked[:, :n_targets]
            ) / own_shift
        scale = 1.0 - shift if kind == SHARED else 1.0
        answers[row] = asked[:, :n_targets] / scale


@kernel
def sum_sizes(sizes, places, fact):  # type: ignore[no-untyped-def]
    """Write the sums of sizes over the selected columns, their number, and 0 for other facts.

    Parameters
    ----------
    sizes : numpy.ndarray of float64, shape (n_columns, 4)
    places : numpy.ndarray of int64
    fact : numpy.ndarray of float64, shape (at least `N_FACTS`,)
        What is written.

    Examples
    --------
    >>> fact = np.empty(N_FACTS)
    >>> sum_sizes(np.arange(12.0).reshape(3, 4), np.array([0, 2]), fact)
    >>> fact
    array([ 8., 10., 12., 14.,  2.,  0.,  0.,  0.])
    """
    fact[:] = 0.0
    fact[COUNT] = len(places)
    for place in places:
        for size in range(4):
            fact[size] += sizes[place, size]


@kernel
def _solve(  # type: ignore[no-untyped-def]
    products, scaled, spare, solution, steps, size, n_targets, shift, twice, broad, fact
):
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
    (n_fit, n_targets), (n_rows, width) = given.shape, products.shape
    _multiply_upper(products, by_feature, n_fit, width, places)
    others = by_feature[0:, n_fit:n_rows].T
    multiply(products[n_fit:, 0:], others, places, by_feature[0:, 0:], places)
    if kind == GIVEN:
        for row in range(n_fit):
            for target in range(n_targets):
                products[row, n_fit + target] = given[row, target]


@kernel
def gather_rows(square, by_feature, places):  # type: ignore[no-untyped-def]
    """Write the fit rows of the selected columns, and 0 behind these up to a whole vector.

    Parameters
    ----------
    square : numpy.ndarray of float64, shape (n_fit, at least the number of places, padded)
        What is written.
    by_feature : numpy.ndarray of float64, shape (n_columns, at least n_fit)
    places : numpy.ndarray of int64

    Examples
    --------
    >>> square = np.full((2, 8), np.nan)
    >>> gather_rows(square, np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([2, 0]))
    >>> square[:, :3]
    array([[5., 1., 0.],
           [6., 2., 0.]])
    """
    size = len(places)
    for step in range(-(-size // PANEL) * PANEL):
        for row in range(len(square)):
            square[row, step] = by_feature[places[step], row] if step < size else 0.0


@kernel
def _fill_primal(products, square, by_feature, places, steps, n_targets):  # type: ignore[no-untyped-def]
    n_fit, size = len(steps), len(places)
    own = -(-size // PANEL) * PANEL
    gather_rows(square, by_feature, places)
    _multiply_upper(products, square, size, own, steps)
    used = -(-(size + n_targets) // PANEL) * PANEL
    for step in range(size):
        for column in range(size, used):
            target = column - size
            products[step, column] = (
                by_feature[places[step], n_fit + target] if target < n_targets else 0.0
            )


@kernel
def _largest_norm(solution, size, n_targets):  # type: ignore[no-untyped-def]
    largest = 0.0
    for target in range(n_targets):
        total = 0.0
        for step in range(size):
            total += solution[step, target] ** 2
        largest = max(largest, total)
    return math.sqrt(largest)
