"""Settings turned into a DEAP toolbox and an algorithm."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from deap import base

from vaega.core.randomness import derive_rng
from vaega.evolution import operators
from vaega.evolution.algorithms import (
    NSGA2,
    Generational,
    Islands,
    Memetic,
    MultiStage,
    MuPlusLambda,
    SelfAdaptive,
    SteadyState,
)
from vaega.evolution.algorithms.base import AskTell
from vaega.evolution.algorithms.population import PopulationAlgorithm
from vaega.selection.settings import CROSSOVERS, MUTATIONS, SELECTIONS, SearchSettings

# Start with so many features whatever their number: sparse starts find small masks, dense ones
# end where they began, with half of all features at chance stability.
_AUTO_SIZE = 20
_VOTING_SIZE = 10  # small masks of several searches differ more, and their union is the larger

_ENTRANTS = {"tournament": "tournament_size", "window": "window_size"}


def build_toolbox(
    settings: SearchSettings,
    weights: np.ndarray,
    rng: np.random.Generator,
    features: np.ndarray | None = None,
) -> base.Toolbox:
    """Return a DEAP toolbox with the operators that `settings` name, bound to `rng`."""
    features = np.arange(len(weights)) if features is None else features
    own, n_features = weights[features], len(features)
    toolbox = base.Toolbox()
    toolbox.register("initialize", _first_mask, own, _first_share(settings, n_features), rng)
    pressure: dict[str, Any] = {"rng": rng}
    if settings.selection in _ENTRANTS:
        pressure[_ENTRANTS[settings.selection]] = settings.tournament_size
    toolbox.register("select", SELECTIONS[settings.selection], **pressure)
    toolbox.register("mate", CROSSOVERS[settings.crossover], rng=rng)
    toolbox.register(
        "mutate", MUTATIONS[settings.mutation], **_mutation(settings, own, n_features), rng=rng
    )
    toolbox.register(
        "repair",
        operators.repair_bounds,
        min_features=min(settings.min_features, n_features),
        max_features=settings.max_features,
        pinned=np.flatnonzero(np.isin(features, settings.pinned)),
        forbidden=np.flatnonzero(np.isin(features, settings.forbidden)),
        rng=rng,
    )
    return toolbox


def build_algorithm(
    settings: SearchSettings, weights: np.ndarray, seed: int, initial: np.ndarray | None = None
) -> AskTell:
    """Return the algorithm that `settings` name."""

    def one_stage(features: np.ndarray, stage: int) -> AskTell:
        rng = derive_rng(seed, "search", *([stage] if stage else []))
        algorithm = _one_stage(settings, weights, features, rng)
        if initial is not None and stage == 0:
            _start_from(algorithm, initial)
        return algorithm

    if not settings.stages:
        return one_stage(np.arange(len(weights)), 0)
    return MultiStage(
        one_stage,
        n_features=len(weights),
        stages=[(int(n_generations), keep) for n_generations, keep in settings.stages],
        rng=derive_rng(seed, "stages"),
    )


def _one_stage(
    settings: SearchSettings, weights: np.ndarray, features: np.ndarray, rng: np.random.Generator
) -> AskTell:
    if settings.algorithm == "islands":
        streams = rng.spawn(settings.n_islands)
        parts = [_generational(settings, weights, features, stream) for stream in streams]
        algorithm: AskTell = Islands(parts, rng=rng, migrate_every=settings.migrate_every)
    else:
        algorithm = _ALGORITHMS[settings.algorithm](settings, weights, features, rng)
    if settings.local_search is None:
        return algorithm
    return Memetic(algorithm, rng=rng, weights=weights[features], every=settings.local_search)


def _start_from(algorithm: AskTell, initial: np.ndarray) -> None:
    # One iterator for all islands: each mask opens in one of them.
    given = iter(initial)
    for part in _toolboxes(algorithm):
        draw = part.initialize
        part.register("initialize", _next_or_drawn, given, draw)


def _toolboxes(algorithm: AskTell) -> list[base.Toolbox]:
    if isinstance(algorithm, Memetic):
        return _toolboxes(algorithm.algorithm)
    if isinstance(algorithm, Islands):
        return [box for part in algorithm.algorithms for box in _toolboxes(part)]
    assert isinstance(algorithm, PopulationAlgorithm)
    return [algorithm.toolbox]


def _next_or_drawn(given: Iterator[np.ndarray], draw: Callable[[], np.ndarray]) -> np.ndarray:
    mask = next(given, None)
    return draw() if mask is None else mask.copy()


def _generational(
    settings: SearchSettings, weights: np.ndarray, features: np.ndarray, rng: np.random.Generator
) -> Generational:
    size = int(settings.population_size)
    if settings.algorithm == "islands":
        size = max(size // settings.n_islands, settings.elite + 1, 2)
    return Generational(
        build_toolbox(settings, weights, rng, features),
        rng=rng,
        population_size=size,
        crossover_probability=settings.crossover_probability,
        elite=settings.elite,
        rescore_elite=settings.fresh_folds,
    )


def _steady_state(
    settings: SearchSettings, weights: np.ndarray, features: np.ndarray, rng: np.random.Generator
) -> SteadyState:
    size = int(settings.population_size)
    return SteadyState(
        build_toolbox(settings, weights, rng, features),
        rng=rng,
        population_size=size,
        offspring_size=max(size // 2, 1),  # one generation of the others is two of these
        crossover_probability=settings.crossover_probability,
    )


def _mu_plus_lambda(
    settings: SearchSettings, weights: np.ndarray, features: np.ndarray, rng: np.random.Generator
) -> MuPlusLambda:
    size = int(settings.population_size)
    return MuPlusLambda(
        build_toolbox(settings, weights, rng, features),
        rng=rng,
        mu=max(size // 2, 2),
        n_offspring=size,
        crossover_probability=settings.crossover_probability,
    )


def _nsga2(
    settings: SearchSettings, weights: np.ndarray, features: np.ndarray, rng: np.random.Generator
) -> NSGA2:
    return NSGA2(
        build_toolbox(settings, weights, rng, features),
        rng=rng,
        population_size=int(settings.population_size),
        crossover_probability=settings.crossover_probability,
    )


def _self_adaptive(
    settings: SearchSettings, weights: np.ndarray, features: np.ndarray, rng: np.random.Generator
) -> SelfAdaptive:
    return SelfAdaptive(
        build_toolbox(settings, weights, rng, features),
        rng=rng,
        population_size=int(settings.population_size),
        elite=settings.elite,
    )


_ALGORITHMS: dict[str, Callable[..., AskTell]] = {
    "generational": _generational,
    "steady_state": _steady_state,
    "mu_plus_lambda": _mu_plus_lambda,
    "nsga2": _nsga2,
    "self_adaptive": _self_adaptive,
}


def _first_share(settings: SearchSettings, n_features: int) -> float:
    if settings.initial_fraction == "auto":
        size = _AUTO_SIZE if settings.n_searches == 1 else _VOTING_SIZE
        return min(0.5, size / n_features)
    return float(settings.initial_fraction)


def _mutation(settings: SearchSettings, weights: np.ndarray, n_features: int) -> dict[str, Any]:
    if settings.mutation == "swap":
        return {}
    flip = settings.flip_probability
    if flip == "auto":
        flip = 1.0 / n_features if settings.mutation == "bitflip" else 0.1
    parameters: dict[str, Any] = {"flip_probability": float(flip)}
    if settings.mutation == "filter_guided":
        parameters["weights"] = weights
    return parameters


def _first_mask(weights: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    size = int(rng.binomial(len(weights), share))
    return operators.init_filter_guided(len(weights), weights=weights, size=size, rng=rng)
