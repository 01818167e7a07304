"""Blocks hold the selected columns, and zeros."""

import numpy as np
import torch

from vaega.engines._torch_mlp import rows_by_column, selected_columns


def test_a_block_holds_the_selected_columns_and_zeros(rng):
    X, masks = rng.normal(size=(7, 9)), rng.random((5, 9)) < 0.5
    masks[0] = False
    columns = rows_by_column(X, torch.float64, torch.device("cpu"))
    block = columns[torch.from_numpy(selected_columns(masks))].numpy()
    assert block.shape == (5, masks.sum(axis=1).max(), 7)
    for own, mask in zip(block, masks, strict=True):
        np.testing.assert_array_equal(own[: mask.sum()], X[:, mask].T)
        assert (own[mask.sum() :] == 0.0).all()
