"""Weighted draws: the distribution of drawing one feature after the other, and checks."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.evolution.operators.kinds import PROPERTY, SEEDS
from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution.operators._masks import draw_weighted


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
