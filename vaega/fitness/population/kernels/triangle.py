"""Positive definite systems, made triangular in panels, so that products do the work."""

import math

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply

PANEL = 8  # rows; as wide as a vector of float64, so that each panel starts at a whole vector


@kernel
def triangulate(system, scaled, spare, steps, size, width):  # type: ignore[no-untyped-def]
    """Reduce a system to its upper triangle, right-hand sides included.

    Parameters
    ----------
    system : numpy.ndarray of float64, shape (at least size, at least width)
        The matrix in the first `size` columns, of which the upper triangle counts, and the
        right-hand sides behind it. Replaced by the triangle, and what forward substitution makes
        of the right-hand sides.
    scaled : numpy.ndarray of float64, same shape
        What is written: each row of the triangle, divided by its pivot.
    spare : numpy.ndarray of float64, shape (`PANEL`, at least width)
        Room.
    steps : numpy.ndarray of int64, shape (at least size,)
        0, 1, 2 and so on.
    size : int
    width : int
        A whole number of vectors, see `vaega.fitness.population.kernels.products.padded`.

    Returns
    -------
    float
        A lower bound of the least eigenvalue, from the determinant and the trace; 0 where it is
        below any number; -1 where a pivot is not positive, and the work has stopped.

    Notes
    -----
    The other eigenvalues of a matrix of size m have a mean of at most trace / (m - 1), and so
    their product is at most that to the power of m - 1: the least one is at least determinant
    times ((m - 1) / trace) ** (m - 1), and ((m - 1) / m) ** (m - 1) is above 1 / e.

    Examples
    --------
    >>> system, scaled, spare = np.zeros((2, 8)), np.zeros((2, 8)), np.zeros((8, 8))
    >>> system[:, :3] = [[4.0, 2.0, 1.0], [2.0, 5.0, 2.0]]
    >>> floor = triangulate(system, scaled, spare, np.arange(2), 2, 8)
    >>> system[1, 1:3]
    array([4. , 1.5])
    >>> bool(0.0 < floor < 3.0)
    True
    """
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
    """Solve with the lower triangle that `triangulate` left as the transpose of `scaled`.

    Parameters
    ----------
    scaled : numpy.ndarray of float64, shape (at least size, at least size)
    solution : numpy.ndarray of float64, shape (at least size, a whole number of vectors)
        The right-hand sides; replaced.
    steps : numpy.ndarray of int64, shape (at least size,)
    start : int
        The first row that is not 0.
    size : int

    Examples
    --------
    >>> scaled, solution = np.array([[1.0, 0.5], [0.0, 1.0]]), np.zeros((2, 8))
    >>> solution[:, 0] = 1.0, 2.0
    >>> substitute_forward(scaled, solution, np.arange(2), 0, 2)
    >>> solution[:, 0]
    array([1. , 1.5])
    """
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
    """Solve with the upper triangle that `triangulate` left.

    Parameters
    ----------
    system : numpy.ndarray of float64, shape (at least size, at least size)
    solution : numpy.ndarray of float64, shape (at least size, a whole number of vectors)
        The right-hand sides, as `triangulate` or `substitute_forward` left them; replaced.
    steps : numpy.ndarray of int64, shape (at least size,)
    size : int

    Examples
    --------
    >>> system, solution = np.array([[4.0, 2.0], [0.0, 4.0]]), np.zeros((2, 8))
    >>> solution[:, 0] = 1.0, 1.5
    >>> substitute_back(system, solution, np.arange(2), 2)
    >>> solution[:, 0]
    array([0.0625, 0.375 ])
    """
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
    """Return the trace of the inverse of what `triangulate` has reduced.

    Parameters
    ----------
    system, scaled : numpy.ndarray of float64, shape (at least size, at least size)
    steps : numpy.ndarray of int64, shape (at least size,)
    size : int

    Returns
    -------
    float
        At least one over the least eigenvalue.

    Notes
    -----
    With the lower triangle L and the pivots D, it is the sum of squares of inverse(L), each row
    over its pivot.

    Examples
    --------
    >>> invert_trace(np.diag([2.0, 4.0]), np.eye(2), np.arange(2), 2)
    0.75
    """
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
