"""An evolution: its individuals, its state between two generations, and the loop with callbacks.

The loop asks an algorithm for masks, scores them and tells it the scores. The state is plain,
frozen data and all that a checkpoint holds, so that a resumed run equals one that never stopped.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
from deap import base, tools

from vaega.core.errors import InputError
from vaega.evolution.operators._masks import count_selected


class MaskFitness(base.Fitness):
    """One score to maximise, in DEAP's terms."""

    weights = (1.0,)


class Individual(np.ndarray):
    """A boolean mask with a DEAP `fitness`; an ordinary class that pickles, without `deap.creator`.

    It stands for a class that DEAP's ``creator`` makes of numpy's array, and works in DEAP's loops
    and tools. Attributes and the class, also one that ``creator`` makes of this one, survive copies
    and pickles. As of a list, a slice is a copy, so that DEAP's own crossovers can exchange slices;
    a comparison, gene by gene as numpy's, has a truth value: individuals are equal where all genes
    are.

    Parameters
    ----------
    genes : iterable of bool, of length n_features
        Which features are selected, as True and False or 1 and 0; copied.

    Attributes
    ----------
    fitness : MaskFitness
        Without values until the mask is evaluated. Another fitness, of several objectives say, can
        be put in its place.

    Raises
    ------
    InputError
        When there is no order among the genes, or one is neither 0 nor 1.

    Examples
    --------
    >>> individual = Individual([True, False, True])
    >>> individual.fitness.values = (0.9,)
    >>> copied = deepcopy(individual)
    >>> copied[0] = False
    >>> int(individual.sum()), copied.fitness.values, individual == copied or "not equal"
    (2, (0.9,), 'not equal')

    DEAP makes individuals of any iterable:

    >>> tools.initRepeat(Individual, lambda: 1, 3)
    Individual([ True,  True,  True])
    """

    fitness: MaskFitness

    def __new__(cls, genes: Iterable[Any]) -> Self:
        return _read_genes(genes).view(cls)

    def __array_finalize__(self, parent: Any) -> None:
        self.fitness = MaskFitness()

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return part.copy() if isinstance(key, slice) else part

    def __eq__(self, other: object) -> Any:
        return self._compared(other, np.equal, AllEqual, unlike=False)

    def __ne__(self, other: object) -> Any:
        return self._compared(other, np.not_equal, AnyDifferent, unlike=True)

    __hash__ = None

    def _compared(self, other: Any, compare: np.ufunc, kind: type, *, unlike: bool) -> Any:
        try:
            return np.asarray(compare(np.asarray(self), np.asarray(other))).view(kind)
        except (TypeError, ValueError):  # of another length, or nothing like a mask
            return unlike

    def __copy__(self) -> Self:
        copied = np.array(self).view(type(self))
        copied.__dict__.update(self.__dict__, fitness=deepcopy(self.fitness))
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        copied = np.array(self).view(type(self))
        copied.__dict__.update(deepcopy(self.__dict__, memo))
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), np.array(self)), self.__dict__

    def __setstate__(self, attributes: Any) -> None:
        self.__dict__.update(attributes)


class AllEqual(np.ndarray):
    """Which genes are equal; true where all are."""

    def __bool__(self) -> bool:
        return bool(np.asarray(self).all())


class AnyDifferent(np.ndarray):
    """Which genes differ; true where any does."""

    def __bool__(self) -> bool:
        return bool(np.asarray(self).any())


def _rebuild(kind: type[Individual], genes: np.ndarray) -> Individual:
    return genes.view(kind)


def _read_genes(genes: Any) -> np.ndarray:
    """Return genes as a new boolean array (n_features,)."""
    if isinstance(genes, np.ndarray) and genes.dtype == bool and genes.ndim == 1:
        return np.array(genes)  # nothing to check, and there are many
    if isinstance(genes, str | bytes | Set | Mapping) or not isinstance(genes, Iterable):
        rule = "must be a sequence of True and False, or 1 and 0"
        raise InputError.of("Individual", "genes", rule, genes)
    values = list(genes)
    for position, value in enumerate(values):
        if not (isinstance(value, int | float | np.generic) and value in (0, 1)):
            raise InputError(
                f"Individual: genes must be True or False, or 1 or 0, got {value!r} at {position}."
            )
    return np.array(values, dtype=bool)


RESTARTS = "restarts"  # the array of a state's `extra` that holds the generations of restarts

_ARRAY_NAME = re.compile(r"[a-z_0-9]+")


@dataclass(frozen=True, eq=False)
class EvolutionState:
    """An evolution between two generations.

    Parameters
    ----------
    generation : int
        Generations told so far; 0 before the first.
    masks : numpy.ndarray of bool, shape (population_size, n_features)
        The population, empty before the first generation.
    scores : numpy.ndarray of float, shape (population_size,) or (population_size, n_objectives)
        Their scores, higher is better.
    best_mask : numpy.ndarray of bool, shape (n_features,)
        The best mask ever told; the first of equals. With several objectives the best by the
        first, among equals by the next.
    best_score : float
        Its score (its first, with several); minus infinity before the first generation.
    rng_state : mapping
        State of the algorithm's numpy bit generator, or of several, nested, in an algorithm that
        is made of others. JSON can write it.
    history : tuple of mapping
        One flat record of numbers a generation: ``generation``, ``best`` and ``mean`` score (of
        several objectives the first), ``best_n_features``, ``mean_n_features``, ``diversity`` (in
        how many features two random members differ, on average), ``n_asked`` (masks asked for so
        far, in all generations), and what an algorithm adds.
    extra : mapping of str to numpy.ndarray
        What else an algorithm needs to go on: rates, an archive, the island of each mask. Names
        are of small letters, digits and underscores; no array holds Python objects.

    Raises
    ------
    InputError
        When an array in `extra` is called something else or holds Python objects.
    """

    generation: int
    masks: np.ndarray
    scores: np.ndarray
    best_mask: np.ndarray
    best_score: float
    rng_state: Mapping[str, Any]
    history: tuple[Mapping[str, float], ...] = field(default=())
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, array in self.extra.items():
            if not _ARRAY_NAME.fullmatch(name) or np.asarray(array).dtype == object:
                raise InputError(
                    "EvolutionState: extra must hold plain arrays, named by small letters, digits "
                    f"and underscores, got {name!r} of type {np.asarray(array).dtype}."
                )


@dataclass(frozen=True)
class SearchPlan:
    """What a callback may know before the first generation.

    Parameters
    ----------
    n_searches : int, default=1
        Searches that follow each other.
    n_generations : int, optional
        Generations of each, unless something stops it before; None where nobody knows.
    """

    n_searches: int = 1
    n_generations: int | None = None


class Callback:
    """Base of all callbacks; override what you need.

    Best is a callback that decides from ``algorithm.state`` alone: a resumed run then goes as one
    that was never interrupted. One that must remember something else gives it to the checkpoint
    in `state_arrays` and takes it back in `restore_arrays`.

    Attributes
    ----------
    search : int, default=0
        Number of the search, where several vote: set before each `on_start`.

    Examples
    --------
    >>> class StopAt(Callback):
    ...     def __init__(self, score):
    ...         self.score = score
    ...     def on_generation(self, algorithm):
    ...         return algorithm.state.best_score >= self.score
    """

    search: int = 0

    def on_plan(self, plan: SearchPlan) -> None:
        """Before anything else, once for all searches that vote."""

    def on_start(self, algorithm: Any) -> bool | None:
        """Before the first generation, or the next of a resumed run; True ends the loop at once.

        State of a former run is reset here, except what `restore_arrays` brought back for this
        one.
        """

    def on_generation(self, algorithm: Any) -> bool | None:
        """After each generation; True ends the loop."""

    def on_decision(self, algorithm: Any, *, stopped: bool) -> None:
        """After `on_generation` of all callbacks; `stopped` says whether one of them returned True.

        Called in reverse order: what the first callback does here comes behind the checkpoint.
        """

    def on_end(self, algorithm: Any) -> None:
        """After the last generation."""

    def on_close(self) -> None:
        """When all is over, by whatever: also by an error or an interrupt."""

    def state_arrays(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint has to keep for this callback.

        Returns
        -------
        dict of str to numpy.ndarray
            Plain arrays, named by small letters, digits and underscores; none by default.
        """
        return {}

    def restore_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take back what `state_arrays` gave, in a resumed run before its `on_start`.

        Parameters
        ----------
        arrays : mapping of str to numpy.ndarray
            Empty where the checkpoint holds nothing for this callback.
        """


Fitness = Callable[[np.ndarray], np.ndarray]


class Algorithm(Protocol):
    """What the loop needs of an algorithm."""

    state: EvolutionState

    def ask(self) -> np.ndarray:
        """Return masks to score, shape (n_masks, n_features)."""

    def tell(self, scores: np.ndarray) -> None:
        """Take their scores, shape (n_masks,) or (n_masks, n_objectives)."""


def evolve(
    algorithm: Algorithm,
    fitness: Fitness,
    *,
    n_generations: int,
    callbacks: Iterable[Callback] = (),
) -> EvolutionState:
    """Run an algorithm until it has seen `n_generations` generations.

    Parameters
    ----------
    algorithm : Algorithm
        Anything with ``ask``, ``tell`` and ``state``; one that was restored goes on from there.
    fitness : callable
        From masks, bool of shape (n_masks, n_features), to scores, float of shape (n_masks,), or
        (n_masks, n_objectives) where the algorithm takes several.
    n_generations : int
        Generations in all, those before a restore included.
    callbacks : iterable of Callback
        Called in order; all are called even when one says stop.

    Returns
    -------
    EvolutionState
        The last state.

    Examples
    --------
    >>> from deap import base
    >>> from vaega.evolution import StopAtTarget, operators
    >>> from vaega.evolution.algorithms import Generational
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    >>> toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    >>> toolbox.register("mate", operators.crossover_uniform, rng=rng)
    >>> toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    >>> def count_ones(masks):
    ...     return masks.sum(axis=1)
    >>> state = evolve(Generational(toolbox, rng=rng, population_size=30), count_ones,
    ...                n_generations=100, callbacks=[StopAtTarget(20)])
    >>> state.best_score, state.generation < 100
    (20.0, True)
    """
    callbacks = tuple(callbacks)
    with planned(callbacks, SearchPlan(n_generations=n_generations)):
        return run_generations(algorithm, fitness, n_generations, callbacks)


@contextmanager
def planned(callbacks: Sequence[Callback], plan: SearchPlan) -> Iterator[None]:
    """Tell callbacks of the searches in the block, and when these are over."""
    try:
        for callback in callbacks:
            callback.on_plan(plan)
        yield
    finally:
        for callback in callbacks:
            callback.on_close()


def run_generations(
    algorithm: Algorithm, fitness: Fitness, n_generations: int, callbacks: Sequence[Callback]
) -> EvolutionState:
    """Run one search of those that callbacks know of."""
    # Lists, not generators: every callback is called, also behind one that says stop.
    stopped = any([callback.on_start(algorithm) for callback in callbacks])  # noqa: C419
    while not stopped and algorithm.state.generation < n_generations:
        algorithm.tell(fitness(algorithm.ask()))
        stopped = any([callback.on_generation(algorithm) for callback in callbacks])  # noqa: C419
        for callback in reversed(callbacks):  # one that raises does so behind the checkpoint
            callback.on_decision(algorithm, stopped=stopped)
    for callback in callbacks:
        callback.on_end(algorithm)
    return algorithm.state


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

    Examples
    --------
    >>> len(logbook(start_state({})))
    0
    """
    book = tools.Logbook()
    for record in state.history:
        book.record(**record)
    return book


def start_state(rng_state: Mapping[str, Any]) -> EvolutionState:
    """Return the state before the first generation."""
    nothing = np.zeros(0, dtype=bool)
    return EvolutionState(
        generation=0,
        masks=nothing.reshape(0, 0),
        scores=np.zeros(0),
        best_mask=nothing,
        best_score=-np.inf,
        rng_state=rng_state,
    )


def find_best(scores: np.ndarray) -> int:
    """Return the index of the best score, the first of equals.

    Of several objectives, (n_masks, n_objectives), the first decides, among equals the next.
    """
    if scores.ndim == 1:
        return int(np.argmax(scores))
    return int(np.lexsort(-scores.T[::-1])[0])


def count_asked(state: EvolutionState) -> int:
    """Return how many masks an evolution has asked for, those before a resume included."""
    return int(state.history[-1].get("n_asked", 0)) if state.history else 0


def restarts(state: EvolutionState) -> np.ndarray:
    """Return the generations after which an evolution was restarted."""
    return np.asarray(state.extra.get(RESTARTS, np.zeros(0)), dtype=np.int64)


def describe_population(masks: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return the figures of one generation, see `EvolutionState`."""
    n_masks = len(masks)
    share = masks.view(np.uint8).sum(axis=0, dtype=np.uint32) / n_masks  # thrice as fast as mean
    sizes = count_selected(masks)
    pairs = n_masks / max(n_masks - 1, 1)
    best = find_best(scores)
    first = scores if scores.ndim == 1 else scores[:, 0]
    return {
        "best": float(first[best]),
        "mean": float(first.mean()),
        "best_n_features": int(sizes[best]),
        "mean_n_features": float(sizes.mean()),
        "diversity": float(2.0 * (share * (1.0 - share)).sum() * pairs),
    }


def amend_last(
    history: Sequence[Mapping[str, float]], changes: Mapping[str, float]
) -> tuple[Mapping[str, float], ...]:
    """Return a history with changes in its last record."""
    if not history:
        return ()
    return (*history[:-1], {**history[-1], **changes})
