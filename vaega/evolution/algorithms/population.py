"""The base of algorithms with one population: parents, children, survivors, the best so far."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
from deap import base
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.evolution.algorithms.base import AskTell, first_distinct, rng_state
from vaega.evolution.algorithms.dominance import dominates
from vaega.evolution.individual import Individual
from vaega.evolution.state import (
    EvolutionState,
    amend_last,
    describe_population,
    find_best,
    start_state,
)


class PopulationAlgorithm(AskTell):
    """Base of the algorithms with one population.

    A subclass fills ``_offspring`` (new masks from the present population) and ``_survivors``
    (who of the present and the new ones makes the next population), and, where its members carry
    more than a mask, ``_extra`` (arrays of the next state) and ``_figures`` (of the history).
    """

    elite = 1

    def __init__(
        self,
        toolbox: base.Toolbox,
        *,
        rng: np.random.Generator,
        population_size: int,
        crossover_probability: float,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        check_count(population_size, "population_size", owner=owner, minimum=2)
        check_probability(crossover_probability, "crossover_probability", owner=owner)
        self.toolbox = toolbox
        self.rng = rng
        self.population_size = population_size
        self.crossover_probability = crossover_probability
        self.state = start_state(rng_state(rng))

    def restore(self, state: EvolutionState) -> None:  # noqa: D102
        self.state = state
        self.rng.bit_generator.state = deepcopy(dict(state.rng_state))
        self._asked = None

    def adopt(  # noqa: D102
        self, mask: np.ndarray, score: ArrayLike, *, origin: np.ndarray | None = None
    ) -> bool:
        score = np.asarray(score, dtype=float)
        place = self._place_for(mask, score, origin)
        if place is None:
            return False
        masks, scores = self.state.masks.copy(), self.state.scores.copy()
        masks[place], scores[place] = mask, score
        extra = self._extra_adopted(mask, score)
        best_mask, best_score = self._best(masks, scores, extra)
        record = describe_population(masks, scores) | self._figures(extra)
        self.restore(
            replace(
                self.state,
                masks=masks,
                scores=scores,
                best_mask=best_mask,
                best_score=best_score,
                history=amend_last(self.state.history, record),
                extra=extra,
            )
        )
        return True

    def _propose(self) -> np.ndarray:
        if self.state.generation == 0:
            masks: Sequence[np.ndarray] = self._random_masks(self.population_size)
        elif self._restarting():
            masks = self._random_masks(self.population_size - len(self._elite()))
        else:
            masks = self._offspring()
        return np.array([self._repaired(mask) for mask in masks])

    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        n_old = len(self.state.masks)
        pool, pooled = masks, scores
        if n_old:
            pool = np.concatenate([self.state.masks, masks])
            pooled = np.concatenate([self.state.scores, scores])
        if n_old == 0 or self._restarting():
            chosen = np.concatenate([self._spared(), np.arange(n_old, len(pool))])
        else:
            chosen = self._survivors(pool, pooled, n_old)
        self._advance(pool[chosen], pooled[chosen], self._extra(masks, scores, chosen), len(masks))

    def _advance(
        self, masks: np.ndarray, scores: np.ndarray, extra: dict[str, np.ndarray], n_asked: int
    ) -> None:
        best_mask, best_score = self._best(masks, scores, extra)
        self.state = EvolutionState(
            generation=self.state.generation + 1,
            masks=masks,
            scores=scores,
            best_mask=best_mask.copy(),
            best_score=best_score,
            rng_state=rng_state(self.rng),
            history=(
                *self.state.history,
                self._record(masks, scores, n_asked, self._figures(extra)),
            ),
            extra=self._kept_marks(self.state) | extra,
        )

    @abstractmethod
    def _offspring(self) -> Sequence[np.ndarray]:
        """Return new masks made from the present population."""

    @abstractmethod
    def _survivors(self, masks: np.ndarray, scores: np.ndarray, n_old: int) -> np.ndarray:
        """Return the positions of the next population among the present (first `n_old`) and new."""

    def _extra(
        self, masks: np.ndarray, scores: np.ndarray, chosen: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return further arrays of the next state, given what was told and who is chosen."""
        return {}

    def _extra_adopted(self, mask: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
        """Return further arrays of the state after `mask` took somebody's place."""
        return dict(self.state.extra)

    def _figures(self, extra: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return what the history records beside the usual."""
        return {}

    def _best(
        self, masks: np.ndarray, scores: np.ndarray, extra: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, float]:
        best = find_best(scores)
        if scores[best] > self.state.best_score:
            return masks[best], float(scores[best])
        return self.state.best_mask, self.state.best_score

    def _order(self, scores: np.ndarray) -> np.ndarray:
        return np.argsort(-scores, kind="stable")

    def _elite(self) -> np.ndarray:
        # The elite are different masks: one lucky mask must not fill every place of honour.
        if not self.state.generation:
            return np.zeros(0, dtype=np.intp)
        order = self.ranked()
        return order[first_distinct(self.state.masks[order])][: self.elite]

    def _spared(self) -> np.ndarray:
        """Return the positions that live on without being scored again."""
        return self._elite()

    def _fittest(self, masks: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
        # Repeated masks survive only where there are not enough different ones.
        distinct = first_distinct(masks)
        repeated = np.setdiff1d(np.arange(len(masks)), distinct)
        ranked = [part[self._order(scores[part])] for part in (distinct, repeated)]
        return np.concatenate(ranked)[:size]

    def _random_masks(self, n_masks: int) -> list[np.ndarray]:
        return [np.asarray(self.toolbox.initialize()) for _ in range(n_masks)]

    def _parents(self, n_parents: int) -> list[Individual]:
        return self.toolbox.select(self._population(), n_parents)

    def _mated(self, n_children: int) -> list[Individual]:
        parents = self._parents(n_children + n_children % 2)
        children = [deepcopy(parent) for parent in parents]
        for first, second in zip(children[::2], children[1::2], strict=True):
            if self.rng.random() < self.crossover_probability:
                self.toolbox.mate(first, second)
        return children[:n_children]

    def _population(self) -> list[Individual]:
        population = [Individual(mask) for mask in self.state.masks]
        for individual, score in zip(population, self.state.scores, strict=True):
            individual.fitness.values = (float(score),)
        return population

    def _repaired(self, mask: np.ndarray) -> np.ndarray:
        if hasattr(self.toolbox, "repair"):
            (mask,) = self.toolbox.repair(mask)
        return np.asarray(mask, dtype=bool)

    def _place_for(
        self, mask: np.ndarray, score: np.ndarray, origin: np.ndarray | None
    ) -> int | None:
        if not self.state.generation or (self.state.masks == mask).all(axis=1).any():
            return None
        place = int(self.ranked()[-1])
        if origin is not None:
            same = np.flatnonzero((self.state.masks == origin).all(axis=1))
            place = int(same[0]) if same.size else place
        return None if dominates(self.state.scores[place], score) else place
