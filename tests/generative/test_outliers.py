import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE
from vaega.generative._outliers import VAEOutlierDetector

QUICK = VAE((8,), 2, max_epochs=2, validation="split")


@parametrize_with_checks(
    [
        VAEOutlierDetector(QUICK, n_importance_samples=4),
        VAEOutlierDetector(QUICK, kind="reconstruction"),
        VAEOutlierDetector(ProbabilisticPCA(), contamination=0.1),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def planted():
    X, _ = blobs(200)
    X[:5] += 8.0
    return X


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (ClassGaussian(), "combined"),
        (ClassGaussian(), "likelihood"),
        (ClassGaussian(), "latent"),
        (ProbabilisticPCA(3), "likelihood"),
        (ProbabilisticPCA(3), "latent"),
        (VAE((8,), 2, max_epochs=60), "combined"),
        (VAE((8,), 2, max_epochs=60), "likelihood"),
        (VAE((8,), 2, max_epochs=60), "reconstruction"),
        (VAE((8,), 2, max_epochs=60), "latent"),
    ],
)
def test_planted_rows_are_found(model, kind):
    detector = VAEOutlierDetector(model, kind=kind, contamination=0.05).fit(planted())
    result = np.flatnonzero(detector.predict(planted()) == -1)
    assert len(result) == 10
    assert set(range(5)) <= set(result.tolist())


def test_the_threshold_is_the_share_of_the_fit_rows():
    X = planted()
    detector = VAEOutlierDetector(ProbabilisticPCA(3), contamination=0.1).fit(X)
    assert (detector.decision_function(X) < 0).mean() == pytest.approx(0.1)
    assert detector.offset_ == np.percentile(detector.score_samples(X), 10)


def test_without_a_share_few_rows_are_outliers():
    detector = VAEOutlierDetector(ProbabilisticPCA(3)).fit(planted())
    result = np.flatnonzero(detector.predict(planted()) == -1)
    assert set(range(5)) <= set(result.tolist())
    assert len(result) < 20


def test_the_combined_score_is_the_larger_of_two_in_units_of_the_fit_rows():
    X = planted()
    detector = VAEOutlierDetector(ProbabilisticPCA(3, random_state=0)).fit(X)
    model, units = detector.model_, []
    for scores in (model.anomaly_scores(X), np.square(model.transform(X)).sum(axis=1)):
        low, middle, high = np.percentile(scores, [25, 50, 75])
        units.append((scores - middle) / (high - low))
    np.testing.assert_allclose(detector.score_samples(X), -np.max(units, axis=0))


def test_same_seed_same_bits():
    X = planted()
    first, second = (VAEOutlierDetector(clone(QUICK)).fit(X).score_samples(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_default_model_is_a_vae():
    assert isinstance(VAEOutlierDetector().fit(planted()).model_, VAE)


def test_rows_with_gaps():
    X = planted()
    X[10, 3] = np.nan
    for model in (QUICK, ProbabilisticPCA(2)):
        assert np.isfinite(VAEOutlierDetector(model).fit(X).score_samples(X)).all()


def test_bad_settings_are_one_sentence():
    X = planted()
    for settings, sentence in [
        ({"contamination": 0.6}, "contamination must be 'auto' or a share above 0, at most 0.5"),
        (
            {"kind": "odd"},
            "kind must be one of combined, latent, likelihood, reconstruction; got 'odd'",
        ),
        ({"reference": "odd"}, "reference must be one of posterior, prior; got 'odd'"),
    ]:
        with pytest.raises(InputError, match=f"^VAEOutlierDetector: {sentence}"):
            VAEOutlierDetector(QUICK, **settings).fit(X)


def test_models_that_need_labels_say_so():
    with pytest.raises(ValueError, match="requires y"):
        VAEOutlierDetector(ConditionalVAE((8,), 2)).fit(planted())


@pytest.mark.parametrize(
    ("model", "kind", "methods"),
    [
        (3, "combined", "anomaly_scores"),
        (PCA(1), "combined", "anomaly_scores"),
        (VAE, "combined", "anomaly_scores"),
        (Autoencoder(), "likelihood", "anomaly_scores and score_samples"),
    ],
)
def test_models_that_cannot_score_are_one_sentence(model, kind, methods):
    sentence = rf"^VAEOutlierDetector: model must be a generative model with {methods}, got"
    with pytest.raises(InputError, match=sentence):
        VAEOutlierDetector(model, kind=kind).fit(planted())


@pytest.mark.parametrize("kind", ["combined", "reconstruction"])
def test_what_needs_no_density_is_open_to_autoencoders(kind):
    model = Autoencoder((4,), 1, max_epochs=2, random_state=0)
    assert set(VAEOutlierDetector(model, kind=kind).fit_predict(planted())) <= {-1, 1}


@pytest.mark.parametrize("model", [QUICK, Autoencoder((8,), 2, max_epochs=2), ProbabilisticPCA(1)])
def test_departures_from_constant_columns_are_outliers(model):
    X, _ = blobs(60)
    X[:, 3:6] = [0.0, -7.5, 0.1 + 0.2]
    detector = VAEOutlierDetector(model).fit(X)
    assert np.flatnonzero(~np.isnan(detector.constants_)).tolist() == [3, 4, 5]
    rows = np.tile(X[0], (5, 1))
    rows[1, 3], rows[2, 4], rows[3, 3:6], rows[4, 5] = 1e-6, 1000.0, 1.0, 0.3
    scores = detector.score_samples(rows)
    assert scores[0] == scores[4] == detector.score_samples(X[:1])[0]  # rounding is no departure
    assert scores[1] == scores[2] < scores[0]
    assert scores[3] == pytest.approx(scores[1] - 2.0)
    assert detector.predict(rows)[1:4].tolist() == [-1, -1, -1]


def test_a_gap_in_a_constant_column_is_no_departure():
    X, _ = blobs(60)
    X[:, 2] = 4.0
    X[5, 2] = np.nan
    detector = VAEOutlierDetector(ProbabilisticPCA(1)).fit(X)
    assert detector.constants_[2] == 4.0
    row = X[:1].copy()
    row[0, 2] = np.nan
    assert detector.score_samples(row) == pytest.approx(detector.score_samples(X[:1]))


def test_constant_columns_count_for_every_kind_of_score():
    X, _ = blobs(80)
    X[:, 0] = 1.0
    odd = X[:1].copy()
    odd[0, 0] = 0.0
    for kind in ("combined", "likelihood", "reconstruction", "latent"):
        detector = VAEOutlierDetector(ProbabilisticPCA(2), kind=kind, contamination=0.1).fit(X)
        assert detector.predict(odd).tolist() == [-1]
