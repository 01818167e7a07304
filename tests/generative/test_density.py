import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from tests.generative.data import blobs
from tests.generative.linear_network import as_network
from vaega.core.errors import InputError
from vaega.generative._closed_form import ProbabilisticPCA
from vaega.generative._density import log_densities, log_weights, propose, row_log_densities
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._state import one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


QUICK = {"hidden": (8,), "latent": 2, "max_epochs": 3, "random_state": 0}


def normals(k, latent, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((k, latent)))


@pytest.fixture
def linear():
    X, y = blobs(200)
    return ProbabilisticPCA(3).fit(X, y), X


def test_many_samples_reach_the_exact_likelihood_of_a_linear_model(linear):
    model, X = linear
    state, rows = as_network(model, spread=1.3), model.state_.scaling.forward(X)
    exact = model.state_.codec.log_density(rows, None)
    weighted = row_log_densities(state, rows, None, normals(2000, 3))
    assert float((weighted / exact - 1).abs().max()) < 0.01
    bound = log_weights(state, propose(state, rows, None, normals(2000, 3))).mean(dim=0)
    assert bool((bound < exact - 0.05).all())


def test_more_samples_are_closer(linear):
    model, X = linear
    state, rows = as_network(model, spread=0.6), model.state_.scaling.forward(X)
    exact = float(model.state_.codec.log_density(rows, None).mean())
    found = [
        np.mean(
            [
                float(row_log_densities(state, rows, None, normals(k, 3, seed)).mean())
                for seed in range(40)
            ]
        )
        for k in (1, 5, 50)
    ]
    assert found[0] < found[1] < found[2] < exact + 0.02


def test_the_gap_of_the_bound_is_the_divergence_of_the_posterior(linear):
    model, X = linear
    spread, rows = 1.3, model.state_.scaling.forward(X)
    bound = log_weights(
        as_network(model, spread=spread),
        propose(as_network(model, spread=spread), rows, None, normals(20_000, 3)),
    )
    gap = float((model.state_.codec.log_density(rows, None) - bound.mean(dim=0)).mean())
    assert gap == pytest.approx(3 * (0.5 * (spread**2 - 1) - np.log(spread)), rel=0.05)


def test_missing_entries_are_left_out(linear):
    model, X = linear
    holed = X.copy()
    holed[::2, 3:6] = np.nan
    rows = model.state_.scaling.forward(holed)
    exact = model.state_.codec.log_density(rows, None)
    weighted = row_log_densities(as_network(model), rows, None, normals(4000, 3))
    assert float((weighted - exact).abs().max()) < 0.05


def test_the_scale_of_the_rows_counts(linear):
    _, X = linear
    scale = np.geomspace(1e-2, 1e3, X.shape[1])
    plain = ProbabilisticPCA(3).fit(X).score_samples(X)
    scaled = ProbabilisticPCA(3).fit(X * scale + 5).score_samples(X * scale + 5)
    np.testing.assert_allclose(scaled, plain - np.log(scale).sum(), rtol=1e-6)


def test_blocks_do_not_show():
    X, y = blobs(13)
    state = VAE(**QUICK).fit(X, y).state_
    proposal = propose(state, state.scaling.forward(X), None, normals(50, 2))
    whole = log_weights(state, proposal)
    for entries in (100, 3000, 10_000, 1_000_000):
        np.testing.assert_allclose(log_weights(state, proposal, entries=entries), whole, rtol=1e-12)
    first, again = (log_weights(state, proposal) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE, HierarchicalVAE])
def test_scores_are_the_same_at_every_call_and_for_every_company(kind):
    X, y = blobs(40)
    latent = (2, 1) if kind is HierarchicalVAE else 2
    model = kind(**QUICK | {"latent": latent}).fit(X, y)
    scores = model.score_samples(X, n_importance_samples=7)
    np.testing.assert_array_equal(scores, model.score_samples(X, n_importance_samples=7))
    np.testing.assert_allclose(scores[5:9], model.score_samples(X[5:9], n_importance_samples=7))
    other = model.score_samples(X, n_importance_samples=7, random_state=1)
    assert not np.array_equal(scores, other)
    assert model.score(X) == model.score_samples(X).mean()


def test_without_a_label_classes_are_mixed():
    X, y = blobs(60, classes=3)
    model = ConditionalVAE(**QUICK).fit(X, y)
    given = [model.score_samples(X, np.full(60, c)) + np.log(1 / 3) for c in range(3)]
    np.testing.assert_allclose(model.score_samples(X), logsumexp(given, axis=0))


def test_hierarchical_points_are_weighed_by_the_moments_they_were_drawn_from():
    X, y = blobs(40)
    state = HierarchicalVAE(**QUICK | {"latent": (3, 2)}).fit(X, y).state_
    codec, rows = state.codec, state.scaling.forward(X)
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 40, 5)))
    points, log_q = codec.infer(rows, None, noise)
    one, one_q = codec.infer(rows, None, noise[2])
    torch.testing.assert_close(points[2], one)
    torch.testing.assert_close(log_q[2], one_q)
    _, mean, log_variance = codec.network.infer(codec.tensor(rows), noise[2])
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    torch.testing.assert_close(one_q, normal.log_prob(one).sum(dim=1).detach())


def test_bernoulli_rows():
    rng = np.random.default_rng(0)
    X = (rng.random((80, 6)) < 0.3).astype(float)
    model = VAE(**QUICK, likelihood="bernoulli").fit(X)
    assert (model.score_samples(X) < 0).all()
    assert set(np.unique(model.sample(50, random_state=0))) <= {0.0, 1.0}


def test_no_entries_no_information(linear):
    model, X = linear
    assert model.score_samples(np.full((1, X.shape[1]), np.nan))[0] == pytest.approx(0.0)


def test_an_autoencoder_has_no_density():
    X, y = blobs()
    model = Autoencoder(**QUICK).fit(X, y)
    assert not hasattr(model, "score_samples")
    assert not hasattr(model, "score")
    assert not hasattr(model, "impute")


def test_wrong_counts_are_one_sentence(linear):
    model, X = linear
    with pytest.raises(InputError, match=r"^ProbabilisticPCA: n_importance_samples must be a whol"):
        model.score_samples(X, n_importance_samples=0)


def test_the_closed_form_is_the_normal_density(linear):
    model, X = linear
    codec, scaling = model.state_.codec, model.state_.scaling
    covariance = codec.weights @ codec.weights.T + torch.diag(codec.sigma.square())
    scale = np.diag(scaling.scale)
    expected = multivariate_normal(
        scaling.shift + scaling.scale * codec.means[0].numpy(), scale @ covariance.numpy() @ scale
    ).logpdf(X)
    rng = np.random.default_rng(0)
    for k in (None, 3):
        found = log_densities(model.state_, X, None, n_importance_samples=k, rng=rng)
        np.testing.assert_allclose(found, expected)
