"""Small symmetric systems and inverses."""

import numpy as np
import pytest

from vaega.engines._logistic import invert, solve

SIZES = [1, 2, 15, 16, 17, 40, 41, 50, 108]


def definite(n, rng, size, fill):
    rows = rng.normal(size=(n, n))
    matrix = np.full((size, size), fill)
    matrix[:n, :n] = rows @ rows.T + np.eye(n)
    return matrix


@pytest.mark.parametrize("n", SIZES)
def test_a_system_is_solved(n, rng):
    size = -(-(n + 1) // 8) * 8
    system = definite(n, rng, size, np.nan)
    system[:n, n] = rng.normal(size=n)
    expected = np.linalg.solve(system[:n, :n], system[:n, n])
    x = np.empty(n)
    assert solve(system, n, x, np.empty((size, size)))
    np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", SIZES)
def test_an_inverse_whatever_stands_around(n, rng):
    size = -(-n // 16) * 16
    matrix = definite(n, rng, size, 7.0)
    expected = np.linalg.inv(matrix[:n, :n])
    assert invert(matrix, n, np.empty((size + 32, size)))
    np.testing.assert_allclose(matrix[:n, :n], expected, rtol=1e-6, atol=1e-8)
    assert (matrix[n:] == 0.0).all()
    assert (matrix[:, n:] == 0.0).all()


@pytest.mark.parametrize("n", [2, 50])
def test_no_pivot_no_answer(n):
    size = -(-(n + 1) // 16) * 16
    system = np.zeros((size, size))
    system[:n, :n] = -np.eye(n)
    assert not solve(system, n, np.empty(n), np.empty((size, size)))
    assert not invert(system, n, np.empty((size + 32, size)))
    system[:n, :n] = np.nan
    assert not solve(system, n, np.empty(n), np.empty((size, size)))
