"""Symmetric products, of which one half is computed."""

import numpy as np
import pytest

from vaega.engines._compiled import mirror, multiply_upper


@pytest.mark.parametrize("n", [1, 8, 15, 16, 31, 50, 108])
def test_the_upper_half_and_its_mirror_image_are_the_product(n, rng):
    a, out = np.zeros((20, -(-n // 8) * 8)), np.full((n, -(-n // 8) * 8), np.nan)
    a[:, :n] = rng.normal(size=(20, n))
    terms = rng.permutation(20)[:12]
    multiply_upper(out, a[:, :n].T, terms, a, terms)
    expected = a[terms].T @ a[terms]
    np.testing.assert_allclose(np.triu(out), np.triu(expected[:n]), atol=1e-13)
    mirror(out, n)
    np.testing.assert_allclose(out, expected[:n], atol=1e-13)
