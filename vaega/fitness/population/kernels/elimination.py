"""Gaussian elimination in small symmetric matrices, for which LAPACK's calls cost too much."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.triangle import PANEL, triangulate

_BLOCK = 16
_SMALL = 40  # below, panels do not pay


@kernel
def solve(matrix, n, x, scaled):  # type: ignore[no-untyped-def]
    """Solve ``matrix[:n, :n] @ x = matrix[:n, n]`` in place; return whether it could."""
    if n <= _SMALL:
        if not _eliminate(matrix, n):
            return False
    else:
        width, spare = -(-(n + 1) // PANEL) * PANEL, np.empty((PANEL, matrix.shape[1]))
        if triangulate(matrix, scaled, spare, np.arange(n), n, width) < 0.0:
            return False
    for j in range(n - 1, -1, -1):
        total = matrix[j, n]
        for k in range(j + 1, n):
            total -= matrix[j, k] * x[k]
        x[j] = total / matrix[j, j]
    return True


@kernel
def _eliminate(matrix, n):  # type: ignore[no-untyped-def]
    for j in range(n):
        if not matrix[j, j] > 0.0:
            return False
        inverse, above = 1.0 / matrix[j, j], matrix[j]
        for i in range(j + 1, n):
            factor, row = above[i] * inverse, matrix[i]
            for k in range(i, n + 1):
                row[k] -= factor * above[k]
    return True


@kernel
def invert(matrix, n, room):  # type: ignore[no-untyped-def]
    """Invert ``matrix[:n, :n]`` in place, by blocks; return whether it could."""
    size = -(-n // _BLOCK) * _BLOCK
    for i in range(n, size):  # ones, so that all blocks are whole
        matrix[i, :size] = 0.0
        matrix[:n, i] = 0.0
        matrix[i, i] = 1.0
    for start in range(0, size, _BLOCK):
        block = matrix[start : start + _BLOCK, start : start + _BLOCK]
        if not _sweep(block):
            return False
        _sweep_others(matrix[:size, :size], start, block, room)
    for i in range(size):
        for j in range(size):
            matrix[i, j] = -matrix[i, j] if i < n and j < n else 0.0
    return True


@kernel
def _sweep(block):  # type: ignore[no-untyped-def]
    # Goodnight (1979): sweeping all rows of a symmetric matrix leaves minus its inverse.
    n = len(block)
    for k in range(n):
        if not block[k, k] > 0.0:
            return False
        inverse, above = 1.0 / block[k, k], block[k]
        for i in range(n):
            if i != k:
                factor, row = above[i] * inverse, block[i]
                for j in range(n):
                    row[j] -= factor * above[j]
                row[k] = factor
        for j in range(n):
            above[j] *= inverse
        above[k] = -inverse
    return True


@kernel
def _sweep_others(matrix, start, swept, room):  # type: ignore[no-untyped-def]
    # The same for a block of rows, whose own block is swept already.
    size, end, here = len(matrix), start + _BLOCK, np.arange(_BLOCK)
    above, scaled = room[:_BLOCK, :size], room[_BLOCK : 2 * _BLOCK, :size]
    product = room[2 * _BLOCK : 2 * _BLOCK + size, :size]
    above[:] = matrix[start:end]
    above[:, start:end] = 0.0
    multiply(scaled, swept, here, above, here)  # minus the inverse times the rest
    multiply(product, above.T, here, scaled, here)
    for i in range(size):
        if start <= i < end:
            continue
        for j in range(size):
            matrix[i, j] += product[i, j]
        for k in range(_BLOCK):
            matrix[i, start + k] = matrix[start + k, i] = -scaled[k, i]
