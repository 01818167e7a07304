import numpy as np
import pytest

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._base import between, column_indices
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE

QUICK = {"hidden": (8,), "latent": 3, "max_epochs": 3, "random_state": 0}
KINDS = [VAE, Autoencoder, ConditionalVAE, HierarchicalVAE, ProbabilisticPCA, ClassGaussian]
EVERY = pytest.mark.parametrize("kind", KINDS)


def fitted(kind, **settings):
    X, y = blobs()
    X[:, 3] = 1.5
    if kind is ProbabilisticPCA:
        return kind(2).fit(X, y), X, y
    if kind is ClassGaussian:
        return kind().fit(X, y), X, y
    latent = (2, 1) if kind is HierarchicalVAE else 3
    return kind(**QUICK | {"latent": latent} | settings).fit(X, y), X, y


@EVERY
def test_some_columns_are_a_slice_of_all(kind):
    model, _, _ = fitted(kind)
    mask = np.zeros(12, dtype=bool)
    mask[[1, 3, 7, 11]] = True
    for requested in (20, {1: 5, 0: 4}):
        whole, some, named = (
            model.sample(requested, features=features, noise=False, random_state=5)
            for features in (None, mask, [7, 3])
        )
        if isinstance(requested, dict):
            whole, some, named = whole[0], some[0], named[0]
        np.testing.assert_allclose(some, whole[:, mask], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(named, whole[:, [7, 3]], rtol=1e-5, atol=1e-5)
        assert (some[:, 1] == 1.5).all()


@pytest.mark.parametrize("norm", ["batch", "layer", None])
def test_slices_of_every_kind_of_network(norm):
    model, _, _ = fitted(VAE, norm=norm, output_norm=True, hidden=(8, 4))
    whole = model.sample(9, noise=False, random_state=0)
    some = model.sample(9, features=[0, 5], noise=False, random_state=0)
    np.testing.assert_allclose(some, whole[:, [0, 5]], rtol=1e-5, atol=1e-5)


@EVERY
def test_some_columns_have_the_marginal_of_all(kind):
    model, _, _ = fitted(kind)
    whole = model.sample({0: 4000}, random_state=0)[0][:, [2, 8]]
    some = model.sample({0: 4000}, features=[2, 8], random_state=1)[0]
    np.testing.assert_allclose(some.mean(axis=0), whole.mean(axis=0), atol=0.25)
    np.testing.assert_allclose(np.cov(some.T), np.cov(whole.T), atol=0.12 * np.cov(whole.T).max())


@EVERY
def test_around_rows(kind):
    model, X, y = fitted(kind)
    same = model.sample(60, source="rows", rows=X, noise=False, random_state=0)
    assert same.shape == X.shape
    rows, labels = model.sample({1: 4}, source="rows", rows=X, labels=y, random_state=0)
    assert rows.shape == (4, 12)
    assert labels.tolist() == [1] * 4
    X[0, 0] = np.nan
    assert np.isfinite(model.sample(2, source="rows", rows=X[:1], random_state=0)).all()


def test_rows_are_shared_out_evenly():
    rng = np.random.default_rng(0)
    X = np.repeat(np.array([[0.0], [50.0], [100.0]]), 5, axis=1) + 0.1 * rng.normal(size=(3, 5))
    model = ProbabilisticPCA(1, standardize=False).fit(X)
    drawn = model.sample(7, source="rows", rows=X, noise=False, random_state=0).mean(axis=1)
    nearest = np.rint(drawn / 50).astype(int)
    assert nearest[:6].tolist() == [0, 1, 2, 0, 1, 2]


@EVERY
def test_from_the_aggregate_posterior(kind):
    model, X, _ = fitted(kind)
    drawn = model.sample(4000, source="posterior", random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.3)


def test_the_prior_of_a_class_needs_a_model_that_sees_it():
    model, _, _ = fitted(ConditionalVAE)
    assert model.sample({1: 3}, source="prior")[0].shape == (3, 12)
    model, _, _ = fitted(VAE)
    with pytest.raises(InputError, match=r"^VAE: the prior knows no classes"):
        model.sample({1: 3}, source="prior")
    model, _, _ = fitted(Autoencoder)
    assert model.sample(3).shape == (3, 12)
    with pytest.raises(InputError, match=r"^Autoencoder: has no prior"):
        model.sample(3, source="prior")


@EVERY
def test_same_seed_same_bits(kind):
    model, X, y = fitted(kind)
    for options in (
        {"features": [2, 5]},
        {"source": "posterior"},
        {"source": "rows", "rows": X, "labels": y},
    ):
        first, second = (model.sample(9, random_state=1, **options) for _ in range(2))
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"features": [12]}, "features must be column numbers from 0 to 11, got 12 to 12"),
        ({"features": [True]}, "features must be a mask of 12 booleans or column numbers, got"),
        ({"source": "moon"}, "source must be one of posterior, prior, rows; got 'moon'"),
        ({"source": "rows"}, "rows to draw around and source='rows' need each other"),
        ({"n": {0: 2}, "source": "rows", "rows": 1}, "rows of a class drawn around rows need th"),
        ({"n": {0: 2}, "source": "rows", "rows": 1, "labels": 1}, "rows must hold some of class 0"),
        ({"labels": 1}, "labels are those of rows, and rows are not given"),
        ({"noise": "no"}, "noise must be True or False, got 'no'"),
        ({"features": np.zeros(0, bool)}, "features must be a mask of 12 booleans or column numb"),
        ({"n": -1}, "n must be a whole number, at least 0, got -1"),
    ],
)
def test_bad_requests_are_one_sentence(options, sentence):
    model, X, y = fitted(VAE)
    given = {"n": 2} | options
    if "rows" in given:
        given["rows"] = X[y == 1]
    if "labels" in given:
        given["labels"] = y[y == 1]
    with pytest.raises(InputError, match=f"^VAE: {sentence}"):
        model.sample(given.pop("n"), **given)


def test_no_rows_and_no_columns():
    model, _, _ = fitted(VAE)
    assert model.sample(0, features=[1]).shape == (0, 1)
    assert model.sample(3, features=np.zeros(12, dtype=bool)).shape == (3, 0)
    assert model.sample(3, features=[]).shape == (3, 0)
    assert column_indices(None, 3, owner="VAE") is None


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


def test_bad_requests_are_one_sentence_in_paths():
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
