import time

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.naive_bayes import GaussianNB
from threadpoolctl import threadpool_limits

from tests.generative.data import leukemia
from tests.generative.quality.stubs import DiagonalGaussian, two_classes
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._models import VAE
from vaega.generative._samplers import GenerativeSampler
from vaega.generative.quality import _classifiers as densities
from vaega.generative.quality import measure_quality, measure_rows

NB = {"nb": GaussianNB()}
PARTS = {"transfer", "fidelity", "columns", "variances", "two_sample", "copies", "densities"}


@pytest.fixture(autouse=True)
def _own_reference(monkeypatch):
    class Reference(DiagonalGaussian):
        pass

    monkeypatch.setattr(densities, "_references", lambda: [Reference()])


def measured(model=None, **more):
    X, y = two_classes(120)
    return measure_quality(model or DiagonalGaussian(), X, y, **{"classifiers": NB, **more})


def test_a_generator_of_the_right_distribution_gets_a_good_verdict():
    report = measured()
    assert "vary within classes as real ones do" in report.verdict
    assert "as good as one" in report.verdict or "cannot tell from none" in report.verdict
    assert "No classifier tells them" in report.verdict
    assert "No row is a copy" in report.verdict
    assert "explains held-out rows as well as Reference" in report.verdict


def test_a_generator_that_varies_too_little_is_found_out():
    verdict = measured(DiagonalGaussian(spread=0.3)).verdict
    assert "vary less within classes" in verdict
    assert "tells them from held-out rows" in verdict


def test_a_shifted_generator_is_found_out():
    verdict = measured(DiagonalGaussian(shift=1.5)).verdict
    assert "tells them from held-out rows" in verdict
    assert "loses" in verdict


def test_a_generator_that_copies_is_found_out():
    X, y = two_classes(80)
    report = measure_rows(X[:40], y[:40], X[:40], y[:40], X[40:], y[40:], classifiers=NB)
    assert "100 % of the rows are copies of fit rows" in report.verdict


def test_same_seed_same_report_whatever_the_threads():
    one = measured(random_state=3, classifiers=None)
    with threadpool_limits(2):
        two = measured(random_state=3, classifiers=None)
    assert one.to_json(columns=True) == two.to_json(columns=True)
    assert measured(random_state=4).to_json() != measured(random_state=3).to_json()


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    measured(classifiers=None)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_sizes_and_seconds():
    report = measured(n_synthetic=70)
    assert (report.n_fit, report.n_synthetic, report.n_heldout) == (84, 70, 36)
    assert set(report.seconds) == PARTS | {"generator"}


def test_a_sampler_has_no_densities():
    report = measured(SMOTE())
    assert report.densities.empty
    assert report.generator == "SMOTE"


def test_rows_are_measured_as_a_generators_are():
    X, y = two_classes(120)
    model = DiagonalGaussian().fit(X[:80], y[:80])
    S, s = model.sample({0: 100, 1: 100}, random_state=0)
    report = measure_rows(X[:80], y[:80], S, s, X[80:], y[80:], classifiers=NB, generator="ours")
    assert report.generator == "ours"
    assert report.variances["ratio"].iloc[0] == pytest.approx(1.0, abs=0.15)


def test_a_sampler_with_a_model_has_its_likelihood():
    model = VAE(hidden=(8,), latent=2, max_epochs=5)
    report = measured(GenerativeSampler(model), n_synthetic=20)
    assert report.generator == "VAE"
    assert report.densities["model"].tolist() == ["VAE", "Reference"]


def test_a_cached_model_gives_the_same_report(tmp_path):
    model = VAE(hidden=(8,), latent=2, max_epochs=5, random_state=0)
    plain, first, again = (measured(model, cache=cache) for cache in (None, tmp_path, tmp_path))
    assert list(tmp_path.iterdir())
    assert plain.to_json() == first.to_json() == again.to_json()


def test_closed_forms_are_measured():
    report = measured(ProbabilisticPCA(random_state=0))
    assert report.generator == "ProbabilisticPCA"
    assert np.isfinite(report.densities[["fit", "heldout"]].to_numpy()).all()


def test_without_references():
    assert measured(references=False).densities["model"].tolist() == ["DiagonalGaussian"]


def test_bad_classifiers_are_refused_before_anything_is_fitted():
    with pytest.raises(InputError, match="measure_quality: classifiers"):
        measure_quality(None, None, None, classifiers={})


def test_one_class_is_refused():
    with pytest.raises(InputError, match="two classes or more"):
        measure_quality(DiagonalGaussian(), np.eye(9), np.zeros(9))


def test_leukemia_in_five_seconds():
    X, y = leukemia()
    test = np.random.default_rng(0).permutation(38)[:12]
    fit = np.setdiff1d(np.arange(38), test)
    rng = np.random.default_rng(1)
    place = rng.integers(0, len(fit), 200)
    S = X[fit][place] + 0.5 * rng.normal(size=(200, X.shape[1]))
    start = time.process_time()
    report = measure_rows(X[fit], y[fit], S, y[fit][place], X[test], y[test])
    assert time.process_time() - start < 5.0
    assert report.n_features == 7129


@pytest.mark.parametrize("exponent", [-70, 700])
def test_the_unit_of_the_columns_changes_nothing(exponent):
    X, y = two_classes(40)
    plain, other = (
        measure_quality(ClassGaussian(), X * unit, y, classifiers=NB, references=False)
        for unit in (1.0, 2.0**exponent)
    )
    for name in ("fidelity", "columns", "variances", "two_sample"):
        expected, found = getattr(plain, name), getattr(other, name)
        pd.testing.assert_frame_equal(expected, found, rtol=1e-6)
