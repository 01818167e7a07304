"""Positive definite systems, made triangular in panels, so that products do the work."""

import math

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply

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
