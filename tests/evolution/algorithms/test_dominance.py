import numpy as np
import pytest
from deap import base, tools
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaega.evolution.algorithms._base import (
    crowding_distance,
    dominance,
    dominates,
    rank_crowded,
    sort_fronts,
)

# Few values, so that ties are frequent.
some_scores = st.integers(2, 3).flatmap(
    lambda n: arrays(float, st.tuples(st.integers(1, 20), st.just(n)), elements=st.integers(0, 4))
)


class SomeScores(base.Fitness):
    weights = (1.0, 1.0, 1.0)


class Scored:
    def __init__(self, values):
        self.fitness = SomeScores()
        self.fitness.values = (*values, 0.0)[:3]  # one more objective, in which all are equal


@given(some_scores)
def test_the_matrix_says_what_each_pair_says(scores):
    matrix = dominance(scores, scores)
    for first, one in enumerate(scores):
        for second, other in enumerate(scores):
            assert matrix[first, second] == dominates(one, other)


@given(some_scores)
def test_fronts_are_deaps(scores):
    population = [Scored(values) for values in scores]
    fronts = sort_fronts(scores)
    for number, front in enumerate(tools.sortNondominated(population, len(population))):
        places = {position for position, one in enumerate(population) if one in front}
        assert places == set(np.flatnonzero(fronts == number).tolist())


def test_crowding_is_that_of_the_paper():
    scores = np.array([[1.0, 9.0], [2.0, 7.0], [4.0, 6.0], [5.0, 1.0]])
    # Gaps of the neighbours over the range: (4 - 1) / 4 + (9 - 6) / 8, (5 - 2) / 4 + (7 - 1) / 8.
    np.testing.assert_allclose(crowding_distance(scores), [np.inf, 1.125, 1.5, np.inf])


@pytest.mark.parametrize("n_scores", [0, 1, 2])
def test_small_fronts_have_a_crowding_too(n_scores):
    assert crowding_distance(np.arange(2.0 * n_scores).reshape(n_scores, 2)).shape == (n_scores,)


def test_an_objective_without_differences_says_nothing():
    scores = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 4.0]])
    np.testing.assert_allclose(crowding_distance(scores), [np.inf, 1.0, np.inf])


@given(some_scores)
def test_the_order_is_a_permutation_in_which_no_front_comes_too_early(scores):
    order = rank_crowded(scores)
    assert sorted(order.tolist()) == list(range(len(scores)))
    assert (np.diff(sort_fronts(scores)[order]) >= 0).all()
