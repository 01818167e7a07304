"""Triangular systems: solutions, bounds of eigenvalues and what cannot be solved."""

import numpy as np
import pytest

from vaega.engines._compiled import padded
from vaega.engines._linear_forms import (
    PANEL,
    invert_trace,
    substitute_back,
    substitute_forward,
    triangulate,
)


def system_of(size, n_sides, rng):
    rows = rng.normal(size=(size, size + 5))
    matrix, sides = rows @ rows.T + np.eye(size), rng.normal(size=(size, n_sides))
    width = padded(size + n_sides, float)
    system = np.zeros((size, width))
    system[:, :size], system[:, size : size + n_sides] = np.triu(matrix), sides
    scaled, spare = np.zeros((size, width)), np.zeros((PANEL, width))
    floor = triangulate(system, scaled, spare, np.arange(size), size, width)
    return matrix, sides, system, scaled, floor


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 25, 64])
@pytest.mark.parametrize("n_sides", [1, 2, 9])
def test_solutions_are_those_of_numpy(size, n_sides, rng):
    matrix, sides, system, scaled, _ = system_of(size, n_sides, rng)
    expected, steps = np.linalg.solve(matrix, sides), np.arange(size)
    solution = np.zeros((size, padded(n_sides, float)))
    solution[:, :n_sides] = system[:, size : size + n_sides]
    substitute_back(system, solution, steps, size)
    np.testing.assert_allclose(solution[:, :n_sides], expected, atol=1e-12)
    solution[:, :n_sides] = sides
    substitute_forward(scaled, solution, steps, 0, size)
    substitute_back(system, solution, steps, size)
    np.testing.assert_allclose(solution[:, :n_sides], expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 25, 64])
def test_bounds_are_below_the_least_eigenvalue(size, rng):
    matrix, _, system, scaled, floor = system_of(size, 1, rng)
    values = np.linalg.eigvalsh(matrix)
    trace = invert_trace(system, scaled, np.arange(size), size)
    np.testing.assert_allclose(trace, (1.0 / values).sum(), rtol=1e-10)
    assert 0.0 < floor < values[0] + 1e-12
    assert floor <= 1.0 / trace + 1e-12


def test_what_is_not_positive_definite_is_told():
    system = np.zeros((2, 8))
    system[:, :2] = [[1.0, 2.0], [2.0, 1.0]]
    scaled, spare = np.zeros((2, 8)), np.zeros((PANEL, 8))
    assert triangulate(system, scaled, spare, np.arange(2), 2, 8) == -1.0
