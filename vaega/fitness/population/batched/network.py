"""Multilayer perceptrons of many masks: weights side by side, passes written out by hand.

Values have one row a unit and one column a sample. Products are of the weights' own precision
where torch is left at its default; ``torch.set_float32_matmul_precision`` would coarsen them.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaega.fitness.population.kernels.network import LOGISTIC, RELU, TANH

_HIGHEST_LOSS = -math.log(float(np.finfo(np.float64).eps))  # where scikit-learn cuts probabilities


@dataclass(frozen=True)
class Layers:
    """How wide the networks are."""

    units: tuple[int, ...]
    activation: int  # As numbered in `vaega.fitness.population.kernels.network`

    @property
    def n_weights(self) -> int:
        """Of a network, with its biases."""
        return sum(
            (below + 1) * own for below, own in zip(self.units, self.units[1:], strict=False)
        )

    def split(self, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the matrix and the biases of each layer."""
        parts, start = [], 0
        for below, own in zip(self.units, self.units[1:], strict=False):
            middle, end = start + own * below, start + own * below + own
            matrix = weights[:, start:middle].unflatten(1, (own, below))
            parts.append((matrix, weights[:, middle:end].unsqueeze(2)))
            start = end
        return parts


def pass_forward(layers: Layers, weights: Tensor, X: Tensor) -> list[Tensor]:
    """Return the values of all layers; the last are what goes into the outputs."""
    values, parts = [X], layers.split(weights)
    for place, (matrix, bias) in enumerate(parts):
        into = torch.baddbmm(bias, matrix, values[-1])
        values.append(into if place == len(parts) - 1 else _activate(into, layers.activation))
    return values


def _activate(into: Tensor, activation: int) -> Tensor:
    if activation == TANH:
        return into.tanh_()
    if activation == LOGISTIC:
        return into.sigmoid_()
    return into.relu_() if activation == RELU else into


def conclude(into: Tensor) -> Tensor:
    """Return the probabilities that the outputs give: of the second class, or of each."""
    return into.sigmoid() if into.shape[1] == 1 else into.softmax(dim=1)


def lose(into: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the summed log loss of each mask, and its derivatives by the outputs' inputs."""
    if into.shape[1] == 1:
        wrong = torch.where(targets > 0.5, -into, into)[:, 0]
        losses = wrong.clamp(min=0.0) + torch.log1p(torch.exp(-wrong.abs()))
        shares = into.sigmoid()
    else:
        logarithms = into.log_softmax(dim=1)
        losses = -(logarithms * targets).sum(dim=1)
        shares = logarithms.exp()
    losses = losses.clamp(max=_HIGHEST_LOSS) * weights
    return losses.sum(dim=1, dtype=torch.float64), (shares - targets) * weights.unsqueeze(1)


def pass_backward(
    layers: Layers, weights: Tensor, values: list[Tensor], deltas: Tensor, gradient: Tensor
) -> None:
    """Write the derivatives of the summed losses by every weight."""
    parts, slopes = layers.split(weights), layers.split(gradient)
    for place in range(len(parts) - 1, -1, -1):
        matrix, bias = slopes[place]
        torch.bmm(deltas, values[place].mT, out=matrix)
        torch.sum(deltas, dim=2, keepdim=True, out=bias)
        if place:
            below = torch.bmm(parts[place][0].mT, deltas)
            deltas = _derive(below, values[place], layers.activation)


def _derive(deltas: Tensor, values: Tensor, activation: int) -> Tensor:
    if activation == TANH:
        return deltas.mul_(1.0 - values * values)
    if activation == LOGISTIC:
        return deltas.mul_(values * (1.0 - values))
    return deltas.mul_(values > 0.0) if activation == RELU else deltas
