"""The places that a mask selects."""

import numpy as np
import pytest

from vaega.engines._compiled import select


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("n", [1, 63, 64, 65, 100, 128, 1000])
def test_places_are_those_of_numpy(share, n, rng):
    mask = rng.random(n) < share
    places = np.empty(n, dtype=np.int64)
    count = select(mask, places)
    np.testing.assert_array_equal(places[:count], np.flatnonzero(mask))
