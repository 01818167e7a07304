"""The steps of a preprocessor, each alone."""

import numpy as np
import pytest
from sklearn.preprocessing import RobustScaler, StandardScaler

from vaega.core.errors import DataError, InputError
from vaega.data._steps import (
    Clip,
    DropConstant,
    Impute,
    Log2,
    Scale,
    check_steps,
    constant_columns,
    make_step,
    step_name,
)


@pytest.fixture
def X_steps():
    return np.random.default_rng(0).normal(3.0, 2.0, size=(30, 4))


GOOD = [
    "log2",
    "standardize",
    "robust",
    "drop_constant",
    {"clip": [20, 16000]},
    {"clip": [None, 3.5]},
    {"clip": (0, None)},
    *({"impute": strategy} for strategy in ("median", "mean", "most_frequent")),
    {"class": "sklearn.preprocessing.PowerTransformer", "method": "yeo-johnson"},
]


def test_good_steps_come_back_as_they_are():
    assert check_steps(GOOD) == GOOD
    assert check_steps(tuple(GOOD)) == GOOD
    assert check_steps([]) == []


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("log10", "must be one of log2, standardize, robust, drop_constant, clip: .* got 'log10'"),
        (3, "must be one of .* got 3"),
        ({}, "must be one of"),
        ({"clip": [1, 2], "impute": "mean"}, "must be one of"),
        ({"scale": 1}, "must be one of"),
        ({"clip": [5, 5]}, r"clip takes two bounds \[low, high\] .* got \[5, 5\]"),
        ({"clip": [5]}, "clip takes two bounds"),
        ({"clip": [None, None]}, "clip takes two bounds"),
        ({"clip": [1, "2"]}, "clip takes two bounds"),
        ({"clip": [False, True]}, "clip takes two bounds"),
        ({"clip": [float("nan"), 1]}, "clip takes two bounds"),
        ({"clip": 5}, "clip takes two bounds"),
        ({"impute": "zero"}, "impute must be median, mean, most_frequent, got 'zero'"),
        ({"impute": ["median"]}, "impute must be"),
        ({"class": "PCA"}, "class must be a dotted path"),
        ({"class": 3}, "class must be a dotted path"),
        ({"class": ""}, "class must be a dotted path"),
        ({"class": ".relative.Thing"}, "cannot be imported"),
        ({"class": "no_such_package.Scaler"}, "no_such_package.Scaler cannot be imported"),
        ({"class": "sklearn.preprocessing.Nothing"}, "cannot be imported"),
        ({"class": "sklearn.svm.SVC"}, "must be a class with fit and transform"),
        ({"class": "numpy.zeros"}, "must be a class with fit and transform"),
        ({"class": "sklearn.preprocessing.MinMaxScaler", "high": 3}, "cannot be made: .*high"),
    ],
)
def test_bad_steps_are_one_sentence_with_their_number(step, sentence):
    with pytest.raises(InputError, match=f"data.preprocess: step 2: .*{sentence}") as caught:
        check_steps(["log2", step], owner="data.preprocess")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("steps", ["log2", {"clip": [1, 2]}, None, 3])
def test_steps_must_be_a_list(steps):
    with pytest.raises(InputError, match="the steps must be a list"):
        check_steps(steps)


def test_names_for_messages():
    assert [step_name(step) for step in GOOD[:6]] == [*GOOD[:4], "clip", "clip"]
    assert step_name(GOOD[-1]) == "PowerTransformer"


def test_scales_agree_with_scikit_learn(X_steps):
    np.testing.assert_allclose(
        Scale().fit(X_steps).transform(X_steps), StandardScaler().fit_transform(X_steps)
    )
    robust = make_step("robust", owner="t")
    np.testing.assert_allclose(
        robust.fit(X_steps).transform(X_steps), RobustScaler().fit_transform(X_steps)
    )


@pytest.mark.parametrize("robust", [False, True])
def test_constant_columns_become_zeros_in_new_rows_too(X_steps, robust):
    X_steps[:, 1] = 0.1
    scale = Scale(robust=robust).fit(X_steps)
    new = X_steps.copy()
    new[0, 1] = 45_000.0
    assert (scale.transform(new)[:, 1] == 0).all()


@pytest.mark.parametrize("robust", [False, True])
def test_scales_leave_missing_values_missing(X_steps, robust):
    X_steps[0, 0] = np.nan
    X_steps[:, 2] = np.nan
    scaled = Scale(robust=robust).fit(X_steps).transform(X_steps)
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(X_steps))


def test_a_column_that_is_mostly_one_value_is_not_blown_up():
    X_steps = np.zeros((20, 1))
    X_steps[:3] = 1000.0
    scaled = Scale(robust=True).fit(X_steps).transform(X_steps)
    assert 0 < scaled.max() < 10


def test_steps_do_not_change_their_input(X_steps):
    X_steps[0, 0] = np.nan
    before = X_steps.copy()
    for step in (Clip(0.0, 1.0), Scale(), Scale(robust=True), DropConstant(), Impute("mean")):
        step.fit(X_steps).transform(X_steps)
    np.testing.assert_array_equal(X_steps, before)


def test_log2_counts_what_it_cannot_take():
    with pytest.raises(DataError, match="above 0, got 2 that are not; clip them first"):
        Log2().transform(np.array([[0.0, -1.0, 4.0, np.nan]]))


def test_impute_learns_in_training():
    X_steps = np.array([[1.0, 2.0], [1.0, np.nan], [4.0, 6.0]])
    new = np.full((1, 2), np.nan)
    values = {s: Impute(s).fit(X_steps).transform(new)[0].tolist() for s in ("median", "mean")}
    assert values == {"median": [1, 4], "mean": [2, 4]}
    assert Impute("most_frequent").fit(X_steps).transform(new)[0, 0] == 1


def test_impute_needs_a_value_in_each_column():
    with pytest.raises(DataError, match="got 1 without any; put drop_constant before it"):
        Impute("mean").fit(np.array([[1.0, np.nan], [2.0, np.nan]]))


def test_constant_columns_ignore_gaps():
    X_steps = np.array([[1.0, np.nan, 3.0, np.nan], [1.0, 2.0, 4.0, np.nan]])
    assert constant_columns(X_steps).tolist() == [True, True, False, True]
