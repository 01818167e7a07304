"""Paired tests: against scipy, against counting, and by how often they cry wolf."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vaega.core.errors import InputError
from vaega.report._statistics import corrected_error, corrected_t, holm, wilcoxon


def test_scipy_agrees_where_nothing_is_tied():
    rng = np.random.default_rng(0)
    for n in (3, 6, 10, 16):
        values = rng.normal(0.5, size=n)
        assert wilcoxon(values).p_value == pytest.approx(
            stats.wilcoxon(values, method="exact").pvalue
        )
    values = rng.normal(0.3, size=40)
    expected = stats.wilcoxon(values, method="approx", correction=True).pvalue
    assert wilcoxon(values).p_value == pytest.approx(expected)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_ties_and_zeros_are_counted_exactly(values):
    values = np.array(values, dtype=float)
    ranks = stats.rankdata(np.abs(values)) * (values != 0)
    middle = ranks.sum() / 2
    sums = [ranks[np.array(signs) > 0].sum() for signs in product((-1, 1), repeat=len(values))]
    far = np.abs(np.array(sums) - middle) >= abs(ranks[values > 0].sum() - middle) - 1e-9
    assert wilcoxon(values).p_value == pytest.approx(far.mean())


def test_equal_up_to_rounding_is_equal():
    noisy = np.array([0.1 + 0.2 - 0.3, 0.0, 0.3 - 0.2 - 0.1])
    assert wilcoxon(noisy).p_value == 1.0


def test_five_pairs_cannot_show_a_difference():
    assert wilcoxon([1, 2, 3, 4, 5]).p_value == wilcoxon([1, 2, 3, 4, 5]).least_p_value == 0.0625


@pytest.mark.parametrize("n", [5, 8, 12, 20])
def test_wilcoxon_cries_wolf_at_most_one_time_in_twenty(n):
    rng = np.random.default_rng(n)
    # Accuracies on 34 test rows: coarse, skewed, tied.
    runs = rng.binomial(34, 0.9, size=(1000, 2, n)) / 34
    found = [wilcoxon(a - b).p_value < 0.05 for a, b in runs]
    assert np.mean(found) < 0.065  # 0.05 and two standard errors


def test_wilcoxon_finds_what_was_planted():
    rng = np.random.default_rng(0)
    found = [wilcoxon(rng.normal(0.03, 0.02, size=10)).p_value < 0.05 for _ in range(200)]
    assert np.mean(found) > 0.9


def overlapping(rng, n, share, shift):
    """Differences over splits whose correlation is that of Nadeau and Bengio."""
    correlation = share / (1 + share)
    common = rng.normal(scale=np.sqrt(correlation))
    return shift + common + rng.normal(scale=np.sqrt(1 - correlation), size=n)


def test_overlapping_splits_need_the_correction():
    rng = np.random.default_rng(0)
    share = 3 / 7
    draws = [overlapping(rng, 15, share, 0.0) for _ in range(1000)]
    corrected = np.mean([corrected_t(draw, test_share=share).p_value < 0.05 for draw in draws])
    plain = np.mean([wilcoxon(draw).p_value < 0.05 for draw in draws])
    assert corrected < 0.065
    assert plain > 0.2


def test_the_corrected_test_finds_what_was_planted():
    rng = np.random.default_rng(0)
    draws = [overlapping(rng, 15, 3 / 7, 3.0) for _ in range(200)]
    found = [corrected_t(draw, test_share=3 / 7).p_value < 0.05 for draw in draws]
    assert np.mean(found) > 0.9


def test_corrected_t_is_students_where_the_test_part_vanishes():
    values = np.random.default_rng(0).normal(0.4, size=9)
    expected = stats.ttest_1samp(values, 0.0)
    found = corrected_t(values, test_share=1e-12)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert corrected_error(values, test_share=1e-12) == pytest.approx(stats.sem(values))


@pytest.mark.parametrize(("values", "p"), [([0.0, 0.0], 1.0), ([0.1, 0.1], 0.0)])
def test_differences_that_do_not_vary(values, p):
    assert corrected_t(values, test_share=0.5).p_value == p


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_what_its_definition_says(values):
    adjusted = holm(values)
    for i, value in enumerate(values):
        smaller = sorted(v for v in values if v <= value)
        # The largest product so far, going from the smallest up to this one.
        steps = [v * (len(values) - k) for k, v in enumerate(smaller)]
        assert adjusted[i] == pytest.approx(min(1.0, max(steps)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilcoxon([]), "^wilcoxon: takes a vector of at least 1"),
        (lambda: wilcoxon([np.nan]), "^wilcoxon: values must be finite"),
        (lambda: corrected_t([0.1], test_share=0.5), "^corrected_t: takes a vector of at least 2"),
        (lambda: corrected_t([0.1, 0.2], test_share=0), "test_share must be above 0, got 0"),
    ],
    ids=["none", "nan", "one", "share"],
)
def test_bad_values_are_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()
