"""The generational genetic algorithm with elitism."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from deap import base

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.evolution._state import Individual, find_best
from vaega.evolution.algorithms._base import MakeToolbox, PopulationAlgorithm


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
    rescore_elite : bool, default=False
        Whether `ask` returns the elite too, in front of the children, so that a noisy fitness can
        score them again on fresh folds. ``state.best_mask`` and ``state.best_score`` are then the
        best of the present population by its latest scores, and no lucky old score is kept; the
        best score may fall from one generation to the next. Needs an elite, and a fitness that
        does not merely remember.

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one.

    Notes
    -----
    The elite are different masks, so one mask never fills every place of honour.

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
        rescore_elite: bool = False,
    ) -> None:
        super().__init__(
            toolbox,
            rng=rng,
            population_size=population_size,
            crossover_probability=crossover_probability,
        )
        check_count(elite, "elite", owner="Generational", minimum=0, maximum=population_size - 1)
        if rescore_elite and elite == 0:
            raise InputError("Generational: elite must be at least 1 to be rescored, got 0.")
        self.elite = elite
        self.rescore_elite = rescore_elite

    @classmethod
    def from_settings(
        cls, settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator, **params: Any
    ) -> Self:
        """Make it from the settings of a search; with fresh folds it scores its elite again."""
        if getattr(settings, "fresh_folds", False):
            params = {"rescore_elite": True, **params}
        return super().from_settings(settings, make_toolbox, rng, **params)

    def _propose(self) -> np.ndarray:
        proposed = super()._propose()
        if not self.rescore_elite or self.state.generation == 0:
            return proposed
        return np.concatenate([self.state.masks[self._elite()], proposed])

    def _spared(self) -> np.ndarray:
        return self._elite()[:0] if self.rescore_elite else self._elite()

    def _offspring(self) -> Sequence[Individual]:
        children = self._mated(self.population_size - self.elite)
        return [self.toolbox.mutate(child)[0] for child in children]

    def _survivors(self, masks: np.ndarray, scores: np.ndarray, n_old: int) -> np.ndarray:
        return np.concatenate([self._spared(), np.arange(n_old, len(masks))])

    def _best(
        self, masks: np.ndarray, scores: np.ndarray, extra: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, float]:
        if not self.rescore_elite:
            return super()._best(masks, scores, extra)
        best = find_best(scores)
        return masks[best], float(scores[best])
