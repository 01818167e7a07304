import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.evolution.individual import Individual
from vaega.evolution.operators import select_roulette, select_tournament

N_DRAWS = 20_000


def population(scores):
    individuals = [Individual([True]) for _ in scores]
    for individual, score in zip(individuals, scores, strict=True):
        individual.fitness.values = (score,)
    return individuals


def shares(individuals, chosen):
    places = {id(individual): place for place, individual in enumerate(individuals)}
    return np.bincount([places[id(one)] for one in chosen], minlength=len(individuals)) / len(
        chosen
    )


@pytest.mark.parametrize("size", [1, 2, 5])
def test_tournament_pressure_is_that_of_theory(size, rng):
    individuals = population([0.1, 0.2, 0.3, 0.4])
    got = shares(
        individuals, select_tournament(individuals, N_DRAWS, tournament_size=size, rng=rng)
    )
    ranks = np.arange(1, 5) / 4
    expected = ranks**size - (ranks - 0.25) ** size
    np.testing.assert_allclose(got, expected, atol=0.015)


def test_roulette_follows_the_scores(rng):
    individuals = population([1.0, 2.0, 3.0, 4.0])
    got = shares(individuals, select_roulette(individuals, N_DRAWS, rng=rng))
    np.testing.assert_allclose(got, [0.1, 0.2, 0.3, 0.4], atol=0.015)


def test_roulette_with_negative_scores(rng):
    individuals = population([-3.0, -2.0, -1.0])
    got = shares(individuals, select_roulette(individuals, N_DRAWS, rng=rng))
    np.testing.assert_allclose(got, [0.0, 1 / 3, 2 / 3], atol=0.015)


@pytest.mark.parametrize("score", [0.0, 0.7, -1.0])
def test_roulette_with_equal_scores(score, rng):
    individuals = population([score] * 4)
    got = shares(individuals, select_roulette(individuals, N_DRAWS, rng=rng))
    np.testing.assert_allclose(got, 0.25, atol=0.015)


def test_a_tournament_needs_an_entrant(rng):
    with pytest.raises(InputError, match="tournament_size must be a whole number, at least 1"):
        select_tournament(population([0.1]), 1, tournament_size=0, rng=rng)
