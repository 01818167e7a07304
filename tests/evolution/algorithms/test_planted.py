"""Every algorithm finds what was planted."""

import numpy as np
import pytest

from tests.evolution.algorithms.problems import (
    MAKERS,
    all_masks,
    fit_for,
    islands,
    madelon_like,
    royal_road,
    rugged,
    simple,
    sparseness,
)
from vaega.evolution._evolution import evolve
from vaega.evolution.algorithms import NSGA2

SOLVERS = {
    name: MAKERS[name] for name in ("generational", "steady_state", "oldest", "self_adaptive")
} | {
    "nsga2": simple(NSGA2, {"population_size": 60}),
    "islands": islands(MAKERS["generational"]),
}
every_solver = pytest.mark.parametrize("name", SOLVERS)
SEEDS = (0, 1, 2)


def best_masks(name, problem, n_generations, *settings, second=sparseness):
    for seed in SEEDS:
        algorithm = SOLVERS[name](seed, *settings)
        fitness = fit_for(algorithm, problem, second)
        yield evolve(algorithm, fitness, n_generations=n_generations).best_mask


@every_solver
def test_the_best_of_all_masks_of_twelve_features(name):
    masks = all_masks(12)
    optimum = masks[np.argmax(rugged(masks))]
    found = [np.array_equal(mask, optimum) for mask in best_masks(name, rugged, 60, 12)]
    assert sum(found) >= len(SEEDS) // 2


@every_solver
def test_the_royal_road(name):
    def selected(masks):  # a block is built feature by feature: sparseness would tear it down
        return masks[:, :32].sum(axis=1)

    reached = [
        royal_road(mask[None])[0]
        for mask in best_masks(name, royal_road, 100, 40, 0.6, second=selected)
    ]
    assert max(reached) == 32
    assert np.mean(reached) >= 29


@every_solver
def test_eight_features_among_a_hundred(name):
    masks = np.array(list(best_masks(name, madelon_like, 60, 100, 0.1)))
    assert (masks[:, :8].sum(axis=1) >= 7).all()
    assert np.median(masks[:, 8:].sum(axis=1)) <= 8
