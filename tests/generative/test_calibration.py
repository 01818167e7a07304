import dataclasses
import json

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.preprocessing import StandardScaler

from tests.generative.data import blobs, leukemia
from vaega.generative._calibration import _network_density, measure_residuals
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._data import TrainingData, within_class_variance
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._span import Columns
from vaega.generative._state import FitWarning

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
    result = measure_residuals([state.codec], Columns(table, None), [np.arange(300) % 60], seed=0)
    means = state.codec.posterior(table.values, y)[0]
    plain = np.square(table.values - state.codec.decode(means, y)).mean(axis=0)
    assert result.counts.tolist() == [300] * 12
    assert (result.squares > 0.9 * plain).all()  # latent noise adds to it


def test_missing_entries_have_no_residual():
    X, y = blobs(60)
    X[:, 3] = np.where(np.arange(60) % 2, X[:, 3], np.nan)
    state = VAE(max_epochs=3, random_state=0).fit(X, y).state_
    table = TrainingData.of(X, y, state.scaling, labelled=True)
    result = measure_residuals([state.codec], Columns(table, None), [np.arange(60)], seed=0)
    assert result.counts.tolist() == [60, 60, 60, 30] + [60] * 8
    assert result.squares[3] > 0.3


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


def ratio_of_fitting(model, X, y, n=1000):
    """Within-class variance of fresh synthetic rows over that of the real ones."""
    labels, counts = np.unique(y, return_counts=True)
    requested = dict(zip(labels.tolist(), np.rint(n * counts / len(y)).astype(int), strict=True))
    rows, classes = model.sample(requested, random_state=99)
    real = within_class_variance(X, np.searchsorted(labels, y)).sum()
    return within_class_variance(rows, np.searchsorted(labels, classes)).sum() / real


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
def test_breast_cancer_is_calibrated(kind):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = kind(random_state=0).fit(X, y)
    assert 0.9 <= ratio_of_fitting(model, X, y) <= 1.1
    assert 0.9 <= model.report_.variance_ratio <= 1.1


@pytest.mark.parametrize("seed", [0, 1])
def test_a_correlated_gaussian_is_calibrated(seed):
    X, y = blobs(60, 300, seed)
    X = StandardScaler().fit_transform(X)
    assert 0.9 <= ratio_of_fitting(VAE(random_state=seed).fit(X, y), X, y) <= 1.1


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
def test_leukemia_is_calibrated(kind):
    X, y = leukemia()
    model = kind((64, 32), 16, random_state=0).fit(X, y)
    assert 0.9 <= ratio_of_fitting(model, X, y) <= 1.1
    assert 0.9 <= model.report_.variance_ratio <= 1.1


def test_unlabelled_rows_are_calibrated_through_the_prior():
    X, _ = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = VAE(random_state=0).fit(X)
    assert 0.9 <= model.sample(2000, random_state=0).var(axis=0).sum() / X.shape[1] <= 1.1


def test_classes_have_their_means():
    X, y = blobs(80, 30)
    model = VAE(max_epochs=2, random_state=0).fit(X, y)
    rows, labels = model.sample({0: 4000, 1: 4000}, random_state=0)
    for label in (0, 1):
        gap = rows[labels == label].mean(axis=0) - X[y == label].mean(axis=0)
        assert np.abs(gap).max() < 0.1 * X.std()


def test_decoder_means_alone_vary_too_little():
    X, y = blobs(60, 300)
    model = VAE(random_state=0).fit(X, y)
    real = within_class_variance(X, y).sum()
    rows, labels = model.sample({0: 300, 1: 300}, noise=False, random_state=0)
    assert within_class_variance(rows, labels).sum() < 0.8 * real


def test_heldout_calibration_takes_the_residuals():
    X, y = blobs(80, 30)
    model = VAE(calibration="heldout", max_epochs=50, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.state_.noise, model.state_.sigma)
    assert not model.state_.offsets.any()
    matched = VAE(max_epochs=50, random_state=0).fit(X, y)
    np.testing.assert_array_equal(matched.state_.sigma, model.state_.sigma)
    np.testing.assert_array_equal(matched.transform(X), model.transform(X))


def test_structure_is_learned():
    X, y = blobs(400, 20)
    model = VAE(random_state=0).fit(X, y)
    real, synthetic = np.corrcoef(X.T), np.corrcoef(model.sample(4000, random_state=0).T)
    assert np.abs(real - synthetic).mean() < 0.1
    assert model.report_.kl > 1.0


def test_report_agrees_with_history():
    X, y = blobs()
    model = VAE(random_state=0).fit(X, y)
    report, history = model.report_, model.history_
    assert report.n_epochs == len(history.elbo)
    assert report.best_epoch == np.argmax(history.heldout_elbo) + 1
    # one sigma for all features during training, one each afterwards: close, not equal
    assert report.heldout_elbo == pytest.approx(max(history.heldout_elbo), abs=3.0)


def test_constant_columns_change_nothing_else():
    X, y = blobs()
    wide = np.insert(X, 4, 2.5, axis=1)
    plain, constant = (VAE(max_epochs=5, random_state=0).fit(data, y) for data in (X, wide))
    np.testing.assert_array_equal(plain.transform(X), constant.transform(wide))
    assert plain.report_ == constant.report_


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE, HierarchicalVAE])
@pytest.mark.parametrize("n", [40, 90])
def test_every_fit_tells_of_the_closed_forms(kind, n):
    X, y = blobs(n)
    report = kind((8,), 4, max_epochs=30, random_state=0).fit(X, y).report_
    assert set(report.references) == {"ProbabilisticPCA", "ClassGaussian"}
    assert report.heldout_log_likelihood >= report.heldout_elbo - 0.5
    assert report.comparison.endswith("nats a row.")


def test_linear_rows_are_the_closed_forms_own():
    X, _ = blobs(70, classes=1)
    report = VAE(max_epochs=3, random_state=0).fit(X).report_
    assert " explains held-out rows better, by " in report.comparison


def test_figures_are_those_of_the_estimators():
    X, y = blobs(400)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    report = VAE((8,), 2, max_epochs=3, standardize=False, random_state=0).fit(X, y).report_
    for model in (ProbabilisticPCA(standardize=False), ClassGaussian(standardize=False)):
        half = model.fit(X[:200], y[:200]).score(X[200:])
        assert report.references[type(model).__name__] == pytest.approx(half, abs=1.0)


def test_an_autoencoder_has_no_density():
    X, y = blobs()
    report = Autoencoder((8,), 2, max_epochs=3, random_state=0).fit(X, y).report_
    assert report.heldout_log_likelihood is None
    assert report.references == {}
    assert report.comparison == ""


def test_missing_entries_and_columns_constant_where_trained():
    X, y = blobs(70)
    X[::4, 2] = np.nan
    X[1:, 5] = 1.0
    report = VAE((8,), 2, max_epochs=3, random_state=0).fit(X, y).report_
    assert np.isfinite([report.heldout_log_likelihood, *report.references.values()]).all()


def test_errors_of_the_importance_samples_average_out_over_rows():
    X, _ = blobs(256)
    state = VAE((8,), 4, max_epochs=30, random_state=0).fit(X).state_
    rows = state.scaling.forward(X)
    few, many = (
        np.std([_network_density(state, rows[:n], seed) / n for seed in range(12)])
        for n in (4, 256)
    )
    assert many < 0.4 * few


def test_report_is_plain_data():
    X, y = blobs(80)
    report = VAE((8,), 2, max_epochs=3, random_state=0).fit(X, y).report_
    assert json.loads(json.dumps(dataclasses.asdict(report))) == dataclasses.asdict(report)
    assert report.n_training + report.n_heldout == len(X)
    assert min(report.sigma, report.noise, report.kl, report.variance_ratio) > 0


def test_rows_split_twice_all_train_in_the_end():
    X, y = blobs(40)
    report = VAE((8,), 2, max_epochs=3, random_state=0).fit(X, y).report_
    assert (report.n_training, report.n_heldout) == (40, 16)


def test_a_collapsed_posterior_is_said_in_one_sentence():
    X = np.random.default_rng(0).normal(size=(80, 20))
    model = VAE((8,), 2, learning_rate=1e-2, beta=50.0, random_state=0)
    with pytest.warns(FitWarning, match=r"^VAE: the posterior collapsed: no latent .* lower beta"):
        model.fit(X)
    assert model.report_.active_units == 0
    assert len(model.report_.remarks) == 1


def test_a_training_that_runs_away_is_said_in_one_sentence():
    X, y = blobs(80)
    model = VAE((8,), 2, norm=None, learning_rate=3.0, patience=200, max_epochs=60, random_state=0)
    with pytest.warns(FitWarning, match=r"^VAE: the training ran away: .* lower learning_rate"):
        model.fit(X, y)


def test_grey_values_given_to_bernoulli_are_said_in_one_sentence(recwarn):
    grey = np.random.default_rng(0).random((80, 6))
    grey[:, 3:] = grey[:, 3:] > 0.5
    grey[0, 4] = np.nan
    model = VAE((8,), 2, likelihood="bernoulli", max_epochs=3, random_state=0)
    with pytest.warns(FitWarning, match=r"^VAE: likelihood 'bernoulli' is for 0 and 1, and 50% of"):
        model.fit(grey)
    assert len(model.report_.remarks) == 1
    assert model.report_.variance_ratio > 1.2
    recwarn.clear()
    assert model.fit((grey > 0.5).astype(float)).report_.remarks == []
    assert not recwarn.list


def test_a_good_fit_says_nothing(recwarn):
    X, y = blobs(80)
    assert VAE(random_state=0).fit(X, y).report_.remarks == []
    assert not recwarn.list


@pytest.mark.parametrize(
    "model",
    [
        VAE((16,), 3, max_epochs=60, random_state=0),
        HierarchicalVAE((16,), (3, 2), max_epochs=60, random_state=0),
        ClassGaussian(random_state=0),
        ProbabilisticPCA(2, random_state=0),
    ],
)
def test_the_variance_ratio_is_that_of_fresh_rows(model):
    X, y = load_iris(return_X_y=True)
    model.fit(X, y)
    rows, labels = model.sample(dict.fromkeys(range(3), 20_000), random_state=1)
    scale = model.state_.scaling.scale
    synthetic, real = (
        within_class_variance(table / scale, codes).sum()
        for table, codes in ((rows, labels), (X, y))
    )
    assert abs(model.report_.variance_ratio / (synthetic / real) - 1) < 0.03


def test_the_variance_ratio_hangs_little_on_the_rows_drawn_for_it():
    X, y = load_iris(return_X_y=True)
    ratios = [
        ClassGaussian(random_state=seed).fit(X, y).report_.variance_ratio for seed in range(12)
    ]
    assert np.std(ratios) < 0.02
