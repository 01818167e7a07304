import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_wine
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from torch import nn

from tests.generative.data import blobs
from vaega import VAE, GenerativeSampler, GeneticSelector
from vaega.core.errors import InputError
from vaega.generative import MODELS, SAMPLERS, ModelCache, load_model, save_model
from vaega.generative._models import VariationalAutoencoder
from vaega.generative._networks import VariationalNetwork
from vaega.generative._registry import check_model

SMALL = {"hidden": (8,), "latent": 2, "max_epochs": 3, "random_state": 0}


class ClassKernels(BaseEstimator):
    """A kernel density estimate for each class: a model that nothing in vaega knows."""

    def __init__(self, bandwidth=0.5, random_state=None):
        self.bandwidth = bandwidth
        self.random_state = random_state

    def fit(self, X, y):
        self.scale_ = X.std(axis=0) + 1e-12
        self.kernels_ = {
            label: KernelDensity(bandwidth=self.bandwidth).fit(X[y == label] / self.scale_)
            for label in np.unique(y)
        }
        return self

    def sample(self, n, *, noise=True, random_state=None):
        rows = [self.kernels_[label].sample(count, random_state=0) for label, count in n.items()]
        return np.vstack(rows) * self.scale_, np.repeat(list(n), list(n.values()))


class SmoothNetwork(VariationalNetwork):
    """The VAE's network with another activation."""

    def __init__(self, *sizes, **settings):
        super().__init__(*sizes, **settings)
        for body in (self.encoder.body, self.decoder.body):
            for i, layer in enumerate(body):
                body[i] = nn.SiLU() if isinstance(layer, nn.ReLU) else layer


class SmoothVAE(VariationalAutoencoder):
    """A new kind of autoencoder: one class, and one line of registration."""

    network_class = SmoothNetwork


@pytest.fixture
def _registered(monkeypatch):
    monkeypatch.setitem(MODELS.entries, "smooth_vae", SmoothVAE)


def test_a_model_from_outside_augments_a_search():
    X, y = load_wine(return_X_y=True)
    sampler = GenerativeSampler(ClassKernels(), n_per_class=10, random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    assert (X_new.shape, np.bincount(y_new[len(X) :]).tolist()) == ((208, 13), [10, 10, 10])
    options = {"n_searches": 1, "population_size": 10, "n_generations": 2, "random_state": 0}
    selector = GeneticSelector(GaussianNB(), cv=3, sampler=sampler, **options).fit(X, y)
    again = GeneticSelector(GaussianNB(), cv=3, sampler=sampler, **options).fit(X, y)
    assert 1 <= selector.support_.sum() <= 13
    np.testing.assert_array_equal(selector.support_, again.support_)


def test_a_model_from_outside_is_fitted_each_time_and_that_is_said(tmp_path):
    X, y = blobs()
    with pytest.warns(UserWarning, match="ClassKernels is no model that vaega stores"):
        model = ModelCache(tmp_path).fit(ClassKernels(), X, y)
    assert model.sample({0: 2})[0].shape == (2, 12)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"^save_model: can store VAE, .*, got SmoothVAE"):
        save_model(SmoothVAE(**SMALL).fit(X, y), tmp_path)


@pytest.mark.usefixtures("_registered")
def test_a_registered_model_is_stored_and_cached(tmp_path, monkeypatch):
    X, y = blobs()
    model = SmoothVAE(**SMALL).fit(X, y)
    assert not np.array_equal(model.transform(X), VAE(**SMALL).fit(X, y).transform(X))
    save_model(model, tmp_path / "stored")
    np.testing.assert_array_equal(load_model(tmp_path / "stored").transform(X), model.transform(X))
    cache = ModelCache(tmp_path / "cache")
    cache.fit(SmoothVAE(**SMALL), X, y)
    monkeypatch.setattr(SmoothVAE, "fit", lambda *_: pytest.fail("was trained again"))
    np.testing.assert_array_equal(
        cache.fit(SmoothVAE(**SMALL), X, y).transform(X), model.transform(X)
    )


def test_what_is_registered_is_of_its_kind():
    for model_class in MODELS.values():
        assert MODELS.accepts(model_class)
        assert {"sees_labels", "has_density", "class_sources"} <= set(dir(model_class))
    assert all(SAMPLERS.accepts(sampler) for sampler in SAMPLERS.values())


def test_what_is_no_model_is_one_sentence():
    with pytest.raises(InputError, match=r"^VAEImputer: model must be a generative model with imp"):
        check_model(ClassKernels(), "impute", owner="VAEImputer")
    with pytest.raises(InputError, match=r"^GenerativeSampler: model must be"):
        GenerativeSampler(VAE).fit_resample(*blobs())
