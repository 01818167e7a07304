import numpy as np
import pytest
import torch

from vaega.generative._state import PRIOR_ROWS, ClassGaussians, StandardGaussians


def posteriors(n, latent=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(n, latent, generator=generator, dtype=torch.float64)
    return means, torch.full_like(means, 0.1)


def test_moments_of_the_draws():
    means, variances = posteriors(400)
    gaussians = ClassGaussians.fitted(means, variances, torch.zeros(400, dtype=torch.long))
    drawn = gaussians.draw(0, 50_000, rng=np.random.default_rng(0)).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), means.mean(dim=0), atol=0.03)
    expected = np.cov(means.numpy().T) + 0.1 * np.eye(3)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.03)


def test_a_small_class_borrows_from_the_others():
    means, variances = posteriors(53)
    codes = torch.tensor([0] * 50 + [1] * 3)
    gaussians = ClassGaussians.fitted(means, variances, codes)

    def scatter(code):
        part = means[codes == code]
        return (part - part.mean(0)).T @ (part - part.mean(0))

    pooled = (scatter(0) + scatter(1)) / 51
    expected = (scatter(1) + PRIOR_ROWS * pooled) / (2 + PRIOR_ROWS) + 0.1 * torch.eye(3)
    factor = gaussians.factors[1]
    torch.testing.assert_close(factor @ factor.T, expected.double(), atol=1e-6, rtol=1e-6)


def test_a_class_of_one_row_has_a_gaussian():
    means, variances = posteriors(11)
    gaussians = ClassGaussians.fitted(means, variances, torch.tensor([0] * 10 + [1]))
    assert torch.equal(gaussians.means[1], means[10])
    assert torch.isfinite(gaussians.draw(1, 5, rng=np.random.default_rng(0))).all()


def test_fewer_rows_than_dimensions():
    means, variances = posteriors(4, latent=30)
    gaussians = ClassGaussians.fitted(means, variances, torch.tensor([0, 0, 1, 1]))
    assert torch.isfinite(gaussians.factors).all()


@pytest.mark.parametrize("n", [0, 1, 7])
def test_draws_are_counted(n):
    gaussians = ClassGaussians.fitted(*posteriors(6), torch.zeros(6, dtype=torch.long))
    assert gaussians.draw(0, n, rng=np.random.default_rng(0)).shape == (n, 3)


def test_distances_are_mahalanobis():
    means, variances = posteriors(60)
    gaussians = ClassGaussians.fitted(means, variances, torch.arange(60) % 2)
    found = gaussians.squared_distances(means)
    for code in (0, 1):
        inverse = torch.linalg.inv(gaussians.factors[code] @ gaussians.factors[code].T)
        centred = means - gaussians.means[code]
        torch.testing.assert_close(found[:, code], ((centred @ inverse) * centred).sum(dim=1))


def test_standard_gaussians_are_the_prior():
    gaussians = StandardGaussians(torch.zeros(2, 3, dtype=torch.float64))
    drawn = gaussians.draw(1, 50_000, rng=np.random.default_rng(0))
    torch.testing.assert_close(torch.cov(drawn.T), torch.eye(3).double(), atol=0.03, rtol=0)
    expected = drawn[:5].square().sum(dim=1)
    torch.testing.assert_close(gaussians.squared_distances(drawn[:5])[:, 1], expected)
