"""NSGA-II, its archive, and the mathematics of dominance."""

import random

import numpy as np
import pytest
from deap import base, tools
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.evolution.algorithms.problems import (
    all_masks,
    fit_for,
    make,
    rugged,
    sparseness,
    toolbox,
)
from vaega.core.errors import InputError
from vaega.evolution._evolution import evolve
from vaega.evolution.algorithms import NSGA2
from vaega.evolution.algorithms._genetic import dominates
from vaega.evolution.algorithms._nsga2 import (
    Archive,
    crowding_distance,
    dominance,
    rank_crowded,
    sort_fronts,
)


def both(masks):
    return np.column_stack([rugged(masks), sparseness(masks)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_front_is_that_of_all_masks(seed):
    masks = all_masks(12)
    scores = both(masks)
    expected = masks[~dominance(scores, scores).any(axis=0)]
    asked = set()

    def fitness(masks):
        asked.update(mask.tobytes() for mask in masks)
        return both(masks)

    rng = np.random.default_rng(seed)
    algorithm = NSGA2(toolbox(12, rng), rng=rng, population_size=80)
    evolve(algorithm, fitness, n_generations=60)
    found, found_scores = algorithm.front
    assert {mask.tobytes() for mask in found} == {mask.tobytes() for mask in expected}
    np.testing.assert_array_equal(found_scores, both(found))
    assert len(asked) < len(masks) / 2


def test_the_archive_holds_more_than_the_population_when_the_front_does():
    algorithm = make("nsga2", n_features=40)

    def even(masks):  # every mask is on the front
        return np.column_stack([masks.sum(axis=1), -masks.sum(axis=1)])

    state = evolve(algorithm, even, n_generations=6)
    assert len(state.masks) == 30
    assert len(algorithm.front[0]) == state.history[-1]["front_size"] > 100


def test_nothing_told_dominates_the_front():
    algorithm, told = make("nsga2", n_features=12), []

    def fitness(masks):
        told.append(both(masks))
        return told[-1]

    evolve(algorithm, fitness, n_generations=6)
    assert not dominance(np.concatenate(told), algorithm.front[1]).any()


def test_the_best_mask_leads_the_front():
    algorithm = make("bounded_nsga2")
    state = evolve(algorithm, both, n_generations=9)
    masks, scores = algorithm.front
    assert len(masks) <= 5
    np.testing.assert_array_equal(state.best_mask, masks[0])
    assert state.best_score == scores[0, 0] == scores[:, 0].max()


def test_there_is_no_front_before_the_first_generation():
    masks, scores = make("nsga2").front
    assert len(masks) == len(scores) == 0


def test_it_takes_three_objectives():
    algorithm = make("nsga2")
    fitness = lambda masks: np.column_stack([both(masks), masks[:, 0]])  # noqa: E731
    state = evolve(algorithm, fitness, n_generations=5)
    assert state.scores.shape == (30, 3)


def test_the_number_of_objectives_stays():
    algorithm = make("nsga2")
    evolve(algorithm, both, n_generations=2)
    with pytest.raises(InputError, match="tell needs 2 scores a mask as in the generations before"):
        algorithm.tell(np.zeros((len(algorithm.ask()), 3)))


def test_it_never_draws_from_the_global_generator():
    before = random.getstate()
    algorithm = make("nsga2")
    evolve(algorithm, fit_for(algorithm, rugged), n_generations=5)
    assert random.getstate() == before


def test_tournaments_prefer_the_front():
    algorithm = make("nsga2")
    evolve(algorithm, both, n_generations=1)
    ranks = np.argsort(algorithm.ranked())[algorithm._parents(4000)]
    # The better of two draws from n places has the mean place (n - 1)(2n - 1) / 6n, about n / 3.
    assert abs(np.mean(ranks) - 29 * 59 / 180) < 0.5


def test_bad_settings():
    with pytest.raises(InputError, match="archive_size must be a whole number"):
        NSGA2(toolbox(5, np.random.default_rng()), rng=np.random.default_rng(), archive_size=0)


N_FEATURES = 5


def values(masks):
    """Score masks of five features, often alike."""
    return np.column_stack([masks @ np.array([2, 2, 1, 1, -1]), -masks.sum(axis=1)]).astype(float)


def masks_from(numbers):
    return (np.array(numbers, dtype=int)[:, None] >> np.arange(N_FEATURES)) % 2 == 1


def filled(batches, size=None):
    archive = Archive(np.zeros((0, N_FEATURES), dtype=bool), np.zeros((0, 2)))
    for batch in batches:
        masks = masks_from(batch)
        archive = archive.joined(masks, values(masks), size)
    return archive


batches_of_masks = st.lists(
    st.lists(st.integers(1, 31), min_size=1, max_size=8), min_size=1, max_size=5
)


@given(batches_of_masks)
def test_it_holds_exactly_the_different_masks_that_nobody_dominates(batches):
    masks = masks_from(sorted({number for batch in batches for number in batch}))
    scores = values(masks)
    best = masks[~dominance(scores, scores).any(axis=0)]
    archive = filled(batches)
    assert {mask.tobytes() for mask in archive.masks} == {mask.tobytes() for mask in best}
    assert len(archive.masks) == len(best)
    np.testing.assert_array_equal(archive.scores, values(archive.masks))


@given(batches_of_masks, st.integers(1, 4))
def test_a_bounded_one_stays_in_bounds_and_keeps_the_best_score(batches, size):
    archive = filled(batches, size)
    assert 1 <= len(archive.masks) <= size
    assert not dominance(archive.scores, archive.scores).any()
    everything = values(masks_from([number for batch in batches for number in batch]))
    assert archive.sorted()[1][0].tolist() == max(everything.tolist())


def test_the_best_stays_also_where_crowding_would_let_it_go():
    masks = masks_from([1, 2, 3, 4])
    # Two share the highest first objective, and the better of them is the end of none.
    scores = np.array([[9.0, 5.0, 4.9], [9.0, 4.9, 5.0], [0.0, 5.1, 4.8], [0.0, 4.8, 5.1]])
    kept = Archive(masks[:0], scores[:0]).joined(masks, scores, 3)
    assert [9.0, 5.0, 4.9] in kept.scores.tolist()


def test_the_most_crowded_go_one_by_one():
    masks = masks_from([1, 2, 3, 4, 5])
    scores = np.array([[0.0, 10.0], [4.0, 6.0], [5.0, 5.0], [5.5, 4.5], [10.0, 0.0]])
    kept = Archive(masks[:0], scores[:0]).joined(masks, scores, 4)
    # The gaps around the three in the middle: 5, 1.5 and 5, of ten, in both objectives.
    assert kept.scores[:, 0].tolist() == [0.0, 4.0, 5.5, 10.0]


def test_a_mask_that_comes_again_keeps_its_first_score():
    masks = masks_from([3])
    archive = Archive(masks[:0], np.zeros((0, 2))).joined(masks, np.array([[1.0, 1.0]]))
    assert archive.joined(masks, np.array([[2.0, 2.0]])).scores.tolist() == [[1.0, 1.0]]


def test_sorted_puts_the_best_by_the_first_objective_first():
    archive = filled([[1, 3, 4, 12, 7]])
    masks, scores = archive.sorted()
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    np.testing.assert_array_equal(values(masks), scores)


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
