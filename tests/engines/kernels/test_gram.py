"""Inner products of all columns are those of some, to the bit."""

import numpy as np
import pytest

from vaega.engines._compiled import multiply, padded
from vaega.engines._linear_forms import compute_gram


@pytest.mark.parametrize(("first", "last"), [(0, 40), (3, 29)])
@pytest.mark.parametrize("n_columns", [1, 24, 61])
def test_products_have_the_bits_of_a_mask_of_their_own(n_columns, first, last, rng):
    by_feature = rng.normal(size=(n_columns, 48))
    gram = np.full((n_columns, n_columns), np.nan)
    compute_gram(by_feature, first, last, gram)
    upper = np.triu_indices(n_columns)
    expected = by_feature[:, first:last] @ by_feature[:, first:last].T
    np.testing.assert_allclose(gram[upper], expected[upper], atol=1e-12)
    chosen = np.flatnonzero(rng.random(n_columns) < 0.5)
    rows, steps = np.zeros((last - first, padded(len(chosen), float))), np.arange(last - first)
    rows[:, : len(chosen)] = by_feature[chosen, first:last].T
    own = np.empty((len(chosen), rows.shape[1]))
    multiply(own, rows[:, : len(chosen)].T, steps, rows, steps)
    upper = np.triu_indices(len(chosen))
    np.testing.assert_array_equal(own[:, : len(chosen)][upper], gram[np.ix_(chosen, chosen)][upper])
