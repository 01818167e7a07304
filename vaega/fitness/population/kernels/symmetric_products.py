"""Products that are symmetric, of which one half is computed."""

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply

_PANEL = 15  # rows: a whole number of the blocks of `multiply`
_LANES = 8


@kernel
def multiply_upper(out, a, in_a, b, in_b):  # type: ignore[no-untyped-def]
    """Compute ``out = a[:, in_a] @ b[in_b]`` from the diagonal on, of float64.

    Parameters
    ----------
    out : numpy.ndarray of float64, shape (n_rows, n_columns)
        What is written: all from the diagonal on, and some of what is before.
    a, in_a, b, in_b
        See `vaega.fitness.population.kernels.products.multiply`.

    Examples
    --------
    >>> import numpy as np
    >>> a, b, out = np.eye(2), np.arange(16.0).reshape(2, 8), np.empty((2, 8))
    >>> multiply_upper(out, a, np.arange(2), b, np.arange(2))
    >>> bool((out == b).all())
    True
    """
    for start in range(0, len(out), _PANEL):
        end, column = min(start + _PANEL, len(out)), start // _LANES * _LANES
        multiply(out[start:end, column:], a[start:end], in_a, b[:, column:], in_b)


@kernel
def mirror(matrix, n):  # type: ignore[no-untyped-def]
    """Write the upper triangle of the first rows and columns to the lower one.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (at least n, at least n)
    n : int

    Examples
    --------
    >>> import numpy as np
    >>> matrix = np.array([[1.0, 2.0], [0.0, 3.0]])
    >>> mirror(matrix, 2)
    >>> matrix[1].tolist()
    [2.0, 3.0]
    """
    for i in range(n):
        for j in range(i):
            matrix[i, j] = matrix[j, i]
