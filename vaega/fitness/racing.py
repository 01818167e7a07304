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
    """Score all masks on the first folds, and only the better part of them on the others.

    Parameters
    ----------
    stages : sequence of callable
        Each from masks (n_masks, n_features) to scores (n_masks,) on its own part of the folds.
    n_folds : sequence of int
        Folds of each stage: the weights of their means.
    keep : float, default=0.5
        Share of the masks that goes on from each stage to the next; at least one does.

    Notes
    -----
    Successive halving (Jamieson and Talwalkar, 2016) within one generation. A mask that drops out
    keeps the mean of what it ran, but never more than the worst of those that finished: otherwise
    a lucky half would beat an honest whole. The outcome depends on the masks asked together and
    on nothing else, so a race needs no state.

    Examples
    --------
    >>> def first(masks):
    ...     return masks.mean(axis=1)
    >>> def second(masks):
    ...     return np.full(len(masks), 0.25)
    >>> race = RacingFitness([first, second], n_folds=[1, 1], keep=0.5)
    >>> race(np.array([[True, True], [False, False]]))
    array([0.625, 0.   ])
    """

    stages: Sequence[Scores]
    n_folds: Sequence[int]
    keep: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.keep, "keep", owner="RacingFitness")
        if len(self.stages) != len(self.n_folds) or not self.stages:
            raise InputError(
                f"RacingFitness: stages and n_folds must be of one length, at least 1, "
                f"got {len(self.stages)} and {len(self.n_folds)}."
            )

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the mean score of each mask over the folds that it ran.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)

        Returns
        -------
        numpy.ndarray of float, shape (n_masks,)
        """
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
