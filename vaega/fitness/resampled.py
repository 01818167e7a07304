"""Fresh folds each generation: no mask lives for long on one lucky partition."""

from collections.abc import Callable

import numpy as np


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
