"""The exponential function of many numbers."""

import numpy as np
import pytest

from vaega.engines._compiled import exponentiate


@pytest.mark.parametrize("n", [1, 7, 8, 1000])
def test_it_is_numpys_to_the_last_bits(n, rng):
    x = rng.uniform(-700.0, 700.0, size=n)
    out, scale = np.empty((2, n))
    exponentiate(out, scale, x, n)
    np.testing.assert_allclose(out, np.exp(x), rtol=4e-16)


def test_what_is_far_out_stays_finite():
    x = np.array([-1e300, -np.inf, 1e300])
    out, scale = np.empty((2, 3))
    exponentiate(out, scale, x, 3)
    assert np.isfinite(out).all()
    assert (out[:2] < 1e-300).all()
