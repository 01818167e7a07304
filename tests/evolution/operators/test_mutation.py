"""Mutation: what every mutation promises, and what each adds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.evolution.operators.kinds import KINDS, LONG, MASKS, PROPERTY, SEEDS
from vaega.core.errors import InputError
from vaega.evolution import operators

SOME = {"flip_probability": 0.3}
MUTATIONS = [
    (operators.mutate_bitflip, SOME),
    (operators.mutate_balanced_flip, SOME),
    (operators.mutate_filter_guided, SOME),
    (operators.mutate_swap, {"n_swaps": 3}),
]
FLIPPING = [mutate for mutate, settings in MUTATIONS if settings is SOME]


def call(mutate, mask, rng, **settings):
    if mutate is operators.mutate_filter_guided:
        settings["weights"] = 1.0 + np.arange(len(mask))
    return mutate(mask, rng=rng, **settings)


@pytest.mark.parametrize(("mutate", "settings"), MUTATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_very_mask_that_was_given_changes(mutate, settings, kind, rng):
    start = [True] * 40 + [False] * 160
    mask = kind(start)
    (mutated,) = call(mutate, mask, rng, **settings)
    assert mutated is mask
    assert type(mask[0]) is type(kind(start)[0])
    assert np.any(np.asarray(mask, dtype=bool) != start)


@pytest.mark.parametrize(("mutate", "settings"), MUTATIONS)
@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(genes=MASKS, seed=SEEDS)
def test_every_kind_of_mask_gets_the_same(mutate, settings, kind, genes, seed):
    expected, got = np.array(genes), kind(genes)
    call(mutate, expected, np.random.default_rng(seed), **settings)
    call(mutate, got, np.random.default_rng(seed), **settings)
    np.testing.assert_array_equal(np.asarray(got, dtype=bool), expected)
    assert set(np.asarray(got, dtype=float)) <= {0.0, 1.0}


@pytest.mark.parametrize(("mutate", "settings"), MUTATIONS)
@pytest.mark.parametrize("kind", [list, np.array])
def test_long_masks_get_the_same_too(mutate, settings, kind):
    genes = np.random.default_rng(1).random(LONG) < 0.3
    expected, got = genes.copy(), kind(genes.tolist())
    call(mutate, expected, np.random.default_rng(2), **settings)
    call(mutate, got, np.random.default_rng(2), **settings)
    assert (expected != genes).any()
    np.testing.assert_array_equal(np.asarray(got, dtype=bool), expected)


@pytest.mark.parametrize("chance", [0.0005, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("n_features", [500, LONG])
def test_expected_flips(chance, n_features, rng):
    flips = []
    for _ in range(400):
        mask = np.zeros(n_features, dtype=bool)
        operators.mutate_bitflip(mask, flip_probability=chance, rng=rng)
        flips.append(mask.sum())
    variance = n_features * chance * (1 - chance)
    assert np.mean(flips) == pytest.approx(n_features * chance, abs=4 * np.sqrt(variance / 400))
    assert np.var(flips) == pytest.approx(variance, rel=0.35)


@pytest.mark.parametrize("n_features", [100, LONG])
@pytest.mark.parametrize("chance", [0.01, 0.3])
def test_flips_fall_alike_on_selected_and_unselected(n_features, chance, rng):
    start, flips = np.arange(n_features) % 2 == 0, np.zeros(n_features)
    for _ in range(400):
        mask = start.copy()
        operators.mutate_bitflip(mask, flip_probability=chance, rng=rng)
        flips += mask != start
    groups = flips.reshape(-1, 10, n_features // 10).sum(axis=(0, 2))
    assert chisquare(groups).pvalue > 1e-4
    assert chisquare([flips[start].sum(), flips[~start].sum()]).pvalue > 1e-4


@pytest.mark.parametrize("mutate", [operators.mutate_balanced_flip, operators.mutate_filter_guided])
@pytest.mark.parametrize(("size", "n_features"), [(3, 300), (30, 300), (150, 300), (20, LONG)])
def test_balanced_mutations_keep_the_expected_size(mutate, size, n_features, rng):
    sizes, dropped = [], []
    for _ in range(800):
        mask = np.arange(n_features) < size
        call(mutate, mask, rng, flip_probability=0.2)
        sizes.append(mask.sum())
        dropped.append(size - mask[:size].sum())
    spread = np.sqrt(2 * 0.2 * size / 800)
    assert np.mean(sizes) == pytest.approx(size, abs=4 * spread)
    assert np.mean(dropped) == pytest.approx(0.2 * size, abs=4 * spread)


def test_a_nearly_full_mask_shrinks(rng):
    mask = np.arange(100) < 95
    operators.mutate_balanced_flip(mask, flip_probability=0.5, rng=rng)
    assert mask.sum() < 80


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(genes=MASKS, n_swaps=st.integers(1, 50), seed=SEEDS)
def test_a_swap_keeps_the_size(kind, genes, n_swaps, seed):
    before, mask = np.array(genes), kind(genes)
    operators.mutate_swap(mask, n_swaps=n_swaps, rng=np.random.default_rng(seed))
    after = np.asarray(mask, dtype=bool)
    possible = min(n_swaps, before.sum(), (~before).sum())
    assert after.sum() == before.sum()
    assert (before & ~after).sum() == (after & ~before).sum() == possible


@pytest.mark.parametrize("n_swaps", [2, 20])
def test_a_swap_takes_every_feature_alike(n_swaps, rng):
    start, changed = np.arange(90) < 30, np.zeros(90)
    for _ in range(1500):
        mask = start.copy()
        operators.mutate_swap(mask, n_swaps=n_swaps, rng=rng)
        changed += mask != start
    assert chisquare(changed[:30]).pvalue > 1e-4
    assert chisquare(changed[30:]).pvalue > 1e-4


@pytest.mark.parametrize("n_features", [5, 400])
def test_guided_mutation_adds_by_weight(n_features, rng):
    added = np.zeros(n_features)
    weights = np.zeros(n_features)
    weights[2:4] = 1.0, 3.0
    for _ in range(3000):
        mask = np.arange(n_features) < 2
        operators.mutate_filter_guided(mask, weights=weights, flip_probability=0.25, rng=rng)
        added += mask
    assert added[4:].sum() == 0
    assert added[3] > 1.8 * added[2] > 0


@pytest.mark.parametrize("chance", [-0.1, 2, None, True])
@pytest.mark.parametrize("mutate", FLIPPING)
def test_no_probability(mutate, chance, rng):
    with pytest.raises(InputError, match="flip_probability must be a probability"):
        call(mutate, [True, False, False], rng, flip_probability=chance)


@pytest.mark.parametrize("n_swaps", [0, -1, 1.5, None])
def test_no_count(n_swaps, rng):
    with pytest.raises(InputError, match="mutate_swap: n_swaps must be a whole number"):
        operators.mutate_swap([1, 0], n_swaps=n_swaps, rng=rng)


@pytest.mark.parametrize(("mutate", "settings"), MUTATIONS)
def test_masks_that_select_nothing_or_everything(mutate, settings, rng):
    for mask in (np.zeros(30, dtype=bool), np.ones(30, dtype=bool)):
        (mutated,) = call(mutate, mask, rng, **settings)
        assert mutated.shape == (30,)
