"""Problems with a known optimum, and every algorithm made small, for tests of all of them."""

from itertools import product

import numpy as np
from deap import base

from vaega.evolution import operators
from vaega.evolution.algorithms import NSGA2, Generational, Islands, SelfAdaptive, SteadyState


def toolbox(n_features, rng, fraction=0.4):
    box = base.Toolbox()
    box.register("initialize", operators.init_bernoulli, n_features, fraction=fraction, rng=rng)
    box.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    box.register("mate", operators.crossover_uniform, rng=rng)
    box.register("mutate", operators.mutate_bitflip, flip_probability=1 / n_features, rng=rng)
    box.register("repair", operators.repair_size, min_features=1, max_features=None, rng=rng)
    return box


def simple(kind, size, **settings):
    def make(seed, n_features, fraction=0.4):
        rng = np.random.default_rng(seed)
        return kind(toolbox(n_features, rng, fraction), rng=rng, **size, **settings)

    return make


def islands(part, **settings):
    def make(seed, n_features, fraction=0.4):
        parts = [part(seed * 100 + number, n_features, fraction) for number in range(3)]
        return Islands(parts, rng=np.random.default_rng(seed), **settings)

    return make


MAKERS = {
    "generational": simple(Generational, {"population_size": 30}),
    "steady_state": simple(SteadyState, {"population_size": 30}, offspring_size=15),
    "oldest": simple(SteadyState, {"population_size": 30}, offspring_size=15, replace="oldest"),
    "self_adaptive": simple(SelfAdaptive, {"population_size": 30}, elite=2),
    "nsga2": simple(NSGA2, {"population_size": 30}),
    "bounded_nsga2": simple(NSGA2, {"population_size": 30}, archive_size=5),
}
MAKERS |= {
    "islands": islands(MAKERS["generational"], migrate_every=2),
    "random_ring": islands(MAKERS["self_adaptive"], migrate_every=1, topology="random_ring"),
    "islands_of_nsga2": islands(MAKERS["nsga2"], migrate_every=2, migrants=2, topology="complete"),
}


def make(name, seed=0, n_features=12, fraction=0.4):
    return MAKERS[name](seed, n_features, fraction)


def generational(seed=0, n_features=24, **settings):
    """Return the generational algorithm with bounds on the size."""
    rng = np.random.default_rng(seed)
    box = toolbox(n_features, rng)
    box.register("repair", operators.repair_size, min_features=2, max_features=18, rng=rng)
    return Generational(box, rng=rng, **{"population_size": 20, **settings})


def planted(masks):
    """Score by the first 8 features, each other one counting against it."""
    return masks[:, :8].sum(axis=1) - masks[:, 8:].sum(axis=1)


def sparseness(masks):
    return -masks.sum(axis=1)


def fit_for(algorithm, problem, second=sparseness):
    """Return the problem, with a second objective where one is needed."""
    if not algorithm.multi_objective:
        return problem
    return lambda masks: np.column_stack([problem(masks), second(masks)])


def all_masks(n_features):
    """Return every mask but the empty one."""
    return np.array(list(product([False, True], repeat=n_features)))[1:]


def rugged(masks):
    """Score 12 features: single worth, pairs that help or hurt together, a price for each."""
    rng = np.random.default_rng(7)
    alone, pairs = rng.integers(-90, 90, size=12), rng.integers(-40, 40, size=(12, 12))
    chosen = np.asarray(masks, dtype=int)  # whole numbers: no rounding, in batches of any size
    return (chosen @ alone + ((chosen @ pairs) * chosen).sum(axis=1)) / 100


def members(masks):
    """Score by the first half of the features, each other one counting against it."""
    half = masks.shape[1] // 2
    return masks[:, :half].sum(axis=1) - masks[:, half:].sum(axis=1)


def royal_road(masks):
    """Score 8 blocks of 4 features, each only when it is whole; further features cost a bit."""
    whole = masks[:, :32].reshape(len(masks), 8, 4).all(axis=2).sum(axis=1)
    return 4.0 * whole - 0.25 * masks[:, 32:].sum(axis=1)


def madelon_like(masks):
    """Score 100 features: the share of the first 8, and a price for each selected one."""
    return masks[:, :8].mean(axis=1) ** 2 - 0.005 * masks.sum(axis=1)


def same_state(one, two):
    """Say whether two states are equal to the bit, random streams and all."""
    arrays = [
        np.array_equal(getattr(one, name), getattr(two, name))
        and getattr(one, name).dtype == getattr(two, name).dtype
        for name in ("masks", "scores", "best_mask")
    ]
    extra = one.extra.keys() == two.extra.keys() and all(
        np.array_equal(one.extra[name], two.extra[name])
        and one.extra[name].dtype == two.extra[name].dtype
        for name in one.extra
    )
    plain = [
        getattr(one, name) == getattr(two, name)
        for name in ("generation", "best_score", "rng_state", "history")
    ]
    return all(arrays) and extra and all(plain)
