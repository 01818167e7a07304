"""Where the layers of a network stand, and what their outputs lose."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

from vaega.engines._mlp import add_up, conclude, make_layout


def test_layers_stand_one_below_the_other():
    layout = make_layout(np.array([5, 3, 2]), 4, np.dtype(np.float64))
    np.testing.assert_array_equal(layout.value_rows, [0, 6, 10])  # a row of ones after each
    places = layout.places.reshape(3, 8)
    np.testing.assert_array_equal(places[1], [6, 7, 8, 9, 13, 13, 13, 13])  # 13 is the zero row
    assert len(layout.counting) > 13


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 20.0, 1e4])
def test_probabilities_and_losses_of_two_classes(dtype, size, rng):
    z, codes = (rng.normal(size=16) * size).astype(dtype), rng.integers(0, 2, 16)
    values, losses = z[None].copy(), np.empty(16, dtype)
    conclude(values, 0, 1, 16, codes, losses, np.empty((2, 16), dtype))
    exact = np.minimum(np.logaddexp(0.0, np.where(codes, -z, z).astype(float)), 36.04365338911715)
    np.testing.assert_allclose(values[0], expit(z.astype(float)), atol=2 * np.finfo(dtype).eps)
    np.testing.assert_allclose(losses, exact, rtol=1e-5, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 20.0, 1e4])
def test_probabilities_and_losses_of_many_classes(dtype, size, rng):
    z, codes = (rng.normal(size=(5, 16)) * size).astype(dtype), rng.integers(0, 5, 16)
    values, losses = z.copy(), np.empty(16, dtype)
    conclude(values, 0, 5, 16, codes, losses, np.empty((2, 16), dtype))
    exact = -log_softmax(z.astype(float), axis=0)[codes, np.arange(16)]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(values, softmax(z.astype(float), axis=0), atol=1e2 * eps)
    np.testing.assert_allclose(
        losses, np.minimum(exact, 36.04365338911715), rtol=1e-5, atol=1e2 * eps
    )


def test_a_sum_in_parts(rng):
    values = rng.normal(size=64)
    assert abs(add_up(values, 64) - values.sum()) < 1e-13
    assert add_up(values, 0) == 0.0
