import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE

QUICK = {"hidden": (8,), "latent": 2, "max_epochs": 3, "random_state": 0}


def test_reconstruction_is_the_mean_squared_residual():
    X, y = blobs()
    X[:, 2] = 7.0
    model = VAE(**QUICK).fit(X, y)
    varies = np.arange(12) != 2
    residuals = ((X - model.reconstruct(X)) / X.std(axis=0).clip(1e-9))[:, varies]
    np.testing.assert_allclose(model.anomaly_scores(X), np.square(residuals).mean(axis=1))
    holed = X.copy()
    holed[0, 5:] = np.nan
    residuals = ((holed - model.reconstruct(holed)) / model.state_.scaling.scale)[0, [0, 1, 3, 4]]
    assert model.anomaly_scores(holed)[0] == pytest.approx(np.square(residuals).mean())


def test_latent_distances():
    X, y = blobs()
    model = VAE(**QUICK).fit(X, y)
    points = model.transform(X)
    np.testing.assert_allclose(model.anomaly_scores(X, "latent"), np.square(points).sum(axis=1))
    gaussians = model.state_.gaussians
    inverses = [np.linalg.inv(factor @ factor.T) for factor in gaussians.factors.numpy()]
    expected = [
        min(mahalanobis(z, gaussians.means[c].numpy(), inverses[c]) ** 2 for c in (0, 1))
        for z in points
    ]
    found = model.anomaly_scores(X, "latent", reference="posterior")
    np.testing.assert_allclose(found, expected)


def test_likelihood_is_the_negative_log_density():
    X, y = blobs()
    model = ProbabilisticPCA(2).fit(X, y)
    np.testing.assert_array_equal(model.anomaly_scores(X, "likelihood"), -model.score_samples(X))


@pytest.mark.parametrize("kind", [ConditionalVAE, ClassGaussian])
@pytest.mark.parametrize("name", ["reconstruction", "latent"])
def test_without_a_label_the_kindest_class_counts(kind, name):
    X, y = blobs()
    model = (kind(**QUICK) if kind is ConditionalVAE else kind()).fit(X, y)
    given = [model.anomaly_scores(X, name, y=np.full(60, label)) for label in (0, 1)]
    np.testing.assert_allclose(model.anomaly_scores(X, name), np.min(given, axis=0))


@pytest.mark.parametrize("name", ["reconstruction", "latent", "likelihood"])
def test_planted_rows_are_more_unusual(name):
    X, y = blobs(200)
    odd = X[:20] + 8.0
    model = VAE(**QUICK | {"max_epochs": 100}).fit(X, y)
    assert model.anomaly_scores(odd, name).min() > np.median(model.anomaly_scores(X, name))
    np.testing.assert_array_equal(model.anomaly_scores(X, name), model.anomaly_scores(X, name))


def test_an_autoencoder_has_two_of_them():
    X, y = blobs()
    model = Autoencoder(**QUICK).fit(X, y)
    for name in ("reconstruction", "latent"):
        assert (model.anomaly_scores(X, name, reference="posterior") > 0).all()
    with pytest.raises(AttributeError):
        model.anomaly_scores(X, "likelihood")


def test_unknown_names_are_one_sentence():
    X, y = blobs()
    model = ProbabilisticPCA(2).fit(X, y)
    with pytest.raises(InputError, match=r"^ProbabilisticPCA: kind must be one of latent, likel"):
        model.anomaly_scores(X, "odd")
    with pytest.raises(InputError, match=r"^ProbabilisticPCA: reference must be one of posterior"):
        model.anomaly_scores(X, "latent", reference="odd")
