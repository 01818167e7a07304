import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from tests.generative.data import blobs
from vaega.generative._data import class_means
from vaega.generative._gaussians import (
    choose_latent,
    draw_folds,
    fill_in,
    fit_components,
    fit_pooled,
    spectrum_of,
)
from vaega.generative._state import one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


def rows(n=80, p=12):
    return torch.from_numpy(blobs(n, p)[0])


@pytest.mark.parametrize(("n", "p"), [(80, 12), (9, 40), (12, 12), (3, 5), (5, 1)])
def test_the_gram_matrix_gives_the_same_spectrum(n, p):
    X = rows(n, p)
    result = spectrum_of(X)
    expected = np.linalg.eigvalsh(np.atleast_2d(np.cov(X.numpy().T)))[::-1][: len(result.values)]
    np.testing.assert_allclose(result.values, expected)
    assert len(result.values) == min(n - 1, p)
    torch.testing.assert_close(
        result.vectors.T @ result.vectors, torch.eye(len(result.values)).double()
    )


def test_densities_for_every_number_at_once():
    X = rows()
    result = spectrum_of(X).log_densities(X, 8)
    for latent in (1, 3, 8):
        expected = PCA(latent, svd_solver="full").fit(X.numpy()).score_samples(X.numpy())
        np.testing.assert_allclose(result[:, latent - 1], expected)


def test_the_right_number_is_chosen():
    rng = np.random.default_rng(0)
    X = 3 * rng.normal(size=(400, 4)) @ rng.normal(size=(4, 30)) + rng.normal(size=(400, 30))
    assert choose_latent(torch.from_numpy(X), rng=rng)[0] == 4


def test_more_components_than_rank():
    result = fit_components(rows(4, 10), 7)
    assert result.weights.shape == (10, 7)
    assert bool((result.weights[:, 3:] == 0).all())
    assert result.variance > 0


def test_em_without_gaps_stays_at_the_closed_form():
    X = rows()
    holed = X.clone()
    holed[0, 0] = torch.nan
    exact, result = fit_components(X, 3), fit_components(holed, 3)
    assert result.variance == pytest.approx(exact.variance, rel=0.05)
    torch.testing.assert_close(
        result.weights @ result.weights.T, exact.weights @ exact.weights.T, atol=0.1, rtol=0.1
    )


def test_em_reaches_what_the_whole_rows_say():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 8))
    X = rng.normal(size=(3000, 2)) @ loadings + 0.5 * rng.normal(size=(3000, 8))
    X[rng.random(X.shape) < 0.3] = np.nan
    result = fit_components(torch.from_numpy(X), 2)
    assert result.variance == pytest.approx(0.25, rel=0.05)
    covariance = loadings.T @ loadings
    error = np.abs(result.weights.numpy() @ result.weights.numpy().T - covariance).max()
    assert error < 0.1 * covariance.max()
    gram = result.weights.T @ result.weights
    torch.testing.assert_close(gram, torch.diag(gram.diagonal()), atol=1e-9, rtol=0)


def test_em_with_fewer_rows_than_columns():
    X = rows(10, 60)
    X[torch.from_numpy(np.random.default_rng(0).random(X.shape) < 0.2)] = torch.nan
    result = fit_components(X, 4)
    assert torch.isfinite(result.weights).all()
    assert result.variance > 0


def test_filled_rows_keep_what_is_there():
    X = rows()
    X[3, 4] = torch.nan
    filled = fill_in(X)
    there = ~X.isnan()
    assert torch.equal(filled[there], X[there])
    assert bool(torch.isfinite(filled).all())


def covariance(result):
    return (result.weights @ result.weights.T + torch.diag(result.variances)).numpy()


@pytest.mark.parametrize(("n", "p"), [(60, 5), (12, 40), (20, 20)])
def test_the_shrunk_covariance_is_that_of_ledoit_and_wolf(n, p):
    X, y = blobs(n, p)
    result = fit_pooled(torch.from_numpy(X), torch.from_numpy(y))
    residuals = X - class_means(X, y)[y]
    expected, shrinkage = ledoit_wolf(residuals, assume_centered=True)
    assert result.shrinkage == pytest.approx(shrinkage)
    np.testing.assert_allclose(covariance(result), expected * n / (n - 2), atol=1e-10)
    np.testing.assert_allclose(result.means, class_means(X, y))


@pytest.mark.parametrize(("n", "p"), [(60, 5), (12, 40)])
def test_directions_are_orthogonal(n, p):
    X, y = blobs(n, p)
    X[0, 0] = np.nan
    result = fit_pooled(torch.from_numpy(X), torch.from_numpy(y))
    relative = result.weights / result.variances.sqrt()[:, None]
    gram = relative.T @ relative
    torch.testing.assert_close(gram, torch.diag(gram.diagonal()), atol=1e-8, rtol=0)


def test_classes_of_one_row_vary_around_the_mean_of_all():
    X, _ = blobs(6, 4)
    result = fit_pooled(torch.from_numpy(X), torch.arange(6))
    np.testing.assert_array_equal(result.means, X)
    expected = ledoit_wolf(X)[0] * 6 / 5
    np.testing.assert_allclose(covariance(result), expected)


def test_a_class_without_rows_has_the_mean_of_all():
    X, y = blobs(10, 4)
    result = fit_pooled(torch.from_numpy(X), torch.from_numpy(y), 3)
    np.testing.assert_allclose(result.means[2], X.mean(axis=0))


def test_gaps_cost_little_of_the_covariance():
    X, y = blobs(2000, 6)
    holed = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    whole = covariance(fit_pooled(torch.from_numpy(X), torch.from_numpy(y)))
    result = fit_pooled(torch.from_numpy(holed), torch.from_numpy(y))
    assert np.abs(covariance(result) - whole).max() < 0.12 * whole.max()
    filled = np.where(np.isnan(holed), class_means(X, y)[y], holed)
    naive = covariance(fit_pooled(torch.from_numpy(filled), torch.from_numpy(y)))
    assert np.abs(covariance(result) - whole).sum() < 0.5 * np.abs(naive - whole).sum()


def test_equal_rows_leave_a_density():
    result = fit_pooled(torch.zeros(4, 3).double(), torch.zeros(4, dtype=torch.long))
    assert bool((result.variances > 0).all())


@pytest.mark.parametrize("n_groups", [3, 9])
def test_folds_keep_groups_together(rng, n_groups):
    groups = rng.permutation(np.repeat(np.arange(n_groups), 4))
    folds = draw_folds(len(groups), rng, groups)
    assert sorted(np.concatenate(folds)) == list(range(len(groups)))
    assert len(folds) == min(5, n_groups)
    held = [set(groups[fold]) for fold in folds]
    assert sum(len(one) for one in held) == n_groups
