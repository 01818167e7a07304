import sys
import warnings
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from imblearn import over_sampling
from imblearn.base import is_sampler
from imblearn.pipeline import make_pipeline
from imblearn.utils import check_sampling_strategy
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.generative.data import blobs
from vaega.core.errors import InputError, MissingExtraError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._data import dense_rows, within_class_variance
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._samplers import (
    SMOTE,
    BaseSampler,
    Bootstrap,
    Containers,
    GaussianJitter,
    GenerativeSampler,
    labels_from,
    resolve_strategy,
)


def quick(kind=VAE, **settings):
    return kind(**{"hidden": (8,), "latent": 2, "max_epochs": 3} | settings)


CHECKED = [
    *(quick(kind) for kind in (VAE, ConditionalVAE, HierarchicalVAE, Autoencoder)),
    ClassGaussian(),
    ProbabilisticPCA(),
]
CHECKS = [
    check
    for model in CHECKED
    for check in estimator_checks_generator(GenerativeSampler(model, random_state=0))
]


@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=[getattr(c, "func", c).__name__ for _, c in CHECKS]
)
def test_imbalanced_learns_checks(estimator, check):
    check(estimator)


def imbalanced(minority=12):
    X, _ = blobs(60)
    return X[: 30 + minority], np.repeat(["many", "few"], [30, minority])


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
def test_originals_first_then_exact_counts(kind):
    X, y = imbalanced()
    X_new, y_new = GenerativeSampler(quick(kind), random_state=0).fit_resample(X, y)
    np.testing.assert_array_equal(X_new[:42], X)
    np.testing.assert_array_equal(y_new[:42], y)
    assert y_new[42:].tolist() == ["few"] * 18
    assert X_new.shape == (60, 12)


def test_each_class_gets_its_number():
    X, y = imbalanced()
    sampler = GenerativeSampler(quick(), n_per_class={"many": 3, "few": 5}, random_state=0)
    _, y_new = sampler.fit_resample(X, y)
    assert y_new[42:].tolist() == ["few"] * 5 + ["many"] * 3
    assert sampler.sampling_strategy_ == {"few": 5, "many": 3}


@pytest.mark.parametrize("cache", [None, "folder"])
def test_same_seed_same_rows(tmp_path, cache):
    X, y = imbalanced()
    cache = cache and tmp_path

    def rows(seed):
        return GenerativeSampler(quick(), cache=cache, random_state=seed).fit_resample(X, y)[0]

    np.testing.assert_array_equal(rows(0), rows(0))
    assert not np.array_equal(rows(0), rows(1))
    assert cache is None or len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2


def test_cache_changes_no_bit(tmp_path, monkeypatch):
    X, y = imbalanced()
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path))
    plain, cached, again = (
        GenerativeSampler(quick(), cache=cache, random_state=0).fit_resample(X, y)[0]
        for cache in (None, "auto", "auto")
    )
    np.testing.assert_array_equal(plain, cached)
    np.testing.assert_array_equal(plain, again)
    assert list(tmp_path.iterdir())


def test_the_model_given_is_not_touched():
    X, y = imbalanced()
    model = quick(random_state=5)
    sampler = GenerativeSampler(model, random_state=0)
    sampler.fit_resample(X, y)
    assert sampler.model_ is not model
    assert model.random_state == 5
    assert not hasattr(model, "state_")


def test_a_generator_advances():
    X, y = imbalanced()
    sampler = GenerativeSampler(quick(), random_state=np.random.default_rng(0))
    first, second = sampler.fit_resample(X, y)[0], sampler.fit_resample(X, y)[0]
    assert not np.array_equal(first, second)


def test_nothing_to_add_trains_nothing():
    X, y = blobs(20)
    sampler = GenerativeSampler(VAE(latent=-1))
    X_new, y_new = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_new, X)
    np.testing.assert_array_equal(y_new, y)
    assert sampler.model_ is None


def test_a_class_of_one_row():
    X, y = imbalanced(1)
    X_new, _ = GenerativeSampler(quick(), random_state=0).fit_resample(X, y)
    assert X_new.shape == (60, 12)
    assert np.isfinite(X_new).all()


def test_frames_come_back_as_frames():
    X, y = imbalanced()
    frame = pd.DataFrame(X.astype(np.float32), columns=[f"gene{i}" for i in range(12)])
    X_new, y_new = GenerativeSampler(quick(), random_state=0).fit_resample(
        frame, pd.Series(y, name="class")
    )
    assert X_new.columns.tolist() == frame.columns.tolist()
    assert set(X_new.dtypes) == {np.dtype(np.float32)}
    assert y_new.name == "class"


def test_noise_is_a_choice():
    X, y = imbalanced()
    with_noise, without = (
        GenerativeSampler(quick(), noise=noise, random_state=0).fit_resample(X, y)[0][42:]
        for noise in (True, False)
    )
    assert without.var(axis=0).sum() < 0.5 * with_noise.var(axis=0).sum()


def test_in_a_pipeline_nothing_synthetic_is_scored(monkeypatch):
    X, y = imbalanced(24)
    seen = []
    plain = LogisticRegression.predict
    monkeypatch.setattr(
        LogisticRegression, "predict", lambda self, X: seen.append(len(X)) or plain(self, X)
    )
    pipeline = make_pipeline(
        StandardScaler(), GenerativeSampler(quick(), random_state=0), LogisticRegression()
    )
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=3, scoring="accuracy")).all()
    assert seen == [18, 18, 18]


def test_no_step_is_both_sampler_and_transformer():
    assert not hasattr(GenerativeSampler, "transform")
    assert not hasattr(GenerativeSampler, "fit_transform")


def test_nested_parameters_and_clone():
    sampler = GenerativeSampler(quick(), n_per_class=5)
    sampler.set_params(model__latent=7)
    assert clone(sampler).model.latent == 7
    assert clone(sampler).n_per_class == 5


def test_fit_checks_and_records():
    X, y = imbalanced()
    sampler = GenerativeSampler(quick()).fit(X, y)
    assert sampler.sampling_strategy_ == {"few": 18}
    assert sampler.n_features_in_ == 12
    assert sampler.model_ is None


def test_bad_cache_is_one_sentence():
    X, y = imbalanced()
    with pytest.raises(InputError, match=r"^GenerativeSampler: cache must be None, 'auto' or a"):
        GenerativeSampler(quick(), cache=3).fit_resample(X, y)


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(hidden=(8,), latent=2, max_epochs=3),
        HierarchicalVAE(hidden=(8,), latent=4, max_epochs=3),
        ProbabilisticPCA(),
        ClassGaussian(),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::vaega.FitWarning")
def test_any_model(model, tmp_path):
    X, y = imbalanced()
    plain, cached = (
        GenerativeSampler(model, n_per_class=4, cache=cache, random_state=0).fit_resample(X, y)
        for cache in (None, tmp_path)
    )
    assert plain[0].shape == (50, 12)
    assert np.isfinite(plain[0]).all()
    np.testing.assert_array_equal(plain[0], cached[0])


@pytest.mark.parametrize("source", ["posterior", "rows"])
@pytest.mark.filterwarnings("ignore::vaega.FitWarning")
def test_sources(source):
    X, y = imbalanced()
    sampler = GenerativeSampler(quick(), source=source, random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    assert X_new.shape == (60, 12)
    assert set(y_new[42:]) == {"few"}


def test_a_bad_source_is_one_sentence():
    X, y = imbalanced()
    with pytest.raises(InputError, match="source must be one of"):
        GenerativeSampler(quick(), source="nowhere").fit_resample(X, y)


@pytest.mark.parametrize("model", [3, PCA(1), VAE])
def test_models_that_make_no_rows_are_one_sentence(model):
    X, y = imbalanced()
    sentence = r"^GenerativeSampler: model must be a generative model with sample, got "
    with pytest.raises(InputError, match=sentence):
        GenerativeSampler(model).fit(X, y)


KINDS = [Bootstrap, GaussianJitter, SMOTE]
ANY_SAMPLER_CHECKS = [
    (kind, *pair) for kind in KINDS for pair in estimator_checks_generator(kind(random_state=0))
]


@pytest.mark.parametrize(
    ("kind", "estimator", "check"),
    ANY_SAMPLER_CHECKS,
    ids=[f"{kind.__name__}-{getattr(c, 'func', c).__name__}" for kind, _, c in ANY_SAMPLER_CHECKS],
)
@pytest.mark.filterwarnings("ignore:SMOTE. ")
def test_imbalanced_learns_checks_of_any_sampler(kind, estimator, check):
    check(estimator)


@parametrize_with_checks(
    [kind(random_state=0) for kind in KINDS] + [GenerativeSampler(ClassGaussian(), random_state=0)]
)
@pytest.mark.filterwarnings("ignore:SMOTE. ")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", KINDS)
def test_originals_first_then_exact_counts_of_any_sampler(kind):
    X, y = imbalanced()
    X_new, y_new = kind(random_state=0).fit_resample(X, y)
    np.testing.assert_array_equal(X_new[:42], X)
    np.testing.assert_array_equal(y_new[:42], y)
    assert y_new[42:].tolist() == ["few"] * 18
    assert np.isfinite(X_new).all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_class_gets_its_number_of_any_sampler(kind):
    X, y = imbalanced()
    sampler = kind(n_per_class={"many": 3, "few": 5}, random_state=0)
    _, y_new = sampler.fit_resample(X, y)
    assert y_new[42:].tolist() == ["few"] * 5 + ["many"] * 3
    assert sampler.sampling_strategy_ == {"few": 5, "many": 3}


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_rows_of_any_sampler(kind):
    X, y = imbalanced()
    first, again, other = (kind(random_state=s).fit_resample(X, y)[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_advances_of_any_sampler(kind):
    X, y = imbalanced()
    sampler = kind(random_state=np.random.default_rng(0))
    assert not np.array_equal(sampler.fit_resample(X, y)[0], sampler.fit_resample(X, y)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_frames_come_back_as_frames_of_any_sampler(kind):
    X, y = imbalanced()
    frame = pd.DataFrame(X.astype(np.float32), columns=[f"gene{i}" for i in range(12)])
    X_new, y_new = kind(random_state=0).fit_resample(frame, pd.Series(y, name="class"))
    assert X_new.columns.tolist() == frame.columns.tolist()
    assert set(X_new.dtypes) == {np.dtype(np.float32)}
    assert y_new.name == "class"


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_pipeline_nothing_synthetic_is_scored_of_any_sampler(kind, monkeypatch):
    X, y = imbalanced(24)
    seen = []
    plain = LogisticRegression.predict
    monkeypatch.setattr(
        LogisticRegression, "predict", lambda self, X: seen.append(len(X)) or plain(self, X)
    )
    pipeline = make_pipeline(kind(n_per_class=7, random_state=0), LogisticRegression())
    assert np.isfinite(cross_val_score(pipeline, X, y, cv=3, scoring="accuracy")).all()
    assert seen == [18, 18, 18]


def test_parameters_are_searched_in_a_pipeline():
    X, y = imbalanced(24)
    pipeline = make_pipeline(GaussianJitter(random_state=0), LogisticRegression())
    search = GridSearchCV(pipeline, {"gaussianjitter__share": [0.1, 0.5]}, cv=3).fit(X, y)
    assert search.best_params_["gaussianjitter__share"] in (0.1, 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_add(kind):
    X, y = blobs(20)
    X_new, y_new = kind().fit_resample(X, y)
    np.testing.assert_array_equal(X_new, X)
    np.testing.assert_array_equal(y_new, y)


@pytest.mark.parametrize("kind", KINDS)
def test_no_step_is_both_sampler_and_transformer_of_any_sampler(kind):
    assert issubclass(kind, BaseSampler)
    assert not hasattr(kind, "transform")
    assert clone(kind(n_per_class=5)).n_per_class == 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "labels", "words"),
    [
        ({"sampling_strategy": "most"}, None, "sampling_strategy must be one of"),
        ({"n_per_class": -1}, None, "n_per_class must be a whole number"),
        ({"n_per_class": {"none": 1}}, None, "n_per_class must name labels of y"),
        ({}, "nothing", "requires y to be passed, but the target y is None"),
        ({}, "one", "sampling_strategy needs more than one class"),
    ],
)
def test_bad_input_names_the_sampler(kind, settings, labels, words):
    X, y = imbalanced()
    y = {"nothing": None, "one": np.full(42, "many")}.get(labels, y)
    with pytest.raises(InputError, match=f"^{kind.__name__}: {words}"):
        kind(**settings).fit_resample(X, y)
    with pytest.raises(InputError, match=f"^{kind.__name__}: {words}"):
        kind(**settings).fit(X, y)


def test_new_rows_are_rows_of_their_class():
    X, y = blobs(30)
    X_new, y_new = Bootstrap(n_per_class=50, random_state=0).fit_resample(X, y)
    for row, label in zip(X_new[30:], y_new[30:], strict=True):
        (indices,) = np.nonzero((row == X).all(axis=1))
        assert y[indices].tolist() == [label]


def test_rows_are_drawn_with_replacement():
    X, y = blobs(40)
    X_new, _ = Bootstrap(n_per_class=20, random_state=0).fit_resample(X, y)
    assert 8 < len(np.unique(X_new[40:60], axis=0)) < 18  # 20 draws of 20 rows: 12.8 expected


def test_a_class_of_one_row_is_repeated():
    X = np.arange(8.0).reshape(4, 2)
    X_new, y_new = Bootstrap(random_state=0).fit_resample(X, [0, 0, 0, 1])
    assert X_new[4:].tolist() == [[6.0, 7.0]] * 2
    assert y_new[4:] == [1, 1]


def test_the_noise_is_that_share_of_the_deviation_within_classes():
    X, y = blobs(60)
    X_new, y_new = GaussianJitter(0.5, n_per_class=6000, random_state=0).fit_resample(X, y)
    noise = X_new[60:6060] - X[y == 0][_nearest(X_new[60:6060], X[y == 0])]
    assert set(y_new[60:6060]) == {0}
    share = noise.std(axis=0) / np.sqrt(within_class_variance(X, y))
    np.testing.assert_allclose(share, 0.5, atol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.1)


def _nearest(rows, real):
    return np.square(rows[:, None] - real[None]).sum(axis=2).argmin(axis=1)


def test_each_row_is_taken_as_often_as_the_others():
    X, y = blobs(20)
    X_new, _ = GaussianJitter(0.0, n_per_class=25, random_state=0).fit_resample(X, y)
    _, counts = np.unique(X_new[20:45], axis=0, return_counts=True)
    assert sorted(counts) == [2] * 5 + [3] * 5


def test_a_class_of_one_row_gets_the_noise_of_the_others():
    X, y = blobs(21)
    y = np.array([0] * 20 + [1])
    X_new, _ = GaussianJitter(random_state=0).fit_resample(X, y)
    deviation = np.sqrt(within_class_variance(X, y))
    assert ((X_new[21:] - X[20]).std(axis=0) > 0.1 * deviation).all()


def test_constant_columns_stay_constant():
    X, y = blobs(20)
    X[:, 3] = 7.0
    X_new, _ = GaussianJitter(n_per_class=5, random_state=0).fit_resample(X, y)
    assert set(X_new[:, 3]) == {7.0}


@pytest.mark.parametrize("share", [-0.1, np.nan, np.inf, "much", None, True])
def test_a_bad_share_is_one_sentence(share):
    X, y = blobs(20)
    with pytest.raises(InputError, match=r"^GaussianJitter: share must be "):
        GaussianJitter(share, n_per_class=1).fit_resample(X, y)


@pytest.mark.parametrize("size", [2.0**-1000, 2.0**1000])
def test_columns_of_any_size_get_their_noise(size):
    X, y = blobs(20)
    plain, other = (
        GaussianJitter(n_per_class=3, random_state=0).fit_resample(table, y)[0]
        for table in (X, X * size)
    )
    np.testing.assert_allclose(other / size, plain, rtol=1e-12)


def unbalanced(few, middle=12):
    X, _ = blobs(30 + middle + few)
    return X, np.repeat(["many", "middle", "few"], [30, middle, few])


def test_rows_are_those_of_imbalanced_learn():
    X, y = unbalanced(8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = SMOTE(k_neighbors=3, random_state=7).fit_resample(X, y)
    theirs = over_sampling.SMOTE(k_neighbors=3, random_state=7).fit_resample(X, y)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("few", "said"),
    [
        (5, "SMOTE: too few rows for k_neighbors=5 in 'few', all are neighbours."),
        (2, "SMOTE: too few rows for k_neighbors=5 in 'few', all are neighbours."),
        (1, "SMOTE: a single row in 'few', which is repeated."),
    ],
)
def test_a_small_class_is_no_error_and_is_said_in_one_line(few, said):
    X, y = unbalanced(few)
    with pytest.warns(UserWarning, match="^SMOTE: ") as caught:
        X_new, y_new = SMOTE(random_state=0).fit_resample(X, y)
    assert len(caught) == 1
    assert said == str(caught[0].message)
    assert dict(zip(*np.unique(y_new, return_counts=True), strict=True)) == {
        "few": 30, "many": 30, "middle": 30,
    }  # fmt: skip
    rows = X_new[len(X) :][y_new[len(X) :] == "few"]
    real = X[y == "few"]
    assert (rows >= real.min(axis=0) - 1e-12).all()
    assert (rows <= real.max(axis=0) + 1e-12).all()


def test_classes_of_enough_rows_have_the_same_rows_beside_small_ones():
    X, y = unbalanced(3)
    with pytest.warns(UserWarning, match="few"):
        _, both = (
            SMOTE(random_state=0).fit_resample(X, y),
            SMOTE(n_per_class={"middle": 18}, random_state=0).fit_resample(X, y),
        )
    assert both[0].shape == (len(X) + 18, 12)


def test_without_imbalanced_learn_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn", None)
    X, y = unbalanced(8)
    with pytest.raises(MissingExtraError, match=r"^SMOTE: needs the package imbalanced-learn, wh"):
        SMOTE().fit_resample(X, y)


def test_an_imbalanced_learn_that_cannot_be_imported_is_not_called_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn", ModuleType("imblearn"))
    monkeypatch.delitem(sys.modules, "imblearn.over_sampling")
    X, y = unbalanced(8)
    expected = (
        r"^SMOTE: needs the package imbalanced-learn, which cannot be imported \(cannot import "
        r"name 'over_sampling' .*\); install it with: pip install --upgrade 'imbalanced-learn', or"
    )
    with pytest.raises(MissingExtraError, match=expected):
        SMOTE().fit_resample(X, y)


def test_bad_neighbours_are_one_sentence():
    X, y = unbalanced(8)
    with pytest.raises(InputError, match=r"^SMOTE: k_neighbors must be a whole number, at least 1"):
        SMOTE(k_neighbors=0).fit_resample(X, y)


THREE = np.repeat(["a", "b", "c"], [20, 5, 9])
TWO = np.repeat([0, 1], [20, 5])
TIED = np.repeat([0, 1, 2], [7, 7, 3])


@pytest.mark.parametrize("y", [THREE, TWO, TIED, TIED[::-1], np.repeat([2, 1, 0], [4, 4, 4])])
@pytest.mark.parametrize("name", ["auto", "not majority", "minority", "not minority", "all"])
def test_names_mean_what_imbalanced_learn_means(y, name):
    assert resolve_strategy(name, None, y) == check_sampling_strategy(name, y, "over-sampling")


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.77, 1.0, 1])
def test_ratios_mean_what_imbalanced_learn_means(ratio):
    for y in (TWO, 1 - TWO):
        expected = check_sampling_strategy(ratio, y, "over-sampling")
        assert resolve_strategy(ratio, None, y) == expected


@pytest.mark.parametrize(
    "strategy", [{"b": 8}, {"c": 9, "b": 6}, lambda y: {"a": 25, "b": int((y == "b").sum())}]
)
def test_mappings_and_callables_mean_what_imbalanced_learn_means(strategy):
    result = resolve_strategy(strategy, None, THREE)
    assert result == check_sampling_strategy(strategy, THREE, "over-sampling")
    assert list(result) == sorted(result)


@pytest.mark.parametrize(
    ("strategy", "y"),
    [
        ("majority", TWO),
        ("most", TWO),
        (["b"], THREE),
        (0.1, TWO),
        (0.5, THREE),
        (0.0, TWO),
        (1.5, TWO),
        ({"z": 8}, THREE),
        ({"b": 3}, THREE),
        ({"b": -1}, THREE),
        ("auto", np.zeros(5)),
    ],
)
def test_what_imbalanced_learn_refuses_is_one_sentence(strategy, y):
    with pytest.raises(ValueError, match=r".+"):
        check_sampling_strategy(strategy, y, "over-sampling")
    with pytest.raises(InputError, match=r"^GenerativeSampler: ") as caught:
        resolve_strategy(strategy, None, y)
    assert "\n" not in str(caught.value)


def test_n_per_class_overrides():
    assert resolve_strategy("auto", 4, THREE) == {"a": 4, "b": 4, "c": 4}
    assert resolve_strategy("auto", {"c": 2}, THREE) == {"c": 2}
    assert resolve_strategy("auto", 4, np.zeros(5)) == {0.0: 4}


@pytest.mark.parametrize("n", [-1, 1.5, True, "many", {"z": 1}, {"a": -1}])
def test_bad_n_per_class_is_one_sentence(n):
    with pytest.raises(InputError, match=r"^GenerativeSampler: n_per_class"):
        resolve_strategy("auto", n, THREE)


ROWS, LABELS = np.array([[1.25, 2.5]]), np.array([1])


def test_arrays_keep_float_dtypes():
    for dtype, expected in [(np.float32, np.float32), (float, float), (int, float)]:
        X, y = Containers(np.zeros((2, 2), dtype), np.array([0, 1], np.int8)).restore(ROWS, LABELS)
        assert (X.dtype, y.dtype) == (expected, np.int8)
        assert X[-1].tolist() == [1.25, 2.5]


def test_nothing_added_returns_a_copy_of_the_same_dtype():
    X = np.zeros((2, 2), int)
    result, _ = Containers(X, np.array([0, 1])).restore(ROWS[:0], LABELS[:0])
    assert result.dtype == X.dtype
    assert not np.shares_memory(result, X)


def test_frames_keep_columns_and_types():
    X = pd.DataFrame({"a": np.zeros(2, np.float32), 7: [1, 2]}, index=[5, 3])
    y = pd.Series(["u", "v"], name="class", dtype="category", index=[5, 3])
    result, labels = Containers(X, y).restore(ROWS, np.array(["v"]))
    assert result.columns.tolist() == ["a", 7]
    assert result.dtypes.tolist() == [np.float32, np.float64]
    assert result.index.tolist() == labels.index.tolist() == [0, 1, 2]
    assert (labels.dtype, labels.name, labels.tolist()) == (y.dtype, "class", ["u", "v", "v"])
    assert X.index.tolist() == [5, 3]


def test_one_hot_labels_come_back_one_hot():
    y = np.eye(3, dtype=int)[[0, 2]]
    _, labels = Containers(np.zeros((2, 2)), y).restore(ROWS, np.array([1]))
    assert labels.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert labels.dtype == y.dtype


def test_sparse_frames_are_read_and_returned_sparse():
    X = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 0.0]}, dtype=pd.SparseDtype(float, 0))
    assert dense_rows(X).to_numpy().tolist() == [[0.0, 0.0], [1.0, 0.0]]
    result, _ = Containers(X, np.array([0, 1])).restore(ROWS, LABELS)
    assert all(isinstance(dtype, pd.SparseDtype) for dtype in result.dtypes)


@pytest.mark.parametrize("y", [[[1, 1, 0], [0, 1, 0]], [[0, 0, 0], [0, 1, 0]]])
def test_several_labels_a_row_are_one_sentence(y):
    with pytest.raises(InputError, match=r"^GenerativeSampler: y must hold one label a row"):
        labels_from(y)


def test_missing_and_continuous_labels_are_refused():
    with pytest.raises(InputError, match="target y is None"):
        labels_from(None)
    with pytest.raises(ValueError, match="Unknown label type"):
        labels_from([0.1, 0.7])


def test_labels_that_lack_or_are_mixed_are_one_sentence():
    with pytest.raises(InputError, match=r"^SMOTE: y must hold a label for every row, got None"):
        labels_from(np.array(["a", None], dtype=object), owner="SMOTE")
    with pytest.raises(InputError, match=r"^SMOTE: y must hold labels of one type, got int, str"):
        labels_from(np.array(["a", 1], dtype=object), owner="SMOTE")
    assert labels_from(np.array([True, False], dtype=object)).dtype == bool


def test_imbalanced_learn_sees_a_sampler():
    tags = get_tags(GenerativeSampler())
    assert is_sampler(GenerativeSampler())
    assert tags.target_tags.required
    assert tags.input_tags.dataframe
    assert not tags.sampler_tags.sample_indices


def test_a_model_is_no_sampler():
    assert not is_sampler(VAE())


@pytest.mark.parametrize("model", [ProbabilisticPCA(), ClassGaussian()])
def test_closed_forms_hold_out_whole_groups(rng, model):
    # Rows of a group are copies: held-out copies would make any memory look like a good density.
    groups = np.repeat(np.arange(8), 5)
    X, y = np.repeat(rng.normal(size=(8, 6)), 5, axis=0), groups % 2
    X = X + 1e-3 * rng.normal(size=X.shape)
    sampler = GenerativeSampler(model, n_per_class=3, random_state=0)
    sampler.fit_resample(X, y)
    by_row = sampler.model_.report_.heldout_elbo
    rows, _ = sampler.fit_resample(X, y, groups=[f"patient {group}" for group in groups])
    assert rows.shape == (46, 6)
    assert sampler.model_.report_.heldout_elbo < by_row
    with pytest.raises(InputError, match="groups must have a value for every row, got '' in row 0"):
        sampler.fit_resample(X, y, groups=[""] + ["p"] * 39)


@pytest.mark.parametrize("n_groups", [20, 100])
def test_networks_hold_out_whole_groups_and_count_them(rng, n_groups):
    groups = np.repeat(np.arange(n_groups), 5)
    X = np.repeat(rng.normal(size=(n_groups, 6)), 5, axis=0) + 1e-3 * rng.normal(
        size=(5 * n_groups, 6)
    )
    report = VAE(max_epochs=3, random_state=0).fit(X, groups % 2, groups=groups).report_
    assert report.n_heldout % 5 == 0
    crossed = report.n_training == len(X)  # twice with others held out, then on all rows
    assert crossed == (n_groups < 60)
    assert report.references["ProbabilisticPCA"] > -100.0


def test_a_cache_knows_models_by_their_groups(rng, tmp_path):
    X, y = rng.normal(size=(40, 4)), np.tile([0, 1], 20)
    drawn = [
        GenerativeSampler(
            VAE(max_epochs=3), n_per_class=3, random_state=0, cache=tmp_path
        ).fit_resample(X, y, groups=groups)[0]
        for groups in (None, np.arange(40) // 4, None, np.arange(40) // 4)
    ]
    np.testing.assert_array_equal(drawn[0], drawn[2])
    np.testing.assert_array_equal(drawn[1], drawn[3])
    assert (drawn[0] != drawn[1]).any()


def test_polars_out_where_polars_came_in(rng):
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"a": rng.normal(size=10), "b": np.arange(10)})
    X = X.cast({"a": polars.Float32})
    y = polars.Series("class", ["x", "y"] * 5)
    rows, labels = Bootstrap(n_per_class=2, random_state=0).fit_resample(X, y)
    assert isinstance(rows, polars.DataFrame)
    assert rows.schema["a"] == polars.Float32
    assert rows[:10]["a"].equals(X["a"])
    assert labels[:10].equals(y)
    assert len(rows) == len(labels) == 14
    nothing, _ = Bootstrap(sampling_strategy="auto").fit_resample(X, y)
    assert nothing.shape == (10, 2)


def test_a_missing_group_is_an_error_also_where_no_row_is_wanted():
    X, y = np.arange(24.0).reshape(12, 2), np.tile([0, 1], 6)
    groups = ["P1", None, *["P2"] * 10]
    sampler = GenerativeSampler(ProbabilisticPCA(latent=1))
    assert len(sampler.fit_resample(X, y)[0]) == 12
    with pytest.raises(ValueError, match=r"^GenerativeSampler: groups must .* got None in row 1"):
        sampler.fit_resample(X, y, groups=groups)
