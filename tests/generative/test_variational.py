import random
from functools import cache

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import bernoulli, laplace, norm

from tests.generative.data import blobs
from tests.generative.linear_network import as_network
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng
from vaega.generative._closed_form import ProbabilisticPCA
from vaega.generative._density import bound_terms
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE

QUICK = {"hidden": (8,), "latent": 2, "max_epochs": 40, "random_state": 0}
KINDS = {
    "gaussian": {},
    "unscaled": {"standardize": False},
    "feature": {"sigma": "feature"},
    "laplace": {"likelihood": "laplace"},
    "bernoulli": {"likelihood": "bernoulli"},
    "span": {},  # More columns than rows
    "output_norm": {"output_norm": True},
}


@cache
def fitted(kind):
    X, y = blobs(40, 60) if kind == "span" else blobs(80, 6)
    X = 3.0 * X + 1.0
    if kind == "bernoulli":
        X = (X > 1.0).astype(float)
    X[:, 3] = 1.0  # Constant, which no density counts
    return VAE(**QUICK | KINDS[kind]).fit(X, y), X, y


kinds = pytest.mark.parametrize("kind", KINDS)


def decoder_density(model, X, Z):
    """log p(x | z) by scipy, of what is decoded on the scale of X."""
    decoded, varies = model.inverse_transform(Z), model.state_.scaling.varies
    if model.likelihood == "bernoulli":
        return bernoulli.logpmf(X[:, varies], decoded[:, varies]).sum(axis=1)
    sigma = model.state_.sigma * model.state_.scaling.scale[varies]
    if model.likelihood == "laplace":
        return laplace(decoded[:, varies], sigma / np.sqrt(2)).logpdf(X[:, varies]).sum(axis=1)
    return norm(decoded[:, varies], sigma).logpdf(X[:, varies]).sum(axis=1)


@kinds
def test_the_conditional_is_the_likelihood_around_what_is_decoded(kind):
    model, X, _ = fitted(kind)
    assert model.report_.n_coordinates == (39 if kind == "span" else 5)
    Z = np.random.default_rng(0).normal(size=(len(X), 2))
    np.testing.assert_allclose(model.log_conditional(X, Z), decoder_density(model, X, Z))
    np.testing.assert_allclose(model.log_prior(Z), norm.logpdf(Z).sum(axis=1))
    total = model.log_conditional(X, Z) + model.log_prior(Z)
    np.testing.assert_array_equal(model.log_joint(X, Z), total)


@kinds
def test_the_bound_is_expectation_less_divergence(kind):
    model, X, _ = fitted(kind)
    mean, log_variance = model.posterior(X)
    np.testing.assert_array_equal(mean, model.transform(X))
    q = torch.distributions.Normal(
        torch.from_numpy(mean), torch.from_numpy(np.exp(log_variance / 2))
    )
    divergence = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    reconstruction, kl = model.elbo(X, n_draws=30, random_state=1)
    np.testing.assert_allclose(kl, divergence.numpy())
    noise = derive_rng(1, "importance").standard_normal((30, 1, 2))
    Z = mean + np.exp(log_variance / 2) * noise
    np.testing.assert_allclose(reconstruction, model.log_conditional(X, Z).mean(axis=0))


@kinds
def test_weights_of_the_joint_are_those_of_the_importance_sampled_density(kind):
    model, X, _ = fitted(kind)
    mean, log_variance = model.posterior(X)
    noise = derive_rng(0, "importance").standard_normal((64, 1, 2))
    Z = mean + np.exp(log_variance / 2) * noise
    log_q = norm(mean, np.exp(log_variance / 2)).logpdf(Z).sum(axis=-1)
    weighted = logsumexp(model.log_joint(X, Z) - log_q, axis=0) - np.log(64)
    np.testing.assert_allclose(weighted, model.score_samples(X))


@kinds
def test_the_bound_is_below_the_integral_over_the_latent_space(kind):
    model, X, _ = fitted(kind)
    X, steps = X[:10], np.linspace(-7.0, 7.0, 281)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    joint = model.log_joint(X, np.repeat(grid[:, None], len(X), axis=1))
    density = logsumexp(joint, axis=0) + 2 * np.log(steps[1] - steps[0])
    reconstruction, kl = model.elbo(X, n_draws=2000)
    assert (reconstruction - kl < density + 0.1).all()
    close = model.score_samples(X, n_importance_samples=2000)
    np.testing.assert_allclose(close, density, atol=0.3)


def test_the_bound_of_the_right_posterior_is_the_density():
    X, _ = blobs(50)
    model = ProbabilisticPCA(2).fit(X)
    rng = np.random.default_rng(0)
    reconstruction, kl = bound_terms(as_network(model), X, None, n_draws=4000, rng=rng)
    np.testing.assert_allclose(reconstruction - kl, model.score_samples(X), atol=0.3)
    reconstruction, kl = bound_terms(as_network(model, spread=2), X, None, n_draws=4000, rng=rng)
    gap = 2 * (0.5 * (2**2 - 1) - np.log(2))  # KL of each dimension to the right posterior
    np.testing.assert_allclose(
        (model.score_samples(X) - (reconstruction - kl)).mean(), gap, rtol=0.05
    )


def test_a_row_is_the_same_alone():
    model, X, _ = fitted("gaussian")
    Z = np.random.default_rng(0).normal(size=(3, len(X), 2))
    for all_rows, one in [
        (model.elbo(X)[0][7], model.elbo(X[7:8])[0][0]),
        (model.elbo(X)[1][7], model.elbo(X[7:8])[1][0]),
        (model.posterior(X)[1][7], model.posterior(X[7:8])[1][0]),
        (model.log_joint(X, Z)[:, 7], model.log_joint(X[7:8], Z[:, 7:8])[:, 0]),
        (model.log_joint(X, Z)[1, 7], model.log_joint(X[7:8], Z[1, 7:8])[0]),
    ]:
        np.testing.assert_allclose(one, all_rows)


def test_large_batches_are_computed_in_blocks(monkeypatch):
    model, X, _ = fitted("gaussian")
    Z = np.random.default_rng(0).normal(size=(3, len(X), 2))
    expected = model.log_joint(X, Z), *model.elbo(X)
    monkeypatch.setattr("vaega.generative._density.BLOCK_ENTRIES", 40)
    for one, other in zip(expected, (model.log_joint(X, Z), *model.elbo(X)), strict=True):
        np.testing.assert_allclose(one, other)


def global_state():
    drawn = np.random.get_state()[1].tolist()  # noqa: NPY002
    return random.getstate(), drawn, torch.get_rng_state().tolist()


def test_same_seed_same_bits_and_no_global_state():
    model, X, _ = fitted("gaussian")
    state = global_state()
    first, second = (model.elbo(X, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (model.elbo(X, random_state=4)[0] != first[0]).any()
    np.testing.assert_array_equal(model.elbo(X, random_state=4)[1], first[1])
    assert global_state() == state


def test_missing_entries_are_left_out():
    model, X, _ = fitted("gaussian")
    holed, Z = X[:4].copy(), np.zeros((4, 2))
    holed[:, 0] = np.nan
    varies = model.state_.scaling.varies
    sigma = model.state_.sigma * model.state_.scaling.scale[varies]
    decoded = model.inverse_transform(Z)[:, varies]
    entries = norm(decoded, sigma).logpdf(X[:4][:, varies])
    np.testing.assert_allclose(model.log_conditional(holed, Z), entries[:, 1:].sum(axis=1))
    empty = np.full((1, X.shape[1]), np.nan)
    reconstruction, kl = model.elbo(empty)
    assert reconstruction[0] == 0.0
    assert kl[0] >= 0.0


def test_classes_are_those_given():
    X, y = blobs(60)
    model = ConditionalVAE(**QUICK).fit(X, y)
    mean, log_variance = model.posterior(X, y)
    Z = mean + np.exp(log_variance / 2) * derive_rng(0, "importance").standard_normal((64, 1, 2))
    log_q = norm(mean, np.exp(log_variance / 2)).logpdf(Z).sum(axis=-1)
    weighted = logsumexp(model.log_joint(X, Z, y) - log_q, axis=0) - np.log(64)
    np.testing.assert_allclose(weighted, model.score_samples(X, y))
    assert (model.elbo(X, 1 - y)[0] != model.elbo(X, y)[0]).all()
    for call in (model.posterior, model.elbo):
        with pytest.raises(InputError, match=r"^ConditionalVAE: \w+ needs the labels of the rows"):
            call(X)
    for call in (model.log_conditional, model.log_joint):
        with pytest.raises(InputError, match=r"^ConditionalVAE: log_conditional needs the labels"):
            call(X, mean)


def test_a_hierarchy_has_all_but_the_one_gaussian():
    X, y = blobs(60)
    model = HierarchicalVAE((8,), (3, 2), max_epochs=40, random_state=0).fit(X, y)
    reconstruction, kl = model.elbo(X, n_draws=500)
    assert (reconstruction - kl <= model.score_samples(X, n_importance_samples=500)).all()
    assert model.log_prior(np.zeros((4, 5))).shape == (4,)
    Z = model.transform(X)
    np.testing.assert_allclose(model.log_conditional(X, Z), decoder_density(model, X, Z))
    with pytest.raises(AttributeError):
        model.posterior  # noqa: B018
    assert not hasattr(Autoencoder(), "elbo")


def test_what_is_no_latent_point_is_one_sentence():
    model, X, _ = fitted("gaussian")
    for Z in (np.zeros((80, 3)), np.zeros((79, 2)), np.zeros((2, 2, 80, 2))):
        with pytest.raises(InputError, match=r"^VAE: Z must be of shape \(80, 2\) or \(n_draws, "):
            model.log_joint(X, Z)
    with pytest.raises(InputError, match=r"^VAE: Z must be of shape"):
        model.log_prior(np.zeros((80, 3)))
    with pytest.raises(ValueError, match="Z contains NaN"):
        model.log_joint(X, np.full((80, 2), np.nan))
    with pytest.raises(ValueError, match="infinity"):
        model.elbo(np.full_like(X, np.inf))
    with pytest.raises(InputError, match=r"^VAE: n_draws must be a whole number"):
        model.elbo(X, n_draws=0)
