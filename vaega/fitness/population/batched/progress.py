"""Where the training of each of many networks stands."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vaega.fitness.population.kernels.training import Settings


@dataclass(frozen=True, eq=False)
class Progress:
    """Where each network stands; every tensor is written in place."""

    weights: Tensor  # As they are, and the best ones of an early stopping
    kept: Tensor  # As they are, and the best ones of an early stopping
    first_moment: Tensor  # Gradient descent has its velocity in the first moment
    second_moment: Tensor  # Gradient descent has its velocity in the first moment
    gradient: Tensor  # Gradient descent has its velocity in the first moment
    powers: Tensor  # beta_1 and beta_2 to the power of the number of steps
    order: Tensor  # In which batches take the rows
    rate: Tensor
    best: Tensor
    stalled: Tensor
    loss: Tensor
    epochs: Tensor
    done: Tensor  # A stopped network stays as it is

    @classmethod
    def begin(cls, weights: Tensor, n_rows: int, settings: Settings) -> "Progress":
        """Return the progress before the first epoch."""
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
        """Return the progress of some masks."""
        kept = {name: own[rows] for name, own in vars(self).items() if name != "powers"}
        return replace(self, **kept)
