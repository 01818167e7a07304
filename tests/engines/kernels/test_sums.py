"""Sums have numpy's bits."""

import numpy as np
import pytest

from vaega.engines._compiled import total


@pytest.mark.parametrize("n", [*range(20), 127, 128, 129, 136, 255, 257, 1000, 4097, 20_001])
def test_sums_are_numpys_to_the_bit(n, rng):
    values = rng.normal(size=n) * 10.0 ** rng.integers(-8, 8, n)
    assert total(values) == values.sum()
    assert total(values) == np.stack([values, values]).sum(axis=1)[1]
