import numpy as np
import pytest

from vaega.selection._choice import (
    RULES,
    choose_best,
    choose_knee,
    choose_lower_bound,
    choose_one_standard_error,
)


def test_the_best_has_the_highest_mean_and_of_equals_the_fewest_features():
    assert choose_best([5, 3, 4], [[0.7, 0.9], [0.8, 0.8], [0.7, 0.8]]) == 1


def test_one_standard_error_takes_the_smallest_that_the_folds_cannot_tell_from_the_best(rng):
    noise = rng.normal(scale=0.05, size=20)
    scores = np.array([0.90 + noise, 0.899 + noise[::-1], 0.5 + noise])
    assert choose_one_standard_error([30, 10, 2], scores) == 1


def test_what_folds_have_in_common_is_no_doubt(rng):
    hard = rng.normal(scale=0.2, size=10)  # hard and easy folds, the same for both
    assert choose_one_standard_error([30, 10], [0.9 + hard, 0.88 + hard]) == 0


def test_the_lower_bound_prefers_the_steady():
    assert choose_lower_bound([3, 3], [[1.0, 0.5, 1.0], [0.8, 0.8, 0.8]]) == 1


def test_the_knee_is_where_more_features_stop_paying():
    sizes = [1, 2, 3, 4, 10, 50]
    scores = [[0.5], [0.7], [0.88], [0.9], [0.91], [0.92]]
    assert sizes[choose_knee(sizes, scores)] == 4


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_takes_a_single_candidate_and_a_single_fold(rule):
    assert rule([7], [[0.5]]) == 0
    assert rule([7, 2], [[0.5], [0.5]]) == 1


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_no_rule_takes_a_candidate_that_another_beats_in_both(rule, rng):
    for _ in range(50):
        sizes = rng.integers(1, 20, size=8)
        scores = rng.random((8, 1))  # one fold: means are all there is
        chosen = rule(sizes, scores)
        beaten = (sizes <= sizes[chosen]) & (scores[:, 0] > scores[chosen, 0])
        assert not beaten.any()
