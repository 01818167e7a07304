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
    """How wide the networks are.

    Parameters
    ----------
    units : tuple of int
        Of the input (the most columns of a mask), of the hidden layers, and of the outputs: one
        for two classes.
    activation : int
        As numbered in `vaega.fitness.population.kernels.network`.

    Examples
    --------
    >>> Layers((10, 5, 1), TANH).n_weights
    61
    """

    units: tuple[int, ...]
    activation: int

    @property
    def n_weights(self) -> int:
        """Of a network, with its biases."""
        return sum(
            (below + 1) * own for below, own in zip(self.units, self.units[1:], strict=False)
        )

    def split(self, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the matrix and the biases of each layer.

        Parameters
        ----------
        weights : torch.Tensor of shape (n_masks, n_weights)

        Returns
        -------
        list of (torch.Tensor, torch.Tensor)
            Views, of shapes (n_masks, n_own, n_below) and (n_masks, n_own, 1).

        Examples
        --------
        >>> [(matrix, bias)] = Layers((2, 1), TANH).split(torch.tensor([[1.0, 2.0, 3.0]]))
        >>> matrix, bias
        (tensor([[[1., 2.]]]), tensor([[[3.]]]))
        """
        parts, start = [], 0
        for below, own in zip(self.units, self.units[1:], strict=False):
            middle, end = start + own * below, start + own * below + own
            matrix = weights[:, start:middle].unflatten(1, (own, below))
            parts.append((matrix, weights[:, middle:end].unsqueeze(2)))
            start = end
        return parts


def pass_forward(layers: Layers, weights: Tensor, X: Tensor) -> list[Tensor]:
    """Return the values of all layers; the last are what goes into the outputs.

    Parameters
    ----------
    layers : Layers
    weights : torch.Tensor of shape (n_masks, n_weights)
    X : torch.Tensor of shape (n_masks, n_columns, n_rows)

    Returns
    -------
    list of torch.Tensor
        The first is `X`.

    Examples
    --------
    >>> weights, X = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[[10.0], [1.0]]])
    >>> pass_forward(Layers((2, 1), TANH), weights, X)[-1]
    tensor([[[15.]]])
    """
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
    """Return the probabilities that the outputs give: of the second class, or of each.

    Parameters
    ----------
    into : torch.Tensor of shape (n_masks, n_outputs, n_rows)

    Returns
    -------
    torch.Tensor of the same shape

    Examples
    --------
    >>> conclude(torch.zeros((1, 1, 1)))
    tensor([[[0.5000]]])
    """
    return into.sigmoid() if into.shape[1] == 1 else into.softmax(dim=1)


def lose(into: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the summed log loss of each mask, and its derivatives by what goes into the outputs.

    Parameters
    ----------
    into : torch.Tensor of shape (n_masks, n_outputs, n_rows)
    targets : torch.Tensor of shape (n_masks or 1, n_outputs, n_rows)
        1 for the class of a row, 0 for others.
    weights : torch.Tensor of shape (n_masks or 1, n_rows)
        Of the rows.

    Returns
    -------
    losses : torch.Tensor of float64, shape (n_masks,)
    deltas : torch.Tensor of shape (n_masks, n_outputs, n_rows)

    Notes
    -----
    Losses come from what goes into the outputs, as in the compiled kernels, and are cut where
    scikit-learn cuts probabilities.

    Examples
    --------
    >>> into, ones = torch.tensor([[[-100.0]]]), torch.ones((1, 1, 1))
    >>> lose(into, ones, ones[0])[0]
    tensor([36.0437], dtype=torch.float64)
    """
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
    """Write the derivatives of the summed losses by every weight.

    Parameters
    ----------
    layers : Layers
    weights : torch.Tensor of shape (n_masks, n_weights)
    values : list of torch.Tensor
        As `pass_forward` returns them.
    deltas : torch.Tensor of shape (n_masks, n_outputs, n_rows)
        Derivatives by what goes into the outputs.
    gradient : torch.Tensor of shape (n_masks, n_weights)
        What is written.

    Examples
    --------
    >>> layers, weights, X = Layers((1, 1), TANH), torch.zeros((1, 2)), torch.full((1, 1, 1), 3.0)
    >>> gradient = torch.empty((1, 2))
    >>> values = pass_forward(layers, weights, X)
    >>> pass_backward(layers, weights, values, torch.ones((1, 1, 1)), gradient)
    >>> gradient
    tensor([[3., 1.]])
    """
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
