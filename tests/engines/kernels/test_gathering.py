"""Sums over the columns of masks."""

import numpy as np
import pytest

from vaega.engines._compiled import gather


def test_sums_are_those_of_numpy(rng):
    masks, terms = rng.random((9, 50)) < 0.3, rng.normal(size=(50, 40))
    masks[0] = False
    totals = np.empty((9, 40))
    gather(masks, terms, totals)
    np.testing.assert_allclose(totals, masks @ terms, atol=1e-12)
    assert (totals[0] == 0.0).all()


@pytest.mark.parametrize("n_terms", [8, 24, 64, 72, 120, 128, 136])
def test_sums_are_in_the_order_of_the_columns(n_terms, rng):
    masks, terms = rng.random((3, 90)) < 0.3, rng.normal(size=(90, n_terms))
    totals = np.empty((3, n_terms))
    gather(masks, terms, totals)
    for mask, total in zip(masks, totals, strict=True):
        np.testing.assert_array_equal(total, np.cumsum(terms[mask], axis=0)[-1])


def test_no_sum_depends_on_the_other_masks(rng):
    masks, terms = rng.random((9, 50)) < 0.3, rng.normal(size=(50, 8))
    together, alone = np.empty((9, 8)), np.empty((1, 8))
    gather(masks, terms, together)
    for row in range(9):
        gather(masks[row : row + 1], terms, alone)
        np.testing.assert_array_equal(alone[0], together[row])
