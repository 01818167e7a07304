import numpy as np
import pytest

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._base import between
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE

QUICK = {"hidden": (8,), "latent": 3, "max_epochs": 3, "random_state": 0}
MODELS = [
    VAE(**QUICK),
    Autoencoder(**QUICK),
    ConditionalVAE(**QUICK),
    HierarchicalVAE(**QUICK | {"latent": (2, 1)}),
    ProbabilisticPCA(3),
    ClassGaussian(),
]


@pytest.mark.parametrize("model", MODELS)
def test_paths_of_every_model(model):
    X, y = blobs()
    model.fit(X, y)
    path = model.traverse(1, [-2.0, 0.0, 2.0], around=X[5])
    points = np.tile(model.transform(X[5:6]), (3, 1))
    points[:, 1] = [-2.0, 0.0, 2.0]
    np.testing.assert_allclose(path, model.inverse_transform(points))
    ends = model.interpolate(X[0], X[1], 4)[[0, -1]]
    np.testing.assert_allclose(ends, model.reconstruct(X[:2]))
    assert model.translate(X[y == 0], 0, 1).shape == (30, 12)


def test_from_the_middle_of_the_prior():
    X, y = blobs()
    model = ProbabilisticPCA(2).fit(X, y)
    path = model.traverse(0, 7)
    assert len(path) == 7
    np.testing.assert_allclose(path[3], X.mean(axis=0))
    np.testing.assert_allclose(np.diff(path, axis=0), np.tile(path[1] - path[0], (6, 1)))


def test_the_label_decides_where_the_model_sees_it():
    X, y = blobs()
    model = ClassGaussian().fit(X, y)
    gap = model.traverse(0, 3, y=1) - model.traverse(0, 3, y=0)
    expected = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
    np.testing.assert_allclose(gap, np.tile(expected, (3, 1)))
    assert model.interpolate(X[0], X[2], 3, y=0).shape == (3, 12)


def test_spheres_keep_lengths():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    a, b = a / np.linalg.norm(a), 2 * b / np.linalg.norm(b)
    path = between(a, b, 5, spherical=True)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), [1, 1.25, 1.5, 1.75, 2])
    np.testing.assert_allclose(path[[0, -1]], [a, b])
    for other in (a, 2 * a, -a, 0 * a):
        assert np.isfinite(between(a, other, 3, spherical=True)).all()


def test_translated_rows_lie_in_the_other_class():
    X, y = blobs(300)
    X[y == 1] += 3.0
    for model in (ProbabilisticPCA(4), ClassGaussian(), VAE(**QUICK | {"max_epochs": 150})):
        moved = model.fit(X, y).translate(X[y == 0], 0, 1).mean(axis=0)
        here, there = (X[y == label].mean(axis=0) for label in (0, 1))
        assert np.linalg.norm(moved - there) < 0.4 * np.linalg.norm(here - there)


def test_directions_are_antisymmetric():
    X, y = blobs(classes=3)
    model = ProbabilisticPCA(2).fit(X, np.array(["a", "b", "c"])[y])
    there, back = model.class_direction("a", "b"), model.class_direction("b", "a")
    np.testing.assert_allclose(there, -back)
    total = there + model.class_direction("b", "c") + model.class_direction("c", "a")
    np.testing.assert_allclose(total, 0, atol=1e-12)


def test_bad_requests_are_one_sentence():
    X, y = blobs()
    model = ProbabilisticPCA(2).fit(X, y)
    with pytest.raises(InputError, match="dimension must be a whole number, from 0 to 1, got 2"):
        model.traverse(2)
    with pytest.raises(InputError, match="values must be a count or finite numbers"):
        model.traverse(0, [np.nan])
    for values in (["a"], []):
        with pytest.raises(InputError, match="values must be a count or finite numbers"):
            model.traverse(0, values)
    with pytest.raises(
        InputError, match=r"around must be a row of shape \(12,\), got shape \(1, 1"
    ):
        model.traverse(0, around=X[:1])
    with pytest.raises(InputError, match=r"b must be a row of shape \(12,\), got shape \(2,\)"):
        model.interpolate(X[0], X[1, :2])
    with pytest.raises(InputError, match="spherical must be True or False, got 'yes'"):
        model.interpolate(X[0], X[1], spherical="yes")
    with pytest.raises(InputError, match="n_steps must be a whole number, at least 2, got 1"):
        model.interpolate(X[0], X[1], 1)
    with pytest.raises(InputError, match="y must hold labels seen in fit, got 7"):
        model.class_direction(0, 7)
    with pytest.raises(InputError, match="classes need a model fitted with labels"):
        ProbabilisticPCA(2).fit(X).class_direction(0, 1)
