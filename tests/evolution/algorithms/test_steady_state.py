import numpy as np
import pytest

from tests.evolution.algorithms.problems import members, toolbox
from vaega.core.errors import InputError
from vaega.evolution._evolution import evolve
from vaega.evolution.algorithms import SteadyState


def make(n_features=24, **settings):
    rng = np.random.default_rng(3)
    return SteadyState(toolbox(n_features, rng), rng=rng, **{"population_size": 12, **settings})


def test_two_children_a_step_and_the_population_keeps_its_size():
    algorithm = make()
    evolve(algorithm, members, n_generations=1)
    for _ in range(20):
        assert algorithm.ask().shape == (2, 24)
        algorithm.tell(members(algorithm.ask()))
        assert algorithm.state.masks.shape == (12, 24)


def test_the_worst_go_and_nobody_who_is_better():
    algorithm = make(offspring_size=4)
    evolve(algorithm, members, n_generations=5)
    for _ in range(10):
        before, masks = algorithm.state, algorithm.ask()
        algorithm.tell(members(masks))
        pool = np.sort(np.r_[before.scores, members(masks)])
        np.testing.assert_array_equal(np.sort(algorithm.state.scores), pool[4:])


def test_of_equals_the_older_goes():
    algorithm = make()
    first = algorithm.ask()
    algorithm.tell(np.zeros(12))
    children = algorithm.ask()
    algorithm.tell(np.zeros(2))
    np.testing.assert_array_equal(algorithm.state.masks, np.r_[first[2:], children])


def test_the_oldest_go_but_never_the_best():
    algorithm = make(replace="oldest")
    first = algorithm.ask()
    algorithm.tell(np.r_[5.0, np.zeros(11)])
    children = algorithm.ask()
    algorithm.tell([-3.0, -4.0])
    np.testing.assert_array_equal(algorithm.state.masks, np.r_[first[:1], first[3:], children])


def test_no_child_equals_a_member_and_no_two_children_are_equal():
    algorithm = make(n_features=8, offspring_size=6)
    evolve(algorithm, members, n_generations=1)
    for _ in range(15):
        old = {mask.tobytes() for mask in algorithm.state.masks}
        new = [mask.tobytes() for mask in algorithm.ask()]
        assert len(set(new)) == 6
        assert not old.intersection(new)
        algorithm.tell(members(algorithm.ask()))


def test_where_there_is_no_new_mask_a_duplicate_is_refused():
    algorithm = make(n_features=2, population_size=12)
    evolve(algorithm, members, n_generations=30)  # three masks exist
    copies = np.unique(algorithm.state.masks, axis=0, return_counts=True)[1]
    before = algorithm.state.masks
    algorithm.tell(np.full(len(algorithm.ask()), 9.0))
    np.testing.assert_array_equal(algorithm.state.masks, before)
    assert copies.sum() == 12


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"offspring_size": 13}, "offspring_size must be a whole number, from 1 to 12, got 13"),
        ({"replace": "youngest"}, "replace must be one of oldest, worst; got 'youngest'"),
    ],
)
def test_bad_settings(settings, rule):
    with pytest.raises(InputError, match=rule):
        make(**settings)
