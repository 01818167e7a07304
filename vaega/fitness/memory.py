"""The memory of a fitness: a mask already scored is never scored again."""

import json
from collections.abc import Callable

import numpy as np


class FitnessMemory:
    """Remember the scores of another fitness, by mask.

    Parameters
    ----------
    fitness : callable
        From masks, bool of shape (n_masks, n_features), to scores, float of shape (n_masks,).
    n_features : int
        Length of a mask.

    Attributes
    ----------
    n_asked : int
        Masks that callers wanted scored.
    n_distinct : int
        Different masks among them: so many were really scored.

    Examples
    --------
    >>> memory = FitnessMemory(lambda masks: masks.mean(axis=1), n_features=2)
    >>> memory(np.array([[True, False], [True, False], [True, True]]))
    array([0.5, 0.5, 1. ])
    >>> memory.n_asked, memory.n_distinct, memory.n_reused
    (3, 2, 1)
    """

    def __init__(self, fitness: Callable[[np.ndarray], np.ndarray], *, n_features: int) -> None:
        self.fitness = fitness
        self.n_features = n_features
        self.n_asked = 0
        self._scores: dict[bytes, float] = {}

    @property
    def n_distinct(self) -> int:
        """Different masks scored."""
        return len(self._scores)

    @property
    def n_reused(self) -> int:
        """Masks that were asked for again."""
        return self.n_asked - self.n_distinct

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the score of each mask, scoring only the new ones.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            May repeat itself.

        Returns
        -------
        numpy.ndarray of float, shape (n_masks,)
        """
        masks = np.asarray(masks, dtype=bool)
        keys = [row.tobytes() for row in np.packbits(masks, axis=1)]
        # The first place of each new mask, in the order asked, so that nothing depends on hashing.
        new = {key: place for place, key in reversed(list(enumerate(keys)))}
        places = sorted(place for key, place in new.items() if key not in self._scores)
        if places:
            scored = self.fitness(masks[places])
            self._scores.update(
                (keys[place], float(score)) for place, score in zip(places, scored, strict=True)
            )
        self.n_asked += len(keys)
        return np.array([self._scores[key] for key in keys])

    def recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return everything remembered, in the order in which it was scored.

        Returns
        -------
        masks : numpy.ndarray of bool, shape (n_distinct, n_features)
        scores : numpy.ndarray of float, shape (n_distinct,)
        """
        arrays = self.to_arrays()
        masks = np.unpackbits(arrays["memory_keys"], axis=1, count=self.n_features).astype(bool)
        return masks, arrays["memory_scores"]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the memory as plain arrays, for a checkpoint.

        Returns
        -------
        dict of numpy.ndarray
            Packed masks, their scores, the number asked, and the warnings that were counted.
        """
        # What the fitness counted belongs to what it was asked, so both are kept and come back.
        warned = json.dumps(getattr(self.fitness, "warnings_", {}))
        width = -(-self.n_features // 8)
        keys = np.frombuffer(b"".join(self._scores), dtype=np.uint8).reshape(-1, width)
        return {
            "memory_keys": keys,
            "memory_scores": np.array(list(self._scores.values()), dtype=float),
            "memory_n_asked": np.array(self.n_asked),
            "memory_warnings": np.array(warned),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave.

        Parameters
        ----------
        arrays : dict of numpy.ndarray
            As given by `to_arrays`.
        """
        keys = (key.tobytes() for key in arrays["memory_keys"])
        self._scores = dict(zip(keys, arrays["memory_scores"].tolist(), strict=True))
        self.n_asked = int(arrays["memory_n_asked"])
        if hasattr(self.fitness, "warnings_"):
            self.fitness.warnings_.update(json.loads(str(arrays["memory_warnings"])))
