"""NSGA-II: several objectives at once, with an archive of the whole front."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.evolution._evolution import find_best
from vaega.evolution.algorithms._genetic import PopulationAlgorithm, first_distinct


@dataclass(frozen=True, eq=False)
class Archive:
    """Different masks, none of which dominates another."""

    masks: np.ndarray  # bool (n_masks, n_features), in the order of arrival
    scores: np.ndarray  # (n_masks, n_objectives), higher is better

    def joined(self, masks: np.ndarray, scores: np.ndarray, size: int | None = None) -> "Archive":
        """Return the archive of these masks and new ones, without the most crowded above `size`.

        A mask that is a member already keeps its score.
        """
        all_masks = np.concatenate([self.masks, masks])
        all_scores = np.concatenate([self.scores, scores])
        n_old = len(self.masks)
        new = first_distinct(all_masks)[n_old:]
        new = new[~dominance(all_scores[new], all_scores[new]).any(axis=0)]
        new = new[~dominance(self.scores, all_scores[new]).any(axis=0)]
        old = np.flatnonzero(~dominance(all_scores[new], self.scores).any(axis=0))
        members = np.concatenate([old, new])
        if size is not None:
            members = members[_least_crowded(all_scores[members], size)]
        return Archive(all_masks[members], all_scores[members])

    def sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return masks and scores, the best by the first objective first."""
        order = np.lexsort(-self.scores.T[::-1]) if len(self.scores) else np.zeros(0, dtype=int)
        return self.masks[order], self.scores[order]

    def to_extra(self) -> dict[str, np.ndarray]:
        """Return the arrays that a state keeps of it."""
        return {"archive_masks": self.masks, "archive_scores": self.scores}


@dataclass(eq=False, repr=False)
class NSGA2(PopulationAlgorithm):
    """Search for the masks that no other mask beats in every objective.

    Parameters
    ----------
    toolbox : deap.base.Toolbox
        With ``initialize() -> mask``, ``mate(a, b)``, ``mutate(mask)`` and, if sizes are bounded,
        ``repair(mask)``; all bound to the same `rng`. Parents are found by crowded tournaments,
        so ``select`` is not needed.
    rng, crossover_probability
        As `Generational` has them.
    population_size : int, default=100
        Masks in the population, and children in a generation, at least 2.
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
    >>> from deap import base
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

    _: KW_ONLY
    archive_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.archive_size is not None:
            check_count(self.archive_size, "archive_size", owner=type(self).__name__)

    @property
    def front(self) -> tuple[np.ndarray, np.ndarray]:
        """Masks and scores that nothing told so far dominates, best by the first objective first.

        Returns
        -------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
        scores : numpy.ndarray of float, shape (n_masks, n_objectives)
        """
        return self._archive(self.state.extra).sorted()

    def _parents(self, n_parents: int) -> np.ndarray:
        """Return the winners of binary tournaments by rank: front, then crowding distance."""
        rank = np.empty(len(self.state.masks), dtype=np.intp)
        rank[self.ranked()] = np.arange(rank.size)
        drawn = self.rng.integers(rank.size, size=(n_parents, 2))
        winners: np.ndarray = drawn[np.arange(n_parents), rank[drawn].argmin(axis=1)]
        return winners

    def _offspring(self) -> np.ndarray:
        children = self._mated(self.population_size)
        self._operators.mutate(children)
        return children

    def _survivors(self, masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return self._fittest(*self._pool(masks, scores), self.population_size)

    def _order(self, scores: np.ndarray) -> np.ndarray:
        return rank_crowded(scores)

    def _extra(
        self, masks: np.ndarray, scores: np.ndarray, survivors: np.ndarray
    ) -> dict[str, np.ndarray]:
        archive = self._archive(self.state.extra)
        if not self.state.generation:
            archive = Archive(masks[:0], scores[:0])
        return archive.joined(masks, scores, self.archive_size).to_extra()

    def _extra_adopted(self, mask: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
        archive = self._archive(self.state.extra)
        joined = archive.joined(mask[None], score[None], self.archive_size)
        return {**self.state.extra, **joined.to_extra()}

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


def _least_crowded(scores: np.ndarray, size: int) -> np.ndarray:
    """Return the indices left when the most crowded are dropped, one by one, never the best."""
    members = np.arange(len(scores))
    while members.size > size:
        best = find_best(scores[members])
        crowding = crowding_distance(scores[members])
        crowding[best] = np.inf
        finite = np.flatnonzero(np.isfinite(crowding))
        # Where only ends are left the newest is dropped, unless it is the best.
        ends = np.flatnonzero(members != members[best])
        dropped = finite[np.argmin(crowding[finite])] if finite.size else ends[-1]
        members = np.delete(members, dropped)
    return members


def dominance(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of `scores` dominates which of `others`, bool (n_scores, n_others)."""
    no_worse = np.ones((len(scores), len(others)), dtype=bool)
    better = np.zeros_like(no_worse)
    for values, other_values in zip(scores.T, others.T, strict=True):  # n_objectives is small
        no_worse &= values[:, None] >= other_values
        better |= values[:, None] > other_values
    return no_worse & better


def sort_fronts(scores: np.ndarray) -> np.ndarray:
    """Return the front of each score: 0 where nothing dominates it, 1 behind those, and so on.

    The non-dominated sort of Deb, Pratap, Agarwal and Meyarivan (2002), section III A.
    """
    dominated = dominance(scores, scores)
    n_above = dominated.sum(axis=0)
    fronts = np.full(len(scores), -1)
    front = 0
    while (fronts < 0).any():
        present = (fronts < 0) & (n_above == 0)
        fronts[present] = front
        n_above = n_above - dominated[present].sum(axis=0)
        front += 1
    return fronts


def crowding_distance(scores: np.ndarray) -> np.ndarray:
    """Return how far from its neighbours each score of one front lies, infinite at the ends.

    Deb, Pratap, Agarwal and Meyarivan (2002), section III B: the sum over objectives of the gap
    between both neighbours, as a share of the range; one in which all are equal makes no ends.
    """
    distance = np.zeros(len(scores))
    for values in scores.T:
        order = np.argsort(values, kind="stable")
        spread = values[order[-1]] - values[order[0]] if len(order) else 0.0
        if spread > 0.0:
            distance[order[[0, -1]]] = np.inf
            distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / spread
    return distance


def rank_crowded(scores: np.ndarray) -> np.ndarray:
    """Return the indices from best to worst: by front, in a front the least crowded first."""
    fronts = sort_fronts(scores)
    crowding = np.zeros(len(scores))
    for front in range(int(fronts.max(initial=-1)) + 1):
        members = fronts == front
        crowding[members] = crowding_distance(scores[members])
    return np.lexsort((-crowding, fronts))
