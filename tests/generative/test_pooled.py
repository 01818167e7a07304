import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from tests.generative.data import blobs
from vaega.generative._data import class_means
from vaega.generative._gaussians import fit_pooled
from vaega.generative._state import one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


def covariance(found):
    return (found.weights @ found.weights.T + torch.diag(found.variances)).numpy()


@pytest.mark.parametrize(("n", "p"), [(60, 5), (12, 40), (20, 20)])
def test_the_shrunk_covariance_is_that_of_ledoit_and_wolf(n, p):
    X, y = blobs(n, p)
    found = fit_pooled(torch.from_numpy(X), torch.from_numpy(y))
    residuals = X - class_means(X, y)[y]
    expected, shrinkage = ledoit_wolf(residuals, assume_centered=True)
    assert found.shrinkage == pytest.approx(shrinkage)
    np.testing.assert_allclose(covariance(found), expected * n / (n - 2), atol=1e-10)
    np.testing.assert_allclose(found.means, class_means(X, y))


@pytest.mark.parametrize(("n", "p"), [(60, 5), (12, 40)])
def test_directions_are_orthogonal(n, p):
    X, y = blobs(n, p)
    X[0, 0] = np.nan
    found = fit_pooled(torch.from_numpy(X), torch.from_numpy(y))
    relative = found.weights / found.variances.sqrt()[:, None]
    gram = relative.T @ relative
    torch.testing.assert_close(gram, torch.diag(gram.diagonal()), atol=1e-8, rtol=0)


def test_classes_of_one_row_vary_around_the_mean_of_all():
    X, _ = blobs(6, 4)
    found = fit_pooled(torch.from_numpy(X), torch.arange(6))
    np.testing.assert_array_equal(found.means, X)
    expected = ledoit_wolf(X)[0] * 6 / 5
    np.testing.assert_allclose(covariance(found), expected)


def test_a_class_without_rows_has_the_mean_of_all():
    X, y = blobs(10, 4)
    found = fit_pooled(torch.from_numpy(X), torch.from_numpy(y), 3)
    np.testing.assert_allclose(found.means[2], X.mean(axis=0))


def test_gaps_cost_little_of_the_covariance():
    X, y = blobs(2000, 6)
    holed = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    whole = covariance(fit_pooled(torch.from_numpy(X), torch.from_numpy(y)))
    found = fit_pooled(torch.from_numpy(holed), torch.from_numpy(y))
    assert np.abs(covariance(found) - whole).max() < 0.12 * whole.max()
    filled = np.where(np.isnan(holed), class_means(X, y)[y], holed)
    naive = covariance(fit_pooled(torch.from_numpy(filled), torch.from_numpy(y)))
    assert np.abs(covariance(found) - whole).sum() < 0.5 * np.abs(naive - whole).sum()


def test_equal_rows_leave_a_density():
    found = fit_pooled(torch.zeros(4, 3).double(), torch.zeros(4, dtype=torch.long))
    assert bool((found.variances > 0).all())
