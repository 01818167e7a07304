"""Scores of one search: memory, racing and fresh folds put together as the settings say."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vaega.fitness.cross_validated import CrossValidatedFitness
from vaega.fitness.memory import FitnessMemory
from vaega.fitness.racing import RacingFitness
from vaega.fitness.resampled import ResampledFitness
from vaega.fitness.score_store import ScoreStore

Metric = Callable[[np.ndarray], np.ndarray]
_FIRST_FOLDS = 2  # of a race: enough to see who is hopeless


class PartitionScores:
    """Metric of masks on the folds of one partition; no mask is scored twice on a fold."""

    def __init__(
        self,
        fitness: Metric,
        n_features: int,
        *,
        racing: float | None = None,
        store: ScoreStore | None = None,
    ) -> None:
        self.fitness = fitness
        stages: Sequence[Metric] = [fitness]
        n_folds = [1]
        if isinstance(fitness, CrossValidatedFitness):
            n_folds = [len(fitness.folds)]
            if racing is not None and n_folds[0] > _FIRST_FOLDS:
                n_folds = [_FIRST_FOLDS, n_folds[0] - _FIRST_FOLDS]
                places = list(range(sum(n_folds)))
                stages = [
                    fitness.subset(part) for part in (places[:_FIRST_FOLDS], places[_FIRST_FOLDS:])
                ]
        self.n_folds = n_folds
        self.memories = [
            FitnessMemory(stage, n_features=n_features, store=store) for stage in stages
        ]
        self._race = RacingFitness(self.memories, n_folds, keep=racing or 1.0)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of each mask, shape (n_masks,)."""
        return self._race(masks)

    @property
    def n_fits(self) -> int:
        """Pairs of a mask and a fold that were asked for."""
        pairs = zip(self.memories, self.n_folds, strict=True)
        return sum(memory.n_distinct * n_folds for memory, n_folds in pairs)

    @property
    def n_scored(self) -> int:
        """Masks that were computed, not found in the store."""
        return self.memories[0].n_scored

    @property
    def warnings_(self) -> Counter[str]:
        """How often the classifier warned of what."""
        return sum((memory.warnings_ for memory in self.memories), Counter())

    def recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the masks that ran all folds, and their metric."""
        masks, scores = self.memories[-1].recall()
        if len(self.memories) == 1 or not len(masks):
            return masks, scores
        first = self.memories[0].fold_scores(masks).mean(axis=1)
        return masks, np.average([first, scores], axis=0, weights=self.n_folds)

    def fold_scores(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of known masks in each fold, shape (n_masks, n_folds)."""
        return np.hstack([memory.fold_scores(masks) for memory in self.memories])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the memories as plain arrays, for a checkpoint."""
        return {
            f"{name}_{place}": array
            for place, memory in enumerate(self.memories)
            for name, array in memory.to_arrays().items()
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave."""
        for place, memory in enumerate(self.memories):
            end = f"_{place}"
            own = {name.removesuffix(end): array for name, array in arrays.items()}
            memory.restore({name: own[name] for name in memory.to_arrays()})


class SearchScores:
    """Metric of masks for a whole search, on one partition or on a fresh one each generation."""

    def __init__(
        self,
        partition_of: Callable[[int], Metric],
        n_features: int,
        *,
        racing: float | None = None,
        fresh: bool = False,
        store: ScoreStore | None = None,
    ) -> None:
        self.partition_of = partition_of
        self.n_features = n_features
        self.racing = racing
        self.store = store
        self.n_asked = 0
        self._now: tuple[int, PartitionScores] | None = None
        self._past_fits = 0
        self._past_scored = 0
        self._past_warnings: Counter[str] = Counter()
        self._fresh = ResampledFitness(self._partition) if fresh else None

    def __enter__(self) -> "SearchScores":
        return self

    def __exit__(self, *reason: Any) -> None:
        self.close()

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of each mask, shape (n_masks,)."""
        self.n_asked += len(masks)
        return self._fresh(masks) if self._fresh is not None else self._partition(0)(masks)

    @property
    def n_distinct(self) -> int:
        """Different masks asked for."""
        if self._fresh is not None:
            return self._fresh.n_distinct
        return self._partition(0).memories[0].n_distinct

    @property
    def n_fits(self) -> int:
        """Pairs of a mask and a fold: what a search costs, whichever way it spends it."""
        return self._past_fits + (self._now[1].n_fits if self._now else 0)

    @property
    def n_scored(self) -> int:
        """Masks that were computed, not found in the store."""
        return self._past_scored + (self._now[1].n_scored if self._now else 0)

    @property
    def warnings_(self) -> Counter[str]:
        """How often the classifier warned of what."""
        return self._past_warnings + (self._now[1].warnings_ if self._now else Counter())

    def recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Return masks and their metric: those that ran all folds."""
        if self._fresh is not None:
            return self._fresh.recall(self.n_features)
        return self._partition(0).recall()

    def fold_scores(self, masks: np.ndarray) -> np.ndarray:
        """Return the metric of known masks in each fold."""
        if self._fresh is None:
            return self._partition(0).fold_scores(masks)
        known, scores = self._fresh.recall(self.n_features)
        places = {mask.tobytes(): place for place, mask in enumerate(known)}
        return np.array([[scores[places[mask.tobytes()]]] for mask in masks])

    def metric_of(self, mask: np.ndarray) -> float:
        """Return the metric of a mask that was asked for, without counting it as asked."""
        masks, scores = self.recall()
        same = np.flatnonzero((masks == mask).all(axis=1))
        if same.size:
            return float(scores[same[0]])
        return float(self._partition(0)(mask[None])[0])  # it dropped out of its race

    def close(self) -> None:
        """Remove the files of the partition in use."""
        if self._now is not None and hasattr(self._now[1].fitness, "close"):
            self._now[1].fitness.close()

    def _partition(self, number: int) -> PartitionScores:
        if self._now is None or self._now[0] != number:
            self._leave()
            fitness = self.partition_of(number)
            scores = PartitionScores(fitness, self.n_features, racing=self.racing, store=self.store)
            self._now = (number, scores)
        return self._now[1]

    def _leave(self) -> None:
        if self._now is not None:
            self._past_fits, self._past_scored = self.n_fits, self.n_scored
            self._past_warnings = self.warnings_
            self.close()
            self._now = None

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything remembered as plain arrays, for a checkpoint."""
        counts = {"scores_n_asked": np.array(self.n_asked)}
        if self._fresh is None:
            return counts | self._partition(0).to_arrays()
        warned = sorted(self.warnings_.items())
        return (
            counts
            | self._fresh.to_arrays()
            | {
                "scores_n_fits": np.array(self.n_fits),
                "scores_warned": np.array([text for text, _ in warned], dtype=str),
                "scores_warned_times": np.array([times for _, times in warned], dtype=np.int64),
            }
        )

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `to_arrays` gave."""
        self.n_asked = int(arrays["scores_n_asked"])
        if self._fresh is None:
            self._partition(0).restore(arrays)
            return
        self._fresh.restore(arrays)
        self._past_fits = int(arrays["scores_n_fits"])
        texts, times = arrays["scores_warned"].tolist(), arrays["scores_warned_times"].tolist()
        self._past_warnings = Counter(dict(zip(texts, times, strict=True)))
