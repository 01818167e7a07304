import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.fitness._memory import FitnessMemory, PenaltyObjective, WeightedObjective

MASKS = np.array([[True, False, False, False], [True, True, True, True]])
SCORES = np.array([0.6, 0.8])


def test_weighted_is_the_formula_of_the_thesis():
    np.testing.assert_allclose(WeightedObjective(0.5)(SCORES, MASKS), [0.5 * 0.6 + 0.5 * 0.75, 0.4])


def test_alpha_one_is_the_score_alone():
    np.testing.assert_allclose(WeightedObjective(1.0)(SCORES, MASKS), SCORES)


def test_penalty():
    np.testing.assert_allclose(PenaltyObjective(0.01)(SCORES, MASKS), [0.59, 0.76])


@pytest.mark.parametrize("alpha", [-0.1, 1.1, "x"])
def test_alpha_is_a_probability(alpha):
    with pytest.raises(InputError, match="alpha must be a probability"):
        WeightedObjective(alpha)


@pytest.mark.parametrize("price", [-1, float("nan")])
def test_price_is_not_negative(price):
    with pytest.raises(InputError, match="per_feature must be at least 0"):
        PenaltyObjective(price)


def test_a_memory_gives_the_objective_of_the_scores():
    memory = FitnessMemory(
        lambda masks: masks.mean(axis=1), n_features=4, objective=PenaltyObjective(0.1)
    )
    np.testing.assert_allclose(memory(MASKS), [0.15, 0.6])
    np.testing.assert_allclose(memory.score(MASKS), [0.25, 1.0])
    assert (memory.n_asked, memory.n_distinct) == (4, 2)
