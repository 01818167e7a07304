import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._samplers import GenerativeSampler


def quick(kind=VAE, **settings):
    return kind(**{"hidden": (8,), "latent": 2, "max_epochs": 3} | settings)


CHECKS = list(estimator_checks_generator(GenerativeSampler(quick(), random_state=0)))


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
