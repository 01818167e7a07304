import numpy as np
import pytest

from tests.generative.data import blobs
from vaega.generative._calibration import measure_residuals
from vaega.generative._data import TrainingData, within_class_variance
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE

KINDS = [Autoencoder, VAE, ConditionalVAE, HierarchicalVAE]


def ratio(model, X, y):
    labels = np.unique(y).tolist()
    rows, classes = model.sample(dict.fromkeys(labels, 2000), random_state=9)
    return within_class_variance(rows, classes).sum() / within_class_variance(X, y).sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [40, 120])
def test_every_kind_is_calibrated(kind, n):
    X, y = blobs(n, 50)
    assert 0.9 <= ratio(kind(random_state=0).fit(X, y), X, y) <= 1.1


@pytest.mark.parametrize(
    "settings",
    [{"likelihood": "laplace"}, {"sigma": "shared"}, {"sigma": "feature"}, {"sigma": 0.5}],
)
def test_every_noise_is_calibrated(settings):
    X, y = blobs(120, 50)
    model = VAE(random_state=0, **settings).fit(X, y)
    assert 0.9 <= ratio(model, X, y) <= 1.1


def test_sigma_is_what_was_asked_for():
    X, y = blobs(80)
    assert VAE(sigma=0.5, max_epochs=3).fit(X, y).state_.sigma == pytest.approx(np.full(12, 0.5))
    shared = VAE(sigma="shared", max_epochs=30, random_state=0).fit(X, y).state_.sigma
    assert np.unique(shared).size == 1
    own = VAE(sigma="feature", max_epochs=30, random_state=0).fit(X, y).state_.sigma
    assert np.unique(own).size == 12


def test_residuals_are_of_rows_that_were_held_out():
    X, y = blobs(60)
    state = VAE(max_epochs=3, random_state=0).fit(X, y).state_
    table = TrainingData.of(X, y, state.scaling, labelled=True)
    found = measure_residuals([state.codec], table, [np.arange(300) % 60], seed=0)
    means = state.codec.posterior(table.values, y)[0]
    plain = np.square(table.values - state.codec.decode(means, y)).mean(axis=0)
    assert found.counts.tolist() == [300] * 12
    assert (found.squares > 0.9 * plain).all()  # latent noise adds to it


def test_missing_entries_have_no_residual():
    X, y = blobs(60)
    X[:, 3] = np.where(np.arange(60) % 2, X[:, 3], np.nan)
    state = VAE(max_epochs=3, random_state=0).fit(X, y).state_
    table = TrainingData.of(X, y, state.scaling, labelled=True)
    found = measure_residuals([state.codec], table, [np.arange(60)], seed=0)
    assert found.counts.tolist() == [60, 60, 60, 30] + [60] * 8
    assert found.squares[3] > 0.3


def test_binary_rows_are_generated_binary_with_their_means():
    rng = np.random.default_rng(0)
    X = (rng.random((150, 20)) < np.linspace(0.1, 0.9, 20)).astype(float)
    model = VAE(likelihood="bernoulli", random_state=0).fit(X)
    rows = model.sample(4000, random_state=0)
    assert set(np.unique(rows)) == {0.0, 1.0}
    np.testing.assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=0.12)
    quiet = model.sample(10, noise=False, random_state=0)
    assert ((quiet > 0) & (quiet < 1)).all()


def test_bernoulli_rows_of_a_class_have_its_means_and_so_its_variance():
    rng, y = np.random.default_rng(0), np.repeat([0, 1, 2], 60)
    share = rng.random((3, 20))
    X = (rng.random((180, 20)) < share[y]).astype(float)
    settings = {"likelihood": "bernoulli", "max_epochs": 20, "random_state": 0}
    model = VAE((8,), 2, **settings).fit(X, y)
    rows, labels = model.sample(dict.fromkeys(range(3), 4000), random_state=1)
    assert set(np.unique(rows)) == {0.0, 1.0}
    for label in range(3):
        means = [table[codes == label].mean(axis=0) for table, codes in ((rows, labels), (X, y))]
        assert np.abs(means[0] - means[1]).max() < 0.05
    assert 0.95 < model.report_.variance_ratio < 1.05
    probabilities, _ = model.sample({0: 50}, noise=False, random_state=1)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    plain = VAE((8,), 2, calibration="heldout", **settings).fit(X, y)
    assert not plain.state_.offsets.any()
