"""The places that a mask selects."""

import numpy as np
import pytest

from vaega.fitness.population.kernels.selection import select


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_places_are_those_of_numpy(share, rng):
    mask = rng.random(100) < share
    places = np.empty(100, dtype=np.int64)
    count = select(mask, places)
    np.testing.assert_array_equal(places[:count], np.flatnonzero(mask))
