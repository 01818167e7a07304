"""Bounds: they hold after every operator, and nothing changes that need not."""

import numpy as np
import pytest
from deap import algorithms, base, tools
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.evolution.operators.kinds import KINDS, MASKS, PROPERTY, SEEDS
from vaega.core.errors import InputError
from vaega.evolution import operators
from vaega.evolution._state import Individual

MATES = [
    operators.crossover_one_point,
    operators.crossover_two_point,
    operators.crossover_uniform,
    operators.crossover_half_uniform,
    operators.crossover_size_preserving,
]
MUTATIONS = [
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


@pytest.mark.parametrize("crossover", MATES)
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


@pytest.mark.parametrize(("operator", "settings"), MUTATIONS)
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
def test_every_kind_of_mask_gets_the_same(kind, genes, limits, seed):
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
