"""The individual: a mask of features that carries a DEAP fitness."""

from copy import deepcopy
from typing import Any

import numpy as np
from deap import base
from numpy.typing import ArrayLike


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

    def __new__(cls, mask: ArrayLike) -> "Individual":  # noqa: D102
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
