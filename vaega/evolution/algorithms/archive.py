"""The archive: all different masks found that no other found mask beats in every objective."""

from dataclasses import dataclass

import numpy as np

from vaega.evolution.algorithms.base import first_distinct
from vaega.evolution.algorithms.dominance import crowding_distance, dominance
from vaega.evolution.state import find_best


@dataclass(frozen=True, eq=False)
class Archive:
    """Different masks, none of which dominates another."""

    masks: np.ndarray  # In the order in which they were found
    scores: np.ndarray  # Their scores, higher is better

    def joined(self, masks: np.ndarray, scores: np.ndarray, size: int | None = None) -> "Archive":
        """Return the archive of these masks and new ones."""
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
        """Return masks and scores, the best by the first objective first."""
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
