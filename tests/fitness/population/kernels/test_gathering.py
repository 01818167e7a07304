"""Sums over the columns of masks."""

import numpy as np

from vaega.fitness.population.kernels.gathering import gather


def test_sums_are_those_of_numpy(rng):
    masks, terms = rng.random((9, 50)) < 0.3, rng.normal(size=(50, 40))
    masks[0] = False
    totals = np.empty((9, 40))
    gather(masks, terms, totals)
    np.testing.assert_allclose(totals, masks @ terms, atol=1e-12)
    assert (totals[0] == 0.0).all()


def test_no_sum_depends_on_the_other_masks(rng):
    masks, terms = rng.random((9, 50)) < 0.3, rng.normal(size=(50, 8))
    together, alone = np.empty((9, 8)), np.empty((1, 8))
    gather(masks, terms, together)
    for row in range(9):
        gather(masks[row : row + 1], terms, alone)
        np.testing.assert_array_equal(alone[0], together[row])
