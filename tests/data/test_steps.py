"""The steps of a preprocessor, each alone."""

import numpy as np
import pytest
from sklearn.preprocessing import RobustScaler, StandardScaler

from vaega.core.errors import DataError, InputError
from vaega.data._steps import (
    CentredLogRatio,
    Clip,
    DropConstant,
    Impute,
    Log2,
    LogOnePlus,
    QuantileNormalize,
    Scale,
    VarianceFilter,
    check_steps,
    constant_columns,
    make_step,
    step_name,
)


@pytest.fixture
def X_steps():
    return np.random.default_rng(0).normal(3.0, 2.0, size=(30, 4))


FUNCTION = {"class": "sklearn.preprocessing.FunctionTransformer"}
GOOD = [
    "log2",
    "standardize",
    "robust",
    "drop_constant",
    {"clip": [20, 16000]},
    {"clip": [None, 3.5]},
    {"clip": (0, None)},
    *({"impute": strategy} for strategy in ("median", "mean", "most_frequent")),
    "log1p",
    "log2p1",
    "log2(x + 1)",
    "log2(x+1)",
    "clr",
    "quantile_normalize",
    {"clr": 0.5},
    {"variance_filter": {"keep": 3}},
    {"variance_filter": {"threshold": 0}},
    {"class": "sklearn.preprocessing.FunctionTransformer", "func": "numpy.log1p"},
    {"class": "sklearn.preprocessing.PowerTransformer", "params": {"method": "yeo-johnson"}},
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
        ({"clr": 0}, "clr takes a pseudocount, a number above 0 .* got 0"),
        ({"clr": None}, "clr takes a pseudocount"),
        ({"log1p": 2}, "must be one of"),
        ("log2(x + 2)", "must be one of"),
        ({"variance_filter": 100}, "variance_filter takes either keep, .* got 100"),
        ({"variance_filter": {"keep": 0}}, "variance_filter takes either keep"),
        ({"variance_filter": {"keep": True}}, "variance_filter takes either keep"),
        ({"variance_filter": {"threshold": -1}}, "or threshold, a variance of at least 0"),
        ({"variance_filter": {"keep": 3, "threshold": 1}}, "variance_filter takes either keep"),
        ({"variance_filter": {"top": 3}}, "variance_filter takes either keep"),
        (FUNCTION | {"func": "os.getcwd"}, "func must be a function of numpy .* got 'os.getcwd'"),
        (FUNCTION | {"func": "numpy.cumsum"}, "func must be a function of numpy or scipy that"),
        (FUNCTION | {"func": "numpy.log1q"}, "func must be importable .* got 'numpy.log1q'"),
        (FUNCTION | {"params": ["log"]}, "params must hold the parameters of the class"),
        ({"class": "PCA"}, "class must be a dotted path"),
        ({"class": 3}, "class must be a dotted path"),
        ({"class": ""}, "class must be a dotted path"),
        ({"class": ".relative.Thing"}, "cannot be imported"),
        ({"class": "no_such_package.Scaler"}, "no_such_package.Scaler cannot be imported"),
        ({"class": "sklearn.preprocessing.Nothing"}, "cannot be imported"),
        ({"class": "sklearn.svm.SVC"}, "must be a class with fit and transform"),
        ({"class": "sklearn.base.clone"}, "must be a class with fit and transform"),
        ({"class": "numpy.zeros"}, "class must be of .* you trust.* got 'numpy.zeros'"),
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
    for step in (
        Clip(0.0, 1.0), Scale(), Scale(robust=True), DropConstant(), Impute("mean"),
        QuantileNormalize(), VarianceFilter(keep=1),
    ):  # fmt: skip
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


def test_log2_proposes_one_more_for_counts():
    with pytest.raises(DataError, match=r"take log2p1, which is log2\(x \+ 1\), where"):
        Log2().transform(np.array([[0.0, 3.0]]))


def test_one_more_than_a_count_has_a_logarithm():
    counts = np.array([[0.0, 1.0, 7.0, np.nan]])
    np.testing.assert_allclose(LogOnePlus(base_2=True).transform(counts), [[0, 1, 3, np.nan]])
    np.testing.assert_allclose(LogOnePlus().transform(counts), np.log([[1, 2, 8, np.nan]]))
    for spec in ("log2p1", "log2(x + 1)", "log2(x+1)"):
        np.testing.assert_allclose(
            make_step(spec, owner="t").transform(counts), [[0, 1, 3, np.nan]]
        )
    with pytest.raises(DataError, match="values must be above -1, got 2 that are not"):
        LogOnePlus().transform(np.array([[-1.0, -3.0, -0.5]]))


def test_a_function_is_named_by_its_path():
    spec = FUNCTION | {"func": "numpy.log1p", "inverse_func": "numpy.expm1"}
    assert make_step(spec, owner="t").func is np.log1p
    np.testing.assert_allclose(
        make_step(spec, owner="t").transform(np.array([0.0, 1.0])), [0, np.log(2)]
    )


def test_log_ratios_of_a_row_do_not_depend_on_its_depth(rng):
    X = rng.gamma(2.0, size=(20, 6))
    ratios = CentredLogRatio().fit(X).transform(X)
    np.testing.assert_allclose(ratios.sum(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(CentredLogRatio().fit(X).transform(1000.0 * X), ratios)
    logs = np.log(X)
    np.testing.assert_allclose(ratios, logs - logs.mean(axis=1, keepdims=True))


def test_a_pseudocount_takes_the_place_of_zeros():
    X = np.array([[0.0, 4.0, 16.0], [2.0, 2.0, 2.0]])
    learned = CentredLogRatio().fit(X)
    np.testing.assert_allclose(
        learned.transform(X[:1]), CentredLogRatio(1.0).fit(X).transform(X[:1])
    )
    np.testing.assert_allclose(learned.transform(np.zeros((1, 3))), 0.0)
    with pytest.raises(DataError, match="must be at least 0, got 5 below"):
        learned.transform(-X)
    with pytest.raises(DataError, match="must hold values above 0, got none"):
        CentredLogRatio().fit(np.zeros((2, 3)))


def test_the_pseudocount_is_learned_in_training():
    learned = CentredLogRatio().fit(np.array([[8.0, 0.0, 2.0]]))
    one = learned.transform(np.array([[0.0, 1.0, 1.0]]))
    both = learned.transform(np.array([[0.0, 1.0, 1.0], [0.001, 1.0, 1.0]]))
    np.testing.assert_array_equal(one, both[:1])
    np.testing.assert_allclose(one, 0.0, atol=1e-12)  # half of 2 stands for zero


def test_log_ratios_leave_gaps():
    X = np.array([[1.0, np.nan, 4.0], [np.nan, np.nan, np.nan]])
    expected = [[-np.log(2), np.nan, np.log(2)], [np.nan] * 3]
    np.testing.assert_allclose(CentredLogRatio().fit(X).transform(X), expected)


def test_quantile_normalisation_of_the_textbook():
    X = np.array([[5.0, 2, 3, 4], [4, 1, 4, 2], [3, 4, 6, 8]])
    expected = [[17 / 3, 2, 3, 14 / 3], [31 / 6, 2, 31 / 6, 3], [2, 3, 14 / 3, 17 / 3]]
    np.testing.assert_allclose(QuantileNormalize().fit(X).transform(X), expected)


def test_new_rows_are_mapped_to_the_distribution_of_the_training_rows(rng):
    X, new = rng.normal(size=(30, 50)), rng.normal(3.0, 5.0, size=(4, 50))
    step = QuantileNormalize().fit(X)
    reference = np.sort(X, axis=1).mean(axis=0)
    mapped = step.transform(new)
    np.testing.assert_allclose(np.sort(mapped, axis=1), np.tile(reference, (4, 1)))
    np.testing.assert_array_equal(np.argsort(mapped, axis=1), np.argsort(new, axis=1))
    np.testing.assert_array_equal(step.transform(new[:1]), mapped[:1])  # whatever comes with it


def test_quantile_normalisation_leaves_gaps(rng):
    X = rng.normal(size=(6, 9))
    X[0, 3] = np.nan
    X[1] = np.nan
    X[2, 1:] = np.nan
    mapped = QuantileNormalize().fit(X).transform(X)
    np.testing.assert_array_equal(np.isnan(mapped), np.isnan(X))
    low, high = np.nanmin(mapped[3:]), np.nanmax(mapped[3:])
    np.testing.assert_allclose([np.nanmin(mapped[0]), np.nanmax(mapped[0])], [low, high])
    with pytest.raises(DataError, match="must hold values, got missing ones alone"):
        QuantileNormalize().fit(np.full((2, 3), np.nan))


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (VarianceFilter(keep=2), [1, 3]),
        (VarianceFilter(keep=99), [1, 2, 3]),
        (VarianceFilter(threshold=1.0), [1, 3]),
        (VarianceFilter(threshold=0.0), [1, 2, 3]),
    ],
)
def test_columns_that_vary_most_stay(step, kept):
    X = np.array([[5.0, 0, 0.1, 0, np.nan], [5.0, 9, 0.2, np.nan, np.nan], [5.0, 0, 0.1, 6, 1.0]])
    assert np.flatnonzero(step.fit(X).get_support()).tolist() == kept
    new = np.arange(10.0).reshape(2, 5)
    np.testing.assert_array_equal(step.transform(new), new[:, kept])


def test_equal_variances_stay_in_the_order_of_the_columns():
    X = np.array([[0.0, 0, 0, 0], [1, 1, 1, 1]])
    assert VarianceFilter(keep=2).fit(X).get_support().tolist() == [True, True, False, False]
