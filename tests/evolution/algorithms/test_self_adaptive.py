from copy import deepcopy

import numpy as np
import pytest

from tests.evolution.algorithms.problems import members, same_state, toolbox
from vaega.core.errors import InputError
from vaega.evolution._evolution import evolve
from vaega.evolution.algorithms import SelfAdaptive
from vaega.evolution.algorithms._self_adaptive import RATES

BOUNDS = {
    "flip_bounds": (0.02, 0.1),
    "crossover_bounds": (0.3, 0.6),
    "fraction_bounds": (0.2, 0.4),
}


def build(seed=0, n_features=24, box=None, **settings):
    rng = np.random.default_rng(seed)
    box = box or toolbox(n_features, rng)
    return SelfAdaptive(box, rng=rng, **{"population_size": 20, **settings})


def test_rates_stay_within_bounds_and_their_means_are_recorded():
    algorithm = build(**BOUNDS, learning_rate=2.0)
    for _ in range(12):
        algorithm.tell(members(algorithm.ask()))
        rates = algorithm.state.extra["rates"]
        assert rates.shape == (20, 3)
        for column, name, (low, high) in zip(rates.T, RATES, BOUNDS.values(), strict=True):
            assert low <= column.min() <= column.max() <= high
            assert algorithm.state.history[-1][name] == pytest.approx(column.mean())


def test_a_first_mask_aims_at_its_own_size():
    algorithm = build(n_features=40)
    algorithm.tell(members(algorithm.ask()))
    np.testing.assert_allclose(
        algorithm.state.extra["rates"][:, 2], algorithm.state.masks.mean(axis=1)
    )


def test_the_elite_keep_their_rates():
    algorithm = build(elite=3)
    evolve(algorithm, members, n_generations=4)
    state, elite = algorithm.state, algorithm._elite()
    evolve(algorithm, members, n_generations=5)
    np.testing.assert_array_equal(algorithm.state.masks[:3], state.masks[elite])
    np.testing.assert_array_equal(algorithm.state.extra["rates"][:3], state.extra["rates"][elite])


def test_children_are_mutated_with_the_rates_they_carry():
    used = []

    def mutate(mask, flip_probability):
        used.append(flip_probability)
        return (mask,)

    rng = np.random.default_rng(0)
    box = toolbox(24, rng)
    box.register("mutate", mutate, flip_probability=0.5)
    algorithm = SelfAdaptive(box, rng=rng, population_size=20)
    evolve(algorithm, members, n_generations=2)
    np.testing.assert_array_equal(algorithm.state.extra["rates"][1:, 0], used)


def test_perturbation_is_log_normal_around_the_old_rate_where_rates_are_small():
    algorithm = build(learning_rate=0.22, flip_bounds=(1e-9, 0.9))
    old = np.full((20000, 3), [1e-4, 0.5, 0.5])
    steps = np.log(algorithm._perturbed(old, 24)[:, 0] / 1e-4)
    assert abs(steps.mean()) < 0.01
    assert abs(steps.std() - 0.22) < 0.01


def test_a_selection_may_copy_the_individuals():
    algorithm, other = build(), build()
    select = other.toolbox.select
    other.toolbox.register("select", lambda *arguments: deepcopy(select(*arguments)))
    states = [evolve(each, members, n_generations=4) for each in (algorithm, other)]
    assert same_state(*states)


def test_mated_parents_share_their_rates():
    algorithm = build(crossover_bounds=(0.9, 0.95))
    evolve(algorithm, members, n_generations=1)
    parents = algorithm._parents(200)
    before = algorithm.state.extra["rates"][parents]
    _, rates = algorithm._crossed(parents)
    mated = (rates[::2] == rates[1::2]).all(axis=1)
    assert mated.mean() > 0.8
    np.testing.assert_allclose(
        rates[::2][mated], np.sqrt(before[::2] * before[1::2])[mated], rtol=1e-12
    )
    np.testing.assert_array_equal(rates[::2][~mated], before[::2][~mated])


@pytest.mark.parametrize(("fraction", "smaller"), [(0.1, True), (0.9, False)])
def test_masks_move_towards_their_aim(fraction, smaller):
    algorithm = build(n_features=100, flip_bounds=(1e-6, 2e-6))
    evolve(algorithm, lambda masks: np.zeros(len(masks)), n_generations=1)
    children = np.repeat(algorithm.state.masks[:1], 400, axis=0)
    size, aim = int(children[0].sum()), 100 * fraction
    algorithm._vary(children, np.tile([1e-6, 0.5, fraction], (400, 1)))
    sizes = children.sum(axis=1)
    assert (np.mean(sizes) < size) == smaller
    assert abs(np.mean(sizes) - (size + 0.2 * (aim - size))) < 1.0


def test_aims_that_help_spread():
    starts, ends = [], []
    for seed in range(3):
        algorithm = build(seed, n_features=60, population_size=60, flip_bounds=(0.002, 0.4))
        history = evolve(algorithm, lambda masks: -masks.sum(axis=1), n_generations=40).history
        starts.append(history[0]["active_fraction"])
        ends.append(history[-1]["active_fraction"])
    assert max(ends) < 0.7 * min(starts)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"elite": 20}, "elite"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0"),
        ({"flip_bounds": (0.5, 0.1)}, "flip_bounds must be two numbers, lowest and highest"),
        ({"crossover_bounds": (0.0, 0.5)}, "crossover_bounds"),
        ({"fraction_bounds": (0.1, 1.0)}, "fraction_bounds"),
        ({"fraction_bounds": (0.1,)}, "fraction_bounds"),
    ],
)
def test_bad_settings(settings, rule):
    with pytest.raises(InputError, match=rule):
        build(**settings)


def test_it_works_with_one_feature():
    algorithm = build(n_features=1, population_size=4)
    evolve(algorithm, lambda masks: masks.sum(axis=1), n_generations=3)
    assert algorithm.state.best_mask.tolist() == [True]
