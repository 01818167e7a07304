import numpy as np
import pytest
import torch

from vaega.generative.latent import PRIOR_ROWS, ClassGaussians


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
