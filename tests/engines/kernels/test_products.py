"""The matrix product of the kernels: what it computes, and that no shape changes a bit."""

import numpy as np
import pytest

from vaega.engines._compiled import multiply, multiply_transposed, padded

DTYPES = [np.float32, np.float64]


def places(n_terms):
    return np.arange(n_terms)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 6, 14])
@pytest.mark.parametrize("n_terms", [0, 1, 7, 100])
@pytest.mark.parametrize("n_columns", [1, 40, 150])
def test_it_is_numpys_product(dtype, n_rows, n_terms, n_columns, rng):
    width = padded(n_columns, dtype)
    a = rng.normal(size=(n_rows, n_terms)).astype(dtype)
    b = rng.normal(size=(n_terms, width)).astype(dtype)
    out = np.full((n_rows, width), np.nan, dtype)
    multiply(out, a, places(n_terms), b, places(n_terms))
    np.testing.assert_allclose(out, a @ b, atol=2e2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_indices_choose_terms_of_each_side(dtype, rng):
    X = np.zeros((50, padded(20, dtype)), dtype)
    X[:, :20] = rng.normal(size=(50, 20))
    chosen = np.flatnonzero(rng.random(50) < 0.4)
    gram = np.zeros((20, X.shape[1]), dtype)
    multiply(gram, X.T, chosen, X, chosen)
    np.testing.assert_allclose(gram, (X[chosen].T @ X[chosen])[:20], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_element_does_not_depend_on_what_is_computed_beside_it(dtype, rng):
    a = rng.normal(size=(11, 90)).astype(dtype)
    b = rng.normal(size=(90, padded(200, dtype))).astype(dtype)
    whole = np.empty((11, b.shape[1]), dtype)
    multiply(whole, a, places(90), b, places(90))
    for rows, lanes in ((3, 1), (1, 2), (7, 5)):
        width = lanes * padded(1, dtype)
        part = np.empty((rows, width), dtype)
        multiply(part, a[:rows], places(90), b[:, :width], places(90))
        np.testing.assert_array_equal(part, whole[:rows, :width])


def test_the_sum_has_the_order_of_the_index():
    # 1e16 + 1 - 1e16 is 0 or 1, by the order.
    a, b = np.ones((1, 3)), np.zeros((3, 8))
    b[:, 0] = [1e16, 1.0, -1e16]
    out = np.empty((1, 8))
    multiply(out, a, places(3), b, places(3))
    assert out[0, 0] == 0.0
    multiply(out, a, places(3), b, np.array([0, 2, 1]))
    assert out[0, 0] == 1.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_left", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("n_terms", [1, 16, 100])
def test_inner_products_are_numpys(dtype, n_left, n_terms, rng):
    width, n_right = padded(n_terms, dtype), padded(30, dtype)
    a, b = np.zeros((n_left, width), dtype), np.zeros((60, width), dtype)
    a[:, :n_terms] = rng.normal(size=(n_left, n_terms))
    b[:, :n_terms] = rng.normal(size=(60, n_terms))
    chosen = rng.integers(0, 60, n_right)
    out = np.full((n_left, n_right), np.nan, dtype)
    multiply_transposed(out, a, b, chosen)
    np.testing.assert_allclose(out, a @ b[chosen].T, atol=2e2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_inner_product_does_not_depend_on_its_neighbours(dtype, rng):
    a = rng.normal(size=(7, padded(90, dtype))).astype(dtype)
    b = rng.normal(size=(40, a.shape[1])).astype(dtype)
    whole = np.empty((7, padded(40, dtype)), dtype)
    chosen = np.resize(places(40), whole.shape[1])
    multiply_transposed(whole, a, b, chosen)
    for row in range(7):
        part = np.empty((1, whole.shape[1]), dtype)
        multiply_transposed(part, a[row : row + 1], b, chosen)
        np.testing.assert_array_equal(part[0], whole[row])
