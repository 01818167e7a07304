"""Preprocessing steps and the preprocessor of an experiment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

from vaega.core.errors import DataError, InputError
from vaega.data._preprocess import (
    Clip,
    DropConstant,
    Impute,
    Log2,
    Preprocessor,
    Scale,
    check_steps,
    constant_columns,
    make_step,
    step_name,
)
from vaega.data._sources import load_dataset

POWER = {"class": "sklearn.preprocessing.PowerTransformer", "method": "yeo-johnson"}
QUANTILE = {"class": "sklearn.preprocessing.QuantileTransformer", "n_quantiles": 10}
K_BEST = {"class": "sklearn.feature_selection.SelectKBest", "k": 2}


@pytest.fixture
def X():
    X = np.random.default_rng(0).uniform(1.0, 100.0, size=(30, 5))
    X[:, 2] = 7.0
    return X


@pytest.fixture
def y():
    return np.arange(30) % 2


def test_steps_apply_in_order(X):
    preprocessor = Preprocessor([{"clip": [2, 50]}, "log2", "drop_constant", "standardize"])
    out = preprocessor.fit_transform(X)
    expected = np.log2(np.clip(X, 2, 50))[:, [0, 1, 3, 4]]
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0)
    np.testing.assert_allclose(out, expected)
    assert preprocessor.columns_.tolist() == [0, 1, 3, 4]
    assert preprocessor.columns_.dtype == np.intp
    np.testing.assert_array_equal(preprocessor.transform(X), out)
    assert preprocessor.get_feature_names_out().tolist() == ["x0", "x1", "x3", "x4"]
    assert preprocessor.get_feature_names_out(list("abcde")).tolist() == ["a", "b", "d", "e"]


def test_what_is_learned_comes_from_the_training_rows_alone(X):
    preprocessor = Preprocessor(["standardize"]).fit(X[:20])
    one = preprocessor.transform(X[20:21])
    np.testing.assert_array_equal(one, preprocessor.transform(X[20:])[:1])


def test_no_steps_change_nothing(X):
    preprocessor = Preprocessor([])
    np.testing.assert_array_equal(preprocessor.fit_transform(X), X)
    assert preprocessor.columns_.tolist() == list(range(5))


def test_it_is_a_clonable_estimator_that_works_in_a_pipeline(X, y):
    preprocessor = Preprocessor(["standardize", POWER], random_state=3)
    twin = clone(preprocessor)
    assert twin.get_params() == preprocessor.get_params()
    model = make_pipeline(preprocessor, KNeighborsClassifier(3)).fit(X, y)
    assert model.predict(X).shape == (30,)


@pytest.mark.parametrize("spec", [POWER, QUANTILE, {"class": "sklearn.preprocessing.MinMaxScaler"}])
def test_classes_that_keep_columns(X, spec):
    preprocessor = Preprocessor([spec]).fit(X)
    assert preprocessor.transform(X).shape == X.shape
    assert preprocessor.columns_.tolist() == list(range(5))


def test_classes_that_select_columns(X, y):
    threshold = {"class": "sklearn.feature_selection.VarianceThreshold"}
    X[:, 4] += 200 * y
    preprocessor = Preprocessor([threshold, "standardize", K_BEST])
    out = preprocessor.fit_transform(X, y)
    assert out.shape == (30, 2)
    assert 4 in preprocessor.columns_
    assert 2 not in preprocessor.columns_
    np.testing.assert_allclose(preprocessor.transform(X), out)


def test_an_imputer_class_that_drops_empty_columns_is_a_selector(X):
    X[:, 1] = np.nan
    with pytest.warns(UserWarning, match="Skipping features"):
        preprocessor = Preprocessor([{"class": "sklearn.impute.SimpleImputer"}]).fit(X)
    assert preprocessor.columns_.tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
    "spec",
    [
        {"class": "sklearn.decomposition.PCA"},
        {"class": "sklearn.decomposition.PCA", "n_components": 2},
        {"class": "sklearn.preprocessing.PolynomialFeatures"},
        {"class": "sklearn.preprocessing.OneHotEncoder"},
    ],
)
def test_classes_that_mix_columns_are_refused(X, spec):
    with pytest.raises(DataError, match=r"step 1 .* must keep or select columns, got \d+ new"):
        Preprocessor([spec]).fit(X)


def test_seeds_go_where_none_is_set(X):
    spec = QUANTILE | {"subsample": 10}
    one = Preprocessor([spec], random_state=1).fit(X)
    assert isinstance(one.fitted_steps_[0].random_state, int)
    two = Preprocessor([spec], random_state=1).fit(X)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))
    assert Preprocessor([spec]).fit(X).fitted_steps_[0].random_state is not None
    kept = Preprocessor([spec | {"random_state": 5}], random_state=1).fit(X)
    assert kept.fitted_steps_[0].random_state == 5


def test_the_global_random_state_is_left_alone(X):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    Preprocessor([QUANTILE | {"subsample": 10}]).fit_transform(X)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_log2_of_values_below_zero_names_the_step_and_the_remedy(X):
    X[3, 0] = -1.0
    with pytest.raises(DataError, match=r"step 2 \(log2\): .* got 1 that are not; clip them"):
        Preprocessor(["drop_constant", "log2"]).fit(X)


def test_log2_is_checked_on_new_rows_too(X):
    preprocessor = Preprocessor(["log2"]).fit(X)
    with pytest.raises(DataError, match=r"step 1 \(log2\): .*got 5 that are not"):
        preprocessor.transform(np.zeros((1, 5)))


def test_missing_values_that_remain_are_counted(X):
    X[0, 0] = X[1, 1] = np.nan
    with pytest.raises(DataError, match="may remain after the steps, got 2; add impute: median"):
        Preprocessor(["standardize"]).fit(X)
    assert np.isfinite(Preprocessor([{"impute": "median"}, "log2"]).fit_transform(X)).all()
    assert np.isfinite(Preprocessor(["log2", {"impute": "median"}]).fit_transform(X)).all()


def test_missing_values_that_come_later_are_counted_or_filled(X):
    new = X.copy()
    new[0, 0] = np.nan
    with pytest.raises(DataError, match="got 1; add impute"):
        Preprocessor(["standardize"]).fit(X).transform(new)
    assert np.isfinite(Preprocessor([{"impute": "mean"}]).fit(X).transform(new)).all()


def test_a_class_that_takes_no_missing_values_is_not_asked_to(X, y):
    X[0, 0] = np.nan
    with pytest.raises(DataError, match=r"step 1 \(SelectKBest\): takes no missing values, got 1;"):
        Preprocessor([K_BEST]).fit(X, y)
    assert Preprocessor([POWER, {"impute": "median"}]).fit_transform(X).shape == X.shape


def test_dropping_every_column_is_refused():
    with pytest.raises(DataError, match="at least one column must stay, got none of 3"):
        Preprocessor(["drop_constant"]).fit(np.ones((4, 3)))


def test_a_failure_inside_a_class_is_one_sentence(X, y):
    with pytest.raises(DataError, match=r"step 1 \(SelectKBest\): "):
        Preprocessor([K_BEST]).fit(X)
    bad = POWER | {"method": "nonsense"}
    with pytest.raises(DataError, match=r"step 1 \(PowerTransformer\): ") as caught:
        Preprocessor([bad]).fit(X)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([1.0, 2.0], r"rows must be two-dimensional .* got shape \(2,\)"),
        (np.empty((0, 3)), "not empty"),
        ([["a"]], "rows must hold numbers"),
        ([[np.inf, 1.0]], "no infinite values, got 1"),
    ],
)
def test_rows_that_are_none_are_one_sentence(rows, sentence):
    with pytest.raises(DataError, match=sentence):
        Preprocessor([]).fit(rows)


def test_overflow_is_told():
    step = {"class": "sklearn.preprocessing.FunctionTransformer", "func": np.exp}
    with (
        np.errstate(over="ignore"),
        pytest.raises(DataError, match="no infinite value may come out of the steps, got 1"),
    ):
        Preprocessor([step]).fit([[1.0, 1e5]])


def test_other_columns_than_in_fit_are_refused(X):
    preprocessor = Preprocessor(["standardize"]).fit(X)
    with pytest.raises(DataError, match="must have the 5 columns of fit, got 3"):
        preprocessor.transform(X[:, :3])


def test_transform_before_fit_is_refused(X):
    with pytest.raises(NotFittedError):
        Preprocessor([]).transform(X)


def test_unknown_steps_and_arguments_are_refused(X):
    with pytest.raises(InputError, match="Preprocessor: step 1: must be one of"):
        Preprocessor(["log10"]).fit(X)
    with pytest.raises(InputError, match="fit takes X and y only, got sample_weight"):
        Preprocessor([]).fit_transform(X, sample_weight=[1])


def test_sparse_rows_become_dense(X):
    out = Preprocessor(["standardize"]).fit_transform(sparse.csr_matrix(X))
    assert isinstance(out, np.ndarray)
    assert out.flags.c_contiguous


@given(
    st.lists(
        st.sampled_from(["standardize", "robust", "drop_constant", {"clip": [-2, 2]}]), max_size=4
    ),
    st.integers(0, 2**16),
)
@settings(max_examples=40, deadline=None)
def test_output_columns_are_the_input_columns_they_claim_to_be(steps, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, 6)) * (rng.random(6) > 0.3)
    X[:, 0] = rng.normal(size=12)
    preprocessor = Preprocessor(steps).fit(X)
    moved = X.copy()
    moved[:, preprocessor.columns_] = X[::-1][:, preprocessor.columns_]
    np.testing.assert_allclose(preprocessor.transform(moved), preprocessor.transform(X)[::-1])


def test_real_columns_without_spread_do_no_harm(real_data):
    dataset = load_dataset(real_data / "all_leukemia_yeoh6.npz")
    preprocessor = Preprocessor(["standardize"]).fit(dataset.X)
    assert np.abs(preprocessor.transform(dataset.X)).max() < np.sqrt(dataset.n_rows)
    dropped = Preprocessor(["drop_constant"]).fit(dataset.X)
    assert len(dropped.columns_) == 12558 - 2217


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
