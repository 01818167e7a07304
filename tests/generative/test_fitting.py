import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from tests.generative.data import blobs, leukemia
from vaega.generative._data import within_class_variance
from vaega.generative._models import VAE, ConditionalVAE


def ratio(model, X, y, n=1000):
    """Within-class variance of fresh synthetic rows over that of the real ones."""
    labels, counts = np.unique(y, return_counts=True)
    wanted = dict(zip(labels.tolist(), np.rint(n * counts / len(y)).astype(int), strict=True))
    rows, classes = model.sample(wanted, random_state=99)
    real = within_class_variance(X, np.searchsorted(labels, y)).sum()
    return within_class_variance(rows, np.searchsorted(labels, classes)).sum() / real


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
def test_breast_cancer_is_calibrated(kind):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = kind(random_state=0).fit(X, y)
    assert 0.9 <= ratio(model, X, y) <= 1.1
    assert 0.9 <= model.report_.variance_ratio <= 1.1


@pytest.mark.parametrize("seed", [0, 1])
def test_a_correlated_gaussian_is_calibrated(seed):
    X, y = blobs(60, 300, seed)
    X = StandardScaler().fit_transform(X)
    assert 0.9 <= ratio(VAE(random_state=seed).fit(X, y), X, y) <= 1.1


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
def test_leukemia_is_calibrated(kind):
    X, y = leukemia()
    model = kind((346, 178), 108, random_state=0).fit(X, y)
    assert 0.9 <= ratio(model, X, y) <= 1.1
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
