import random

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.generative.data import blobs, leukemia
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._data import class_means

BOTH = pytest.mark.parametrize("kind", [ProbabilisticPCA, ClassGaussian])


@parametrize_with_checks([ProbabilisticPCA(), ProbabilisticPCA(2), ClassGaussian()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def everything(model, X):
    holed = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    return [
        model.transform(X),
        model.reconstruct(X),
        model.score_samples(X),
        model.score_samples(holed),
        model.score_samples(X, n_importance_samples=3),
        model.impute(holed),
        model.impute(holed, multiple=True, n_imputations=2),
        *(model.anomaly_scores(X, k) for k in ("reconstruction", "latent", "likelihood")),
        model.anomaly_scores(X, "latent", reference="posterior"),
        model.sample(4, random_state=2),
        model.sample(4, features=[3, 1], source="posterior", random_state=2),
        model.sample(4, source="rows", rows=X, random_state=2),
        *model.sample({0: 3, 1: 2}, random_state=1),
        model.traverse(0, 3),
        model.interpolate(X[0], X[1], 3),
        model.translate(X, 0, 1),
    ]


@BOTH
def test_same_seed_same_bits_and_no_global_state(kind):
    X, y = blobs()
    states = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002
    first, second = (everything(kind(random_state=0).fit(X, y), X) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()
    assert states == [
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    ]


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("kind", [ProbabilisticPCA, ClassGaussian])
def test_rows_do_not_depend_on_signs_or_memory_order(kind, gaps, monkeypatch):
    X, y = blobs(40)
    if gaps:
        X[::7, 3] = np.nan

    def rows(X):
        return kind(random_state=0).fit(X, y).sample(30, random_state=0)

    first = rows(X)
    np.testing.assert_array_equal(rows(np.asfortranarray(X)), first)
    np.testing.assert_array_equal(rows(pd.DataFrame(X)), first)

    eigh, svd = torch.linalg.eigh, torch.linalg.svd

    def turned_eigh(product):
        values, vectors = eigh(product)
        return values, -vectors

    def turned_svd(weights, **options):
        left, scale, right = svd(weights, **options)
        return -left, scale, -right

    monkeypatch.setattr(torch.linalg, "eigh", turned_eigh)
    monkeypatch.setattr(torch.linalg, "svd", turned_svd)
    np.testing.assert_allclose(rows(X), first, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("latent", [1, 3, 9])
def test_the_density_is_that_of_scikit_learns_pca(latent):
    X, _ = blobs(80)
    expected = PCA(latent, svd_solver="full").fit(X).score_samples(X)
    result = ProbabilisticPCA(latent, standardize=False).fit(X).score_samples(X)
    np.testing.assert_allclose(result, expected)


def test_class_densities_are_those_of_the_shrunk_gaussians():
    X, y = blobs(90, classes=3)
    model = ClassGaussian().fit(X, y)
    shift, scale = X.mean(axis=0), X.std(axis=0)
    rows = (X - shift) / scale
    means = class_means(rows, y)
    covariance = ledoit_wolf(rows - means[y], assume_centered=True)[0] * 90 / 87
    full = np.diag(scale) @ covariance @ np.diag(scale)
    densities = np.stack(
        [multivariate_normal(shift + scale * mean, full).logpdf(X) for mean in means], axis=1
    )
    np.testing.assert_allclose(model.score_samples(X, y), densities[np.arange(90), y])
    np.testing.assert_allclose(model.score_samples(X), logsumexp(densities + np.log(1 / 3), axis=1))


def test_conditional_means_are_exact():
    X, _ = blobs(80, 5)
    model = ProbabilisticPCA(2, standardize=False).fit(X)
    pca = PCA(2, svd_solver="full").fit(X)
    covariance, gaps, there = pca.get_covariance(), [1, 3], [0, 2, 4]
    holed = X.copy()
    holed[:, gaps] = np.nan
    gain = covariance[np.ix_(gaps, there)] @ np.linalg.inv(covariance[np.ix_(there, there)])
    expected = X.mean(axis=0)[gaps] + (X - X.mean(axis=0))[:, there] @ gain.T
    np.testing.assert_allclose(model.impute(holed)[:, gaps], expected)
    spread = covariance[np.ix_(gaps, gaps)] - gain @ covariance[np.ix_(there, gaps)]
    drawn = model.impute(holed[:1], multiple=True, n_imputations=20_000)[:, 0, gaps]
    np.testing.assert_allclose(drawn.mean(axis=0), expected[0], atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), spread, atol=0.15)


def test_samples_have_the_moments_of_the_model():
    X, y = blobs(90)
    for model, requested in [(ClassGaussian(), {1: 60_000}), (ProbabilisticPCA(3), 60_000)]:
        drawn = model.fit(X, y).sample(requested, random_state=0)
        drawn = drawn[0] if isinstance(requested, dict) else drawn
        codec, scaling = model.state_.codec, model.state_.scaling
        covariance = codec.weights @ codec.weights.T + torch.diag(codec.sigma.square())
        expected = covariance.numpy() * np.outer(scaling.scale, scaling.scale)
        np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.03 * expected.max())
        centre = X[y == 1].mean(axis=0) if isinstance(requested, dict) else X.mean(axis=0)
        np.testing.assert_allclose(drawn.mean(axis=0), centre, atol=0.05)


def test_classes_of_components_are_where_their_rows_are():
    X, y = blobs(200)
    rows, labels = ProbabilisticPCA(4).fit(X, y).sample({0: 5000, 1: 5000}, random_state=0)
    for label in (0, 1):
        gap = rows[labels == label].mean(axis=0) - X[y == label].mean(axis=0)
        assert np.abs(gap).max() < 0.3


@BOTH
@pytest.mark.parametrize(("n", "classes"), [(3, 1), (3, 3), (4, 2), (7, 7), (28, 14)])
@pytest.mark.parametrize("gaps", [False, True])
def test_few_rows(kind, n, classes, gaps):
    X, y = blobs(n, classes=classes)
    X[:, 3] = 1.5
    if gaps:
        X[0, 0] = np.nan
    model = kind(random_state=0).fit(X, y)
    rows, labels = model.sample(dict.fromkeys(range(classes), 2))
    assert np.isfinite(rows).all()
    assert labels.tolist() == np.repeat(range(classes), 2).tolist()
    assert (rows[:, 3] == 1.5).all()
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite(model.report_.heldout_elbo)


@BOTH
def test_one_column_and_more_rows(kind):
    X, y = blobs(30, 1)
    assert np.isfinite(kind(random_state=0).fit(X, y).score_samples(X)).all()


@BOTH
def test_labels_are_optional_and_may_be_a_regression_target(kind):
    X, _ = blobs()
    for y in (None, np.random.default_rng(0).normal(size=60)):
        model = kind(random_state=0).fit(X, y)
        assert model.classes_ is None
        assert model.sample(3).shape == (3, 12)
        assert np.isfinite(model.score(X, y))
        with pytest.raises(InputError, match="rows of a class need a model fitted with"):
            model.sample({0: 1})


@BOTH
def test_the_report_holds_the_density_of_rows_held_out(kind):
    X, y = blobs(120)
    model = kind(random_state=0).fit(X, y)
    assert (model.report_.n_training, model.report_.n_heldout) == (120, 120)
    scale = np.log(model.state_.scaling.scale).sum()
    assert model.report_.heldout_elbo < model.score_samples(X, y).mean() + scale
    assert model.report_.variance_ratio == pytest.approx(1.0, abs=0.15)


def test_wrong_settings_are_one_sentence():
    X, _ = blobs()
    for model, sentence in [
        (ProbabilisticPCA("many"), "ProbabilisticPCA: latent must be 'auto' or a whole number"),
        (ProbabilisticPCA(0), "ProbabilisticPCA: latent must be a whole number, at least 1, got 0"),
        (ClassGaussian(standardize=1), "ClassGaussian: standardize must be True or False, got 1"),
    ]:
        with pytest.raises(InputError, match=f"^{sentence}"):
            model.fit(X)


def test_real_rows():
    X, y = leukemia()
    for model in (ProbabilisticPCA(random_state=0), ClassGaussian(random_state=0)):
        model.fit(X, y)
        assert model.report_.variance_ratio == pytest.approx(1.0, abs=0.1)
        assert np.isfinite(model.score(X))
