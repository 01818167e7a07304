"""The steady-state genetic algorithm: few children at a time compete with the population."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np

from vaega.core.checks import check_choice, check_count
from vaega.evolution._evolution import find_best
from vaega.evolution.algorithms._genetic import MakeToolbox, PopulationAlgorithm, first_distinct

REPLACED = ("worst", "oldest")

# A child that equals a member is mutated again so often before a random mask takes its place.
_TRIES = 10


@dataclass(eq=False, repr=False)
class SteadyState(PopulationAlgorithm):
    """Add a few children at a time and let as many members go.

    Parameters
    ----------
    toolbox, rng, population_size, crossover_probability
        As `Generational` has them.
    offspring_size : int, default=2
        Children in one step, which counts as a generation; at most `population_size`.
    replace : {"worst", "oldest"}, default="worst"
        Who goes: the worst of population and children (of equals the older), or those who have
        been there longest, the best mask excepted.

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one. The population is in the order
        of arrival.

    Notes
    -----
    Whitley's GENITOR (1989) replaces the worst. Duplicates are kept out, without which such a
    population soon holds one mask many times (Davis, 1991): a child that equals a member is
    mutated again, then replaced by a random mask, and refused where even that is a member.

    Examples
    --------
    >>> from deap import base
    >>> from vaega.evolution import operators
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    >>> toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    >>> toolbox.register("mate", operators.crossover_uniform, rng=rng)
    >>> toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    >>> algorithm = SteadyState(toolbox, rng=rng, population_size=20)
    >>> for _ in range(200):
    ...     masks = algorithm.ask()
    ...     algorithm.tell(masks.mean(axis=1))  # count ones
    >>> algorithm.state.best_score
    1.0
    """

    _: KW_ONLY
    offspring_size: int = 2
    replace: str = "worst"

    def __post_init__(self) -> None:
        super().__post_init__()
        owner, most = type(self).__name__, self.population_size
        check_count(self.offspring_size, "offspring_size", owner=owner, maximum=most)
        check_choice(self.replace, "replace", REPLACED, owner=owner)

    @classmethod
    def from_settings(
        cls, settings: Any, make_toolbox: MakeToolbox, rng: np.random.Generator, **params: Any
    ) -> Self:
        """Make it so that one generation of the others is two steps of this one."""
        params = {"offspring_size": max(settings.population_size // 2, 1), **params}
        return super().from_settings(settings, make_toolbox, rng, **params)

    def _offspring(self) -> np.ndarray:
        present = {mask.tobytes() for mask in self.state.masks}
        children = self._mated(self.offspring_size)
        for row in range(len(children)):
            self._renew(children[row : row + 1], present)
            present.add(children[row].tobytes())
        return children

    def _renew(self, child: np.ndarray, present: set[bytes]) -> None:
        """Mutate a child, (1, n_features), until it is a new mask."""
        for _ in range(_TRIES):
            self._operators.mutate(child)
            self._operators.repair(child)
            if child.tobytes() not in present:
                return
        child[:] = self._operators.initialize(1)
        self._operators.repair(child)

    def _survivors(self, masks: np.ndarray, scores: np.ndarray) -> np.ndarray:
        masks, scores = self._pool(masks, scores)
        distinct = first_distinct(masks)
        # A child that is a member stays out.
        candidates = np.union1d(np.arange(len(self.state.masks)), distinct)
        n_surplus = candidates.size - self.population_size
        if self.replace == "worst":
            going = candidates[np.argsort(scores[candidates], kind="stable")]
        else:
            going = candidates[candidates != candidates[find_best(scores[candidates])]]
        return np.setdiff1d(candidates, going[:n_surplus])
