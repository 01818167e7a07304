"""Objectives: what the search maximises, from the metric and the size of a mask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vaega.core.checks import check_probability
from vaega.core.errors import InputError


class Objective(Protocol):
    """From scores and masks to what is maximised."""

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return one value a mask, shape (n_masks,)."""


@dataclass(frozen=True)
class WeightedObjective:
    """Weigh the metric against the share of features left out.

    ``alpha * score + (1 - alpha) * (1 - selected / all)``

    Parameters
    ----------
    alpha : float, default=0.9
        Weight of the metric, in [0, 1]; the thesis uses 0.5.

    Examples
    --------
    >>> objective = WeightedObjective(alpha=0.5)
    >>> objective(np.array([0.8]), np.array([[True, False, False, False]]))
    array([0.775])
    """

    alpha: float = 0.9

    def __post_init__(self) -> None:
        check_probability(self.alpha, "alpha", owner="WeightedObjective")

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the weighted sum for each mask, shape (n_masks,)."""
        left_out = 1.0 - masks.mean(axis=1)
        return self.alpha * scores + (1.0 - self.alpha) * left_out


@dataclass(frozen=True)
class PenaltyObjective:
    """Subtract a fixed price for each selected feature.

    ``score - per_feature * selected``

    Parameters
    ----------
    per_feature : float, default=0.001
        What a feature must add to the metric to be worth selecting; 0 is the metric alone.

    Examples
    --------
    >>> PenaltyObjective(per_feature=0.01)(np.array([0.8]), np.array([[True, True, False]]))
    array([0.78])
    """

    per_feature: float = 0.001

    def __post_init__(self) -> None:
        if not self.per_feature >= 0.0:
            raise InputError(
                f"PenaltyObjective: per_feature must be at least 0, got {self.per_feature!r}."
            )

    def __call__(self, scores: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the score less the price for each mask, shape (n_masks,)."""
        return scores - self.per_feature * masks.sum(axis=1)


@dataclass(frozen=True)
class ObjectiveFitness:
    """A fitness that gives the objective of another fitness's scores.

    Parameters
    ----------
    fitness : callable
        From masks (n_masks, n_features) to the metric (n_masks,).
    objective : Objective
        What to make of it.
    """

    fitness: Callable[[np.ndarray], np.ndarray]
    objective: Objective

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return one objective a mask, float of shape (n_masks,)."""
        return self.objective(self.fitness(masks), masks)
