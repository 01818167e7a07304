"""The generational genetic algorithm with elitism."""

from collections.abc import Iterable
from copy import deepcopy

import numpy as np
from deap import base, tools
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.core.errors import InputError
from vaega.evolution.individual import Individual
from vaega.evolution.state import EvolutionState, describe_population


class Generational:
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
        Best masks that survive unchanged and are not scored again; fewer than `population_size`.

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one.

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

    def __init__(
        self,
        toolbox: base.Toolbox,
        *,
        rng: np.random.Generator,
        population_size: int = 100,
        crossover_probability: float = 0.75,
        elite: int = 1,
    ) -> None:
        owner = type(self).__name__
        check_count(population_size, "population_size", owner=owner, minimum=2)
        check_count(elite, "elite", owner=owner, minimum=0, maximum=population_size - 1)
        check_probability(crossover_probability, "crossover_probability", owner=owner)
        self.toolbox = toolbox
        self.rng = rng
        self.population_size = population_size
        self.crossover_probability = crossover_probability
        self.elite = elite
        self._asked: np.ndarray | None = None
        nothing = np.zeros(0, dtype=bool)
        self.state = EvolutionState(
            generation=0,
            masks=nothing.reshape(0, 0),
            scores=np.zeros(0),
            best_mask=nothing,
            best_score=-np.inf,
            rng_state=deepcopy(rng.bit_generator.state),
        )

    def restore(self, state: EvolutionState) -> None:
        """Continue from `state`, to the bit, as if this algorithm had come to it by itself.

        Parameters
        ----------
        state : EvolutionState
            A state of an algorithm with the same toolbox and settings.
        """
        self.state = state
        self.rng.bit_generator.state = deepcopy(dict(state.rng_state))
        self._asked = None

    def ask(self) -> np.ndarray:
        """Return the masks to be scored next.

        Returns
        -------
        numpy.ndarray of bool, shape (n_masks, n_features)
            The first population, or the offspring of the present one: `population_size` less the
            elite. Asked again before `tell`, the same masks come back.
        """
        if self._asked is None:
            first = self.state.generation == 0
            masks = self._first_population() if first else self._offspring()
            self._asked = np.array([self._repaired(mask) for mask in masks])
        return self._asked.copy()

    def tell(self, scores: ArrayLike) -> None:
        """Take the scores of the masks that `ask` gave and go one generation on.

        Parameters
        ----------
        scores : array-like of float, shape (n_masks,)
            Higher is better; finite.

        Raises
        ------
        InputError
            When nothing was asked, or the scores do not fit the masks.
        """
        if self._asked is None:
            raise InputError(f"{type(self).__name__}: tell needs a call of ask before it.")
        masks, told = self._asked, self._checked_scores(scores, len(self._asked))
        if self.state.generation > 0:
            survivors = self._survivors()
            masks = np.concatenate([self.state.masks[survivors], masks])
            told = np.concatenate([self.state.scores[survivors], told])
        self._advance(masks, told)

    def _advance(self, masks: np.ndarray, scores: np.ndarray) -> None:
        best = int(np.argmax(scores))
        improved = scores[best] > self.state.best_score
        generation = self.state.generation + 1
        record = {"generation": generation, **describe_population(masks, scores)}
        self.state = EvolutionState(
            generation=generation,
            masks=masks,
            scores=scores,
            best_mask=masks[best].copy() if improved else self.state.best_mask,
            best_score=float(scores[best]) if improved else self.state.best_score,
            rng_state=deepcopy(self.rng.bit_generator.state),
            history=(*self.state.history, record),
        )
        self._asked = None

    def _first_population(self) -> list[np.ndarray]:
        return [np.asarray(self.toolbox.initialize()) for _ in range(self.population_size)]

    def _offspring(self) -> list[Individual]:
        n_children = self.population_size - self.elite
        parents = self.toolbox.select(self._population(), n_children + n_children % 2)
        children = [deepcopy(parent) for parent in parents]
        for first, second in zip(children[::2], children[1::2], strict=True):
            if self.rng.random() < self.crossover_probability:
                self.toolbox.mate(first, second)
        return [self.toolbox.mutate(child)[0] for child in children[:n_children]]

    def _population(self) -> list[Individual]:
        population = [Individual(mask) for mask in self.state.masks]
        for individual, score in zip(population, self.state.scores, strict=True):
            individual.fitness.values = (float(score),)
        return population

    def _repaired(self, mask: np.ndarray) -> np.ndarray:
        if hasattr(self.toolbox, "repair"):
            (mask,) = self.toolbox.repair(mask)
        return np.asarray(mask, dtype=bool)

    def _survivors(self) -> np.ndarray:
        # The elite are different masks: one lucky mask must not fill every place of honour.
        order = np.argsort(-self.state.scores, kind="stable")
        return np.array(list(_first_distinct(self.state.masks, order, self.elite)), dtype=np.intp)

    def _checked_scores(self, scores: ArrayLike, n_masks: int) -> np.ndarray:
        array = np.asarray(scores, dtype=float)
        if array.shape != (n_masks,):
            raise InputError(
                f"{type(self).__name__}: tell needs one score a mask, shape ({n_masks},), "
                f"got shape {array.shape}."
            )
        if not np.isfinite(array).all():
            raise InputError(
                f"{type(self).__name__}: scores must be finite, got "
                f"{array[~np.isfinite(array)][0]} for mask {int(np.argmin(np.isfinite(array)))}."
            )
        return array


def _first_distinct(masks: np.ndarray, order: np.ndarray, size: int) -> Iterable[int]:
    seen: set[bytes] = set()
    for position in order:
        if len(seen) == size:
            return
        key = np.packbits(masks[position]).tobytes()
        if key not in seen:
            seen.add(key)
            yield int(position)


def logbook(state: EvolutionState) -> tools.Logbook:
    """Return the history of a state as DEAP's logbook.

    Parameters
    ----------
    state : EvolutionState
        Any state.

    Returns
    -------
    deap.tools.Logbook
        One record a generation.
    """
    book = tools.Logbook()
    for record in state.history:
        book.record(**record)
    return book
