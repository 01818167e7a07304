"""The self-adaptive genetic algorithm: each individual carries its rates, which evolve with it."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from vaega.core.checks import check_positive
from vaega.core.errors import InputError
from vaega.evolution.algorithms._genetic import Generational
from vaega.evolution.operators._masks import count_selected
from vaega.evolution.operators._population import draw_free, keep_some

Bounds = tuple[float, float]

RATES = ("flip_probability", "crossover_probability", "active_fraction")

# Share of the gap between a mask's size and its aim that one mutation closes, in expectation.
_PULL = 0.2


@dataclass(eq=False, repr=False)
class SelfAdaptive(Generational):
    """Replace all but the elite each generation; members carry the rates by which they vary.

    A child inherits the geometric mean of its parents' rates (its parent's where it is not mated),
    perturbs them, and is then mutated with the new ones: good rates spread with the good masks
    that they make.

    Parameters
    ----------
    toolbox : deap.base.Toolbox
        With ``initialize() -> mask``, ``select(individuals, k)``, ``mate(a, b)``,
        ``mutate(mask, flip_probability=...)`` and, if sizes are bounded, ``repair(mask)``; all
        bound to the same `rng`. ``select`` returns individuals as it was given them, or copies.
    rng, population_size, elite
        As `Generational` has them; the elite keep their rates.
    flip_bounds : tuple of two floats, optional
        Lowest and highest flip probability; from 1 / n_features to 0.5 when absent. First ones
        are spread evenly over the logarithm.
    crossover_bounds : tuple of two floats, default=(0.1, 0.95)
        Lowest and highest crossover probability; of two parents the
        geometric mean decides.
    fraction_bounds : tuple of two floats, optional
        Lowest and highest active fraction; from 1 / n_features to 0.95 when absent. A first mask
        aims at the share of features that it selects itself.
    learning_rate : float, default=0.22
        Standard deviation of a perturbation, in units of the rate's log odds.

    Attributes
    ----------
    state : EvolutionState
        Where the evolution stands; `restore` continues from one. The rates are
        ``state.extra["rates"]``, shape (population_size, 3), columns as in ``RATES``; their means
        stand in the history.

    Notes
    -----
    The perturbation is that of Back and Schutz (1996): log-normal for small rates, and never out
    of (0, 1). The active fraction says how sparse a mask aims to be: after its mutation each
    feature by which it is larger or smaller than its aim is dropped or added with a chance of
    one in five, which ones being random.

    Examples
    --------
    >>> from deap import base
    >>> from vaega.evolution import operators
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("initialize", operators.init_bernoulli, 20, fraction=0.5, rng=rng)
    >>> toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    >>> toolbox.register("mate", operators.crossover_uniform, rng=rng)
    >>> toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.05, rng=rng)
    >>> algorithm = SelfAdaptive(toolbox, rng=rng, population_size=30)
    >>> for _ in range(60):
    ...     masks = algorithm.ask()
    ...     algorithm.tell(masks.mean(axis=1))  # count ones
    >>> algorithm.state.best_score > 0.8
    True
    >>> algorithm.state.extra["rates"].shape
    (30, 3)
    """

    mutation_arguments = ("flip_probability",)

    _: KW_ONLY
    flip_bounds: Bounds | None = None
    crossover_bounds: Bounds = (0.1, 0.95)
    fraction_bounds: Bounds | None = None
    learning_rate: float = 0.22
    crossover_probability: float = field(default=1.0, init=False)  # members have their own

    def __post_init__(self) -> None:
        super().__post_init__()
        owner = type(self).__name__
        check_positive(self.learning_rate, "learning_rate", owner=owner)
        for name in ("flip_bounds", "crossover_bounds", "fraction_bounds"):
            _check_bounds(getattr(self, name), name, owner=owner)
        self._asked_rates = np.zeros((0, len(RATES)))

    def _propose(self) -> np.ndarray:
        masks = super()._propose()
        if self.state.generation == 0 or self._restarting():
            self._asked_rates = self._first_rates(masks)
        return masks

    def _offspring(self) -> np.ndarray:
        n_children = self.population_size - self.elite
        parents = self._parents(n_children + n_children % 2)
        children, rates = self._crossed(parents)
        children, rates = children[:n_children], rates[:n_children]
        self._asked_rates = self._perturbed(rates, children.shape[1])
        self._vary(children, self._asked_rates)
        return children

    def _crossed(self, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return children of neighbouring parents, and the rates they inherit, (n_children, 3)."""
        children, rates = self.state.masks[parents], self.state.extra["rates"][parents]
        pairs = np.arange(len(parents)).reshape(-1, 2)
        means = np.exp(np.log(rates[pairs]).mean(axis=1))  # they differ by orders of magnitude
        mated = self.rng.random(len(pairs)) < means[:, RATES.index("crossover_probability")]
        self._operators.mate(children, pairs[mated])
        rates[pairs[mated]] = means[mated, None]
        return children, rates

    def _vary(self, children: np.ndarray, rates: np.ndarray) -> None:
        """Mutate each child with its flip probability and draw it towards its active fraction."""
        self._operators.mutate(children, flip_probability=rates[:, 0])
        sizes = count_selected(children)
        surplus = sizes - np.rint(rates[:, 2] * children.shape[1]).astype(int)
        n_changed = self.rng.binomial(np.abs(surplus), _PULL)
        keep_some(children, sizes - np.where(surplus > 0, n_changed, 0), rng=self.rng)
        draw_free(children, np.where(surplus < 0, n_changed, 0), rng=self.rng)

    def _first_rates(self, masks: np.ndarray) -> np.ndarray:
        low, high = self._bounds(masks.shape[1])
        drawn = self.rng.random((len(masks), 2))
        rates = np.empty((len(masks), len(RATES)))
        rates[:, 0] = low[0] * (high[0] / low[0]) ** drawn[:, 0]
        rates[:, 1] = low[1] + (high[1] - low[1]) * drawn[:, 1]
        rates[:, 2] = masks.mean(axis=1)
        return np.clip(rates, low, high)

    def _perturbed(self, rates: np.ndarray, n_features: int) -> np.ndarray:
        # Back and Schutz (1996): a normal step on the log odds.
        step = np.exp(-self.learning_rate * self.rng.standard_normal(rates.shape))
        return np.clip(1.0 / (1.0 + (1.0 - rates) / rates * step), *self._bounds(n_features))

    def _bounds(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        least = min(1.0 / n_features, 0.5)
        pairs = (
            self.flip_bounds or (least, 0.5),
            self.crossover_bounds,
            self.fraction_bounds or (least, 0.95),
        )
        low, high = np.array(pairs, dtype=float).T
        return low, high

    def _extra(
        self, masks: np.ndarray, scores: np.ndarray, survivors: np.ndarray
    ) -> dict[str, np.ndarray]:
        old = self.state.extra.get("rates", self._asked_rates[:0])
        return {"rates": np.concatenate([old, self._asked_rates])[survivors]}

    def _figures(self, extra: Mapping[str, np.ndarray]) -> dict[str, float]:
        return dict(zip(RATES, extra["rates"].mean(axis=0).tolist(), strict=True))


def _check_bounds(bounds: Bounds | None, name: str, *, owner: str) -> None:
    if bounds is None:
        return
    pair = np.asarray(bounds, dtype=float)
    if pair.shape != (2,) or not 0.0 < pair[0] <= pair[1] < 1.0:
        rule = "must be two numbers, lowest and highest, between 0 and 1"
        raise InputError.of(owner, name, rule, bounds)
