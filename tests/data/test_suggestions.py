"""Suggestions: steps that fit gaps, counts, shares and columns that never vary."""

import numpy as np
import pytest

from vaega.data._suggestions import suggest_metric, suggest_steps

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(8.0, 1.0, size=(40, 30))
COUNTS = RNG.negative_binomial(2, 0.02, size=(40, 30)).astype(float)


def steps(X):
    return [one.step for one in suggest_steps(X)]


@pytest.mark.parametrize(
    ("X", "logged"),
    [
        (COUNTS, True),
        (np.exp2(RNG.normal(6.0, 1.5, size=(40, 30))), True),  # intensities
        (NORMAL, False),  # log ratios, shifted
        (NORMAL - 8.0, False),  # values below 0
        (RNG.beta(0.3, 3.0, size=(40, 30)), False),  # shares: skewed, and at most 1
        (RNG.poisson(2.0, size=(40, 30)).astype(float), False),  # small counts
        (np.column_stack([COUNTS[:, :5], NORMAL]), False),  # a few counts among others
    ],
)
def test_a_logarithm_is_for_what_is_skewed(X, logged):
    assert ("log2p1" in steps(X)) == logged
    assert steps(X)[-1] == "standardize"


def test_gaps_and_constant_columns():
    X = NORMAL.copy()
    assert steps(X) == ["standardize"]
    X[:, 3] = 1.0
    assert steps(X) == ["drop_constant", "standardize"]
    X[2, 5] = np.nan
    assert steps(X) == ["drop_constant", {"impute": "median"}, "standardize"]
    reasons = " ".join(one.reason for one in suggest_steps(X))
    assert "never vary: 1 of 30" in reasons
    assert "missing values: 1, 0.1% of all" in reasons


def test_a_column_without_any_value():
    X = NORMAL.copy()
    X[:, 0] = np.nan
    assert steps(X)[:2] == ["drop_constant", {"impute": "median"}]


def test_the_metric_is_one_in_which_classes_count_alike():
    assert suggest_metric(np.array([0] * 90 + [1] * 10)) == "roc_auc"
    assert suggest_metric(np.array([0, 1, 2] * 5)) == "balanced_accuracy"
