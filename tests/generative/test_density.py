from functools import cache

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from tests.generative.data import blobs
from tests.generative.linear_network import as_network
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._density import (
    PROPOSAL_MARGIN,
    draw_noise,
    impute_draws,
    impute_means,
    log_densities,
    log_weights,
    propose,
    row_log_densities,
)
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._state import FitWarning, one_torch_thread


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
    result = [
        np.mean(
            [
                float(row_log_densities(state, rows, None, normals(k, 3, seed)).mean())
                for seed in range(40)
            ]
        )
        for k in (1, 5, 50)
    ]
    assert result[0] < result[1] < result[2] < exact + 0.02


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


def test_grey_values_have_no_bernoulli_density():
    grey = np.random.default_rng(0).random((80, 6))
    model = VAE(**QUICK, likelihood="bernoulli")
    with pytest.warns(FitWarning):
        model.fit(grey)
    sentence = r"^VAE: the density of likelihood 'bernoulli' is that of 0 and 1, got 0\.\d+; round"
    with pytest.raises(InputError, match=sentence):
        model.score_samples(grey)
    with pytest.raises(InputError, match=sentence):
        model.anomaly_scores(grey, kind="likelihood")
    assert (model.score_samples(np.round(grey)) < 0).all()


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
        result = log_densities(model.state_, X, None, n_importance_samples=k, rng=rng)
        np.testing.assert_allclose(result, expected)


@cache
def trained():
    X, y = blobs()
    return VAE((8,), 2, max_epochs=30, random_state=0).fit(X, y).state_


def state():
    return trained(), trained().scaling.forward(blobs()[0])


def test_rows_without_gaps_are_proposed_as_they_are():
    result, rows = state()
    proposal = propose(result, rows, None, torch.zeros(3, 2).double())
    assert proposal.encoder_rows is rows
    assert bool((proposal.widths == 1).all())


def test_gaps_are_seen_as_what_the_row_decodes_to():
    result, rows = state()
    holed = rows.copy()
    holed[0, :6] = np.nan
    proposal = propose(result, holed, None, torch.zeros(3, 2).double())
    np.testing.assert_array_equal(proposal.encoder_rows[1:], rows[1:])
    np.testing.assert_array_equal(proposal.encoder_rows[0, 6:], rows[0, 6:])
    mean = result.codec.posterior(proposal.encoder_rows[:1], None)[0]
    np.testing.assert_allclose(
        proposal.encoder_rows[0, :6], result.codec.decode(mean, None)[0, :6], atol=1e-3
    )
    assert bool((proposal.widths[0] >= PROPOSAL_MARGIN).all())
    assert bool((proposal.widths[1:] == 1).all())


def test_of_the_fillings_the_most_likely_one_is_kept():
    X, _ = blobs(120)
    holed = np.where(np.random.default_rng(0).random(X.shape) < 0.5, np.nan, X)
    model = VAE((8,), 2, max_epochs=60, random_state=0).fit(holed)
    result = model.state_
    rows = result.scaling.forward(holed)
    proposal = propose(result, rows, None, torch.zeros(3, 2).double())
    chosen = result.codec.posterior(proposal.encoder_rows, None)[0].numpy()
    as_zeros = model.log_joint(holed, model.transform(holed))
    assert (model.log_joint(holed, chosen) >= as_zeros - 1e-9).all()
    unfilled = np.nan_to_num(rows)
    assert (proposal.encoder_rows[~np.isnan(rows)] == unfilled[~np.isnan(rows)]).all()


def test_an_encoder_that_overshoots_is_not_followed():
    model = ProbabilisticPCA(2).fit(gaussians(300))
    result, rows = as_network(model), model.state_.scaling.forward(gaussians(300))
    with torch.no_grad():  # As one that makes up for the zeros of rows with gaps
        result.codec.network.encoder.heads.weight[:2] *= 3.0
    rows[:, ::2] = np.nan
    proposal = propose(result, rows, None, torch.zeros(3, 2).double())
    assert np.abs(proposal.encoder_rows).max() < 20


def test_the_density_of_wide_points_is_that_of_wide_normals():
    result, rows = state()
    holed = rows.copy()
    holed[:, :6] = np.nan
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 2)))
    proposal = propose(result, holed, None, noise)
    points, log_q = proposal.points(result.codec, np.arange(5))
    mean, variance = result.codec.posterior(proposal.encoder_rows[:5], None)
    normal = torch.distributions.Normal(mean, variance.sqrt() * proposal.widths[:5])
    torch.testing.assert_close(log_q, normal.log_prob(points).sum(dim=-1))


def test_closed_forms_need_no_noise_unless_asked():
    X, _ = blobs()
    result = ProbabilisticPCA(2).fit(X).state_
    rng = np.random.default_rng(0)
    assert draw_noise(result, None, 9, rng) is None
    assert draw_noise(result, 5, 9, rng).shape == (5, 2)
    assert draw_noise(state()[0], None, 9, rng).shape == (9, 2)


def test_noise_of_each_row_is_used_for_that_row():
    result, rows = state()
    rows[::3, 0] = np.nan
    shared = torch.from_numpy(np.random.default_rng(0).standard_normal((5, 2)))
    own = shared[:, None].repeat(1, len(rows), 1)
    expected = log_weights(result, propose(result, rows, None, shared))
    torch.testing.assert_close(log_weights(result, propose(result, rows, None, own)), expected)
    own[:, 4] += 0.5
    changed = log_weights(result, propose(result, rows, None, own))
    others = np.arange(len(rows)) != 4
    torch.testing.assert_close(changed[:, others], expected[:, others])
    assert not torch.allclose(changed[:, 4], expected[:, 4])


def with_gaps(X, share=0.25, seed=1):
    gaps = np.random.default_rng(seed).random(X.shape) < share
    return np.where(gaps, np.nan, X), gaps


def gaussians(n=600, p=10, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + 0.5 * rng.normal(size=(n, p))


def conditional_means(X, holed):
    """What the best Gaussian of the whole rows says."""
    mean, covariance = X.mean(axis=0), np.cov(X.T)
    filled = holed.copy()
    for row in filled:
        gap = np.isnan(row)
        there = ~gap
        gain = covariance[np.ix_(gap, there)] @ np.linalg.inv(covariance[np.ix_(there, there)])
        row[gap] = mean[gap] + gain @ (row - mean)[there]
    return filled


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE, HierarchicalVAE])
def test_what_is_there_keeps_its_bits(kind):
    X, y = blobs()
    X[:, 3] = 1.5
    holed, gaps = with_gaps(X)
    latent = (2, 1) if kind is HierarchicalVAE else 2
    model = kind((8,), latent, max_epochs=3, random_state=0).fit(X, y)
    for filled in (model.impute(holed), *model.impute(holed, multiple=True, n_imputations=2)):
        np.testing.assert_array_equal(filled[~gaps], X[~gaps])
        assert np.isfinite(filled).all()
        assert (filled[:, 3] == 1.5).all()
    np.testing.assert_array_equal(model.impute(holed), model.impute(holed))
    np.testing.assert_array_equal(model.impute(X), X)


def test_weighting_reaches_the_exact_conditional_mean():
    X = gaussians(200)
    model = ProbabilisticPCA(3).fit(X)
    holed, gaps = with_gaps(X)
    exact = impute_means(model.state_, holed, None, n_importance_samples=None, rng=None)
    weighted = impute_means(
        as_network(model),
        holed,
        None,
        n_importance_samples=4000,
        rng=np.random.default_rng(0),
    )
    error = np.sqrt(np.square(weighted - exact)[gaps].mean())
    assert error < 0.1 * np.sqrt(np.square(exact - X)[gaps].mean())


def test_draws_have_the_exact_spread():
    X = gaussians(200)
    model = ProbabilisticPCA(3).fit(X)
    row = X[:1].copy()
    row[0, [1, 4]] = np.nan
    options = {"n_imputations": 4000, "n_importance_samples": 4000}
    exact, drawn = (
        impute_draws(one, row, None, rng=np.random.default_rng(0), **options)[:, 0, [1, 4]]
        for one in (model.state_, as_network(model))
    )
    np.testing.assert_allclose(drawn.mean(axis=0), exact.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(exact.T), atol=0.12)


def test_a_trained_network_is_close_to_the_conditional_mean_and_beats_the_mean():
    X = gaussians(2000)
    holed, gaps = with_gaps(X[:300])
    model = VAE((64,), 3, max_epochs=400, learning_rate=3e-3, random_state=0).fit(X)
    errors = {
        name: np.sqrt(np.square(filled - X[:300])[gaps].mean())
        for name, filled in {
            "network": model.impute(holed),
            "exact": conditional_means(X, holed),
            "mean": np.where(gaps, np.nanmean(holed, axis=0), holed),
        }.items()
    }
    assert errors["network"] < 1.15 * errors["exact"]
    assert errors["network"] < 0.6 * errors["mean"]


def test_classes_are_weighed_when_they_are_not_given():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 4)) + 6.0 * y[:, None]
    model = ClassGaussian().fit(X, y)
    row = np.array([[6.0, 6.0, np.nan, 6.0]])
    assert model.impute(row)[0, 2] == pytest.approx(6.0, abs=0.5)
    assert model.impute(row, [0])[0, 2] < 3
    weighted = model.impute(row, n_importance_samples=200)[0, 2]
    assert weighted == pytest.approx(model.impute(row)[0, 2], abs=0.2)


def test_rows_without_entries_get_the_mean():
    X = gaussians(300)
    model = ProbabilisticPCA(3).fit(X)
    np.testing.assert_allclose(model.impute(np.full((1, 10), np.nan))[0], X.mean(axis=0))


def test_a_row_does_not_depend_on_the_others():
    X = gaussians(60)
    holed, _ = with_gaps(X)
    model = VAE((8,), 2, max_epochs=3, random_state=0).fit(X)
    np.testing.assert_allclose(model.impute(holed)[7:9], model.impute(holed[7:9]))


def test_more_imputations_need_multiple():
    X = gaussians(60)
    with pytest.raises(InputError, match=r"^ProbabilisticPCA: n_imputations must be 1 without mul"):
        ProbabilisticPCA(2).fit(X).impute(X, n_imputations=2)


def test_exact_draws_of_different_rows_are_independent():
    X = gaussians(200, p=3)
    model = ProbabilisticPCA(1).fit(X)
    rows = np.repeat(X[:1], 4000, axis=0)
    rows[:, 1] = np.nan
    mean = model.impute(rows[:1])[0, 1]
    drawn = model.impute(rows, multiple=True, n_imputations=5)[:, :, 1]
    error = drawn.std() / np.sqrt(drawn.size)
    assert abs(drawn.mean() - mean) < 4 * error
    # Rubin: imputations of a column mean differ as means of independent draws do.
    assert drawn.mean(axis=1).std(ddof=1) < 2.2 * drawn.std() / np.sqrt(4000)


def test_exact_draws_weigh_classes_that_are_not_given():
    X, y = blobs()
    model = ClassGaussian().fit(X, y)
    row = np.full((1, 12), np.nan)
    drawn = model.impute(row, multiple=True, n_imputations=4000)[:, 0]
    spread = model.sample(4000, random_state=0).std(axis=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.08 * spread.max())
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.08)
    given = model.impute(row, [1], multiple=True, n_imputations=4000)[:, 0]
    centre = X[y == 1].mean(axis=0)
    np.testing.assert_allclose(given.mean(axis=0), centre, atol=0.08 * spread.max())


@pytest.mark.parametrize(
    "model", [VAE((8,), 2, max_epochs=2, random_state=0), ProbabilisticPCA(1), ClassGaussian()]
)
def test_rows_that_nothing_explains_are_filled_in_all_the_same(model):
    X, y = blobs()
    model.fit(X, y)
    row = np.array([[1e200, np.nan, *X[0, 2:]]])
    assert np.isfinite(model.impute(row)).all()
    assert np.isfinite(model.impute(row, multiple=True)).all()


def test_multiple_is_true_or_false():
    with pytest.raises(InputError, match="multiple must be True or False, got 'yes'"):
        ProbabilisticPCA(1).fit(gaussians(9)).impute(gaussians(9), multiple="yes")


def test_reconstruction_is_the_mean_squared_residual():
    X, y = blobs()
    X[:, 2] = 7.0
    model = VAE(**QUICK).fit(X, y)
    varies = np.arange(12) != 2
    residuals = ((X - model.reconstruct(X)) / X.std(axis=0).clip(1e-9))[:, varies]
    np.testing.assert_allclose(model.anomaly_scores(X), np.square(residuals).mean(axis=1))
    holed = X.copy()
    holed[0, 5:] = np.nan
    residuals = ((holed - model.reconstruct(holed)) / model.state_.scaling.scale)[0, [0, 1, 3, 4]]
    assert model.anomaly_scores(holed)[0] == pytest.approx(np.square(residuals).mean())


def test_latent_distances():
    X, y = blobs()
    model = VAE(**QUICK).fit(X, y)
    points = model.transform(X)
    np.testing.assert_allclose(model.anomaly_scores(X, "latent"), np.square(points).sum(axis=1))
    gaussians = model.state_.gaussians
    inverses = [np.linalg.inv(factor @ factor.T) for factor in gaussians.factors.numpy()]
    expected = [
        min(mahalanobis(z, gaussians.means[c].numpy(), inverses[c]) ** 2 for c in (0, 1))
        for z in points
    ]
    result = model.anomaly_scores(X, "latent", reference="posterior")
    np.testing.assert_allclose(result, expected)


def test_likelihood_is_the_negative_log_density():
    X, y = blobs()
    model = ProbabilisticPCA(2).fit(X, y)
    np.testing.assert_array_equal(model.anomaly_scores(X, "likelihood"), -model.score_samples(X))


@pytest.mark.parametrize("kind", [ConditionalVAE, ClassGaussian])
@pytest.mark.parametrize("name", ["reconstruction", "latent"])
def test_without_a_label_the_kindest_class_counts(kind, name):
    X, y = blobs()
    model = (kind(**QUICK) if kind is ConditionalVAE else kind()).fit(X, y)
    given = [model.anomaly_scores(X, name, y=np.full(60, label)) for label in (0, 1)]
    np.testing.assert_allclose(model.anomaly_scores(X, name), np.min(given, axis=0))


@pytest.mark.parametrize("name", ["reconstruction", "latent", "likelihood"])
def test_planted_rows_are_more_unusual(name):
    X, y = blobs(200)
    odd = X[:20] + 8.0
    model = VAE(**QUICK | {"max_epochs": 100}).fit(X, y)
    assert model.anomaly_scores(odd, name).min() > np.median(model.anomaly_scores(X, name))
    np.testing.assert_array_equal(model.anomaly_scores(X, name), model.anomaly_scores(X, name))


def test_an_autoencoder_has_two_of_them():
    X, y = blobs()
    model = Autoencoder(**QUICK).fit(X, y)
    for name in ("reconstruction", "latent"):
        assert (model.anomaly_scores(X, name, reference="posterior") > 0).all()
    with pytest.raises(AttributeError):
        model.anomaly_scores(X, "likelihood")


def test_unknown_names_are_one_sentence():
    X, y = blobs()
    model = ProbabilisticPCA(2).fit(X, y)
    with pytest.raises(InputError, match=r"^ProbabilisticPCA: kind must be one of latent, likel"):
        model.anomaly_scores(X, "odd")
    with pytest.raises(InputError, match=r"^ProbabilisticPCA: reference must be one of posterior"):
        model.anomaly_scores(X, "latent", reference="odd")
