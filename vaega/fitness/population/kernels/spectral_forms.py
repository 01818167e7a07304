"""Forms of the pseudo-inverse of a matrix that may lack rank, by its eigenvectors.

As `vaega.fitness.population.kernels.forms` without a shift, where elimination cannot tell which
directions count: those do whose singular values exceed a tolerance. Slower, so for few masks.
"""

import math

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.forms import (
    COUNT,
    FLOOR,
    N_FACTS,
    NORM,
    TRACE,
    gather_rows,
    sum_sizes,
)
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.selection import select
from vaega.fitness.population.kernels.triangle import PANEL

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
