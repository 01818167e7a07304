"""The archive: all different masks found that no other found mask beats in every objective."""

from dataclasses import dataclass

import numpy as np

from vaega.evolution.algorithms.base import first_distinct
from vaega.evolution.algorithms.dominance import crowding_distance, dominance
from vaega.evolution.state import find_best


@dataclass(frozen=True, eq=False)
class Archive:
    """Different masks, none of which dominates another.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_features)
        In the order in which they were found.
    scores : numpy.ndarray of float, shape (n_masks, n_objectives)
        Their scores, higher is better.

    Examples
    --------
    >>> masks = np.array([[True, False], [True, True], [False, True]])
    >>> scores = np.array([[0.7, -1.0], [0.9, -2.0], [0.6, -1.0]])
    >>> Archive(masks[:0], scores[:0]).joined(masks, scores).scores.tolist()
    [[0.7, -1.0], [0.9, -2.0]]
    """

    masks: np.ndarray
    scores: np.ndarray

    def joined(self, masks: np.ndarray, scores: np.ndarray, size: int | None = None) -> "Archive":
        """Return the archive of these masks and new ones.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            The new ones; one that is in the archive keeps the score it has there.
        scores : numpy.ndarray of float, shape (n_masks, n_objectives)
            Their scores.
        size : int, optional
            At most so many are kept: the most crowded go, one by one, never the best by the first
            objective.

        Returns
        -------
        Archive
        """
        all_masks = np.concatenate([self.masks, masks])
        all_scores = np.concatenate([self.scores, scores])
        n_old = len(self.masks)
        new = first_distinct(all_masks)[n_old:]
        new = new[~dominance(all_scores[new], all_scores[new]).any(axis=0)]
        new = new[~dominance(self.scores, all_scores[new]).any(axis=0)]
        old = np.flatnonzero(~dominance(all_scores[new], self.scores).any(axis=0))
        kept = np.concatenate([old, new])
        if size is not None:
            kept = kept[_least_crowded(all_scores[kept], size)]
        return Archive(all_masks[kept], all_scores[kept])

    def sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return masks and scores, the best by the first objective first.

        Returns
        -------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
        scores : numpy.ndarray of float, shape (n_masks, n_objectives)
        """
        order = np.lexsort(-self.scores.T[::-1]) if len(self.scores) else np.zeros(0, dtype=int)
        return self.masks[order], self.scores[order]


def _least_crowded(scores: np.ndarray, size: int) -> np.ndarray:
    kept = np.arange(len(scores))
    while kept.size > size:
        crowding = crowding_distance(scores[kept])
        crowding[find_best(scores[kept])] = np.inf
        finite = np.flatnonzero(np.isfinite(crowding))
        # Where only ends are left the last found goes, unless it is the best.
        ends = np.flatnonzero(kept != kept[find_best(scores[kept])])
        leaving = finite[np.argmin(crowding[finite])] if finite.size else ends[-1]
        kept = np.delete(kept, leaving)
    return kept
