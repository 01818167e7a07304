"""Racing: the costly folds are spent on masks that did well on the first ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from vaega.core.checks import check_probability
from vaega.core.errors import InputError

Scores = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class RacingFitness:
    """Score all masks on the first folds, and only the better part of them on the others."""

    # Each from masks (n_masks, n_features) to scores (n_masks,) on its own part of the folds
    stages: Sequence[Scores]
    n_folds: Sequence[int]  # Folds of each stage: the weights of their means
    # Share of the masks that goes on from each stage to the next; at least one does
    keep: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.keep, "keep", owner="RacingFitness")
        if len(self.stages) != len(self.n_folds) or not self.stages:
            raise InputError(
                f"RacingFitness: stages and n_folds must be of one length, at least 1, "
                f"got {len(self.stages)} and {len(self.n_folds)}."
            )

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the mean score of each mask over the folds that it ran."""
        totals, folds = np.zeros(len(masks)), np.zeros(len(masks))
        running = np.arange(len(masks))
        for stage, n_folds in zip(self.stages, self.n_folds, strict=True):
            running = self._best(running, totals, folds)
            totals[running] += n_folds * stage(masks[running])
            folds[running] += n_folds
        scores = totals / np.maximum(folds, 1)
        dropped = np.setdiff1d(np.arange(len(masks)), running)
        scores[dropped] = np.minimum(scores[dropped], scores[running].min(initial=np.inf))
        return scores

    def _best(self, running: np.ndarray, totals: np.ndarray, folds: np.ndarray) -> np.ndarray:
        if not folds.any():  # before the first stage
            return running
        order = np.argsort(-totals[running], kind="stable")
        return np.sort(running[order[: max(1, ceil(self.keep * len(running)))]])
