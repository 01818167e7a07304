"""Where the training of each of many networks stands."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vaega.fitness.population.kernels.training import Settings


@dataclass(frozen=True, eq=False)
class Progress:
    """Where each network stands; every tensor is written in place.

    Parameters
    ----------
    weights, kept : torch.Tensor of shape (n_masks, n_weights)
        As they are, and the best ones of an early stopping.
    first_moment, second_moment, gradient : torch.Tensor of shape (n_masks, n_weights)
        Gradient descent has its velocity in the first moment.
    powers : torch.Tensor of float64, shape (2,)
        beta_1 and beta_2 to the power of the number of steps.
    order : torch.Tensor of int64, shape (n_masks, n_rows)
        In which batches take the rows.
    rate, best, stalled, loss : torch.Tensor of float64, shape (n_masks,)
        The learning rate, the best loss or score, for how many epochs it did not improve, and the
        loss of the last epoch.
    epochs : torch.Tensor of int64, shape (n_masks,)
    done : torch.Tensor of bool, shape (n_masks,)
        A stopped network stays as it is.
    """

    weights: Tensor
    kept: Tensor
    first_moment: Tensor
    second_moment: Tensor
    gradient: Tensor
    powers: Tensor
    order: Tensor
    rate: Tensor
    best: Tensor
    stalled: Tensor
    loss: Tensor
    epochs: Tensor
    done: Tensor

    @classmethod
    def begin(cls, weights: Tensor, n_rows: int, settings: Settings) -> "Progress":
        """Return the progress before the first epoch.

        Parameters
        ----------
        weights : torch.Tensor of shape (n_masks, n_weights)
            Initial ones; written to.
        n_rows : int
            That a network is trained on.
        settings : vaega.fitness.population.kernels.training.Settings

        Returns
        -------
        Progress

        Examples
        --------
        >>> from sklearn.neural_network import MLPClassifier
        >>> from vaega.fitness.population.mlp import _settings
        >>> progress = Progress.begin(torch.zeros((2, 3)), 4, _settings(MLPClassifier(), 4))
        >>> progress.order
        tensor([[0, 1, 2, 3],
                [0, 1, 2, 3]])
        """
        n_masks, device = len(weights), weights.device
        best = -np.inf if settings.early_stopping else np.inf

        def each(value: float) -> Tensor:
            return torch.full((n_masks,), value, dtype=torch.float64, device=device)

        return cls(
            weights,
            kept=weights.clone(),
            first_moment=torch.zeros_like(weights),
            second_moment=torch.zeros_like(weights),
            gradient=torch.zeros_like(weights),
            powers=torch.ones(2, dtype=torch.float64, device=device),
            order=torch.arange(n_rows, device=device).repeat(n_masks, 1),
            rate=each(settings.learning_rate_init),
            best=each(best),
            stalled=each(0.0),
            loss=each(np.nan),
            epochs=torch.zeros(n_masks, dtype=torch.int64, device=device),
            done=torch.zeros(n_masks, dtype=torch.bool, device=device),
        )

    def keep(self, rows: Tensor) -> "Progress":
        """Return the progress of some masks.

        Parameters
        ----------
        rows : torch.Tensor of int64

        Returns
        -------
        Progress

        Examples
        --------
        >>> from sklearn.neural_network import MLPClassifier
        >>> from vaega.fitness.population.mlp import _settings
        >>> progress = Progress.begin(torch.zeros((2, 3)), 4, _settings(MLPClassifier(), 4))
        >>> progress.keep(torch.tensor([1])).weights
        tensor([[0., 0., 0.]])
        """
        kept = {name: own[rows] for name, own in vars(self).items() if name != "powers"}
        return replace(self, **kept)
