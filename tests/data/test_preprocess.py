"""The preprocessor of an experiment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from vaega.core.errors import DataError, InputError
from vaega.data._preprocess import Preprocessor
from vaega.data._sources import load_dataset
from vaega.fitness import prepare_fold

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
@settings(max_examples=40)
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


def test_steps_are_fitted_as_a_pipeline_fits_them():
    # Sites that say nothing: encoded by the classes, each row would know its own.
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 60, size=(120, 1)).astype(float), rng.permutation([0, 1] * 60)
    preprocessor = Preprocessor([{"class": "sklearn.preprocessing.TargetEncoder"}], random_state=0)
    encoded = preprocessor.fit_transform(X, y)
    # Its folds are shuffled without a seed.
    np.testing.assert_array_equal(encoded, clone(preprocessor).fit_transform(X, y))
    leaking, honest = (
        np.corrcoef(values[:, 0], y)[0, 1] for values in (preprocessor.transform(X), encoded)
    )
    assert leaking > 0.3
    assert honest < 0.1
    fold = prepare_fold(
        X, y, np.arange(80), np.arange(80, 120), preparation=clone(preprocessor), seed=0
    )
    assert np.corrcoef(fold.X_fit[:, 0], y[:80])[0, 1] < 0.2


class Failing(BaseEstimator):
    """A step of one's own that fails where it is told to."""

    def __init__(self, where="", what=None):
        self.where = where
        self.what = what

    def _fail(self, where):
        if where == self.where:
            errors = {"key": KeyError("lost"), "attr": AttributeError("a\nb"), "own": Silent()}
            raise errors[self.what]

    def fit(self, X, y=None):
        self._fail("fit")
        return self

    def transform(self, X):
        self._fail("transform")
        return {"rows": X[1:], "text": np.full(X.shape, "a"), "flat": X[:, 0]}.get(self.what, X)

    def get_feature_names_out(self, names):
        self._fail("names")
        return names


class Silent(Exception):
    pass


@pytest.mark.parametrize(
    ("where", "what", "words"),
    [
        ("fit", "key", "lost"),
        ("fit", "attr", "a b"),
        ("transform", "own", "Silent"),
        ("names", "key", "lost"),
        ("", "rows", "must keep all 6 rows"),
        ("", "text", "could not convert"),
        ("", "flat", "got an array of shape"),
    ],
)
def test_whatever_a_step_raises_is_one_sentence(where, what, words):
    step = {"class": f"{__name__}.Failing", "where": where, "what": what}
    with pytest.raises(DataError, match=rf"Preprocessor: step 1 \(Failing\): .*{words}") as refusal:
        Preprocessor([step]).fit(np.arange(12.0).reshape(6, 2), [0, 1] * 3)
    assert "\n" not in str(refusal.value)


class Drawing(BaseEstimator):
    """A step of one's own that draws from the global generator."""

    def fit(self, X, y=None):
        self.noise_ = np.random.normal()  # noqa: NPY002 - what is tested
        return self

    def transform(self, X):
        return X + self.noise_ + np.random.normal(size=X.shape)  # noqa: NPY002


def test_a_step_that_draws_globally_depends_on_the_seed_alone():
    X, steps = np.arange(12.0).reshape(6, 2), [{"class": f"{__name__}.Drawing"}]
    before = np.random.get_bit_generator().state["state"]["pos"]
    first, again, other = (
        Preprocessor(steps, random_state=seed).fit(X).transform(X) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert np.random.get_bit_generator().state["state"]["pos"] == before
    whole = Preprocessor(["standardize", *steps], random_state=0).fit(X)
    few, needed, at = whole.narrowed(np.array([1]))
    np.testing.assert_array_equal(few.transform(X[:, needed])[:, at], whole.transform(X)[:, [1]])


# Fewer columns ------------------------------------------------------------------------------------

IMPUTE = {"impute": "median"}
CHAINS = [
    [],
    ["drop_constant"],
    ["drop_constant", IMPUTE, "log2p1", "standardize"],
    [IMPUTE, {"variance_filter": {"keep": 20}}, {"clip": [0.1, 3]}, "log2", "robust"],
    [IMPUTE, {"variance_filter": {"keep": 20}}, "clr", "standardize"],
    ["drop_constant", IMPUTE, "quantile_normalize", "drop_constant", "robust"],
    [IMPUTE, {"clip": [0, 3]}, POWER, "standardize"],
    [IMPUTE, {"class": "sklearn.feature_selection.VarianceThreshold"}, "log1p"],
]


@pytest.mark.parametrize("steps", CHAINS, ids=str)
@pytest.mark.parametrize("kept", [[0], [3, 7, 18], list(range(20))], ids=len)
def test_fewer_columns_give_the_same_bits(steps, kept):
    rng = np.random.default_rng(1)
    X = np.exp(rng.normal(size=(33, 40)))
    X[:, 5] = 3.0
    if IMPUTE in steps:
        X[rng.random(X.shape) < 0.05] = np.nan
    new, kept = np.exp(rng.normal(size=(17, 40))), np.array(kept)
    whole = Preprocessor(steps).fit(X)
    few, needed, at = whole.narrowed(kept)
    assert np.array_equal(
        few.transform(new[:, needed].copy())[:, at], whole.transform(new)[:, kept]
    )
    assert few.n_features_in_ == len(needed)
    assert np.array_equal(needed[few.columns_][at], whole.columns_[kept])


@pytest.mark.parametrize(
    ("steps", "n_needed"),
    [
        (["drop_constant", "log2", "standardize"], 1),
        (["drop_constant", "clr"], 4),  # a row's mean is that of all columns
        (["clr", "drop_constant"], 5),
        (["standardize", K_BEST, "robust"], 5),  # what else it reads is up to it
    ],
    ids=str,
)
def test_no_more_columns_are_needed_than_the_steps_look_at(X, y, steps, n_needed):
    _, needed, _ = Preprocessor(steps).fit(X, y).narrowed(np.array([1]))
    assert len(needed) == n_needed
