"""The genetic algorithm behind ``ask`` and ``tell``.

`AskTell` is the base of all algorithms, `PopulationAlgorithm` of those that have one population,
and `Generational`, with elitism, the plainest of these.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from deap import base
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.core.errors import InputError
from vaega.core.registry import matching_arguments
from vaega.evolution._evolution import (
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
from vaega.evolution.operators._population import blocks, population_form


class AskTell(ABC):
    """Base of the algorithms: propose masks, accept their scores, restore, restart, adopt.

    A subclass fills ``_propose`` (the masks to be scored next), ``_accept`` (set the next state),
    `restore`, `adopt` and ``_order`` (indices from best to worst).

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one.
    multi_objective : bool
        Whether `tell` takes several scores a mask.
    mutation_arguments : tuple of str
        Arguments that the algorithm itself gives to the toolbox's ``mutate``.

    Examples
    --------
    A loop of your own, over any of the algorithms:

    >>> def run(algorithm: AskTell, fitness, n_generations):
    ...     while algorithm.state.generation < n_generations:
    ...         algorithm.tell(fitness(algorithm.ask()))
    ...     return algorithm.state.best_mask
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
        """Replace a member of the population by a mask from elsewhere, a migrant say.

        Parameters
        ----------
        mask : numpy.ndarray of bool, shape (n_features,)
            The new member.
        score : float or array-like of float, shape (n_objectives,)
            Its score; it is not scored again.
        origin : numpy.ndarray of bool, shape (n_features,), optional
            The member to replace; the worst where this is absent or no member.

        Returns
        -------
        bool
            False when nothing was replaced: the mask is a member already, or worse than the one
            that it would replace.
        """

    def restart(self) -> None:
        """Draw a new random population at the next `ask`, in which only the elite survive.

        The generation, the history and the best mask stay. The state records the restart, so that
        a checkpoint written now restarts as well. What was asked and not yet told is dropped.
        """
        if not self._restarting():
            generations = np.append(restarts(self.state), self.state.generation)
            extra = {**self.state.extra, RESTARTS: generations}
            self.restore(replace(self.state, extra=extra))

    def ranked(self) -> np.ndarray:
        """Return the indices of the population from best to worst.

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
        """Return the indices from the best score to the worst."""

    def _restarting(self) -> bool:
        """Return whether the next `ask` draws a new population."""
        generations = restarts(self.state)
        return bool(generations.size) and int(generations[-1]) == self.state.generation

    @staticmethod
    def _past_restarts(state: EvolutionState) -> dict[str, np.ndarray]:
        """Return the part of ``extra`` that goes on from state to state."""
        generations = restarts(state)
        return {RESTARTS: generations} if generations.size else {}

    def _index_of(self, origin: np.ndarray | None) -> int:
        """Return the index of a member, of the worst where `origin` is none."""
        if origin is not None:
            same = np.flatnonzero((self.state.masks == origin).all(axis=1))
            if same.size:
                return int(same[0])
        return int(self.ranked()[-1])

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


class Member(Individual):
    """An individual with its index in the population; copies keep it."""

    index: int


@dataclass(frozen=True)
class PopulationToolbox:
    """The operators of a toolbox on whole populations: vaega's all at once, others one by one.

    Masks are boolean arrays (n_masks, n_features), changed in place. What DEAP or a user has
    written, or what decorates an operator, gets individuals, and is taken by what it returns.
    """

    toolbox: base.Toolbox

    def initialize(self, n_masks: int) -> np.ndarray:
        """Return first masks."""
        form = population_form(self.toolbox.initialize)
        if form is not None:
            masks: np.ndarray = form(n_masks)
            return masks
        return np.array([np.asarray(self.toolbox.initialize(), bool) for _ in range(n_masks)])

    def select(self, masks: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
        """Return the indices of `k` parents, (k,)."""
        form = population_form(self.toolbox.select)
        if form is not None:
            indices: np.ndarray = form(masks, scores, k)
            return indices
        selected = self.toolbox.select(_members(masks, scores), k)
        return np.array([_index_in(masks, individual) for individual in selected], dtype=np.intp)

    def mate(self, masks: np.ndarray, pairs: np.ndarray) -> None:
        """Cross the masks of some pairs of indices, (n_pairs, 2), no index twice."""
        form = population_form(self.toolbox.mate)
        if form is None:
            for pair in pairs.tolist():
                masks[pair] = self.toolbox.mate(*map(Individual, masks[pair]))
            return
        for rows in blocks(masks[: len(pairs)]):
            first, second = pairs[rows].T
            a, b = masks[first], masks[second]
            form(a, b)
            masks[first], masks[second] = a, b

    def mutate(self, masks: np.ndarray, **rates: np.ndarray) -> None:
        """Mutate all masks, each with its own rates, (n_masks,), if any."""
        form = population_form(self.toolbox.mutate)
        if form is not None:
            for rows in blocks(masks):
                form(masks[rows], **{name: values[rows] for name, values in rates.items()})
            return
        for row, mask in enumerate(masks):
            own = {name: float(values[row]) for name, values in rates.items()}
            (masks[row],) = self.toolbox.mutate(Individual(mask), **own)

    def repair(self, masks: np.ndarray) -> None:
        """Bring all masks within the bounds, if there are any."""
        if not hasattr(self.toolbox, "repair"):
            return
        form = population_form(self.toolbox.repair)
        if form is not None:
            form(masks)
            return
        for row, mask in enumerate(masks):
            (masks[row],) = self.toolbox.repair(Individual(mask))


def _members(masks: np.ndarray, scores: np.ndarray) -> list[Member]:
    members = [Member(mask) for mask in masks]
    for index, (member, score) in enumerate(zip(members, scores.tolist(), strict=True)):
        member.fitness.values, member.index = (score,), index
    return members


def _index_in(masks: np.ndarray, individual: Any) -> int:
    if hasattr(individual, "index") and isinstance(individual, Member):
        return individual.index
    return int(np.flatnonzero((masks == np.asarray(individual, dtype=bool)).all(axis=1))[0])


MakeToolbox = Callable[[np.random.Generator], base.Toolbox]

# What the constructor of an algorithm may name to be given the settings of a search.
SETTINGS = ("population_size", "crossover_probability", "elite")


def make_from_settings(
    make: Callable[..., Any], settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator
) -> Any:
    """Call ``make(toolbox, *, rng, ...)`` with those of ``SETTINGS`` that it names."""
    named = matching_arguments(make, {name: getattr(settings, name) for name in SETTINGS})
    return make(make_toolbox(rng), rng=rng, **named)


@dataclass(eq=False, repr=False)
class PopulationAlgorithm(AskTell):
    """Base of the algorithms with one population.

    A subclass fills ``_offspring`` (new masks from the present population) and ``_survivors``
    (who of the present and the new ones makes the next population), and, where its members carry
    more than a mask, ``_extra`` (arrays of the next state) and ``_figures`` (of the history).
    """

    toolbox: base.Toolbox
    _: KW_ONLY
    rng: np.random.Generator
    population_size: int = 100
    crossover_probability: float = 0.75
    elite = 1

    @classmethod
    def from_settings(
        cls, settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator, **params: Any
    ) -> Self:
        """Make the algorithm from the settings of a search that its constructor names.

        ``make_toolbox(rng)`` returns a toolbox whose operators are bound to the generator, the
        algorithm's own; `params` are further arguments, which win over the settings.
        """
        return make_from_settings(partial(cls, **params), settings, make_toolbox, rng)

    def __post_init__(self) -> None:
        super().__init__()
        owner = type(self).__name__
        check_count(self.population_size, "population_size", owner=owner, minimum=2)
        check_probability(self.crossover_probability, "crossover_probability", owner=owner)
        self.state = start_state(rng_state(self.rng))
        self._operators = PopulationToolbox(self.toolbox)

    def restore(self, state: EvolutionState) -> None:
        self.state = state
        self.rng.bit_generator.state = deepcopy(dict(state.rng_state))
        self._asked = None

    def adopt(
        self, mask: np.ndarray, score: ArrayLike, *, origin: np.ndarray | None = None
    ) -> bool:
        score = np.asarray(score, dtype=float)
        replaced = self._replaced_by(mask, score, origin)
        if replaced is None:
            return False
        masks, scores = self.state.masks.copy(), self.state.scores.copy()
        masks[replaced], scores[replaced] = mask, score
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
            masks = self._operators.initialize(self.population_size)
        elif self._restarting():
            masks = self._operators.initialize(self.population_size - len(self._elite()))
        else:
            masks = self._offspring()
        self._operators.repair(masks)
        return masks

    def _accept(self, masks: np.ndarray, scores: np.ndarray) -> None:
        old, n_old = self.state, len(self.state.masks)
        if n_old == 0 or self._restarting():
            survivors = self._elite_and_new(len(masks))
        else:
            survivors = self._survivors(masks, scores)
        new = survivors[survivors >= n_old] - n_old
        kept = survivors[survivors < n_old]
        extra = self._extra(masks, scores, np.concatenate([kept, new + n_old]))
        if len(new) < len(masks) or (np.diff(new) < 0).any():
            masks, scores, n_asked = masks[new], scores[new], len(masks)
        else:
            n_asked = len(masks)  # all in their order: a large population is copied once
        if len(kept):
            masks = np.concatenate([old.masks[kept], masks])
            scores = np.concatenate([old.scores[kept], scores])
        self._advance(masks, scores, extra, n_asked)

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
            extra=self._past_restarts(self.state) | extra,
        )

    @abstractmethod
    def _offspring(self) -> np.ndarray:
        """Return new masks made from the present population, not yet within the bounds."""

    @abstractmethod
    def _survivors(self, masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return who makes the next population: indices of the present one, then of new masks."""

    def _extra(
        self, masks: np.ndarray, scores: np.ndarray, survivors: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return further arrays of the next state, from the masks told and who survives."""
        return {}

    def _extra_adopted(self, mask: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
        """Return further arrays of the state after `mask` replaced a member."""
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
        """Return the indices of the best different masks: copies of one must not fill the elite."""
        if not self.state.generation:
            return np.zeros(0, dtype=np.intp)
        order = self.ranked()
        return order[first_distinct(self.state.masks[order])][: self.elite]

    def _elite_and_new(self, n_new: int) -> np.ndarray:
        return np.concatenate([self._elite(), len(self.state.masks) + np.arange(n_new)])

    def _pool(self, masks: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the present population and new masks behind it, and their scores."""
        old = self.state
        return np.concatenate([old.masks, masks]), np.concatenate([old.scores, scores])

    def _fittest(self, masks: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
        """Return the indices of the best; repeated masks only where too few are different."""
        distinct = first_distinct(masks)
        repeated = np.setdiff1d(np.arange(len(masks)), distinct)
        ranked = [part[self._order(scores[part])] for part in (distinct, repeated)]
        return np.concatenate(ranked)[:size]

    def _parents(self, n_parents: int) -> np.ndarray:
        """Return the indices of members that have children."""
        return self._operators.select(self.state.masks, self.state.scores, n_parents)

    def _mated(self, n_children: int) -> np.ndarray:
        """Return children, crossed or copies of their parents."""
        children = self.state.masks[self._parents(n_children + n_children % 2)]
        pairs = np.arange(len(children)).reshape(-1, 2)
        mated = self.rng.random(len(pairs)) < self.crossover_probability
        self._operators.mate(children, pairs[mated])
        return children[:n_children]

    def _replaced_by(
        self, mask: np.ndarray, score: np.ndarray, origin: np.ndarray | None
    ) -> int | None:
        """Return the index of the member that a mask replaces; None where it replaces none."""
        if not self.state.generation or (self.state.masks == mask).all(axis=1).any():
            return None
        replaced = self._index_of(origin)
        return None if dominates(self.state.scores[replaced], score) else replaced


@dataclass(eq=False, repr=False)
class Generational(PopulationAlgorithm):
    """Replace the whole population each generation, except for an elite.

    Parameters
    ----------
    toolbox : deap.base.Toolbox
        With ``initialize() -> mask``, ``select(individuals, k)``, ``mate(a, b)``, ``mutate(mask)``
        and, if sizes are bounded, ``repair(mask)``; all bound to the same `rng`.
    rng : numpy.random.Generator
        The generator to which the operators of `toolbox` are bound; its state is saved in `state`.
    population_size : int, default=100
        Masks in a generation, at least 2.
    crossover_probability : float, default=0.75
        Chance of two parents to be mated rather than copied.
    elite : int, default=1
        Best masks that survive unchanged; fewer than `population_size`.

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one.

    Notes
    -----
    The elite are different masks, never copies of one.

    Examples
    --------
    >>> from vaega.evolution import operators
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    >>> toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    >>> toolbox.register("mate", operators.crossover_uniform, rng=rng)
    >>> toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    >>> algorithm = Generational(toolbox, rng=rng, population_size=30)
    >>> for _ in range(20):
    ...     masks = algorithm.ask()
    ...     algorithm.tell(masks.mean(axis=1))  # count ones
    >>> algorithm.state.best_score
    1.0
    """

    _: KW_ONLY
    elite: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        owner, most = type(self).__name__, self.population_size - 1
        check_count(self.elite, "elite", owner=owner, minimum=0, maximum=most)

    def _offspring(self) -> np.ndarray:
        children = self._mated(self.population_size - self.elite)
        self._operators.mutate(children)
        return children

    def _survivors(self, masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return self._elite_and_new(len(masks))


def dominates(score: ArrayLike, other: ArrayLike) -> bool:
    """Return whether `score` is nowhere worse than `other` and somewhere better."""
    score, other = np.asarray(score), np.asarray(other)
    return bool((score >= other).all() and (score > other).any())


def first_distinct(masks: np.ndarray) -> np.ndarray:
    """Return the indices, rising, of the masks that no earlier one equals."""
    seen: dict[bytes, int] = {}
    for index, packed in enumerate(np.packbits(masks, axis=1)):
        seen.setdefault(packed.tobytes(), index)
    return np.fromiter(seen.values(), dtype=np.intp, count=len(seen))


def rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return a copy of the state of a generator, as plain data."""
    return deepcopy(dict(rng.bit_generator.state))
