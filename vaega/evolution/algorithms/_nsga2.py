"""NSGA-II: several objectives at once, with an archive of the whole front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from deap import base
from numpy.typing import ArrayLike

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.evolution._state import Individual, find_best
from vaega.evolution.algorithms._base import (
    PopulationAlgorithm,
    crowding_distance,
    dominance,
    first_distinct,
    rank_crowded,
)


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


class NSGA2(PopulationAlgorithm):
    """Search for the masks that no other mask beats in every objective.

    Parameters
    ----------
    toolbox : deap.base.Toolbox
        With ``initialize() -> mask``, ``mate(a, b)``, ``mutate(mask)`` and, if sizes are bounded,
        ``repair(mask)``; all bound to the same `rng`. Parents are found by crowded tournaments,
        so ``select`` is not needed.
    rng : numpy.random.Generator
        The generator to which the operators of `toolbox` are bound; its state is saved in `state`.
    population_size : int, default=100
        Masks in the population, and children in a generation, at least 2.
    crossover_probability : float, default=0.75
        Chance of two parents to be mated rather than copied.
    archive_size : int, optional
        At most so many masks are kept in the archive; all of the front when absent.

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one. Its best mask is the archive's
        best by the first objective, among equals by the next. The archive is
        ``state.extra["archive_masks"]`` and ``state.extra["archive_scores"]``.

    Notes
    -----
    Deb, Pratap, Agarwal and Meyarivan (2002), with two changes that masks ask for: repeated masks
    survive only where there are not enough different ones, and the archive keeps every mask of the
    front found so far, which may have more members than the population. DEAP's tournament draws
    from the global generator; this one draws from `rng`.

    Examples
    --------
    >>> from vaega.evolution import operators
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("initialize", operators.init_bernoulli, 10, fraction=0.5, rng=rng)
    >>> toolbox.register("mate", operators.crossover_uniform, rng=rng)
    >>> toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.1, rng=rng)
    >>> algorithm = NSGA2(toolbox, rng=rng, population_size=20)
    >>> for _ in range(30):  # find the first three features, with as few others as possible
    ...     masks = algorithm.ask()
    ...     algorithm.tell(np.column_stack([masks[:, :3].sum(axis=1), -masks.sum(axis=1)]))
    >>> masks, scores = algorithm.front
    >>> np.unique(scores, axis=0).tolist()
    [[0.0, 0.0], [1.0, -1.0], [2.0, -2.0], [3.0, -3.0]]
    """

    multi_objective = True

    @classmethod
    def check_settings(cls, settings: Any, *, owner: str) -> None:
        """Refuse a vote of several searches and stops that need a single objective."""
        if settings.n_searches not in ("auto", 1):
            raise InputError(
                f"{owner}: n_searches must be 1 with algorithm nsga2, whose result is a front, "
                f"got {settings.n_searches}."
            )
        if settings.target is not None or settings.patience is not None:
            raise InputError(
                f"{owner}: target and patience must be left out with algorithm nsga2, which has no "
                "single objective."
            )

    def __init__(
        self,
        toolbox: base.Toolbox,
        *,
        rng: np.random.Generator,
        population_size: int = 100,
        crossover_probability: float = 0.75,
        archive_size: int | None = None,
    ) -> None:
        super().__init__(
            toolbox,
            rng=rng,
            population_size=population_size,
            crossover_probability=crossover_probability,
        )
        if archive_size is not None:
            check_count(archive_size, "archive_size", owner=type(self).__name__)
        self.archive_size = archive_size

    @property
    def front(self) -> tuple[np.ndarray, np.ndarray]:
        """Masks and scores that nothing told so far dominates, best by the first objective first.

        Returns
        -------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
        scores : numpy.ndarray of float, shape (n_masks, n_objectives)
        """
        return self._archive(self.state.extra).sorted()

    def _parents(self, n_parents: int) -> list[Individual]:
        place = np.empty(len(self.state.masks), dtype=np.intp)
        place[self.ranked()] = np.arange(place.size)
        entrants = self.rng.integers(place.size, size=(n_parents, 2))
        winners = entrants[np.arange(n_parents), place[entrants].argmin(axis=1)]
        return [Individual(self.state.masks[winner]) for winner in winners]

    def _offspring(self) -> Sequence[Individual]:
        return [self.toolbox.mutate(child)[0] for child in self._mated(self.population_size)]

    def _survivors(self, masks: np.ndarray, scores: np.ndarray, n_old: int) -> np.ndarray:
        return self._fittest(masks, scores, self.population_size)

    def _order(self, scores: np.ndarray) -> np.ndarray:
        return rank_crowded(scores)

    def _extra(
        self, masks: np.ndarray, scores: np.ndarray, chosen: np.ndarray
    ) -> dict[str, np.ndarray]:
        archive = self._archive(self.state.extra)
        if not self.state.generation:
            archive = Archive(masks[:0], scores[:0])
        return _arrays(archive.joined(masks, scores, self.archive_size))

    def _extra_adopted(self, mask: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
        archive = self._archive(self.state.extra)
        joined = archive.joined(mask[None], score[None], self.archive_size)
        return {**self.state.extra, **_arrays(joined)}

    def _figures(self, extra: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"front_size": len(extra["archive_masks"])}

    def _best(
        self, masks: np.ndarray, scores: np.ndarray, extra: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, float]:
        archive = self._archive(extra)
        best = find_best(archive.scores)
        return archive.masks[best], float(archive.scores[best, 0])

    def _archive(self, extra: Mapping[str, np.ndarray]) -> Archive:
        if "archive_masks" not in extra:
            return Archive(self.state.masks[:0], np.zeros((0, 2)))
        return Archive(extra["archive_masks"], extra["archive_scores"])

    def _checked_scores(self, scores: ArrayLike, n_masks: int) -> np.ndarray:
        array = super()._checked_scores(scores, n_masks)
        if self.state.generation and array.shape[1] != self.state.scores.shape[1]:
            raise InputError(
                f"{type(self).__name__}: tell needs {self.state.scores.shape[1]} scores a mask as "
                f"in the generations before, got shape {array.shape}."
            )
        return array


def _arrays(archive: Archive) -> dict[str, np.ndarray]:
    return {"archive_masks": archive.masks, "archive_scores": archive.scores}
