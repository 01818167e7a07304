"""Crossover, mutation, initialisation and bounds, on every kind of mask."""

import random

import numpy as np
import pytest
from deap import algorithms, base, tools
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.evolution.operators.kinds import KINDS, LONG, MASKS, PROPERTY, SEEDS
from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution._evolution import Individual

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
def test_crossover_of_every_kind_of_mask_gives_the_same(crossover, kind, n_features):
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
def test_no_swap_probability(crossover, chance, rng):
    with pytest.raises(InputError, match="swap_probability must be a probability"):
        crossover([0, 1], [1, 0], swap_probability=chance, rng=rng)


@pytest.mark.parametrize("crossover", CROSSOVERS)
def test_nothing_is_taken_from_the_global_generators(crossover):
    random.seed(1)
    before, legacy = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    crossover([0] * 9, [1] * 9, rng=np.random.default_rng(0))
    assert random.getstate() == before
    assert (np.random.get_state()[1] == legacy).all()  # noqa: NPY002


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
def test_mutation_of_every_kind_of_mask_gives_the_same(mutate, settings, kind, genes, seed):
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
def test_no_flip_probability(mutate, chance, rng):
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


def test_first_masks_are_never_empty(rng):
    masks = [operators.init_bernoulli(30, fraction=0.05, rng=rng) for _ in range(400)]
    sizes = np.array([mask.sum() for mask in masks])
    assert sizes.min() == 1
    assert sizes.mean() == pytest.approx(30 * 0.05 + 0.95**30, abs=0.3)
    first = np.mean([mask for mask in masks if mask.sum() == 1], axis=0)
    assert first.max() < 0.12  # no feature is the one that is taken then


def test_first_masks_of_a_least_size(rng):
    for least in (0, 3):
        masks = [
            operators.init_bernoulli(10, fraction=0.1, min_features=least, rng=rng)
            for _ in range(200)
        ]
        assert min(mask.sum() for mask in masks) == least
    with pytest.raises(InputError, match=r"^init_bernoulli: min_features must be"):
        operators.init_bernoulli(10, fraction=0.1, min_features=11, rng=rng)


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


BOUNDED_MUTATIONS = [
    (operators.mutate_bitflip, {"flip_probability": 0.4}),
    (operators.mutate_balanced_flip, {"flip_probability": 0.4}),
    (operators.mutate_filter_guided, {"flip_probability": 0.4, "weights": np.ones(30)}),
    (operators.mutate_swap, {"n_swaps": 4}),
]
INITIALISATIONS = [
    (operators.init_bernoulli, {"fraction": 0.5}),
    (operators.init_fixed_size, {"size": 20}),
    (operators.init_filter_guided, {"size": 1, "weights": np.ones(30)}),
]


@st.composite
def bounds(draw, n_features=30):
    """Draw bounds that a mask of `n_features` can fulfil."""
    order = draw(st.permutations(range(n_features)))
    n_pinned = draw(st.integers(0, 5))
    n_forbidden = draw(st.integers(0, min(5, n_features - n_pinned)))
    n_allowed = n_features - n_forbidden
    low = draw(st.integers(0, n_allowed))
    high = draw(st.one_of(st.none(), st.integers(max(low, n_pinned), n_features)))
    pinned, forbidden = order[:n_pinned], order[n_pinned : n_pinned + n_forbidden]
    names = ("min_features", "max_features", "pinned", "forbidden")
    return dict(zip(names, (low, high, pinned, forbidden), strict=True))


def assert_within(mask, *, min_features, max_features, pinned, forbidden):
    mask = np.asarray(mask, dtype=bool)
    assert min_features <= mask.sum() <= (mask.size if max_features is None else max_features)
    assert mask[pinned].all()
    assert not mask[forbidden].any()


def masks_of_30(data):
    return data.draw(st.lists(st.booleans(), min_size=30, max_size=30))


@pytest.mark.parametrize("crossover", CROSSOVERS)
@PROPERTY
@given(limits=bounds(), seed=SEEDS, data=st.data())
def test_bounds_hold_after_crossover(crossover, limits, seed, data):
    rng = np.random.default_rng(seed)
    mate = operators.keep_bounds(**limits, rng=rng)(crossover)
    a, b = np.array(masks_of_30(data)), masks_of_30(data)
    children = mate(a, b, rng=rng)
    assert children[0] is a
    assert children[1] is b
    for child in children:
        assert_within(child, **limits)


@pytest.mark.parametrize(("operator", "settings"), BOUNDED_MUTATIONS)
@pytest.mark.parametrize("kind", [list, Individual])
@PROPERTY
@given(limits=bounds(), seed=SEEDS, data=st.data())
def test_bounds_hold_after_mutation(operator, settings, kind, limits, seed, data):
    rng = np.random.default_rng(seed)
    mutate = operators.keep_bounds(**limits, rng=rng)(operator)
    mask = kind(masks_of_30(data))
    (mutated,) = mutate(mask, rng=rng, **settings)
    assert mutated is mask
    assert_within(mutated, **limits)


@pytest.mark.parametrize(("operator", "settings"), INITIALISATIONS)
@PROPERTY
@given(limits=bounds(), seed=SEEDS)
def test_bounds_hold_after_initialisation(operator, settings, limits, seed):
    rng = np.random.default_rng(seed)
    initialise = operators.keep_bounds(**limits, rng=rng)(operator)
    mask = initialise(30, rng=rng, **settings)
    assert mask.shape == (30,)
    assert_within(mask, **limits)


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(limits=bounds(), seed=SEEDS, data=st.data())
def test_only_what_must_changes(kind, limits, seed, data):
    before = np.array(masks_of_30(data))
    mask = kind(before.tolist())
    operators.repair_bounds(mask, **limits, rng=np.random.default_rng(seed))
    after = np.asarray(mask, dtype=bool)
    assert_within(after, **limits)
    free = np.ones(30, dtype=bool)
    free[[*limits["pinned"], *limits["forbidden"]]] = False
    changed = (after != before)[free]
    # Among the free features, either some come or some go, and no more than needed.
    gained = int(after[free].sum()) - int(before[free].sum())
    assert changed.sum() == abs(gained)
    if gained > 0:
        assert after.sum() == limits["min_features"]
    if gained < 0:
        assert after.sum() == limits["max_features"]
    assert type(mask[0]) is type(kind(before.tolist())[0])


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(genes=MASKS, limits=bounds(), seed=SEEDS)
def test_repair_of_every_kind_of_mask_gives_the_same(kind, genes, limits, seed):
    genes = (genes * 30)[:30]
    weights = np.arange(30.0)
    expected, got = np.array(genes), kind(genes)
    for mask in (expected, got):
        rng = np.random.default_rng(seed)
        operators.repair_bounds(mask, **limits, weights=weights, rng=rng)
    np.testing.assert_array_equal(np.asarray(got, dtype=bool), expected)


@pytest.mark.parametrize("kind", KINDS)
@PROPERTY
@given(mask=MASKS, seed=SEEDS, data=st.data())
def test_repair_size_is_the_bounds_on_sizes(kind, mask, seed, data):
    low = data.draw(st.integers(1, len(mask)))
    high = data.draw(st.one_of(st.none(), st.integers(low, len(mask))))
    repaired, other = kind(mask), kind(mask)
    sizes = {"min_features": low, "max_features": high}
    operators.repair_size(repaired, **sizes, rng=np.random.default_rng(seed))
    operators.repair_bounds(other, **sizes, rng=np.random.default_rng(seed))
    assert_within(repaired, **sizes, pinned=[], forbidden=[])
    np.testing.assert_array_equal(repaired, other)


def test_repair_size_selects_all_of_a_mask_that_is_too_short(rng):
    assert operators.repair_size([0, 1], min_features=5, max_features=None, rng=rng) == ([1, 1],)


def test_what_is_added_and_dropped_is_drawn_alike(rng):
    added, dropped = np.zeros(20), np.zeros(20)
    for _ in range(2000):
        empty, full = np.zeros(20, dtype=bool), np.ones(20, dtype=bool)
        limits = {"pinned": [0], "forbidden": [1], "rng": rng}
        operators.repair_bounds(empty, min_features=5, **limits)
        operators.repair_bounds(full, max_features=5, **limits)
        added += empty
        dropped += ~full
    for changed in (added[2:], dropped[2:]):
        assert chisquare(changed).pvalue > 1e-4
    assert added[2:].sum() == 2000 * 4
    assert dropped[2:].sum() == 2000 * 14


def test_weights_decide_what_is_added(rng):
    weights, added = np.array([9.0, 0.0, 1.0, 3.0, 0.0]), np.zeros(5)
    for _ in range(2000):
        mask = np.zeros(5, dtype=bool)
        operators.repair_bounds(mask, min_features=1, forbidden=[0], weights=weights, rng=rng)
        added += mask
    assert added[[0, 1, 4]].sum() == 0
    assert added[3] / added[2] == pytest.approx(3.0, rel=0.25)


def test_features_without_a_weight_are_added_when_no_other_is_left(rng):
    mask = np.zeros(5, dtype=bool)
    operators.repair_bounds(mask, min_features=3, weights=[0, 0, 1, 0, 0], rng=rng)
    assert mask.sum() == 3
    assert mask[2]


def test_bounds_hold_in_deaps_own_loop(rng):
    limits = {"min_features": 3, "max_features": 6, "pinned": [4], "forbidden": [0, 1, 2]}
    seen, toolbox = [], base.Toolbox()
    toolbox.register("initialize", operators.init_bernoulli, 30, fraction=0.5, rng=rng)
    toolbox.register("mate", operators.crossover_two_point, rng=rng)
    toolbox.register("mutate", operators.mutate_bitflip, flip_probability=0.2, rng=rng)
    for name in ("initialize", "mate", "mutate"):
        toolbox.decorate(name, operators.keep_bounds(**limits, rng=rng))
    toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    toolbox.register("evaluate", lambda mask: seen.append(mask.copy()) or (float(mask.sum()),))
    population = [Individual(toolbox.initialize()) for _ in range(20)]
    best = tools.HallOfFame(1, similar=np.array_equal)
    algorithms.eaSimple(
        population, toolbox, cxpb=0.7, mutpb=0.7, ngen=5, halloffame=best, verbose=False
    )
    for mask in seen:
        assert_within(mask, **limits)
    assert best[0].sum() == 6


def test_the_decorated_operator_keeps_its_name(rng):
    assert operators.keep_bounds(rng=rng)(operators.mutate_swap).__name__ == "mutate_swap"


def test_later_changes_of_the_lists_do_not_matter(rng):
    pinned = [3]
    initialise = operators.keep_bounds(pinned=pinned, rng=rng)(operators.init_bernoulli)
    pinned[0] = 99
    assert initialise(10, fraction=0.0, rng=rng)[3]


CONTRADICTIONS = [
    ({"pinned": [1, 2], "forbidden": [2]}, "pinned and forbidden must be disjoint, got 2 in both"),
    ({"pinned": [1, 2, 3], "max_features": 2}, "pinned must hold at most max_features = 2"),
    ({"min_features": 4, "max_features": 3}, "max_features must be a whole number, at least 4"),
    ({"min_features": -1}, "min_features must be a whole number, at least 0, got -1"),
    ({"min_features": 2.5}, "min_features must be a whole number"),
    ({"pinned": [-1]}, "pinned must be a sequence of feature positions from 0 on"),
    ({"forbidden": [0.5]}, "forbidden must be a sequence of feature positions"),
    ({"pinned": [True, False]}, "pinned must be a sequence of feature positions"),
]
TOO_SHORT = [
    ({"pinned": [10]}, "pinned must hold positions from 0 to 9, got 10"),
    ({"forbidden": [3, 12]}, "forbidden must hold positions from 0 to 9, got 12"),
    ({"forbidden": range(8), "min_features": 3}, "not forbidden, 2, got 3"),
    ({"min_features": 11}, "not forbidden, 10, got 11"),
]


@pytest.mark.parametrize(("limits", "sentence"), CONTRADICTIONS + TOO_SHORT)
def test_bounds_that_cannot_hold(limits, sentence, rng):
    with pytest.raises(InputError, match=f"repair_bounds: .*{sentence}"):
        operators.repair_bounds([0] * 10, **limits, rng=rng)


@pytest.mark.parametrize(("limits", "sentence"), CONTRADICTIONS)
def test_contradictions_are_told_when_the_decorator_is_made(limits, sentence, rng):
    with pytest.raises(InputError, match=f"keep_bounds: .*{sentence}"):
        operators.keep_bounds(**limits, rng=rng)


def test_a_mask_is_not_touched_before_its_bounds_are_checked(rng):
    mask = [0] * 10
    with pytest.raises(InputError):
        operators.repair_bounds(mask, pinned=[1], forbidden=[12], rng=rng)
    assert mask == [0] * 10


MUTATIONS = [
    (operators.mutate_bitflip, {"indpb": 0.3}, {"flip_probability": 0.3}),
    (operators.mutate_balanced_flip, {"indpb": 0.3}, {"flip_probability": 0.3}),
    (
        operators.mutate_filter_guided,
        {"indpb": 0.3, "weights": [1] * 12},
        {"flip_probability": 0.3, "weights": [1] * 12},
    ),
]


@pytest.mark.parametrize(("mutate", "deaps", "ours"), MUTATIONS)
def test_deaps_keywords_of_mutations(mutate, deaps, ours):
    first, second = [1, 0, 0] * 4, [1, 0, 0] * 4
    mutate(first, rng=np.random.default_rng(1), **deaps)
    mutate(second, rng=np.random.default_rng(1), **ours)
    assert first == second
    with pytest.raises(InputError, match="indpb is DEAP's name of flip_probability; give one"):
        mutate(first, rng=np.random.default_rng(1), **deaps | ours)


@pytest.mark.parametrize(
    "crossover", [operators.crossover_uniform, operators.crossover_size_preserving]
)
def test_deaps_keywords_of_crossovers(crossover):
    pairs = [([1, 1, 0, 0, 1], [0, 0, 1, 1, 0]) for _ in range(2)]
    crossover(*pairs[0], indpb=0.2, rng=np.random.default_rng(1))
    crossover(*pairs[1], swap_probability=0.2, rng=np.random.default_rng(1))
    assert pairs[0] == pairs[1]


CHANGING = [(crossover, 2, {}) for crossover in CROSSOVERS] + [
    (operators.mutate_bitflip, 1, {"indpb": 0.5}),
    (operators.mutate_balanced_flip, 1, {"indpb": 0.5}),
    (operators.mutate_swap, 1, {}),
    (operators.mutate_filter_guided, 1, {"indpb": 0.5, "weights": [1, 1]}),
    (operators.repair_bounds, 1, {}),
]


@pytest.mark.parametrize(("operator", "n", "settings"), CHANGING)
@pytest.mark.parametrize("wrong", [(1, 0), {0, 1}, "10", 5, None, np.zeros((2, 2), bool)])
def test_what_cannot_be_changed_is_refused(operator, n, settings, wrong, rng):
    with pytest.raises(InputError, match=f"^{operator.__name__}: individual must be .*got a"):
        operator(*[wrong] * n, rng=rng, **settings)


@pytest.mark.parametrize("rng", [0, random.Random(0), None, np.random.RandomState(0)])
@pytest.mark.parametrize(
    "operator",
    [
        lambda rng: operators.crossover_uniform([0, 1], [1, 0], rng=rng),
        lambda rng: operators.mutate_bitflip([0, 1], flip_probability=0.5, rng=rng),
        lambda rng: operators.init_bernoulli(5, fraction=0.5, rng=rng),
        lambda rng: operators.select_roulette([], 1, rng=rng),
    ],
)
def test_what_is_no_generator_is_refused(operator, rng):
    with pytest.raises(InputError, match=r"rng must be a generator, numpy.random.default_rng"):
        operator(rng)
