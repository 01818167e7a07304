import numpy as np
import torch

from tests.generative.data import blobs
from vaega.generative.autoencoders import VAE, ConditionalVAE


def engine(kind=VAE):
    X, y = blobs(60, classes=3)
    return kind(hidden=(8,), latent=2, max_epochs=3, random_state=0).fit(X, y).engine_


def test_computes_in_double_precision_and_evaluation_mode():
    network = engine().codec.network
    assert not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float64}


def test_missing_labels_become_class_shares():
    codec = engine(ConditionalVAE).codec
    assert codec.condition(None, 2).tolist() == [[20 / 60] * 3] * 2
    assert codec.condition(np.array([2]), 1).tolist() == [[0.0, 0.0, 1.0]]
    assert engine(VAE).codec.condition(None, 2) is None


def test_rows_follow_their_codes():
    found = engine()
    codes = np.array([2, 0, 2, 1])
    rows = found.draw(codes, rng=np.random.default_rng(0))
    first = found.gaussians.draw(0, 1, rng=np.random.default_rng(0))
    np.testing.assert_allclose(rows[1], found.codec.decode(first, np.array([0]))[0])


def test_noise_is_the_only_difference():
    found = engine()
    plain, noisy = (
        found.sample(20, noise=noise, rng=np.random.default_rng(0)) for noise in (False, True)
    )
    assert not np.array_equal(plain, noisy)
    np.testing.assert_allclose(
        plain, found.scaling.backward(found.draw(20, rng=np.random.default_rng(0)))
    )
