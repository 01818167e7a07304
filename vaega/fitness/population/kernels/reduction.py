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
    """Write the rows of a mask to `reduced`, one column of theirs a row, and return how many.

    Parameters
    ----------
    reduced : numpy.ndarray of float64, shape (at least q, width)
        What is written: `q` rows.
    gram : numpy.ndarray of float64, shape (n_fit, width)
        Room.
    rest : numpy.ndarray of float64, shape (n_fit,)
        Room.
    rows : numpy.ndarray of float64, shape (n_features, width)
        The fit rows and then the validate rows, transposed; `width` is a whole number of vectors.
    columns : numpy.ndarray of int64, shape (n_selected,)
        Which features the mask selects.
    n_fit : int
        How many of the rows are fit rows.
    constant : float
        The value of one more column, which is the same in all rows; 0 for none.

    Returns
    -------
    int
        `q`, at most ``min(n_selected + 1, n_fit)``.

    Examples
    --------
    >>> rows = np.zeros((3, 8))
    >>> rows[:, :3] = [[1.0, 0.0, 2.0], [1.0, 1.0, 1.0], [0.0, 2.0, 1.0]]
    >>> reduced, gram, rest = np.empty((2, 8)), np.empty((2, 8)), np.empty(2)
    >>> reduce_rows(reduced, gram, rest, rows, np.arange(3), 2, 0.0)
    2
    >>> bool(np.allclose(reduced.T @ reduced[:, :2], rows.T @ rows[:, :2]))
    True
    """
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
    """Write the first rows of `reduced` as rows, and a last column of ones for an intercept.

    Parameters
    ----------
    rows : numpy.ndarray of float64, shape (n_rows, width)
        What is written; 0 from the last column on.
    reduced : numpy.ndarray of float64, shape (at least n_columns + 1, any)
        What `reduce_rows` wrote; the ones of an intercept are written here as well.
    n_rows, n_columns : int
    intercept : bool

    Returns
    -------
    int
        How many columns there are now.

    Examples
    --------
    >>> rows, reduced = np.empty((2, 8)), np.arange(24.0).reshape(3, 8)
    >>> transpose_rows(rows, reduced, 2, 2, True)
    3
    >>> rows[:, :4]
    array([[0., 8., 1., 0.],
           [1., 9., 1., 0.]])
    """
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
