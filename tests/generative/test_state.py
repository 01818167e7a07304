import pickle
import threading
from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from tests.generative.data import blobs
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, ConditionalVAE
from vaega.generative._state import (
    PRIOR_ROWS,
    ClassGaussians,
    LinearCodec,
    SourceRows,
    StandardGaussians,
    draw_latent,
    one_torch_thread,
)


@cache
def state(kind=VAE):
    X, y = blobs(60, classes=3)
    return kind(hidden=(8,), latent=2, max_epochs=3, random_state=0).fit(X, y).state_


def test_computes_in_double_precision_and_evaluation_mode():
    network = state().codec.network
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float64}


def test_missing_labels_become_class_priors():
    codec = state(ConditionalVAE).codec
    assert codec.condition(None, 2).tolist() == [[20 / 60] * 3] * 2
    assert codec.condition(np.array([2]), 1).tolist() == [[0.0, 0.0, 1.0]]
    assert state(VAE).codec.condition(None, 2) is None


def test_rows_follow_their_codes():
    result = state()
    codes = np.array([2, 0, 2, 1])
    rows = result.sample_means(codes, rng=np.random.default_rng(0))
    first = result.gaussians.draw(0, 1, rng=np.random.default_rng(0))
    np.testing.assert_allclose(rows[1], result.codec.decode(first, np.array([0]))[0])


def test_noise_is_the_only_difference():
    result = state()
    plain, noisy = (
        result.sample(20, noise=noise, rng=np.random.default_rng(0)) for noise in (False, True)
    )
    assert not np.array_equal(plain, noisy)
    np.testing.assert_allclose(
        plain, result.scaling.backward(result.sample_means(20, rng=np.random.default_rng(0)))
    )


def test_missing_entries_are_seen_as_the_mean():
    result = state()
    rows = np.full((1, 12), np.nan)
    for a, b in zip(
        result.codec.posterior(rows, None),
        result.codec.posterior(np.zeros((1, 12)), None),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_points_at_noise_zero_are_the_means():
    result = state()
    rows = np.random.default_rng(0).normal(size=(4, 12))
    points, log_q = result.codec.infer(rows, None, torch.zeros(4, 2).double())
    mean, variance = result.codec.posterior(rows, None)
    torch.testing.assert_close(points, mean)
    expected = -0.5 * (2 * np.pi * variance).log().sum(dim=1)
    torch.testing.assert_close(log_q, expected)
    several, _ = result.codec.infer(rows, None, torch.zeros(3, 4, 2).double())
    torch.testing.assert_close(several, mean.expand(3, 4, 2))


def test_some_columns_of_a_decoded_row():
    result = state()
    points = np.random.default_rng(0).normal(size=(4, 2))
    whole = result.decode(points, None)
    np.testing.assert_allclose(result.decode(points, None, np.array([5, 0])), whole[:, [5, 0]])
    noisy = result.decode(points, None, rng=np.random.default_rng(0))
    assert not np.array_equal(noisy, whole)


def test_single_precision_is_close_and_not_kept_in_a_pickle():
    result = state(ConditionalVAE)
    points, codes = torch.zeros(3, 2).double(), np.array([0, 1, 2])
    quick = result.codec.decode(points, codes, single=True)
    np.testing.assert_allclose(quick, result.codec.decode(points, codes), rtol=1e-5, atol=1e-5)
    again = pickle.loads(pickle.dumps(result.codec))  # noqa: S301 - our own bytes
    assert "_single" in vars(result.codec)
    assert "_single" not in vars(again)
    np.testing.assert_array_equal(again.decode(points, codes, single=True), quick)


def codec(p=6, latent=2, n_classes=1, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    sigma = 0.5 + torch.rand(p, generator=generator, dtype=torch.float64)
    left, scale, _ = torch.linalg.svd(normal(p, latent), full_matrices=False)
    weights = sigma[:, None] * left * scale
    share = np.arange(1.0, n_classes + 1) / np.arange(1.0, n_classes + 1).sum()
    return LinearCodec(weights, normal(n_classes, p), sigma, share)


def joint(result, code=0):
    covariance = result.weights @ result.weights.T + torch.diag(result.sigma.square())
    return result.means[code].numpy(), covariance.numpy()


def rows_with_gaps(n=20, p=6):
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(n, p))
    rows[n // 2 :][rng.random((n - n // 2, p)) < 0.4] = np.nan
    return rows


def test_densities_of_the_entries_that_are_there():
    result, rows = codec(), rows_with_gaps()
    mean, covariance = joint(result)
    for row, density in zip(rows, result.log_density(rows, None), strict=True):
        there = ~np.isnan(row)
        if there.any():
            own = multivariate_normal(mean[there], covariance[np.ix_(there, there)])
            assert float(density) == pytest.approx(own.logpdf(row[there]))


def test_posteriors_are_conditional_gaussians():
    result, rows = codec(), rows_with_gaps()
    means, variances = result.posterior(rows, None)
    _, covariance = joint(result)
    for row, mean, variance in zip(rows, means, variances, strict=True):
        there = ~np.isnan(row)
        weights = result.weights.numpy()[there]
        gain = weights.T @ np.linalg.inv(covariance[np.ix_(there, there)])
        expected = gain @ (row - result.means[0].numpy())[there]
        np.testing.assert_allclose(mean, expected, atol=1e-12)
        np.testing.assert_allclose(variance, np.diag(np.eye(2) - gain @ weights))


def test_points_follow_the_posterior():
    result, rows = codec(), rows_with_gaps()[-1:]
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((100_000, 1, 2)))
    points, log_q = result.infer(rows, None, noise)
    mean, variance = result.posterior(rows, None)
    torch.testing.assert_close(points.mean(dim=0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(points.var(dim=0), variance, atol=0.02, rtol=0)
    log_joint = -0.5 * (points.square() + np.log(2 * np.pi)).sum(dim=-1)
    raw = result.raw(points[:, 0], None)
    entries = result.likelihood.log_density(result.tensor(rows), raw, result.sigma).nan_to_num(
        nan=0.0
    )
    evidence = log_joint[:, 0] + entries.sum(dim=1) - log_q[:, 0]
    expected = result.log_density(rows, None).expand_as(evidence)
    torch.testing.assert_close(evidence, expected)  # at every point: the posterior is exact


def test_classes_have_means_of_their_own():
    result = codec(n_classes=3)
    codes = np.array([2, 0])
    raw = result.raw(torch.zeros(2, 2, dtype=torch.float64), codes)
    torch.testing.assert_close(raw, result.means[[2, 0]])
    shared = result.raw(torch.zeros(1, 2, dtype=torch.float64), None)[0]
    torch.testing.assert_close(shared, torch.from_numpy(result.class_priors) @ result.means)
    some = result.decode(torch.ones(2, 2, dtype=torch.float64), codes, np.array([4, 1]))
    whole = result.decode(torch.ones(2, 2, dtype=torch.float64), codes)
    np.testing.assert_allclose(some, whole[:, [4, 1]])


def drawn(state, requested, source, around=None, seed=0):
    rng = np.random.default_rng(seed)
    return draw_latent(state.codec, state.gaussians, requested, source=source, rows=around, rng=rng)


def test_points_of_the_prior_are_standard_normal():
    X, y = blobs()
    result = drawn(ProbabilisticPCA(2).fit(X, y).state_, 50_000, "prior")
    torch.testing.assert_close(torch.cov(result.points.T), torch.eye(2).double(), atol=0.03, rtol=0)
    assert not result.in_class


def test_classes_come_in_proportion():
    X, _ = blobs()
    y = np.repeat([0, 1], [45, 15])
    for source in ("prior", "posterior"):
        codes = drawn(ClassGaussian().fit(X, y).state_, 20_000, source).codes
        np.testing.assert_allclose(np.bincount(codes) / 20_000, [0.75, 0.25], atol=0.02)


def test_points_around_rows_are_of_their_posteriors():
    X, y = blobs()
    state = ProbabilisticPCA(2).fit(X, y).state_
    rows = state.scaling.forward(X)
    result = drawn(state, 60_000, "rows", SourceRows(rows, y))
    mean, _ = state.codec.posterior(rows, y)
    assert result.codes.tolist() == np.tile(y, 1000).tolist()
    torch.testing.assert_close(result.points.view(1000, 60, 2).mean(dim=0), mean, atol=0.1, rtol=0)
    assert result.in_class


def test_points_around_rows_of_a_class():
    X, y = blobs()
    state = ProbabilisticPCA(2).fit(X, y).state_
    around = SourceRows(state.scaling.forward(X), y)
    requested = np.array([1, 0, 1])
    assert drawn(state, requested, "rows", around).codes.tolist() == [1, 0, 1]


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
    result = gaussians.squared_distances(means)
    for code in (0, 1):
        inverse = torch.linalg.inv(gaussians.factors[code] @ gaussians.factors[code].T)
        centred = means - gaussians.means[code]
        torch.testing.assert_close(result[:, code], ((centred @ inverse) * centred).sum(dim=1))


def test_standard_gaussians_are_the_prior():
    gaussians = StandardGaussians(torch.zeros(2, 3, dtype=torch.float64))
    drawn = gaussians.draw(1, 50_000, rng=np.random.default_rng(0))
    torch.testing.assert_close(torch.cov(drawn.T), torch.eye(3).double(), atol=0.03, rtol=0)
    expected = drawn[:5].square().sum(dim=1)
    torch.testing.assert_close(gaussians.squared_distances(drawn[:5])[:, 1], expected)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_count_comes_back(two_threads):
    with one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_the_count_comes_back_after_an_error(two_threads):
    with pytest.raises(RuntimeError), one_torch_thread():
        raise RuntimeError
    assert torch.get_num_threads() == 2


def test_nested_blocks_stay_at_one(two_threads):
    with one_torch_thread():
        with one_torch_thread():
            pass
        assert torch.get_num_threads() == 1


def test_another_thread_inside_keeps_one(two_threads):
    entered, leave, seen = threading.Event(), threading.Event(), []

    def work():
        with one_torch_thread():
            entered.set()
            leave.wait(10)
            seen.append(torch.get_num_threads())

    worker = threading.Thread(target=work)
    worker.start()
    entered.wait(10)
    with one_torch_thread():
        pass
    leave.set()
    worker.join()
    assert seen == [1]
