"""The functions of the kernels, against numpy's in float64."""

import numpy as np
import pytest
from scipy.special import expit

from vaega.engines._kernels import kernel
from vaega.engines._mlp import exponential, hyperbolic_tangent, logarithm, logistic


@kernel
def exponentials(x, out):
    for i in range(len(x)):
        out[i] = exponential(x[i])


@kernel
def logarithms(x, out):
    for i in range(len(x)):
        out[i] = logarithm(x[i])


@kernel
def tangents(x, out):
    for i in range(len(x)):
        out[i] = hyperbolic_tangent(x[i])


@kernel
def logistics(x, out):
    for i in range(len(x)):
        out[i] = logistic(x[i])


def applied(function, x):
    out = np.empty_like(x)
    function(x, out)
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponential(dtype):
    x = np.linspace(-86, 87, 100_001).astype(dtype)
    expected = np.exp(x.astype(float))
    np.testing.assert_allclose(applied(exponentials, x), expected, rtol=4 * np.finfo(dtype).eps)


def test_exponential_is_held_at_its_ends():
    ends = applied(exponentials, np.array([-1e30, -200.0, 200.0, 1e30], np.float32))
    assert (ends[:2] < 1e-37).all()
    assert (ends[2:] > 1e38).all()
    assert np.isfinite(ends).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithm(dtype):
    x = np.geomspace(1e-37, 1e38, 100_001).astype(dtype)
    x = np.r_[x, np.linspace(0.5, 2.0, 10_001).astype(dtype)]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        applied(logarithms, x), np.log(x.astype(float)), rtol=4 * eps, atol=4 * eps
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("function", "expected"), [(tangents, np.tanh), (logistics, expit)])
def test_sigmoids(dtype, function, expected):
    x = np.linspace(-60, 60, 100_001).astype(dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(applied(function, x), expected(x.astype(float)), atol=2 * eps)


def test_no_number_stays_none():
    for function in (exponentials, tangents, logistics):
        assert not np.isfinite(applied(function, np.array([np.nan], np.float64))).any()
