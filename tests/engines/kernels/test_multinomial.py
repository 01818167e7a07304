"""The optimum of logistic regressions with several classes."""

import numpy as np
import pytest

from vaega.engines._compiled import padded
from vaega.engines._logistic import fit_multinomial, share_out


@pytest.mark.parametrize("shape", [(60, 3), (60, 50), (60, 300)])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("n_classes", [3, 7])
def test_the_gradient_vanishes(shape, intercept, cost, n_classes, rng):
    X, codes = rng.normal(size=shape), np.arange(shape[0]) % n_classes
    X[:, 0] += codes
    targets = (codes == np.arange(n_classes)[:, None]).astype(float)
    costs = cost * rng.uniform(0.5, 2.0, size=shape[0])
    n = shape[0]
    rows = np.zeros((shape[1], padded(2 * n, np.float64)))
    rows[:, : 2 * n] = np.tile(X, (2, 1)).T
    values = np.empty((1, n_classes, n))
    fit_multinomial(np.ones((1, shape[1]), dtype=bool), rows, targets, costs, intercept, values)
    scores = values[0]
    shares = np.exp(scores - scores.max(axis=0))
    pulls = costs * (targets - shares / shares.sum(axis=0))
    offset = scores - (pulls @ X) @ X.T
    expected = offset.mean(axis=1, keepdims=True) if intercept else 0.0
    # What decisions lack, times the curvature.
    lack = 1e-6 * (1.0 + cost * np.square(X).sum(axis=1).max())
    np.testing.assert_allclose(offset - expected, 0.0, atol=lack)
    if intercept:
        np.testing.assert_allclose(pulls.sum(axis=1), 0.0, atol=1e-5 * costs.sum())


def test_shares_are_a_softmax_also_far_out(rng):
    scores = rng.normal(size=(4, 9)) * 300.0
    shares = np.empty((4, 9))
    share_out(shares, np.empty((3, 9)), scores, 9)
    expected = np.exp(scores - scores.max(axis=0))
    np.testing.assert_allclose(shares, expected / expected.sum(axis=0), atol=1e-15)
