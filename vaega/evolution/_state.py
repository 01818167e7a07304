"""An evolution between two generations: plain, frozen data, all that a checkpoint holds."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from deap import base, tools
from numpy.typing import ArrayLike

from vaega.core.errors import InputError


class MaskFitness(base.Fitness):
    """One score to maximise, in DEAP's terms."""

    weights = (1.0,)


class Individual(np.ndarray):
    """A boolean mask with a `fitness`, an ordinary class: no ``deap.creator``, pickles anywhere.

    It works in DEAP's own loops. Two things are numpy's and not a list's: slices are views, and
    ``==`` compares element by element, so a hall of fame wants ``similar=numpy.array_equal``.

    Parameters
    ----------
    mask : array-like of bool, shape (n_features,)
        Which features are selected; copied.

    Attributes
    ----------
    fitness : MaskFitness
        Without values until somebody evaluates the mask.

    Examples
    --------
    >>> individual = Individual([True, False, True])
    >>> individual.fitness.values = (0.9,)
    >>> copied = deepcopy(individual)
    >>> copied[0] = False
    >>> int(individual.sum()), copied.fitness.values
    (2, (0.9,))
    """

    fitness: MaskFitness

    def __new__(cls, mask: ArrayLike) -> "Individual":
        return np.array(mask, dtype=bool).view(cls)

    def __array_finalize__(self, parent: Any) -> None:
        self.fitness = MaskFitness()

    def __copy__(self) -> "Individual":
        copied = Individual(self)
        copied.fitness = deepcopy(self.fitness)
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> "Individual":
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (np.asarray(self), tuple(self.fitness.values))


def _rebuild(mask: np.ndarray, values: tuple[float, ...]) -> Individual:
    individual = Individual(mask)
    if values:
        individual.fitness.values = values
    return individual


# The array of `extra` that marks restarts.
RESTARTS = "restarts"

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
        One flat record of numbers a generation: ``generation``, the figures of
        `describe_population`, ``n_asked`` (masks asked for so far, in all generations), and what
        an algorithm adds.
    extra : mapping of str to numpy.ndarray
        What else an algorithm needs to go on: rates, an archive, who lives on which island. Names
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
    """Return the position of the best score, the first of equals."""
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
    """Return the figures of one generation."""
    n_masks = len(masks)
    share = masks.view(np.uint8).sum(axis=0, dtype=np.uint32) / n_masks  # thrice as fast as mean
    sizes = np.array([np.count_nonzero(mask) for mask in masks])
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
    """Return a history whose last record has other figures."""
    if not history:
        return ()
    return (*history[:-1], {**history[-1], **changes})


def logbook(state: EvolutionState) -> tools.Logbook:
    """Return the history of a state as DEAP's logbook."""
    book = tools.Logbook()
    for record in state.history:
        book.record(**record)
    return book
