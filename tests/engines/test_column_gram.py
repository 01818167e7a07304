"""Gram matrices are computed when masks have asked for enough of them, and not before."""

import numpy as np

from vaega.engines._linear_forms import ColumnGram


def test_it_is_computed_once_masks_have_asked_for_enough(rng):
    rows = rng.normal(size=(20, 600))
    gram, masks = ColumnGram(rows, [300, 600]), np.ones((1, 20), dtype=bool)
    few = np.arange(20)[None] < 6
    assert gram.found_for(few).shape == (0, 0, 0)
    assert gram.found_for(few).shape == (0, 0, 0)
    found = gram.found_for(few)
    assert found.shape == (2, 20, 20)
    assert gram.found_for(masks) is found
    upper = np.triu_indices(20)
    for part, own in zip(found, (rows[:, :300], rows[:, 300:]), strict=True):
        np.testing.assert_allclose(part[upper], (own @ own.T)[upper], atol=1e-11)


def test_few_rows_and_many_columns_have_none():
    masks = np.ones((100, 20), dtype=bool)
    assert not len(ColumnGram(np.ones((20, 40)), [40]).found_for(masks))
    many = np.ones((3000, 300))
    assert not len(ColumnGram(many, [300]).found_for(np.ones((9, 3000), dtype=bool)[:, :3000]))
