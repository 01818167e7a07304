"""Fresh folds each generation: no mask lives for long on one lucky partition."""

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


class ResampledFitness:
    """Score each call on folds of its own; a mask that comes again has the mean of its scores.

    All masks of one call, that is of one generation, meet the same folds (common random numbers),
    so that they are compared fairly; an elite that is asked again is scored on fresh folds, and
    what it has is the mean over all of them.
    """

    def __init__(self, fitness_of: Callable[[int], Callable[[np.ndarray], np.ndarray]]) -> None:
        self.fitness_of = fitness_of
        self.n_calls = 0
        self._sums: dict[bytes, float] = {}
        self._counts: dict[bytes, int] = {}

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the mean score of each mask over the calls that asked for it."""
        keys = [row.tobytes() for row in np.packbits(masks, axis=1)]
        scores = self.fitness_of(self.n_calls)(masks)
        self.n_calls += 1
        for key, score in dict(zip(keys, scores, strict=True)).items():  # a mask counts once
            self._sums[key] = self._sums.get(key, 0.0) + float(score)
            self._counts[key] = self._counts.get(key, 0) + 1
        return np.array([self._sums[key] / self._counts[key] for key in keys])

    @property
    def n_distinct(self) -> int:
        """Different masks asked for."""
        return len(self._sums)

    def recall(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """Return everything remembered, in the order in which it was first asked for."""
        keys = np.frombuffer(b"".join(self._sums), dtype=np.uint8).reshape(self.n_distinct, -1)
        masks = np.unpackbits(keys, axis=1, count=n_features).astype(bool)
        counts = np.array(list(self._counts.values()))
        return masks, np.array(list(self._sums.values())) / np.maximum(counts, 1)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return what is remembered as plain arrays, for a checkpoint."""
        width = max((len(key) for key in self._sums), default=0)
        keys = np.frombuffer(b"".join(self._sums), dtype=np.uint8).reshape(-1, max(width, 1))
        return {
            "resampled_keys": keys,
            "resampled_sums": np.array(list(self._sums.values()), dtype=float),
            "resampled_counts": np.array(list(self._counts.values()), dtype=np.int64),
            "resampled_calls": np.array(self.n_calls),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave."""
        keys = [key.tobytes() for key in arrays["resampled_keys"]]
        self._sums = dict(zip(keys, arrays["resampled_sums"].tolist(), strict=True))
        self._counts = dict(zip(keys, arrays["resampled_counts"].tolist(), strict=True))
        self.n_calls = int(arrays["resampled_calls"])
