import numpy as np
import pytest

from tests.evolution.algorithms.problems import members, toolbox
from vaega.core.errors import InputError
from vaega.evolution._evolution import evolve
from vaega.evolution.algorithms import MuPlusLambda


def make(**settings):
    rng = np.random.default_rng(3)
    return MuPlusLambda(toolbox(24, rng), rng=rng, **{"mu": 8, "n_offspring": 21, **settings})


def test_mu_first_masks_then_lambda_children():
    algorithm = make()
    for size in (8, 21, 21):
        assert algorithm.ask().shape == (size, 24)
        algorithm.tell(members(algorithm.ask()))
        assert algorithm.state.masks.shape == (8, 24)
    assert algorithm.mu == 8


def test_the_best_different_masks_of_parents_and_children_survive():
    algorithm = make()
    evolve(algorithm, members, n_generations=3)
    for _ in range(10):
        pool = {mask.tobytes(): mask for mask in algorithm.state.masks}
        pool |= {mask.tobytes(): mask for mask in algorithm.ask()}
        algorithm.tell(members(algorithm.ask()))
        expected = np.sort(members(np.array(list(pool.values()))))[-8:]
        np.testing.assert_array_equal(np.sort(algorithm.state.scores), expected)


def test_on_a_plateau_the_younger_survive():
    algorithm = make(n_offspring=8)
    evolve(algorithm, lambda masks: np.zeros(len(masks)), n_generations=1)
    children = {mask.tobytes() for mask in algorithm.ask()}
    algorithm.tell(np.zeros(8))
    assert children <= {mask.tobytes() for mask in algorithm.state.masks}


def test_without_mating_and_mutation_children_are_copies():
    algorithm = make(crossover_probability=0.0, mutation_probability=0.0)
    evolve(algorithm, members, n_generations=1)
    parents = {mask.tobytes() for mask in algorithm.state.masks}
    assert {mask.tobytes() for mask in algorithm.ask()} <= parents


def test_mutation_happens_with_its_probability():
    algorithm = make(crossover_probability=0.0, mutation_probability=0.3, n_offspring=2000)
    evolve(algorithm, members, n_generations=1)
    parents = {mask.tobytes() for mask in algorithm.state.masks}
    changed = np.mean([mask.tobytes() not in parents for mask in algorithm.ask()])
    expected = 0.3 * (1 - (1 - 1 / 24) ** 24)  # a mutation may flip nothing
    assert abs(changed - expected) < 0.04


@pytest.mark.parametrize(
    "settings", [{"mu": 1}, {"n_offspring": 0}, {"mutation_probability": -0.1}]
)
def test_bad_settings(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        make(**settings)
