"""The rows of a mask's columns, in no more columns than there are fit rows.

A linear classifier with an L2 penalty sees its rows only through their inner products, so any
columns with the same inner products give the same answers. Where a mask selects more columns than
there are fit rows, those of a pivoted Cholesky factor of the fit rows' Gram matrix are such, and an
iteration costs n x n instead of n x |S|. Validate rows are taken along: what of them lies outside
the span of the fit rows meets no weight.
"""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.symmetric_products import mirror, multiply_upper

# A pivot below this share of the largest row is rounding: its column would be noise.
_NO_PIVOT = 1e-14


@kernel
def reduce_rows(reduced, gram, rest, rows, columns, n_fit, constant):  # type: ignore[no-untyped-def]
    """Write the rows of a mask to `reduced`, one column of theirs a row, and return how many."""
    if len(columns) + (constant != 0.0) <= n_fit:
        return _copy_rows(reduced, rows, columns, constant)
    multiply_upper(gram, rows.T[:n_fit], columns, rows, columns)
    mirror(gram, n_fit)
    gram += constant * constant
    return _factorise(reduced, gram, rest)


@kernel
def _copy_rows(reduced, rows, columns, constant):  # type: ignore[no-untyped-def]
    n_columns = len(columns)
    for k in range(n_columns):
        reduced[k] = rows[columns[k]]
    if constant == 0.0:
        return n_columns
    reduced[n_columns] = constant
    return n_columns + 1


@kernel
def _factorise(reduced, gram, rest):  # type: ignore[no-untyped-def]
    # Pivoted Cholesky: each column takes the row with the most left to explain.
    n_fit, width = gram.shape
    for i in range(n_fit):
        rest[i] = gram[i, i]
    lowest = _NO_PIVOT * n_fit * rest.max()
    order = np.arange(n_fit)
    for k in range(n_fit):
        pivot = rest.argmax()
        if not rest[pivot] > lowest:
            return k
        multiply(reduced[k : k + 1], reduced[:, pivot : pivot + 1].T, order[:k], reduced, order[:k])
        scale = 1.0 / np.sqrt(rest[pivot])
        for i in range(width):
            reduced[k, i] = (gram[pivot, i] - reduced[k, i]) * scale
        for i in range(n_fit):
            rest[i] -= reduced[k, i] * reduced[k, i]
        rest[pivot] = 0.0
    return n_fit


@kernel
def transpose_rows(rows, reduced, n_rows, n_columns, intercept):  # type: ignore[no-untyped-def]
    """Write the first rows of `reduced` as rows, and a last column of ones for an intercept."""
    if intercept:
        reduced[n_columns] = 1.0
        n_columns += 1
    for start in range(0, n_rows, 8):
        for j in range(n_columns):
            for i in range(start, min(start + 8, n_rows)):
                rows[i, j] = reduced[j, i]
    for i in range(n_rows):
        for j in range(n_columns, rows.shape[1]):
            rows[i, j] = 0.0
    return n_columns
