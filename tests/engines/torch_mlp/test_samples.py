"""Samples are picked and kept by mask."""

import torch

from vaega.engines._torch_mlp import Samples


def test_picked_rows_are_each_masks_own():
    X = torch.arange(24.0).reshape(2, 3, 4)
    samples = Samples(X, torch.arange(4.0)[None, None], torch.arange(4.0)[None] + 10.0)
    picked = samples.pick(torch.tensor([[3, 0], [1, 1]]))
    assert picked.X[0].tolist() == X[0][:, [3, 0]].tolist()
    assert picked.X[1].tolist() == X[1][:, [1, 1]].tolist()
    assert picked.targets.tolist() == [[[3.0, 0.0]], [[1.0, 1.0]]]
    assert picked.weights.tolist() == [[13.0, 10.0], [11.0, 11.0]]


def test_what_all_masks_share_stays_shared():
    ones = torch.ones((1, 1, 4))
    samples = Samples(torch.zeros((3, 2, 4)), ones, torch.ones((3, 4)))
    kept = samples.keep(torch.tensor([0, 2]))
    assert [len(part) for part in (kept.X, kept.targets, kept.weights)] == [2, 1, 2]
