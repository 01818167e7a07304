"""Crossover, mutation, initialisation, bounds: properties on lists and on arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution.individual import Individual

CROSSOVERS = [
    operators.crossover_one_point,
    operators.crossover_two_point,
    operators.crossover_uniform,
]
KINDS = [list, np.array, Individual]
seeds = st.integers(0, 2**20)
masks = st.lists(st.booleans(), min_size=1, max_size=40)


def counts(a, b):
    return np.asarray(a, dtype=int) + np.asarray(b, dtype=int)


@pytest.mark.parametrize("crossover", CROSSOVERS)
@pytest.mark.parametrize("kind", KINDS)
@given(first=masks, seed=seeds)
def test_crossover_keeps_what_both_hold(crossover, kind, first, seed):
    second = [not gene for gene in first[: len(first) // 2]] + first[len(first) // 2 :]
    a, b = kind(first), kind(second)
    child, other = crossover(a, b, rng=np.random.default_rng(seed))
    assert child is a
    assert other is b
    np.testing.assert_array_equal(counts(child, other), counts(first, second))


@pytest.mark.parametrize("crossover", CROSSOVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_crossover_mixes(crossover, kind, rng):
    a, b = kind([True] * 50), kind([False] * 50)
    crossover(a, b, rng=rng)
    assert 0 < np.sum(a) < 50
    assert np.sum(a) + np.sum(b) == 50


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_crossover_does_the_same_on_lists_and_arrays(crossover):
    a, b = [True, False] * 20, [False, False, True, True] * 10
    x, y = np.array(a), np.array(b)
    crossover(a, b, rng=np.random.default_rng(3))
    crossover(x, y, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(a, x)
    np.testing.assert_array_equal(b, y)


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_children_share_no_memory(crossover, rng):
    a, b = np.zeros(30, dtype=bool), np.ones(30, dtype=bool)
    crossover(a, b, rng=rng)
    assert not np.shares_memory(a, b)
    before = b.copy()
    a[:] = ~a
    np.testing.assert_array_equal(b, before)


def test_two_points_never_exchange_the_whole(rng):
    for _ in range(300):
        a, b = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
        operators.crossover_two_point(a, b, rng=rng)
        assert 0 < a.sum() < 3


def mutations(n_features):
    return [
        (operators.mutate_bitflip, {}),
        (operators.mutate_balanced_flip, {}),
        (operators.mutate_filter_guided, {"weights": np.ones(n_features)}),
    ]


@pytest.mark.parametrize(("mutate", "extra"), mutations(200))
@pytest.mark.parametrize("kind", KINDS)
def test_mutation_changes_the_very_mask_it_was_given(mutate, extra, kind, rng):
    start = [True] * 40 + [False] * 160
    mask = kind(start)
    (mutated,) = mutate(mask, flip_probability=0.3, rng=rng, **extra)
    assert mutated is mask
    assert np.any(np.asarray(mask) != start)


@pytest.mark.parametrize("kind", [list, np.array])
def test_mutation_keeps_the_type_of_the_genes(kind, rng):
    mask = kind([0, 1, 0, 1])
    operators.mutate_bitflip(mask, flip_probability=1.0, rng=rng)
    assert type(mask[0]) is type(kind([0])[0])
    assert [int(gene) for gene in mask] == [1, 0, 1, 0]


def test_expected_flips(rng):
    flips = []
    for _ in range(400):
        mask = np.zeros(500, dtype=bool)
        operators.mutate_bitflip(mask, flip_probability=0.01, rng=rng)
        flips.append(mask.sum())
    assert np.mean(flips) == pytest.approx(5.0, abs=4 * np.sqrt(4.95 / 400))


@pytest.mark.parametrize(("mutate", "extra"), mutations(300)[1:])
@pytest.mark.parametrize("size", [3, 30, 150])
def test_balanced_mutations_keep_the_expected_size(mutate, extra, size, rng):
    sizes = []
    for _ in range(800):
        mask = np.arange(300) < size
        mutate(mask, flip_probability=0.2, rng=rng, **extra)
        sizes.append(mask.sum())
    spread = np.sqrt(2 * 0.2 * size / 800)
    assert np.mean(sizes) == pytest.approx(size, abs=4 * spread)


def test_guided_mutation_adds_by_weight(rng):
    added = np.zeros(3)
    weights = np.array([0.0, 0.0, 1.0, 3.0, 0.0])
    for _ in range(3000):
        mask = np.array([True, True, False, False, False])
        operators.mutate_filter_guided(mask, weights=weights, flip_probability=0.25, rng=rng)
        added += mask[2:]
    assert added[2] == 0
    assert added[1] > 1.8 * added[0] > 0


@pytest.mark.parametrize("probability", [-0.1, 2, None])
@pytest.mark.parametrize(("mutate", "extra"), mutations(3))
def test_no_probability(mutate, extra, probability, rng):
    with pytest.raises(InputError, match="flip_probability must be a probability"):
        mutate([True, False, False], flip_probability=probability, rng=rng, **extra)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.nan], [np.inf, 1.0]])
def test_weights_that_do_not_fit(weights, rng):
    with pytest.raises(InputError, match="weights must"):
        operators.init_filter_guided(2, weights=weights, size=1, rng=rng)


@given(n_features=st.integers(1, 60), seed=seeds, data=st.data())
def test_fixed_size_is_exact(n_features, seed, data):
    size = data.draw(st.integers(0, n_features))
    mask = operators.init_fixed_size(n_features, size=size, rng=np.random.default_rng(seed))
    assert mask.dtype == bool
    assert mask.sum() == size


def test_fixed_size_beyond_all_features(rng):
    with pytest.raises(InputError, match="size must be a whole number, from 0 to 3, got 4"):
        operators.init_fixed_size(3, size=4, rng=rng)


def test_bernoulli_fraction(rng):
    assert operators.init_bernoulli(20_000, fraction=0.05, rng=rng).mean() == pytest.approx(
        0.05, abs=0.006
    )


def test_guided_first_masks_prefer_heavy_features(rng):
    weights = np.r_[np.full(10, 20.0), np.ones(190)]
    share = np.mean(
        [operators.init_filter_guided(200, weights=weights, size=10, rng=rng) for _ in range(300)],
        axis=0,
    )
    assert share[:10].mean() > 5 * share[10:].mean()
    assert share[10:].min() > 0


@pytest.mark.parametrize("kind", KINDS)
@given(mask=masks, seed=seeds, data=st.data())
def test_bounds_hold_and_only_what_must_changes(kind, mask, seed, data):
    low = data.draw(st.integers(1, len(mask)))
    high = data.draw(st.one_of(st.none(), st.integers(low, len(mask))))
    before, repaired = np.array(mask), kind(mask)
    operators.repair_size(
        repaired, min_features=low, max_features=high, rng=np.random.default_rng(seed)
    )
    after = np.asarray(repaired, dtype=bool)
    assert low <= after.sum() <= (len(mask) if high is None else high)
    assert abs(int(after.sum()) - int(before.sum())) == (after != before).sum()


def test_operators_take_nothing_from_the_global_generators():
    import random

    random.seed(1)
    first = random.getstate()
    operators.crossover_uniform([0] * 9, [1] * 9, rng=np.random.default_rng(0))
    assert random.getstate() == first
