import numpy as np
import pytest

from tests.generative.data import blobs
from vaega.generative._calibration import _network_density
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE


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
