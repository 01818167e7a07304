import pickle

import numpy as np
import torch

from tests.generative.data import blobs
from vaega.generative._models import VAE, ConditionalVAE


def state(kind=VAE):
    X, y = blobs(60, classes=3)
    return kind(hidden=(8,), latent=2, max_epochs=3, random_state=0).fit(X, y).state_


def test_computes_in_double_precision_and_evaluation_mode():
    network = state().codec.network
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float64}


def test_missing_labels_become_class_shares():
    codec = state(ConditionalVAE).codec
    assert codec.condition(None, 2).tolist() == [[20 / 60] * 3] * 2
    assert codec.condition(np.array([2]), 1).tolist() == [[0.0, 0.0, 1.0]]
    assert state(VAE).codec.condition(None, 2) is None


def test_rows_follow_their_codes():
    found = state()
    codes = np.array([2, 0, 2, 1])
    rows = found.sample_means(codes, rng=np.random.default_rng(0))
    first = found.gaussians.draw(0, 1, rng=np.random.default_rng(0))
    np.testing.assert_allclose(rows[1], found.codec.decode(first, np.array([0]))[0])


def test_noise_is_the_only_difference():
    found = state()
    plain, noisy = (
        found.sample(20, noise=noise, rng=np.random.default_rng(0)) for noise in (False, True)
    )
    assert not np.array_equal(plain, noisy)
    np.testing.assert_allclose(
        plain, found.scaling.backward(found.sample_means(20, rng=np.random.default_rng(0)))
    )


def test_missing_entries_are_seen_as_the_mean():
    found = state()
    rows = np.full((1, 12), np.nan)
    for a, b in zip(
        found.codec.posterior(rows, None),
        found.codec.posterior(np.zeros((1, 12)), None),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_points_at_noise_zero_are_the_means():
    found = state()
    rows = np.random.default_rng(0).normal(size=(4, 12))
    points, log_q = found.codec.infer(rows, None, torch.zeros(4, 2).double())
    mean, variance = found.codec.posterior(rows, None)
    torch.testing.assert_close(points, mean)
    expected = -0.5 * (2 * np.pi * variance).log().sum(dim=1)
    torch.testing.assert_close(log_q, expected)
    several, _ = found.codec.infer(rows, None, torch.zeros(3, 4, 2).double())
    torch.testing.assert_close(several, mean.expand(3, 4, 2))


def test_some_columns_of_a_decoded_row():
    found = state()
    points = np.random.default_rng(0).normal(size=(4, 2))
    whole = found.decode(points, None)
    np.testing.assert_allclose(found.decode(points, None, np.array([5, 0])), whole[:, [5, 0]])
    noisy = found.decode(points, None, rng=np.random.default_rng(0))
    assert not np.array_equal(noisy, whole)


def test_single_precision_is_close_and_not_kept_in_a_pickle():
    found = state(ConditionalVAE)
    points, codes = torch.zeros(3, 2).double(), np.array([0, 1, 2])
    quick = found.codec.decode(points, codes, single=True)
    np.testing.assert_allclose(quick, found.codec.decode(points, codes), rtol=1e-5, atol=1e-5)
    again = pickle.loads(pickle.dumps(found.codec))  # noqa: S301 - our own bytes
    assert "_single" in vars(found.codec)
    assert "_single" not in vars(again)
    np.testing.assert_array_equal(again.decode(points, codes, single=True), quick)
