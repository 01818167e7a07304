"""Steps of the solvers, against scikit-learn's own optimisers."""

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from vaega.engines._mlp import step_adam, step_descent

SHAPE = (3, 16)


@pytest.fixture
def layer(rng):
    decay = np.r_[np.full(10, 0.5), np.zeros(6)][None]
    return rng.normal(size=SHAPE), [rng.normal(size=SHAPE) for _ in range(4)], decay


def mean_gradient(weights, gradient, decay, scale):
    return (gradient + decay * weights) * scale


def test_adam(layer):
    weights, gradients, decay = layer
    theirs, ours = weights.copy(), weights.copy()
    optimiser = AdamOptimizer([theirs], 0.01, 0.8, 0.95, 1e-6)
    mean, square = np.zeros(SHAPE), np.zeros(SHAPE)
    for step, gradient in enumerate(gradients, 1):
        optimiser.update_params([theirs], [mean_gradient(theirs, gradient, decay, 0.1)])
        rate = 0.01 * np.sqrt(1 - 0.95**step) / (1 - 0.8**step)
        penalties = np.zeros(16)
        step_adam(ours, gradient, mean, square, decay, 0.1, rate, 0.8, 0.95, 1e-6, penalties)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        np.testing.assert_allclose(penalties, (decay * ours**2).sum(axis=0))


@pytest.mark.parametrize("nesterov", [True, False])
def test_descent(layer, nesterov):
    weights, gradients, decay = layer
    theirs, ours = weights.copy(), weights.copy()
    optimiser = SGDOptimizer([theirs], 0.01, momentum=0.7, nesterov=nesterov)
    velocity = np.zeros(SHAPE)
    for gradient in gradients:
        optimiser.update_params([theirs], [mean_gradient(theirs, gradient, decay, 0.1)])
        penalties = np.zeros(16)
        step_descent(ours, gradient, velocity, decay, 0.1, 0.01, 0.7, nesterov, penalties)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        np.testing.assert_allclose(penalties, (decay * ours**2).sum(axis=0))
