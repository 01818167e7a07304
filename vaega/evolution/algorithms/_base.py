"""The base of algorithms with one population: parents, children, survivors, the best so far."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from deap import base
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.core.errors import InputError
from vaega.core.registry import matching_arguments
from vaega.evolution._state import (
    RESTARTS,
    EvolutionState,
    Individual,
    amend_last,
    count_asked,
    describe_population,
    find_best,
    restarts,
    start_state,
)


def pack_part(state: EvolutionState, prefix: str) -> dict[str, np.ndarray]:
    """Return what the whole's ``extra`` keeps of a part."""
    arrays = {
        f"{prefix}generation": np.array(state.generation),
        f"{prefix}best_mask": state.best_mask,
        f"{prefix}best_score": np.array(state.best_score),
    }
    own = {name: array for name, array in state.extra.items() if name != RESTARTS}
    return arrays | {f"{prefix}extra_{name}": array for name, array in own.items()}


def unpack_part(
    extra: Mapping[str, np.ndarray],
    prefix: str,
    *,
    masks: np.ndarray,
    scores: np.ndarray,
    rng_state: Mapping[str, Any],
    restarting: bool,
) -> EvolutionState:
    """Return the state of a part from what `pack_part` gave."""
    if f"{prefix}generation" not in extra:
        raise InputError(
            f"restore: the state must hold {prefix}generation and is one of another algorithm, "
            f"got {sorted(extra)}."
        )
    generation = int(extra[f"{prefix}generation"])
    start = f"{prefix}extra_"
    own = {name[len(start) :]: array for name, array in extra.items() if name.startswith(start)}
    return EvolutionState(
        generation=generation,
        masks=masks,
        scores=scores,
        best_mask=np.asarray(extra[f"{prefix}best_mask"]),
        best_score=float(extra[f"{prefix}best_score"]),
        rng_state=rng_state,
        extra=own | ({RESTARTS: np.array([generation])} if restarting else {}),
    )


def dominates(score: ArrayLike, other: ArrayLike) -> bool:
    """Return whether `score` is nowhere worse than `other` and somewhere better."""
    score, other = np.asarray(score), np.asarray(other)
    return bool((score >= other).all() and (score > other).any())


def dominance(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of `scores` dominates which of `others`."""
    no_worse = np.ones((len(scores), len(others)), dtype=bool)
    better = np.zeros_like(no_worse)
    for mine, theirs in zip(scores.T, others.T, strict=True):  # n_objectives is small
        no_worse &= mine[:, None] >= theirs
        better |= mine[:, None] > theirs
    return no_worse & better


def sort_fronts(scores: np.ndarray) -> np.ndarray:
    """Return the front of each score: 0 for those nobody dominates, 1 behind them, and so on."""
    beats = dominance(scores, scores)
    n_above = beats.sum(axis=0)
    fronts = np.full(len(scores), -1)
    front = 0
    while (fronts < 0).any():
        present = (fronts < 0) & (n_above == 0)
        fronts[present] = front
        n_above = n_above - beats[present].sum(axis=0)
        front += 1
    return fronts


def crowding_distance(scores: np.ndarray) -> np.ndarray:
    """Return how far from its neighbours each score of one front lies."""
    distance = np.zeros(len(scores))
    for values in scores.T:
        order = np.argsort(values, kind="stable")
        spread = values[order[-1]] - values[order[0]] if len(order) else 0.0
        if spread > 0.0:
            distance[order[[0, -1]]] = np.inf
            distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / spread
    return distance


def rank_crowded(scores: np.ndarray) -> np.ndarray:
    """Return positions from best to worst: by front, in a front the least crowded first."""
    fronts = sort_fronts(scores)
    crowding = np.zeros(len(scores))
    for front in range(int(fronts.max(initial=-1)) + 1):
        members = fronts == front
        crowding[members] = crowding_distance(scores[members])
    return np.lexsort((-crowding, fronts))


MakeToolbox = Callable[[np.random.Generator], base.Toolbox]

# What the constructor of an algorithm may name to be given the settings of a search.
SETTINGS = ("population_size", "crossover_probability", "elite")


def make_from_settings(
    make: Callable[..., Any], settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator
) -> Any:
    """Call ``make(toolbox, *, rng, ...)`` with those of ``SETTINGS`` that it names."""
    named = matching_arguments(make, {name: getattr(settings, name) for name in SETTINGS})
    return make(make_toolbox(rng), rng=rng, **named)


class AskTell(ABC):
    """Base of the algorithms: propose masks, accept their scores, restore, restart, adopt.

    A subclass fills ``_propose`` (the masks to be scored next), ``_accept`` (set the next state),
    `restore`, `adopt`, ``_order`` (positions from best to worst) and ``_repaired`` (a mask within
    the bounds).

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one.
    multi_objective : bool
        Whether `tell` takes several scores a mask.
    mutation_arguments : tuple of str
        Arguments that the algorithm itself gives to the toolbox's ``mutate``.
    """

    state: EvolutionState
    multi_objective: bool = False
    mutation_arguments: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._asked: np.ndarray | None = None

    def ask(self) -> np.ndarray:
        """Return the masks to be scored next.

        Returns
        -------
        numpy.ndarray of bool, shape (n_masks, n_features)
            Asked again before `tell`, the same masks come back.
        """
        if self._asked is None:
            self._asked = self._propose()
        return self._asked.copy()

    def tell(self, scores: ArrayLike) -> None:
        """Take the scores of the masks that `ask` gave and go one generation on.

        Parameters
        ----------
        scores : array-like of float, shape (n_masks,) or (n_masks, n_objectives)
            Higher is better; finite. Several objectives only for an algorithm that takes them.

        Raises
        ------
        InputError
            When nothing was asked, or the scores do not fit the masks.
        """
        if self._asked is None:
            raise InputError(f"{type(self).__name__}: tell needs a call of ask before it.")
        masks = self._asked
        self._accept(masks, self._checked_scores(scores, len(masks)))
        self._asked = None

    @abstractmethod
    def restore(self, state: EvolutionState) -> None:
        """Continue from `state`, to the bit, as if this algorithm had come to it by itself.

        Parameters
        ----------
        state : EvolutionState
            A state of an algorithm with the same toolbox and settings.
        """

    @abstractmethod
    def adopt(
        self, mask: np.ndarray, score: ArrayLike, *, origin: np.ndarray | None = None
    ) -> bool:
        """Take a mask from elsewhere, with its score, into the population.

        Parameters
        ----------
        mask : numpy.ndarray of bool, shape (n_features,)
            The newcomer.
        score : float or array-like of float, shape (n_objectives,)
            Its score; it is not scored again.
        origin : numpy.ndarray of bool, shape (n_features,), optional
            Whose place it takes, the worst member's where this is absent or no member.

        Returns
        -------
        bool
            False when it stays out: it is a member already, or worse than the one whose place it
            would take.
        """

    def restart(self) -> None:
        """Draw a new random population at the next `ask`, in which only the elite survive.

        The generation, the history and the best mask stay. The state keeps the mark, so that a
        checkpoint written now starts again as well. What was asked and not yet told is dropped.
        """
        if not self._restarting():
            marked = np.append(restarts(self.state), self.state.generation)
            extra = {**self.state.extra, RESTARTS: marked}
            self.restore(replace(self.state, extra=extra))

    def ranked(self) -> np.ndarray:
        """Return the positions of the population from best to worst.

        Returns
        -------
        numpy.ndarray of int, shape (population_size,)
        """
        return self._order(self.state.scores)

    @abstractmethod
    def _propose(self) -> np.ndarray:
        """Return the masks to be scored next; all random draws of a generation happen here."""

    @abstractmethod
    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        """Set the next state from the scores of the masks proposed."""

    @abstractmethod
    def _order(self, scores: np.ndarray) -> np.ndarray:
        """Return positions from the best score to the worst."""

    @abstractmethod
    def _repaired(self, mask: np.ndarray) -> np.ndarray:
        """Return the mask within the bounds of the toolbox, if it has any."""

    def _restarting(self) -> bool:
        marked = restarts(self.state)
        return bool(marked.size) and int(marked[-1]) == self.state.generation

    @staticmethod
    def _kept_marks(state: EvolutionState) -> dict[str, np.ndarray]:
        marked = restarts(state)
        return {RESTARTS: marked} if marked.size else {}

    def _record(
        self, masks: np.ndarray, scores: np.ndarray, n_asked: int, figures: Mapping[str, float]
    ) -> dict[str, float]:
        return {
            "generation": self.state.generation + 1,
            **describe_population(masks, scores),
            "n_asked": count_asked(self.state) + n_asked,
            **figures,
        }

    def _checked_scores(self, scores: ArrayLike, n_masks: int) -> np.ndarray:
        array = np.asarray(scores, dtype=float)
        owner = type(self).__name__
        if self.multi_objective:
            if array.ndim != 2 or len(array) != n_masks or array.shape[1] < 2:
                raise InputError(
                    f"{owner}: tell needs at least two scores a mask, shape ({n_masks}, "
                    f"n_objectives), got shape {array.shape}."
                )
        elif array.shape != (n_masks,):
            raise InputError(
                f"{owner}: tell needs one score a mask, shape ({n_masks},), "
                f"got shape {array.shape}."
            )
        bad = np.argwhere(~np.isfinite(array))
        if bad.size:
            raise InputError(
                f"{owner}: scores must be finite, got {array[tuple(bad[0])]} for mask {bad[0][0]}."
            )
        return array


def first_distinct(masks: np.ndarray) -> np.ndarray:
    """Return the positions of the masks that no earlier one equals."""
    seen: dict[bytes, int] = {}
    for position, packed in enumerate(np.packbits(masks, axis=1)):
        seen.setdefault(packed.tobytes(), position)
    return np.fromiter(seen.values(), dtype=np.intp, count=len(seen))


def rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return a copy of the state of a generator, as plain data."""
    return _plain_copy(rng.bit_generator.state)


def _plain_copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_copy(inner) for key, inner in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


class PopulationAlgorithm(AskTell):
    """Base of the algorithms with one population.

    A subclass fills ``_offspring`` (new masks from the present population) and ``_survivors``
    (who of the present and the new ones makes the next population), and, where its members carry
    more than a mask, ``_extra`` (arrays of the next state) and ``_figures`` (of the history).
    """

    elite = 1

    @classmethod
    def from_settings(
        cls, settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator, **params: Any
    ) -> Self:
        """Make the algorithm from the settings of a search.

        Parameters
        ----------
        settings : object
            With the attributes that are read: by default those of ``SETTINGS`` that the
            constructor names.
        make_toolbox : callable
            ``make_toolbox(rng)`` returns a toolbox whose operators are bound to the generator.
        rng : numpy.random.Generator
            The algorithm's own.
        **params : object
            Further arguments of the constructor; they win over the settings.

        Returns
        -------
        PopulationAlgorithm
        """
        return make_from_settings(partial(cls, **params), settings, make_toolbox, rng)

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

    def restore(self, state: EvolutionState) -> None:
        self.state = state
        self.rng.bit_generator.state = deepcopy(dict(state.rng_state))
        self._asked = None

    def adopt(
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
