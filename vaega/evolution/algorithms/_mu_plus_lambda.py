"""The (mu + lambda) algorithm: parents and children compete for every place."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from deap import base

from vaega.core.checks import check_count, check_probability
from vaega.evolution._evolution import Individual
from vaega.evolution.algorithms._genetic import MakeToolbox, PopulationAlgorithm


class MuPlusLambda(PopulationAlgorithm):
    """Keep the best different masks among parents and children.

    Parameters
    ----------
    toolbox : deap.base.Toolbox
        With ``initialize() -> mask``, ``select(individuals, k)``, ``mate(a, b)``, ``mutate(mask)``
        and, if sizes are bounded, ``repair(mask)``; all bound to the same `rng`.
    rng : numpy.random.Generator
        The generator to which the operators of `toolbox` are bound; its state is saved in `state`.
    mu : int, default=50
        Masks in the population, at least 2.
    n_offspring : int, default=100
        Children in a generation (lambda).
    crossover_probability : float, default=0.75
        Chance of two parents to be mated rather than copied.
    mutation_probability : float, default=1.0
        Chance of a child to be mutated.

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one.

    Notes
    -----
    The survivors of Beyer and Schwefel (2002), of equals the younger, so that the population can
    drift over a plateau. Unlike DEAP's ``varOr``, a child may be both mated and mutated; repeated
    masks survive only where there are not `mu` different ones.

    Examples
    --------
    >>> from vaega.evolution import operators
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    >>> toolbox.register("select", operators.select_tournament, tournament_size=2, rng=rng)
    >>> toolbox.register("mate", operators.crossover_uniform, rng=rng)
    >>> toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    >>> algorithm = MuPlusLambda(toolbox, rng=rng, mu=10, n_offspring=20)
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
        mu: int = 50,
        n_offspring: int = 100,
        crossover_probability: float = 0.75,
        mutation_probability: float = 1.0,
    ) -> None:
        owner = type(self).__name__
        check_count(mu, "mu", owner=owner, minimum=2)
        super().__init__(
            toolbox, rng=rng, population_size=mu, crossover_probability=crossover_probability
        )
        check_count(n_offspring, "n_offspring", owner=owner)
        check_probability(mutation_probability, "mutation_probability", owner=owner)
        self.n_offspring = n_offspring
        self.mutation_probability = mutation_probability

    @classmethod
    def from_settings(
        cls, settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator, **params: Any
    ) -> Self:
        """Make it with as many children as the others have masks, and half as many parents."""
        size = settings.population_size
        params = {"mu": max(size // 2, 2), "n_offspring": size, **params}
        return super().from_settings(settings, make_toolbox, rng, **params)

    @property
    def mu(self) -> int:
        """Masks in the population."""
        return self.population_size

    def _offspring(self) -> Sequence[Individual]:
        children = self._mated(self.n_offspring)
        mutated = self.rng.random(len(children)) < self.mutation_probability
        return [
            self.toolbox.mutate(child)[0] if chance else child
            for child, chance in zip(children, mutated, strict=True)
        ]

    def _survivors(self, masks: np.ndarray, scores: np.ndarray, n_old: int) -> np.ndarray:
        # Read backwards, the younger come first and win ties.
        return len(masks) - 1 - self._fittest(masks[::-1], scores[::-1], self.mu)
