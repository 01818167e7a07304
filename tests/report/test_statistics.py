"""Statistics of arms: paired tests, intervals, effects, ranks, and how often they are false."""

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vaega.core.errors import InputError
from vaega.report._statistics import (
    as_values,
    bootstrap_interval,
    compare_arms,
    comparison_table,
    corrected_error,
    corrected_t,
    holm,
    rank_arms,
    rank_biserial,
    wilcoxon,
)


def test_values_become_floats():
    assert as_values((1, 2), owner="x").dtype == np.float64


@pytest.mark.parametrize(
    ("values", "least", "message"),
    [
        ([], 1, r"^x: takes a vector of at least 1, got shape \(0,\)\.$"),
        ([1.0], 2, r"^x: takes a vector of at least 2, got shape \(1,\)\.$"),
        ([[1.0]], 1, r"got shape \(1, 1\)\.$"),
        ([1.0, np.inf], 1, r"^x: values must be finite, got inf at 1\.$"),
    ],
)
def test_what_is_refused(values, least, message):
    with pytest.raises(InputError, match=message):
        as_values(values, owner="x", least=least)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=12))
def test_rank_biserial_is_the_balance_of_the_signed_ranks(differences):
    r = rank_biserial(differences)
    assert -1.0 <= r <= 1.0
    assert rank_biserial(np.negative(differences)) == pytest.approx(-r)
    n = len(differences)
    above, below = (wilcoxon(np.multiply(sign, differences)).statistic for sign in (1, -1))
    assert r == pytest.approx((above - below) / (n * (n + 1) / 2))


def test_rank_biserial_counts_equal_pairs():
    assert rank_biserial([0.1, 0.2, 0.3]) == 1.0
    assert rank_biserial([0.0] * 9 + [1.0]) == pytest.approx(10 / 55)
    assert rank_biserial([0.0, 0.0]) == 0.0


def test_rank_biserial_is_of_the_pairs_not_of_the_groups():
    """Arms far apart in every pair, though the pairs' spread hides it from Cliff's delta."""
    levels = np.linspace(0.5, 0.9, 10)
    (one,) = compare_arms(pd.DataFrame({"a": levels, "b": levels + 0.01}))
    assert one.rank_biserial == 1.0


@pytest.mark.parametrize("differences", [[], [1.0, np.nan], [[1.0]]])
def test_bad_differences_are_one_sentence(differences):
    with pytest.raises(InputError, match=r"^rank_biserial: "):
        rank_biserial(differences)


def test_coverage_of_normal_means():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(300, 20))
    ends = [bootstrap_interval(sample, n_resamples=599) for sample in samples]
    inside = np.mean([low < 0.0 < high for low, high in ends])
    assert 0.89 < inside < 0.98


def test_the_same_bits_and_no_global_state():
    values = np.random.default_rng(1).random(8)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that it is untouched is the point
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, random_state=1)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_skew_moves_the_interval():
    values = np.random.default_rng(0).exponential(size=30)
    low, high = bootstrap_interval(values)
    assert high - values.mean() > values.mean() - low


@pytest.mark.parametrize("values", [[0.7, 0.7, 0.7], [0.7, 0.7]])
def test_equal_values_are_their_own_interval(values):
    assert bootstrap_interval(values) == (0.7, 0.7)


def test_few_values_give_finite_ends_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = bootstrap_interval([0.1, 0.2])
    assert 0.1 <= low < high <= 0.2
    assert np.isnan(bootstrap_interval([0.1])).all()


def test_bad_settings_are_one_sentence():
    with pytest.raises(InputError, match=r"^bootstrap_interval: confidence"):
        bootstrap_interval([0.1, 0.2], confidence=95)


def test_scipy_agrees_where_nothing_is_tied():
    rng = np.random.default_rng(0)
    for n in (3, 6, 10, 16, 40, 100):
        values = rng.normal(0.5, size=n)
        assert wilcoxon(values).p_value == pytest.approx(
            stats.wilcoxon(values, method="exact").pvalue
        )
    values = rng.normal(0.03, size=600)
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


def test_many_ties_among_many_pairs_are_counted_exactly():
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(0.35, size=25))
    ranks = stats.rankdata(np.abs(values)) * (values != 0)
    signs = rng.choice([-1.0, 1.0], size=(200_000, len(values)))
    by_chance = np.abs(signs @ ranks) >= abs(ranks @ np.sign(values)) - 1e-9
    assert wilcoxon(values).p_value == pytest.approx(by_chance.mean(), abs=0.005)


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


def arms(n, shifts, seed=0, scale=0.02):
    rng = np.random.default_rng(seed)
    split = rng.normal(0.8, 0.05, size=n)  # what runs of a seed share
    return pd.DataFrame(
        {name: split + shift + rng.normal(0, scale, size=n) for name, shift in shifts.items()}
    )


def test_a_planted_difference_is_found_and_said():
    table = arms(10, {"original": 0.0, "augmented": 0.06, "smote": 0.0})
    found = {(one.first, one.second): one for one in compare_arms(table)}
    one = found["augmented", "original"]
    assert one.differs
    assert one.low < 0.06 < one.high
    assert one.sentence.startswith("augmented is above original by 0.0")
    assert "in 10 of 10 pairs (Wilcoxon, p = " in one.sentence
    assert not found["smote", "original"].differs
    assert found["smote", "original"].sentence.startswith(
        "No difference shown between smote and original"
    )


def test_the_higher_arm_is_named_first():
    table = arms(10, {"original": 0.06, "augmented": 0.0})
    (one,) = compare_arms(table)
    assert (one.first, one.difference < 0.0) == ("augmented", True)
    assert one.sentence.startswith("original is above augmented by 0.0")


def test_too_few_pairs_are_said_to_be_too_few():
    (one,) = compare_arms(arms(5, {"a": 0.0, "b": 1.0}))
    assert not one.differs
    assert one.sentence.endswith("so few pairs cannot show one by this test.")


def test_false_findings_among_six_arms_are_rare():
    names = dict.fromkeys("abcdef", 0.0)
    tables = [arms(8, names, seed=seed).round(2) for seed in range(200)]
    share = np.mean([any(one.differs for one in compare_quickly(table)) for table in tables])
    assert share < 0.08  # 0.05 and two standard errors


def compare_quickly(table):
    # Against one arm: five tests a table; intervals say nothing here.
    return compare_arms(table, against="a", test_share=1e-9)


def test_overlapping_splits_take_the_corrected_test():
    table = arms(10, {"a": 0.0, "b": 0.02})
    (plain,), (corrected,) = compare_arms(table), compare_arms(table, test_share=3 / 7)
    assert (plain.test.name, corrected.test.name) == ("Wilcoxon", "corrected t")
    assert corrected.high - corrected.low > plain.high - plain.low
    assert corrected.difference == plain.difference


def test_against_one_arm():
    found = compare_arms(arms(6, {"a": 0, "b": 0, "c": 0}), against="b")
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("c", "b")]


def test_runs_that_failed_are_left_out_of_their_pairs_alone():
    table = arms(8, {"a": 0.0, "b": 0.0, "c": 0.0})
    table.loc[3, "b"] = np.nan
    assert [one.n_pairs for one in compare_arms(table)] == [7, 8, 7]


def test_one_pair_has_no_interval():
    (one,) = compare_arms(arms(1, {"a": 0.0, "b": 0.1}), test_share=0.5)
    assert np.isnan([one.low, one.high]).all()
    assert "nan" not in one.sentence


def test_equal_arms():
    table = pd.DataFrame({"a": [0.5, 0.7] * 3, "b": [0.5, 0.7] * 3})
    (one,) = compare_arms(table)
    assert (one.difference, one.low, one.high, one.adjusted_p_value) == (0.0, 0.0, 0.0, 1.0)
    assert one.rank_biserial == 0.0


def test_splits_that_all_differ_alike_have_no_interval():
    """Their spread is unknown, not nothing; rounding is no spread."""
    table = pd.DataFrame({"a": [0.1, 0.2, 0.3, 0.4, 0.5], "b": [0.4, 0.5, 0.6, 0.7, 0.8]})
    (one,) = compare_arms(table, test_share=0.25)
    assert np.isnan([one.low, one.high]).all()
    assert one.sentence.startswith("b is above a by 0.300 in 5 of 5 pairs (corrected t, p = ")


@pytest.mark.parametrize("share", [None, 0.25])
def test_four_pairs_have_a_difference_and_nothing_else(share):
    table = pd.DataFrame({"a": [0.9, 0.8, 0.7, 0.6], "b": [0.4, 0.3, 0.2, 0.1]})
    (one,) = compare_arms(table, test_share=share)
    assert one.difference == pytest.approx(-0.5)
    assert not one.is_tested
    assert not one.differs
    assert np.isnan([one.low, one.high]).all()
    assert one.sentence == "b less a: -0.500 over 4 pairs; fewer than 5 are too few for a test."
    row = comparison_table([one]).iloc[0]
    figures = ["p_value", "adjusted_p_value", "rank_biserial", "low", "high"]
    assert row[figures].astype(float).isna().all()


def test_the_table_has_a_row_each():
    table = comparison_table(compare_arms(arms(6, {"a": 0, "b": 0, "c": 0})))
    assert len(table) == 3
    assert (table["adjusted_p_value"] >= table["p_value"]).all()


@pytest.mark.parametrize(
    ("table", "against", "message"),
    [
        (pd.DataFrame({"a": [1.0]}), None, r"at least two arms, got \['a'\]"),
        (pd.DataFrame({"a": [1.0], "b": [1.0]}), "c", r"against must be one of .*got 'c'"),
        (pd.DataFrame({"a": [1.0, None], "b": [None, 1.0]}), None, "b and a have no run in common"),
    ],
    ids=["one arm", "unknown", "no pair"],
)
def test_bad_tables_are_one_sentence(table, against, message):
    with pytest.raises(InputError, match=message):
        compare_arms(table, against=against)


# Demsar (2006), table 6: C4.5 with two tuned parameters, area under the ROC curve.
DEMSAR = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)


def test_the_published_example():
    found = rank_arms(DEMSAR)
    assert found.ranks.round(3).to_dict() == {
        "C4.5+m+cf": 1.964,
        "C4.5+m": 2.000,
        "C4.5+cf": 2.893,
        "C4.5": 3.143,
    }
    # Demsar has 3.69 without the correction for ties, which can only raise it.
    assert 3.69 < found.statistic < 4.3
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.groups == [("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")]
    assert found.sentence.startswith("The 4 arms over 14 datasets differ")


def test_the_chi_squared_is_scipys():
    scores = pd.DataFrame(np.random.default_rng(0).integers(0, 4, (9, 4)).astype(float))
    chi = stats.friedmanchisquare(*scores.to_numpy().T).statistic
    n, k = scores.shape
    expected = (n - 1) * chi / (n * (k - 1) - chi)
    assert rank_arms(scores).statistic == pytest.approx(expected)


@pytest.mark.parametrize(("n", "k"), [(5, 3), (8, 5), (15, 4)])
def test_it_cries_wolf_at_most_one_time_in_twenty(n, k):
    rng = np.random.default_rng(n)
    tables = rng.normal(size=(1000, n, k))
    found = [rank_arms(pd.DataFrame(table)) for table in tables]
    assert np.mean([one.p_value < 0.05 for one in found]) < 0.07
    apart = [len(one.groups) != 1 or len(one.groups[0]) < k for one in found]
    assert np.mean(apart) < 0.065


def test_what_was_planted_is_found():
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.normal(size=(15, 3)), columns=["a", "b", "c"])
    scores["a"] += 3.0
    found = rank_arms(scores)
    assert found.p_value < 0.001
    assert [set(group) for group in found.groups] == [{"b", "c"}]
    assert "a ranks best." in found.sentence


def test_arms_that_are_all_alike():
    found = rank_arms(pd.DataFrame(np.ones((4, 3)), columns=["a", "b", "c"]))
    assert (found.p_value, found.statistic) == (1.0, 0.0)
    assert found.sentence.startswith("No difference shown among 3 arms over 4 datasets")


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}), "at least three arms on two datasets"),
        (
            pd.DataFrame({"a": [1, 2], "b": [1, np.nan], "c": [1, 2]}, index=["x", "y"]),
            "'b' has none on 'y'",
        ),
    ],
    ids=["two arms", "a hole"],
)
def test_bad_tables_of_ranks_are_one_sentence(scores, message):
    with pytest.raises(InputError, match=message):
        rank_arms(scores)
