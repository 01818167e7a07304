"""Passes written out by hand give what automatic differentiation gives."""

import numpy as np
import pytest
import torch

from vaega.engines._mlp import IDENTITY, LOGISTIC, RELU, TANH
from vaega.engines._torch_mlp import Layers, conclude, lose, pass_backward, pass_forward


@pytest.mark.parametrize("activation", [IDENTITY, LOGISTIC, TANH, RELU])
@pytest.mark.parametrize("units", [(6, 1), (6, 5, 1), (6, 5, 4, 3)])
def test_gradients(activation, units, rng):
    layers = Layers(units, activation)
    weights = torch.from_numpy(rng.normal(size=(4, layers.n_weights))).requires_grad_()
    X, row_weights = torch.from_numpy(rng.normal(size=(4, 6, 9))), torch.rand(4, 9).double()
    codes = rng.integers(0, max(units[-1], 2), size=(4, 9))
    places = np.arange(1, 2) if units[-1] == 1 else np.arange(units[-1])
    targets = torch.from_numpy((codes[:, None] == places[:, None]).astype(float))
    into = X
    parts = layers.split(weights)
    for matrix, bias in parts:
        into = matrix @ into + bias
        if matrix is not parts[-1][0]:
            into = {TANH: torch.tanh, LOGISTIC: torch.sigmoid, RELU: torch.relu}.get(
                activation, lambda values: values
            )(into)
    shares = conclude(into)
    if units[-1] == 1:
        shares, targets_all = (
            torch.cat([1 - shares, shares], 1),
            torch.cat([1 - targets, targets], 1),
        )
    else:
        targets_all = targets
    loss = -((shares.log() * targets_all).sum(dim=1) * row_weights).sum(dim=1)
    loss.sum().backward()
    with torch.no_grad():
        values, gradient = pass_forward(layers, weights, X), torch.empty_like(weights)
        losses, deltas = lose(values[-1], targets, row_weights)
        pass_backward(layers, weights, values, deltas, gradient)
    torch.testing.assert_close(losses, loss.detach())
    torch.testing.assert_close(gradient, weights.grad)


@pytest.mark.parametrize("far", [40.0, 1e4])
def test_losses_are_cut_where_scikit_learn_cuts_probabilities(far):
    highest = -np.log(np.finfo(float).eps)
    ones, two = torch.ones((1, 1, 1)), torch.tensor([[[1.0], [0.0]]])
    for into, targets in ((-far * ones, ones), (torch.tensor([[[-far], [0.0]]]), two)):
        losses, deltas = lose(into, targets, ones[0])
        assert float(losses) == pytest.approx(highest)
        assert float(deltas[0, 0, 0]) == pytest.approx(-1.0)


def test_losses_see_far_in_single_precision():
    ones = torch.ones((1, 1, 1))
    assert float(lose(20.0 * ones, ones, ones[0])[0]) == pytest.approx(np.exp(-20.0), rel=1e-6)
