"""Arms compared in pairs: what is shown, in words, and how often it is false."""

import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import InputError
from vaega.report._statistics import compare_arms, comparison_table


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
    table = pd.DataFrame({"a": [0.5, 0.7], "b": [0.5, 0.7]})
    (one,) = compare_arms(table)
    assert (one.difference, one.low, one.high, one.adjusted_p_value) == (0.0, 0.0, 0.0, 1.0)
    assert one.superiority == 0.5


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
