"""The optimum of linear support vector machines."""

import numpy as np
import pytest

from vaega.engines._compiled import padded
from vaega.engines._linear_svm import fit_hinges


@pytest.mark.parametrize("shape", [(40, 5), (40, 39), (40, 300), (300, 60)])
@pytest.mark.parametrize("constant", [0.0, 1.0])
@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e4])
def test_the_gradient_vanishes(shape, constant, cost, rng):
    X, n = rng.normal(size=shape), shape[0]
    signs = np.where(X[:, 0] + rng.normal(size=n) > 0, 1.0, -1.0)
    costs = cost * rng.uniform(0.5, 2.0, size=n)
    rows = np.zeros((shape[1], padded(2 * n, np.float64)))
    rows[:, : 2 * n] = np.tile(X, (2, 1)).T
    values = np.empty((1, 1, n))
    masks = np.ones((1, shape[1]), dtype=bool)
    fit_hinges(masks, rows, signs[None], costs[None], constant, values)
    scores = values[0, 0]
    pulls = 2.0 * costs * signs * np.maximum(0.0, 1.0 - signs * scores)
    again = X @ (X.T @ pulls) + constant**2 * pulls.sum()
    np.testing.assert_allclose(scores, again, atol=1e-7 * np.abs(scores).max())
