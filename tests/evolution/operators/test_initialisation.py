"""First masks: sizes, shares and weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.evolution.operators.kinds import LONG, PROPERTY, SEEDS
from vaega.core.errors import InputError
from vaega.evolution import operators


@PROPERTY
@given(n_features=st.integers(1, 60), seed=SEEDS, data=st.data())
def test_fixed_size_is_exact(n_features, seed, data):
    size = data.draw(st.integers(0, n_features))
    mask = operators.init_fixed_size(n_features, size=size, rng=np.random.default_rng(seed))
    assert mask.dtype == bool
    assert mask.shape == (n_features,)
    assert mask.sum() == size


@pytest.mark.parametrize(("n_features", "size"), [(40, 10), (LONG, 20), (LONG, 2500)])
def test_fixed_size_selects_all_alike(n_features, size, rng):
    seen = np.zeros(n_features)
    for _ in range(400):
        seen += operators.init_fixed_size(n_features, size=size, rng=rng)
    assert seen.sum() == 400 * size
    assert chisquare(seen.reshape(40, -1).sum(axis=1)).pvalue > 1e-4


@pytest.mark.parametrize("fraction", [0.0, 0.003, 0.05, 0.5, 1.0])
def test_bernoulli_fraction(fraction, rng):
    mask = operators.init_bernoulli(100_000, fraction=fraction, rng=rng)
    assert mask.dtype == bool
    spread = np.sqrt(fraction * (1 - fraction) / 100_000)
    assert mask.mean() == pytest.approx(fraction, abs=5 * spread)


@pytest.mark.parametrize("n_features", [60, LONG])
@pytest.mark.parametrize("size", [1, 5, 30])
def test_guided_sizes_are_exact_where_weights_allow(n_features, size, rng):
    weights = rng.gamma(0.3, size=n_features)
    mask = operators.init_filter_guided(n_features, weights=weights, size=size, rng=rng)
    assert mask.sum() == size
    weights[10:] = 0.0
    mask = operators.init_filter_guided(n_features, weights=weights, size=size, rng=rng)
    assert mask.sum() == min(size, 10)
    assert not mask[10:].any()


def test_guided_first_masks_prefer_heavy_features(rng):
    weights = np.r_[np.full(10, 20.0), np.ones(190)]
    share = np.mean(
        [operators.init_filter_guided(200, weights=weights, size=10, rng=rng) for _ in range(300)],
        axis=0,
    )
    assert share[:10].mean() > 5 * share[10:].mean()
    assert share[10:].min() > 0


BAD = [
    (lambda rng: operators.init_fixed_size(3, size=4, rng=rng), "from 0 to 3, got 4"),
    (lambda rng: operators.init_fixed_size(0, size=0, rng=rng), "n_features must be a whole"),
    (lambda rng: operators.init_bernoulli(-1, fraction=0.5, rng=rng), "n_features must be a whole"),
    (lambda rng: operators.init_bernoulli(5, fraction=1.5, rng=rng), "fraction must be a prob"),
    (
        lambda rng: operators.init_filter_guided(2, weights=[1, 1], size=3, rng=rng),
        "init_filter_guided: size must be a whole number, from 0 to 2, got 3",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), BAD)
def test_bad_input(call, sentence, rng):
    with pytest.raises(InputError, match=sentence):
        call(rng)
