"""Stability: against the papers' definitions, written out pair by pair and feature by feature."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaega.core.errors import InputError
from vaega.selection._stability import (
    compare_nogueira,
    consensus_mask,
    frequency_table,
    jaccard,
    kuncheva,
    nogueira,
    nogueira_interval,
)

MEASURES = [nogueira, jaccard]


def runs(rng, n_runs, chances):
    return rng.random((n_runs, len(chances))) < chances


def sized(rng, n_runs, n_features, size):
    return np.argsort(rng.random((n_runs, n_features)), axis=1) < size


def slow_nogueira(masks):
    n_runs, d = masks.shape
    k = masks.sum() / n_runs
    variances = [np.var(masks[:, f].astype(float), ddof=1) for f in range(d)]
    return 1 - np.mean(variances) / (k / d * (1 - k / d))


def slow_variance(masks):
    """Theorem 7 of the paper, term by term."""
    n_runs, d = masks.shape
    p, k_mean, phi = masks.mean(axis=0), masks.sum() / n_runs, slow_nogueira(masks)
    terms = []
    for mask in masks:
        k = mask.sum()
        inner = sum(z * q for z, q in zip(mask, p, strict=True)) / d - k * k_mean / d**2
        inner += phi / 2 * (2 * k * k_mean / d**2 - k / d - k_mean / d + 1)
        terms.append(inner / (k_mean / d * (1 - k_mean / d)))
    return 4 / n_runs**2 * sum((term - np.mean(terms)) ** 2 for term in terms)


def slow_pairs(masks, index):
    return np.mean([index(a, b) for a, b in combinations(masks, 2)])


def kuncheva_of_pair(a, b):
    d, k, r = len(a), a.sum(), (a & b).sum()
    return (r * d - k**2) / (k * (d - k))


def jaccard_of_pair(a, b):
    return (a & b).sum() / (a | b).sum() if (a | b).any() else 1.0


@given(arrays(bool, st.tuples(st.integers(2, 7), st.integers(1, 9))))
def test_the_definitions_written_out(masks):
    assert jaccard(masks) == pytest.approx(slow_pairs(masks, jaccard_of_pair))
    if 0 < masks.mean() < 1:
        assert nogueira(masks) == pytest.approx(slow_nogueira(masks))
        assert nogueira(masks) <= 1 + 1e-12
        variance = nogueira_interval(masks).variance
        assert variance == pytest.approx(slow_variance(masks), abs=1e-12)


@given(st.integers(0, 2**20), st.integers(2, 8), st.integers(2, 12), st.data())
def test_of_equal_sizes_nogueira_is_kuncheva(seed, n_runs, n_features, data):
    size = data.draw(st.integers(1, n_features - 1))
    masks = sized(np.random.default_rng(seed), n_runs, n_features, size)
    assert kuncheva(masks) == pytest.approx(slow_pairs(masks, kuncheva_of_pair))
    assert nogueira(masks) == pytest.approx(kuncheva(masks))


def test_nogueira_is_fleiss_kappa(rng):
    # Features are the subjects, runs the raters, "selected" and "not selected" the categories.
    masks = runs(rng, 9, np.linspace(0.1, 0.9, 30))
    counts = np.stack([masks.sum(axis=0), (~masks).sum(axis=0)], axis=1)
    n = len(masks)
    observed = ((counts**2).sum(axis=1) - n).mean() / (n * (n - 1))
    expected = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    assert nogueira(masks) == pytest.approx((observed - expected) / (1 - expected))


def test_a_worked_value():
    # Three runs of two out of four: frequencies 1, 2/3, 1/3, 0; variances 0, 1/3, 1/3, 0.
    masks = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]]
    assert nogueira(masks) == pytest.approx(1 - (1 / 6) / (1 / 4))
    assert jaccard(masks) == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)


@pytest.mark.parametrize("measure", [*MEASURES, kuncheva])
def test_the_order_of_runs_and_features_is_of_no_account(measure, rng):
    masks = sized(rng, 6, 15, 4)
    mixed = masks[rng.permutation(6)][:, rng.permutation(15)]
    assert measure(mixed) == pytest.approx(measure(masks))


@pytest.mark.parametrize("measure", [*MEASURES, kuncheva])
def test_runs_that_agree_entirely(measure):
    assert measure(np.tile([1, 0, 1, 0], (5, 1))) == pytest.approx(1.0)


def test_chance_is_zero_in_expectation(rng):
    values = [nogueira(sized(rng, 5, 20, 4)) for _ in range(2000)]
    assert np.mean(values) == pytest.approx(0.0, abs=4 * np.std(values) / np.sqrt(len(values)))
    jaccards = [jaccard(sized(rng, 5, 20, 4)) for _ in range(50)]
    assert np.mean(jaccards) > 0.05  # not corrected


def test_the_variance_is_that_of_repeated_experiments(rng):
    chances = np.r_[np.full(5, 0.9), np.full(15, 0.1)]
    estimates = [nogueira_interval(runs(rng, 100, chances)) for _ in range(400)]
    spread = np.std([estimate.value for estimate in estimates])
    assert np.mean([one.standard_error for one in estimates]) == pytest.approx(spread, rel=0.12)


def test_the_interval_covers_as_often_as_it_says(rng):
    chances = np.r_[np.full(5, 0.8), np.full(25, 0.1)]
    q = chances.mean()
    truth = 1 - (chances * (1 - chances)).mean() / (q * (1 - q))
    estimates = [nogueira_interval(runs(rng, 80, chances), confidence=0.9) for _ in range(1000)]
    covered = np.mean([one.low <= truth <= one.high for one in estimates])
    assert covered == pytest.approx(0.9, abs=0.035)


def test_the_comparison_keeps_its_level_and_finds_differences(rng):
    steady, moody = (
        np.r_[np.full(5, 0.9), np.full(15, 0.1)],
        np.r_[np.full(5, 0.5), np.full(15, 0.2)],
    )
    equal = [compare_nogueira(runs(rng, 60, steady), runs(rng, 40, steady)) for _ in range(800)]
    assert np.mean([test.p_value < 0.05 for test in equal]) == pytest.approx(0.05, abs=0.03)
    test = compare_nogueira(runs(rng, 60, moody), runs(rng, 60, steady))
    assert test.statistic > 5
    assert test.p_value < 1e-6


def test_the_comparison_turned_round(rng):
    a, b = runs(rng, 20, np.full(9, 0.3)), runs(rng, 30, np.linspace(0.1, 0.9, 9))
    one, other = compare_nogueira(a, b), compare_nogueira(b, a)
    assert one.statistic == pytest.approx(-other.statistic)
    assert one.p_value == pytest.approx(other.p_value)
    first, second = nogueira_interval(a), nogueira_interval(b)
    error = np.hypot(first.standard_error, second.standard_error)
    assert one.statistic == pytest.approx((second.value - first.value) / error)


@pytest.mark.parametrize("masks", [np.zeros((4, 3)), np.ones((4, 3)), [[1, 0, 1]]])
def test_what_is_undefined_is_nan(masks):
    estimate = nogueira_interval(masks)
    assert np.isnan([nogueira(masks), kuncheva(masks), estimate.value, estimate.high]).all()
    assert np.isnan(compare_nogueira(masks, np.eye(3)).p_value)


def test_jaccard_at_the_edges():
    assert np.isnan(jaccard([[1, 0, 1]]))
    assert jaccard(np.zeros((3, 4))) == 1.0
    assert jaccard(np.eye(3)) == 0.0


def test_without_variance():
    same, apart = np.tile([1, 0, 0], (4, 1)), np.tile([0, 1, 1], (4, 1))
    estimate = nogueira_interval(same)
    assert (estimate.low, estimate.value, estimate.high) == (1.0, 1.0, 1.0)
    assert np.isnan(compare_nogueira(same, apart).p_value)


def test_kuncheva_wants_one_size():
    with pytest.raises(InputError, match="kuncheva: masks must all select the same number"):
        kuncheva([[1, 1, 0], [1, 0, 0]])


def test_many_runs_of_many_features_need_no_loop_over_pairs(rng):
    masks = rng.random((400, 4000)) < 0.05
    expected = slow_pairs(masks[:40], jaccard_of_pair)
    assert jaccard(masks[:40]) == pytest.approx(expected)
    assert 0.0 < jaccard(masks) < 0.06


def test_the_frequency_table():
    masks = [[0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0]]
    table = frequency_table(masks, ["a", "b", "c", "d"])
    assert table["name"].tolist() == ["b", "c", "d", "a"]
    assert table["feature"].tolist() == [1, 2, 3, 0]
    assert table["count"].tolist() == [4, 1, 1, 0]
    assert table["frequency"].tolist() == [1.0, 0.25, 0.25, 0.0]
    assert (table["low"] <= table["frequency"]).all()
    assert (table["frequency"] <= table["high"]).all()
    assert (table["low"].iloc[-1], table["high"].iloc[0]) == (0.0, 1.0)
    assert frequency_table(masks)["name"].tolist() == ["x1", "x2", "x3", "x0"]


def test_the_interval_is_wilsons():
    # 1 of 10 at 95 %: Wilson's score interval is (0.0179, 0.4042).
    row = frequency_table([[1]] + [[0]] * 9).iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((0.0179, 0.4042), abs=5e-5)
    # Its ends solve (f - p)^2 = z^2 p (1 - p) / n.
    for end in (row["low"], row["high"]):
        assert (0.1 - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / 10, rel=1e-5)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6, 0.7, 0.9])
def test_a_threshold_that_is_met_exactly_counts(threshold):
    masks = np.arange(10)[:, None] < np.arange(11)
    selected = np.flatnonzero(consensus_mask(masks, threshold=threshold))
    assert selected.tolist() == list(range(round(10 * threshold), 11))


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 9))), st.data())
def test_a_consensus_of_a_size(masks, data):
    size = data.draw(st.integers(0, masks.shape[1]))
    mask, counts = consensus_mask(masks, size=size), masks.sum(axis=0)
    assert mask.sum() == size
    if 0 < size < len(mask):
        assert counts[mask].min() >= counts[~mask].max()


def test_ties_are_broken_by_weight_and_then_by_position():
    masks = [[1, 0, 1, 1, 1]]
    np.testing.assert_array_equal(consensus_mask(masks, size=2), [1, 0, 1, 0, 0])
    chosen = consensus_mask(masks, size=2, tie_break=[0, 9, 1, 2, 2])
    np.testing.assert_array_equal(chosen, [0, 0, 0, 1, 1])


BAD = [
    (lambda: nogueira([1, 0, 1]), r"nogueira: masks must be a matrix.*got shape \(3,\)"),
    (lambda: jaccard([[0.5, 1.0]]), "jaccard: masks must hold zeros and ones only"),
    (lambda: kuncheva(np.zeros((0, 3))), "kuncheva: masks must be a matrix"),
    (lambda: nogueira_interval([[1, 0]], confidence=1.0), "confidence must be above 0 and below 1"),
    (lambda: frequency_table([[1, 0]], ["a"]), "feature_names must hold 2 names, got 1"),
    (lambda: frequency_table([[1, 0]], confidence=95), "confidence must be a probability"),
    (lambda: consensus_mask([[1, 0]]), "threshold or size must be given, got neither"),
    (lambda: consensus_mask([[1, 0]], size=1, threshold=0.5), "got both"),
    (lambda: consensus_mask([[1, 0]], size=3), "size must be a whole number, from 0 to 2, got 3"),
    (lambda: consensus_mask([[1, 0]], threshold=2), "threshold must be a probability"),
    (lambda: consensus_mask([[1, 0]], size=1, tie_break=[1]), "tie_break must hold 2 numbers"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD)
def test_bad_input(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
