import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from vaega.generative._state import LinearCodec, one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


def codec(p=6, latent=2, n_classes=1, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    sigma = 0.5 + torch.rand(p, generator=generator, dtype=torch.float64)
    left, scale, _ = torch.linalg.svd(normal(p, latent), full_matrices=False)
    weights = sigma[:, None] * left * scale
    share = np.arange(1.0, n_classes + 1) / np.arange(1.0, n_classes + 1).sum()
    return LinearCodec(weights, normal(n_classes, p), sigma, share)


def joint(found, code=0):
    covariance = found.weights @ found.weights.T + torch.diag(found.sigma.square())
    return found.means[code].numpy(), covariance.numpy()


def rows_with_gaps(n=20, p=6):
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(n, p))
    rows[n // 2 :][rng.random((n - n // 2, p)) < 0.4] = np.nan
    return rows


def test_densities_of_the_entries_that_are_there():
    found, rows = codec(), rows_with_gaps()
    mean, covariance = joint(found)
    for row, density in zip(rows, found.log_density(rows, None), strict=True):
        there = ~np.isnan(row)
        if there.any():
            own = multivariate_normal(mean[there], covariance[np.ix_(there, there)])
            assert float(density) == pytest.approx(own.logpdf(row[there]))


def test_posteriors_are_conditional_gaussians():
    found, rows = codec(), rows_with_gaps()
    means, variances = found.posterior(rows, None)
    _, covariance = joint(found)
    for row, mean, variance in zip(rows, means, variances, strict=True):
        there = ~np.isnan(row)
        weights = found.weights.numpy()[there]
        gain = weights.T @ np.linalg.inv(covariance[np.ix_(there, there)])
        expected = gain @ (row - found.means[0].numpy())[there]
        np.testing.assert_allclose(mean, expected, atol=1e-12)
        np.testing.assert_allclose(variance, np.diag(np.eye(2) - gain @ weights))


def test_points_follow_the_posterior():
    found, rows = codec(), rows_with_gaps()[-1:]
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((100_000, 1, 2)))
    points, log_q = found.infer(rows, None, noise)
    mean, variance = found.posterior(rows, None)
    torch.testing.assert_close(points.mean(dim=0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(points.var(dim=0), variance, atol=0.02, rtol=0)
    log_joint = -0.5 * (points.square() + np.log(2 * np.pi)).sum(dim=-1)
    raw = found.raw(points[:, 0], None)
    entries = found.likelihood.log_density(found.tensor(rows), raw, found.sigma).nan_to_num(nan=0.0)
    evidence = log_joint[:, 0] + entries.sum(dim=1) - log_q[:, 0]
    expected = found.log_density(rows, None).expand_as(evidence)
    torch.testing.assert_close(evidence, expected)  # at every point: the posterior is exact


def test_classes_have_means_of_their_own():
    found = codec(n_classes=3)
    codes = np.array([2, 0])
    raw = found.raw(torch.zeros(2, 2, dtype=torch.float64), codes)
    torch.testing.assert_close(raw, found.means[[2, 0]])
    shared = found.raw(torch.zeros(1, 2, dtype=torch.float64), None)[0]
    torch.testing.assert_close(shared, torch.from_numpy(found.class_share) @ found.means)
    some = found.decode(torch.ones(2, 2, dtype=torch.float64), codes, np.array([4, 1]))
    whole = found.decode(torch.ones(2, 2, dtype=torch.float64), codes)
    np.testing.assert_allclose(some, whole[:, [4, 1]])
