"""Edits, the same on every kind of mask; draws, of exact distributions whatever way they take."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from tests.evolution.operators.kinds import KINDS, LONG, MASKS, PROPERTY, SEEDS
from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution._evolution import Individual
from vaega.evolution.operators._masks import (
    adjust_count,
    as_mask,
    assign,
    draw_below,
    draw_bernoulli,
    draw_distinct,
    draw_hits,
    draw_outside,
    draw_weighted,
    flip,
    flip_where,
    swap,
    swap_segment,
    swap_where,
)

# Multiples of 2**-16 and others, above and below the border between sparse and dense.
CHANCES = [1e-4, 0.005, 0.03, 0.1, 0.25, 1 / 3, 0.5, 0.77, 1 - 1e-3]


@pytest.mark.parametrize("draw", [draw_bernoulli, draw_hits])
@pytest.mark.parametrize("n", [60, 40_000])
@pytest.mark.parametrize("chance", CHANCES)
def test_coins_have_their_chance(draw, n, chance, rng):
    n_repeats = 200_000 // n
    hits = 0
    for _ in range(n_repeats):
        drawn = draw(n, chance, rng=rng)
        hits += int(drawn.sum()) if drawn.dtype == bool else drawn.size
    assert binomtest(hits, n_repeats * n, chance).pvalue > 1e-4


@pytest.mark.parametrize("chance", [2.5 / 65536, 0.5 / 65536])
def test_the_chance_is_exact_below_its_sixteen_bits(chance, rng):
    hits = sum(int(draw_bernoulli(100_000, chance, rng=rng).sum()) for _ in range(200))
    assert binomtest(hits, 200 * 100_000, chance).pvalue > 1e-4


@pytest.mark.parametrize("draw", [draw_bernoulli, draw_hits])
@pytest.mark.parametrize("n", [8, LONG])
def test_certain_coins(draw, n, rng):
    none, every = draw(n, 0.0, rng=rng), draw(n, 1.0, rng=rng)
    if draw is draw_bernoulli:
        none, every = np.flatnonzero(none), np.flatnonzero(every)
    assert none.size == 0
    np.testing.assert_array_equal(every, np.arange(n))


@pytest.mark.parametrize("chance", [1e-300, 1e-18, 1e-9])
def test_hardly_any_chance(chance, rng):
    assert draw_hits(16_063, chance, rng=rng).size == 0
    assert draw_bernoulli(16_063, chance, rng=rng).sum() == 0


@PROPERTY
@given(n=st.integers(0, 3000), chance=st.floats(0, 1), seed=SEEDS)
def test_hits_rise_within_the_mask(n, chance, seed):
    hits = draw_hits(n, chance, rng=np.random.default_rng(seed))
    assert (np.diff(hits) > 0).all()
    assert hits.size == 0 or (hits[0] >= 0 and hits[-1] < n)


@pytest.mark.parametrize("chance", [0.01, 0.3, 0.5])
def test_coins_fall_alike_everywhere(chance, rng):
    seen = np.zeros(4000)
    for _ in range(300):
        seen[draw_hits(4000, chance, rng=rng)] += 1
    assert chisquare(seen.reshape(40, 100).sum(axis=1)).pvalue > 1e-4


def test_rare_hits_reach_the_ends_too(rng):
    seen = np.zeros(20)
    for _ in range(40_000):
        seen[draw_hits(20, 0.015, rng=rng)] += 1
    assert chisquare(seen).pvalue > 1e-4


def test_more_hits_than_were_expected():
    class Lucky:
        def geometric(self, probability, size):
            return np.ones(size, dtype=np.int64)

    np.testing.assert_array_equal(draw_hits(100, 0.01, rng=Lucky()), np.arange(100))


def test_coins_are_independent_of_their_neighbours(rng):
    for chance in (0.5, 0.3, 0.015):
        hits = np.zeros(200_000, dtype=bool)
        hits[draw_hits(hits.size, chance, rng=rng)] = True
        pairs = int((hits[1:] & hits[:-1]).sum())
        spread = np.sqrt(hits.size) * chance
        assert pairs == pytest.approx(hits.size * chance**2, abs=5 * spread)


@PROPERTY
@given(n=st.integers(0, 6000), seed=SEEDS, data=st.data())
def test_distinct_means_distinct(n, seed, data):
    size = data.draw(st.integers(0, n))
    positions = draw_distinct(n, size, rng=np.random.default_rng(seed))
    assert np.unique(positions).size == positions.size == size
    assert size == 0 or (positions.min() >= 0 and positions.max() < n)


@pytest.mark.parametrize(("n", "size"), [(50, 20), (6000, 3000)])
def test_every_position_is_as_likely(n, size, rng):
    seen = np.zeros(n)
    for _ in range(400):
        seen[draw_distinct(n, size, rng=rng)] += 1
    groups = seen.reshape(50, -1).sum(axis=1)
    # Draws without replacement spread less than independent ones, so only the upper tail counts.
    assert chisquare(groups).pvalue > 1e-4


def test_adjusted_sets_are_equally_likely(rng):
    sets = dict.fromkeys(combinations(range(1, 5), 2), 0)
    pool = np.array([False, True, True, True, True, False])
    for _ in range(6000):
        marked = pool & (rng.random(6) < 0.5)
        adjust_count(marked, 2, pool=pool, rng=rng)
        sets[tuple(np.flatnonzero(marked).tolist())] += 1
    assert chisquare(list(sets.values())).pvalue > 1e-4


@PROPERTY
@given(marked=st.lists(st.booleans(), min_size=1, max_size=60), seed=SEEDS, data=st.data())
def test_outside_is_outside(marked, seed, data):
    marked = np.array(marked)
    size = data.draw(st.integers(0, int((~marked).sum())))
    drawn = draw_outside(marked, size, rng=np.random.default_rng(seed))
    assert np.unique(drawn).size == size
    assert not marked[drawn].any()


@pytest.mark.parametrize("n_marked", [3, 9])
def test_outside_every_position_is_as_likely(n_marked, rng):
    marked, seen = np.arange(12) < n_marked, np.zeros(12)
    for _ in range(4000):
        seen[draw_outside(marked, 2, rng=rng)] += 1
    assert chisquare(seen[n_marked:]).pvalue > 1e-4


def test_below_reaches_every_number_and_no_further(rng):
    drawn = np.bincount([draw_below(7, rng=rng) for _ in range(7000)], minlength=7)
    assert drawn.size == 7
    assert chisquare(drawn).pvalue > 1e-4


def test_below_never_reaches_its_end():
    class AlmostOne:
        def random(self):
            return np.nextafter(1.0, 0.0)

    for n in (1, 2, 3, 7, 16_063, 2**31 - 1):
        assert draw_below(n, rng=AlmostOne()) == n - 1


def chosen_of(data, size):
    return np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(genes=MASKS, data=st.data())
def test_flips_and_assignments(kind, genes, data):
    before, chosen = np.array(genes), chosen_of(data, len(genes))
    positions = np.flatnonzero(chosen)
    for edit, argument, expected in [
        (flip, positions, before ^ chosen),
        (flip_where, chosen, before ^ chosen),
        (lambda mask, where: assign(mask, where, True), positions, before | chosen),
        (lambda mask, where: assign(mask, where, False), positions, before & ~chosen),
    ]:
        mask = kind(genes)
        edit(mask, argument)
        np.testing.assert_array_equal(as_mask(mask), expected)
        assert type(mask[0]) is type(kind(genes)[0])


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(genes=MASKS, data=st.data())
def test_swaps(kind, genes, data):
    other, chosen = chosen_of(data, len(genes)), chosen_of(data, len(genes))
    start = data.draw(st.integers(0, len(genes)))
    segment = np.arange(len(genes)) >= start
    for edit, arguments, swapped in [
        (swap, [np.flatnonzero(chosen)], chosen),
        (swap_where, [chosen], chosen),
        (swap_segment, [start, len(genes)], segment),
    ]:
        a, b = kind(genes), kind(other.tolist())
        edit(a, b, *arguments)
        np.testing.assert_array_equal(as_mask(a), np.where(swapped, other, genes))
        np.testing.assert_array_equal(as_mask(b), np.where(swapped, genes, other))


def test_reading_a_boolean_array_copies_nothing():
    individual = Individual([True, False])
    assert np.shares_memory(as_mask(individual), individual)
    assert type(as_mask(individual)) is np.ndarray


def test_an_array_and_a_list():
    a, b = np.array([True, True]), [False, False]
    swap_segment(a, b, 1, 2)
    swap_where(a, b, np.array([True, False]))
    assert a.tolist() == [False, False]
    assert [bool(gene) for gene in b] == [True, True]


def test_the_fitness_stays():
    individual, other = Individual([True, False]), Individual([False, True])
    individual.fitness.values = (0.5,)
    swap_where(individual, other, np.array([True, False]))
    flip(individual, np.array([1]))
    assert individual.fitness.values == (0.5,)


@pytest.mark.parametrize("n_features", [4, 300])
def test_pairs_come_as_often_as_from_successive_draws(n_features, rng):
    heavy = np.array([1.0, 2.0, 3.0, 4.0])
    places = np.linspace(0, n_features - 1, 4).astype(int)  # in blocks of their own, where long
    weights = np.zeros(n_features)
    weights[places] = heavy
    expected, seen = {}, {}
    for i, j in permutations(range(4), 2):
        chance = heavy[i] / 10 * heavy[j] / (10 - heavy[i])
        pair = tuple(sorted((int(places[i]), int(places[j]))))
        expected[pair] = expected.get(pair, 0.0) + 6000 * chance
    for _ in range(6000):
        pair = tuple(sorted(draw_weighted(weights, 2, rng=rng).tolist()))
        seen[pair] = seen.get(pair, 0) + 1
    assert set(seen) == set(expected)
    assert chisquare([seen[pair] for pair in expected], list(expected.values())).pvalue > 1e-4


@pytest.mark.parametrize("size", [1, 30, 100])
def test_inclusions_follow_the_weights(size, rng):
    weights = np.repeat([0.0, 1.0, 2.0, 5.0], 500)
    seen = np.zeros(2000)
    for _ in range(200):
        seen[draw_weighted(weights, size, rng=rng)] += 1
    drawn = seen.reshape(4, 500).sum(axis=1)
    assert drawn[0] == 0
    # With 100 of 1,500 repetitions change the proportions by a few per cent.
    n = drawn.sum()
    np.testing.assert_allclose(drawn[1:] / n, [1 / 8, 2 / 8, 5 / 8], atol=0.03 + 2 / np.sqrt(n))


@PROPERTY
@given(
    weights=st.lists(st.sampled_from([0.0, 1e-12, 0.5, 1.0, 1e6]), min_size=1, max_size=200),
    size=st.integers(0, 40),
    seed=SEEDS,
    data=st.data(),
)
def test_drawn_are_different_weighted_and_not_excluded(weights, size, seed, data):
    weights = np.array(weights)
    n = weights.size
    excluded = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    before = weights.copy()
    drawn = draw_weighted(weights, size, rng=np.random.default_rng(seed), excluded=excluded)
    possible = (weights > 0) & ~excluded
    assert drawn.size == np.unique(drawn).size == min(size, possible.sum())
    assert possible[drawn].all()
    np.testing.assert_array_equal(weights, before)


@pytest.mark.parametrize(
    "weights", [[1.0], [1.0, -1.0], [1.0, np.nan], [np.inf, 1.0], [[1.0, 2.0]]]
)
def test_weights_that_do_not_fit(weights, rng):
    for call in (
        lambda: operators.init_filter_guided(2, weights=weights, size=1, rng=rng),
        lambda: operators.mutate_filter_guided(
            [1, 0], weights=weights, flip_probability=1, rng=rng
        ),
        lambda: operators.repair_bounds([0, 0], weights=weights, rng=rng),
    ):
        with pytest.raises(InputError, match="weights must"):
            call()
