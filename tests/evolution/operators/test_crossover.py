"""Crossover: what every crossover promises, and what each adds."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.evolution.operators.kinds import KINDS, LONG, MASKS, PROPERTY, SEEDS
from vaega.core.errors import InputError
from vaega.evolution import operators

CROSSOVERS = [
    operators.crossover_one_point,
    operators.crossover_two_point,
    operators.crossover_uniform,
    operators.crossover_half_uniform,
    operators.crossover_size_preserving,
]


def counts(a, b):
    return np.asarray(a, dtype=int) + np.asarray(b, dtype=int)


def distance(a, b):
    return int((np.asarray(a, dtype=bool) != np.asarray(b, dtype=bool)).sum())


def parents(data, first):
    return data.draw(st.lists(st.booleans(), min_size=len(first), max_size=len(first)))


@pytest.mark.parametrize("crossover", CROSSOVERS)
@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(first=MASKS, seed=SEEDS, data=st.data())
def test_children_hold_what_the_parents_held(crossover, kind, first, seed, data):
    second = parents(data, first)
    a, b = kind(first), kind(second)
    child, other = crossover(a, b, rng=np.random.default_rng(seed))
    assert child is a
    assert other is b
    assert type(a[0]) is type(kind(first)[0])
    np.testing.assert_array_equal(counts(child, other), counts(first, second))


@pytest.mark.parametrize("crossover", CROSSOVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_crossover_mixes(crossover, kind, rng):
    first = [True, False] * 25
    a, b = kind(first), kind([not gene for gene in first])
    crossover(a, b, rng=rng)
    assert 0 < distance(a, first) < 50
    assert distance(a, b) == 50


@pytest.mark.parametrize("crossover", CROSSOVERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_features", [40, LONG])
def test_every_kind_of_mask_gets_the_same(crossover, kind, n_features):
    genes = np.random.default_rng(1).random((2, n_features)) < 0.3
    expected, got = np.array(genes), [kind(mask.tolist()) for mask in genes]
    crossover(*expected, rng=np.random.default_rng(3))
    crossover(*got, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(np.array(got[0], dtype=bool), expected[0])
    np.testing.assert_array_equal(np.array(got[1], dtype=bool), expected[1])


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_children_share_no_memory(crossover, rng):
    a, b = rng.random((2, 30)) < 0.5
    a, b = a.copy(), b.copy()
    crossover(a, b, rng=rng)
    assert not np.shares_memory(a, b)
    before = b.copy()
    a[:] = ~a
    np.testing.assert_array_equal(b, before)


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_a_parent_crossed_with_itself_stays(crossover, rng):
    a = rng.random(50) < 0.5
    before = a.copy()
    crossover(a, a, rng=rng)
    np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_the_shorter_parent_sets_the_length(crossover, rng):
    a, b = np.ones(8, dtype=bool), np.zeros(5, dtype=bool)
    crossover(a, b, rng=rng)
    assert a[5:].all()
    assert a.sum() + b.sum() == 8


def test_one_point_leaves_something_on_either_side(rng):
    cuts = np.zeros(10)
    for _ in range(3000):
        a, b = np.zeros(10, dtype=bool), np.ones(10, dtype=bool)
        operators.crossover_one_point(a, b, rng=rng)
        assert (np.diff(a.astype(int)) >= 0).all()
        cuts[a.argmax()] += 1
    assert cuts[0] == 0
    assert chisquare(cuts[1:]).pvalue > 1e-4


def test_two_points_never_exchange_the_whole(rng):
    for _ in range(300):
        a, b = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
        operators.crossover_two_point(a, b, rng=rng)
        assert 0 < a.sum() < 3


def test_two_points_cut_everywhere_alike(rng):
    segments = {}
    for _ in range(6000):
        a, b = np.zeros(4, dtype=bool), np.ones(4, dtype=bool)
        operators.crossover_two_point(a, b, rng=rng)
        segments[tuple(a.tolist())] = segments.get(tuple(a.tolist()), 0) + 1
    # Ten pairs of points; the whole is replaced by one of the three tails, which gain a third.
    tails = {(False, True, True, True), (False, False, True, True), (False, False, False, True)}
    assert len(segments) == 9
    expected = [600 + 200 * (segment in tails) for segment in segments]
    assert chisquare(list(segments.values()), expected).pvalue > 1e-4


@pytest.mark.parametrize("n_features", [300, LONG])
@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 1.0])
def test_uniform_swaps_with_its_chance(n_features, chance, rng):
    swapped = 0
    for _ in range(60):
        a, b = np.zeros(n_features, dtype=bool), np.ones(n_features, dtype=bool)
        operators.crossover_uniform(a, b, swap_probability=chance, rng=rng)
        swapped += a.sum()
    n = 60 * n_features
    assert swapped == pytest.approx(n * chance, abs=5 * np.sqrt(n * chance * (1 - chance)))


@PROPERTY
@given(first=MASKS, seed=SEEDS, data=st.data())
def test_half_uniform_swaps_exactly_half(first, seed, data):
    a, b = np.array(first), np.array(parents(data, first))
    start, other = a.copy(), b.copy()
    operators.crossover_half_uniform(a, b, rng=np.random.default_rng(seed))
    assert distance(a, start) == distance(start, other) // 2
    assert distance(b, other) == distance(start, other) // 2


def test_half_uniform_swaps_every_difference_alike(rng):
    swapped = np.zeros(8)
    for _ in range(2000):
        a, b = np.zeros(8, dtype=bool), np.arange(8) < 6
        operators.crossover_half_uniform(a, b, rng=rng)
        swapped += a
    assert swapped[6:].sum() == 0
    assert chisquare(swapped[:6]).pvalue > 1e-4


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.5, 1.0])
@PROPERTY
@given(first=MASKS, seed=SEEDS, data=st.data())
def test_size_preserving_preserves_sizes_and_what_is_common(chance, first, seed, data):
    a, b = np.array(first), np.array(parents(data, first))
    start, other = a.copy(), b.copy()
    rng = np.random.default_rng(seed)
    operators.crossover_size_preserving(a, b, swap_probability=chance, rng=rng)
    assert (a.sum(), b.sum()) == (start.sum(), other.sum())
    assert (a & b)[start & other].all()
    assert not (a | b)[~(start | other)].any()
    if chance == 1.0:
        smaller = min((start & ~other).sum(), (other & ~start).sum())
        assert distance(a, start) == 2 * smaller


def test_size_preserving_swaps_about_half(rng):
    a, b = np.arange(4000) < 2000, np.arange(4000) >= 2000
    operators.crossover_size_preserving(a, b, rng=rng)
    assert (~a[:2000]).sum() == pytest.approx(1000, abs=120)


@pytest.mark.parametrize("chance", [-0.1, 2, None, "half"])
@pytest.mark.parametrize(
    "crossover", [operators.crossover_uniform, operators.crossover_size_preserving]
)
def test_no_probability(crossover, chance, rng):
    with pytest.raises(InputError, match="swap_probability must be a probability"):
        crossover([0, 1], [1, 0], swap_probability=chance, rng=rng)


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_nothing_is_taken_from_the_global_generators(crossover):
    random.seed(1)
    before, legacy = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    crossover([0] * 9, [1] * 9, rng=np.random.default_rng(0))
    assert random.getstate() == before
    assert (np.random.get_state()[1] == legacy).all()  # noqa: NPY002
