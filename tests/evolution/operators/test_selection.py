"""Selection: frequencies as theory has them."""

import random

import numpy as np
import pytest
from deap import base, tools
from hypothesis import given
from hypothesis import strategies as st

from tests.evolution.operators.kinds import PROPERTY, SEEDS, Scored, counts_of, scored, shares_of
from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution._evolution import Individual

N_DRAWS = 20_000
SELECTIONS = [
    (operators.select_tournament, {"tournament_size": 3}),
    (operators.select_roulette, {}),
    (operators.select_stochastic_universal, {}),
    (operators.select_rank, {}),
    (operators.select_window, {"window_size": 2}),
]
BY_SCORE = [operators.select_roulette, operators.select_stochastic_universal]


def individuals(scores, masks=None, kind=Individual):
    if masks is None:
        masks = np.random.default_rng(0).random((len(scores), 12)) < 0.4
    population = []
    for score, mask in zip(scores, masks, strict=True):
        one = type("Mask", (list,), {})(mask) if kind is list else Individual(mask)
        one.fitness = Scored(score).fitness
        population.append(one)
    return population


def lists_and_arrays(scores, masks):
    return individuals(scores, masks.tolist(), kind=list), individuals(scores, masks)


@pytest.mark.parametrize(("select", "settings"), SELECTIONS)
@pytest.mark.parametrize("k", [0, 1, 5, 40])
def test_the_very_individuals_come_back(select, settings, k, rng):
    population = individuals([0.1, 0.4, 0.3, 0.9, 0.2])
    chosen = select(population, k, rng=rng, **settings)
    assert isinstance(chosen, list)
    assert len(chosen) == k
    assert {id(one) for one in chosen} <= {id(one) for one in population}


@pytest.mark.parametrize(("select", "settings"), SELECTIONS)
def test_lists_and_arrays_are_selected_alike(select, settings):
    rng = np.random.default_rng(3)
    lists, arrays = lists_and_arrays(rng.random(15).tolist(), rng.random((15, 20)) < 0.3)
    first = select(lists, 30, rng=np.random.default_rng(1), **settings)
    second = select(arrays, 30, rng=np.random.default_rng(1), **settings)
    places = [[id(one) for one in population] for population in (lists, arrays)]
    expected = [places[0].index(id(one)) for one in first]
    assert expected == [places[1].index(id(one)) for one in second]


@pytest.mark.parametrize(("select", "settings"), SELECTIONS)
def test_of_several_objectives_the_first_counts(select, settings, rng):
    population = individuals([0.0, 1.0])
    for one, values in zip(population, [(0.0, 9.0), (1.0, 0.0)], strict=True):
        one.fitness.weights = (1.0, 1.0)
        one.fitness.values = values
    shares = shares_of(population, select(population, 1000, rng=rng, **settings))
    assert shares[1] > 0.6


@pytest.mark.parametrize(("select", "settings"), SELECTIONS)
def test_a_minimised_score_counts_in_reverse(select, settings, rng):
    population = individuals([5.0, 1.0])
    for one in population:
        (value,) = one.fitness.values
        one.fitness.weights = (-1.0,)
        one.fitness.values = (value,)
    shares = shares_of(population, select(population, 1000, rng=rng, **settings))
    assert shares[1] > 0.6


@pytest.mark.parametrize("size", [1, 2, 5])
def test_tournament_pressure_is_that_of_theory(size, rng):
    population = scored([0.1, 0.2, 0.3, 0.4])
    chosen = operators.select_tournament(population, N_DRAWS, tournament_size=size, rng=rng)
    ranks = np.arange(1, 5) / 4
    expected = ranks**size - (ranks - 0.25) ** size
    np.testing.assert_allclose(shares_of(population, chosen), expected, atol=0.015)


@pytest.mark.parametrize("select", BY_SCORE)
@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4]),
        ([0.0, 3.0, 0.0, 1.0, 0.0], [0.0, 0.75, 0.0, 0.25, 0.0]),
        ([-3.0, -2.0, -1.0], [0.0, 1 / 3, 2 / 3]),
        ([-1.0, 0.0, 1.0], [0.0, 1 / 3, 2 / 3]),
        ([0.0] * 4, [0.25] * 4),
        ([0.7] * 4, [0.25] * 4),
        ([-1.0] * 4, [0.25] * 4),
        ([5.0], [1.0]),
    ],
)
def test_shares_follow_the_scores(select, scores, expected, rng):
    population = scored(scores)
    got = shares_of(population, select(population, N_DRAWS, rng=rng))
    np.testing.assert_allclose(got, expected, atol=0.015)
    assert (got[np.equal(expected, 0.0)] == 0.0).all()


@PROPERTY
@given(
    scores=st.lists(st.floats(0, 100), min_size=1, max_size=20),
    k=st.integers(1, 60),
    seed=SEEDS,
)
def test_universal_sampling_rounds_the_expectation_up_or_down(scores, k, seed):
    population, total = scored(scores), sum(scores)
    rng = np.random.default_rng(seed)
    counts = counts_of(population, operators.select_stochastic_universal(population, k, rng=rng))
    expected = k * (
        np.array(scores) / total if total > 0 else np.full(len(scores), 1 / len(scores))
    )
    assert (counts >= np.floor(expected - 1e-9)).all()
    assert (counts <= np.ceil(expected + 1e-9)).all()


@pytest.mark.parametrize("pointer", [0.0, np.nextafter(1.0, 0.0)])
def test_the_ends_of_the_wheel_belong_to_those_with_a_share(pointer):
    class Stuck(np.random.Generator):
        def __init__(self):
            super().__init__(np.random.PCG64(0))

        def random(self, size):
            return np.full(size, pointer)

    population = scored([0.0, 0.1, 0.0])
    assert operators.select_roulette(population, 1, rng=Stuck()) == [population[1]]


def test_a_last_pointer_that_rounds_to_the_end_stays_on_the_wheel():
    class Stuck(np.random.Generator):
        def __init__(self):
            super().__init__(np.random.PCG64(0))

        def random(self):
            return np.nextafter(1.0, 0.0)

        def permutation(self, k):
            return np.arange(k)

    population = scored([0.3, 0.1, 0.0])
    chosen = operators.select_stochastic_universal(population, 100, rng=Stuck())
    counts = counts_of(population, chosen)
    assert counts.sum() == 100
    assert counts[2] == 0


def test_universal_sampling_mixes_its_order(rng):
    population = scored([1.0, 1.0])
    chosen = operators.select_stochastic_universal(population, 1000, rng=rng)
    twins = np.mean([a is b for a, b in zip(chosen[::2], chosen[1::2], strict=True)])
    assert twins == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("pressure", [1.0, 1.5, 2.0])
def test_rank_selection_is_linear_in_the_rank(pressure, rng):
    population = scored([0.3, 100.0, 0.2, 0.1])  # ranks 2, 3, 1, 0
    chosen = operators.select_rank(population, N_DRAWS, pressure=pressure, rng=rng)
    ranks = np.array([2, 3, 1, 0])
    expected = (2 - pressure + 2 * (pressure - 1) * ranks / 3) / 4
    np.testing.assert_allclose(shares_of(population, chosen), expected, atol=0.015)


def test_equal_scores_share_their_ranks(rng):
    population = scored([0.2, 0.7, 0.2, 0.7, 0.7])  # mean ranks 0.5, 3, 0.5, 3, 3
    chosen = operators.select_rank(population, N_DRAWS, pressure=2.0, rng=rng)
    expected = 2 * np.array([0.5, 3, 0.5, 3, 3]) / 4 / 5
    np.testing.assert_allclose(shares_of(population, chosen), expected, atol=0.015)


@pytest.mark.parametrize("scores", [[0.4], [-np.inf, -np.inf], [0.0, 0.0, 0.0]])
def test_rank_selection_without_ranks(scores, rng):
    population = scored(scores)
    chosen = operators.select_rank(population, N_DRAWS, pressure=2.0, rng=rng)
    np.testing.assert_allclose(shares_of(population, chosen), 1 / len(scores), atol=0.015)


def test_windows_let_every_region_win(rng):
    # Two regions of the search space; the better one holds every high score.
    good, poor = np.arange(20) < 10, np.arange(20) >= 10
    masks = np.array([np.roll(good, i % 2) for i in range(10)] + [poor] * 10)
    scores = np.r_[np.linspace(0.8, 0.9, 10), np.linspace(0.1, 0.2, 10)]
    population = individuals(scores, masks)
    chosen = operators.select_window(population, 200, window_size=10, rng=rng)
    counts = counts_of(population, chosen)
    assert (counts[9], counts[19]) == (100, 100)


@pytest.mark.parametrize("window_size", [1, 2, 5])
def test_every_individual_is_in_one_window_a_round(window_size, rng):
    population = individuals(np.arange(20) / 20)
    for _ in range(30):
        chosen = operators.select_window(
            population, 20 // window_size, window_size=window_size, rng=rng
        )
        counts = counts_of(population, chosen)
        assert counts.max() == 1
        assert counts[-1] == 1  # the best wins its window, the worst ones never
        assert counts[: window_size - 1].sum() == 0


def test_without_any_likeness_windows_are_tournaments_without_replacement(rng):
    population = individuals(np.arange(6) / 6, np.ones((6, 4), dtype=bool))
    chosen = operators.select_window(population, N_DRAWS, window_size=3, rng=rng)
    # The best of three out of six, drawn without replacement: C(rank, 2) / C(6, 3).
    expected = np.array([0, 0, 1, 3, 6, 10]) / 20
    np.testing.assert_allclose(shares_of(population, chosen), expected, atol=0.02)


def test_windows_larger_than_the_population(rng):
    population = individuals([0.1, 0.9, 0.3])
    chosen = operators.select_window(population, 4, window_size=50, rng=rng)
    assert all(one is population[1] for one in chosen)


def test_windows_want_masks_of_one_length(rng):
    population = individuals([0.1, 0.2], [[True], [True, False]])
    with pytest.raises(InputError, match=r"must have one length, got \[1, 2\]"):
        operators.select_window(population, 1, rng=rng)


BAD = [
    ("tournament_size", operators.select_tournament, [0, -1, 1.5], "a whole number, at least 1"),
    ("window_size", operators.select_window, [0, 2.5], "a whole number, at least 1"),
    ("pressure", operators.select_rank, [0.9, 2.1, np.nan, True, "2"], "a number from 1 to 2"),
]


@pytest.mark.parametrize(
    ("name", "select", "value", "rule"),
    [(name, select, value, rule) for name, select, values, rule in BAD for value in values],
)
def test_settings_out_of_range(name, select, value, rule, rng):
    with pytest.raises(InputError, match=f"{name} must be {rule}"):
        select(individuals([0.1, 0.2]), 1, rng=rng, **{name: value})


@pytest.mark.parametrize(("select", "settings"), SELECTIONS)
def test_what_cannot_be_selected_from(select, settings, rng):
    owner = select.__name__
    with pytest.raises(InputError, match=f"{owner}: individuals must hold at least one"):
        select([], 1, rng=rng, **settings)
    with pytest.raises(InputError, match=f"{owner}: individuals must be evaluated, got 1 without"):
        select([Individual([True]), *individuals([0.5], [[True]])], 1, rng=rng, **settings)
    with pytest.raises(InputError, match=f"{owner}: scores must be numbers, got nan of indiv.* 1"):
        select(individuals([0.1, np.nan]), 1, rng=rng, **settings)
    with pytest.raises(InputError, match=f"{owner}: k must be a whole number, at least 0"):
        select(individuals([0.1, 0.2]), -1, rng=rng, **settings)


@pytest.mark.parametrize("select", BY_SCORE)
def test_an_infinite_score_has_no_share(select, rng):
    with pytest.raises(InputError, match="scores must be finite, got -inf"):
        select(scored([0.1, -np.inf]), 1, rng=rng)


class Lexicographic(base.Fitness):
    weights = (1.0, -1.0)


def of_two_objectives(values):
    population = []
    for pair in values:
        one = Individual([True])
        one.fitness = Lexicographic()
        one.fitness.values = pair
        population.append(one)
    return population


ORDERED = [
    (operators.select_tournament, {"tournsize": 3}),
    (operators.select_rank, {"pressure": 2.0}),
    (operators.select_window, {"window_size": 3}),
]


@pytest.mark.parametrize(("select", "settings"), ORDERED)
def test_equals_by_the_first_objective_are_told_apart_by_the_next(select, settings, rng):
    population = of_two_objectives([(0.9, size) for size in (5, 1, 3, 2, 4, 6)])
    shares = shares_of(population, select(population, 6000, rng=rng, **settings))
    assert shares[[1, 3, 2, 4, 0]].tolist() == sorted(shares[[1, 3, 2, 4, 0]], reverse=True)
    assert shares[1] > 1.5 * shares[0]


def test_tournaments_are_deaps():
    values = [(0.9, 3.0), (0.9, 1.0), (0.7, 0.0), (0.9, 1.0), (0.2, 9.0)]
    population, rng = of_two_objectives(values), np.random.default_rng(0)
    random.seed(0)
    theirs = shares_of(population, tools.selTournament(population, N_DRAWS, tournsize=3))
    ours = shares_of(
        population, operators.select_tournament(population, N_DRAWS, tournsize=3, rng=rng)
    )
    assert ours == pytest.approx(theirs, abs=0.02)


def test_the_first_objective_counts_before_the_next(rng):
    population = of_two_objectives([(0.8, 0.0), (0.9, 99.0)])
    chosen = operators.select_tournament(population, 200, tournament_size=9, rng=rng)
    assert shares_of(population, chosen)[1] > 0.95


@pytest.mark.parametrize(("select", "settings"), SELECTIONS)
def test_the_fitness_may_be_another_attribute(select, settings, rng):
    population = individuals([0.1, 0.9, 0.4])
    for one in population:
        one.effort = one.fitness
        one.fitness = None
    assert len(select(population, 5, rng=rng, fit_attr="effort", **settings)) == 5


def test_both_names_of_the_size_are_one_too_many(rng):
    with pytest.raises(InputError, match="tournsize is DEAP's name of tournament_size; give one"):
        operators.select_tournament(
            individuals([0.1, 0.2]), 1, tournsize=2, tournament_size=2, rng=rng
        )
