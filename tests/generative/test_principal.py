import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from tests.generative.data import blobs
from vaega.generative._gaussians import choose_latent, fill_in, fit_components, spectrum_of
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
    found = spectrum_of(X)
    expected = np.linalg.eigvalsh(np.atleast_2d(np.cov(X.numpy().T)))[::-1][: len(found.values)]
    np.testing.assert_allclose(found.values, expected)
    assert len(found.values) == min(n - 1, p)
    torch.testing.assert_close(
        found.vectors.T @ found.vectors, torch.eye(len(found.values)).double()
    )


def test_densities_for_every_number_at_once():
    X = rows()
    found = spectrum_of(X).log_densities(X, 8)
    for latent in (1, 3, 8):
        expected = PCA(latent, svd_solver="full").fit(X.numpy()).score_samples(X.numpy())
        np.testing.assert_allclose(found[:, latent - 1], expected)


def test_the_right_number_is_chosen():
    rng = np.random.default_rng(0)
    X = 3 * rng.normal(size=(400, 4)) @ rng.normal(size=(4, 30)) + rng.normal(size=(400, 30))
    assert choose_latent(torch.from_numpy(X), rng=rng)[0] == 4


def test_more_components_than_rank():
    found = fit_components(rows(4, 10), 7)
    assert found.weights.shape == (10, 7)
    assert bool((found.weights[:, 3:] == 0).all())
    assert found.variance > 0


def test_em_without_gaps_stays_at_the_closed_form():
    X = rows()
    holed = X.clone()
    holed[0, 0] = torch.nan
    exact, found = fit_components(X, 3), fit_components(holed, 3)
    assert found.variance == pytest.approx(exact.variance, rel=0.05)
    torch.testing.assert_close(
        found.weights @ found.weights.T, exact.weights @ exact.weights.T, atol=0.1, rtol=0.1
    )


def test_em_reaches_what_the_whole_rows_say():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 8))
    X = rng.normal(size=(3000, 2)) @ loadings + 0.5 * rng.normal(size=(3000, 8))
    X[rng.random(X.shape) < 0.3] = np.nan
    found = fit_components(torch.from_numpy(X), 2)
    assert found.variance == pytest.approx(0.25, rel=0.05)
    covariance = loadings.T @ loadings
    error = np.abs(found.weights.numpy() @ found.weights.numpy().T - covariance).max()
    assert error < 0.1 * covariance.max()
    gram = found.weights.T @ found.weights
    torch.testing.assert_close(gram, torch.diag(gram.diagonal()), atol=1e-9, rtol=0)


def test_em_with_fewer_rows_than_columns():
    X = rows(10, 60)
    X[torch.from_numpy(np.random.default_rng(0).random(X.shape) < 0.2)] = torch.nan
    found = fit_components(X, 4)
    assert torch.isfinite(found.weights).all()
    assert found.variance > 0


def test_filled_rows_keep_what_is_there():
    X = rows()
    X[3, 4] = torch.nan
    filled = fill_in(X)
    there = ~X.isnan()
    assert torch.equal(filled[there], X[there])
    assert bool(torch.isfinite(filled).all())
