"""The optimum of logistic regressions with two classes."""

import numpy as np
import pytest

from vaega.engines._compiled import padded
from vaega.engines._logistic import fit_binary


def fit(X, targets, costs, *, intercept=True, constant=0.0, mask=None):
    """Return the decisions for the fit rows themselves."""
    n, n_features = X.shape
    rows = np.zeros((n_features, padded(2 * n, np.float64)))
    rows[:, : 2 * n] = np.tile(X, (2, 1)).T
    masks = np.ones((1, n_features), dtype=bool) if mask is None else mask[None]
    values = np.empty((1, n))
    fit_binary(masks, rows, targets, costs, intercept, constant, values)
    return values[0]


@pytest.mark.parametrize("shape", [(40, 5), (40, 39), (40, 300), (200, 60)])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e4])
def test_the_gradient_vanishes(shape, intercept, cost, rng):
    X = rng.normal(size=shape)
    targets = (X[:, 0] + rng.normal(size=shape[0]) > 0).astype(float)
    costs = cost * rng.uniform(0.5, 2.0, size=shape[0])
    scores = fit(X, targets, costs, intercept=intercept)
    pulls = costs * (targets - 1.0 / (1.0 + np.exp(-scores)))
    # At the optimum the weights are these sums over rows.
    again = X @ (X.T @ pulls)
    offset = scores - again
    tolerance = 1e-6 * np.abs(scores).max()
    np.testing.assert_allclose(offset, offset.mean() if intercept else 0.0, atol=tolerance)
    if intercept:
        assert abs(pulls.sum()) < 1e-9 * costs.sum()


def test_a_class_alone_has_no_optimum():
    X = np.arange(6.0)[:, None]
    assert np.isnan(fit(X, np.ones(6), np.ones(6))).all()
