import json
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
from vaega.generative.quality import _classifiers, measure_quality, measure_rows
from vaega.generative.quality import _measurement as verdict
from vaega.generative.quality._classifiers import CopyCheck
from vaega.generative.quality._measurement import TABLES, quality_table, show_cell

NB = {"nb": GaussianNB()}
PARTS = {"transfer", "fidelity", "columns", "variances", "two_sample", "copies", "densities"}


@pytest.fixture(autouse=True)
def _own_reference(monkeypatch):
    class Reference(DiagonalGaussian):
        pass

    monkeypatch.setattr(_classifiers, "_references", lambda: [Reference()])


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
    index = rng.integers(0, len(fit), 200)
    S = X[fit][index] + 0.5 * rng.normal(size=(200, X.shape[1]))
    start = time.process_time()
    report = measure_rows(X[fit], y[fit], S, y[fit][index], X[test], y[test])
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
        expected, result = getattr(plain, name), getattr(other, name)
        pd.testing.assert_frame_equal(expected, result, rtol=1e-6)


@pytest.fixture(scope="module")
def report():
    parts = [part for seed in range(3) for part in two_classes(40, seed=seed)]
    return measure_rows(*parts, generator="two | bars")


def test_json_is_json_and_holds_every_table(report):
    content = json.loads(report.to_json())
    assert set(TABLES) <= set(content)
    assert content["n_heldout"] == 40
    assert content["copies"]["duplicates"] == 0.0
    assert "seconds" not in content
    assert "columns" not in content
    assert len(json.loads(report.to_json(columns=True))["columns"]) == 20


def test_markdown_begins_with_the_verdict(report):
    text = report.to_markdown()
    lines = text.splitlines()
    assert lines[2] == report.verdict
    assert "### Copies of fit rows" in lines
    assert TABLES["densities"] not in text  # rows have no likelihood
    rows = [line for line in lines if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_a_table_in_markdown():
    table = pd.DataFrame({"a_b": ["x"], "n": [3], "r": [float("nan")]})
    assert quality_table(table).markdown().splitlines() == [
        "| a b | n | r |",
        "| --- | ---: | ---: |",
        "| x | 3 | – |",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.000"), (-2.5, "-2.500"), (1e-9, "1e-09"), (12, "12"), ("a", "a")]
)
def test_cells(value, text):
    assert show_cell(value) == text


def test_missing_figures_are_null_in_json(report):
    assert "NaN" not in report.to_json(columns=True)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (0.89, "vary less"), (0.9, "as real ones do"), (0.984, "(ratio 0.98)"),
        (1.1, "as real ones do"), (1.11, "vary more"),
    ],
)  # fmt: skip
def test_variance(ratio, words):
    assert words in verdict.say_variance(pd.DataFrame({"ratio": [ratio]}))


@pytest.mark.parametrize(
    ("synthetic", "words"),
    [(0.90, "as good as"), (0.875, "as good as"), (0.85, "loses 0.050"), (0.95, "gains 0.050")],
)
def test_transfer(synthetic, words):
    scores = pd.DataFrame(
        {
            "trained_on": ["real", "real", "synthetic", "synthetic"],
            "tested_on": ["real", "synthetic"] * 2,
            "balanced_accuracy": [0.9, 0.1, synthetic, 1.0],
            "n_test": [40, 60, 40, 60],
        }
    )
    assert words in verdict.say_transfer(scores)
    assert "on 40 held-out rows" in verdict.say_transfer(scores)


def two_sample(p_synthetic, p_fit):
    return pd.DataFrame(
        {
            "others": ["synthetic", "synthetic", "fit", "fit"],
            "classifier": ["linear", "spread"] * 2,
            "accuracy": [0.5, 0.8, 0.5, 0.7],
            "p_value": [0.5, p_synthetic, 0.5, p_fit],
        }
    )


@pytest.mark.parametrize(
    ("p_values", "words"),
    [
        ((0.006, 0.5), "No classifier tells them from held-out rows (80 % right, p = 0.01)"),
        ((0.004, 0.5), "A classifier of spread tells them from held-out rows"),
        ((0.004, 0.5), "but not the fit rows"),
        ((1e-20, 0.5), "p < 1e-12"),
        ((0.004, 0.001), "and the fit rows as well (70 %)"),
    ],
)
def test_two_sample(p_values, words):
    assert words in verdict.say_two_sample(two_sample(*p_values))


@pytest.mark.parametrize(
    ("duplicates", "near", "closer", "words"),
    [
        (0.1, 0.9, 0.9, "10 % of the rows are copies"),
        (0.0, 0.07, 0.9, "7 % of the rows lie within half the distance"),
        (0.0, 0.05, 0.31, "(0.95 against 1.10 of the distance between fit rows)"),
        (0.0, 0.0, 0.29, "they lie no nearer"),
    ],
)
def test_copies(duplicates, near, closer, words):
    result = CopyCheck(
        duplicates=duplicates,
        repeated=0.0,
        near=near,
        near_heldout=0.01,
        closer=closer,
        closer_heldout=0.2,
        ratio=0.95,
        ratio_heldout=1.1,
        to_fit=0.5,
    )
    assert words in verdict.say_copies(result)
    assert "priva" not in verdict.say_copies(result)


def densities(heldout, auc, reference_auc=0.6):
    return pd.DataFrame(
        {
            "model": ["VAE", "ProbabilisticPCA", "ClassGaussian"],
            "heldout": [heldout, -1.5, -1.4],
            "gap": 0.1,
            "auc": [auc, 0.5, reference_auc],
        }
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            densities(-1.45, 0.5),
            "ClassGaussian explains held-out rows better (-1.400 against -1.450",
        ),
        (densities(-1.403, 0.5), "VAE explains held-out rows as well as ClassGaussian"),
        (densities(-1.2, 0.5), "VAE explains held-out rows better than ClassGaussian (-1.200"),
        (densities(-1.2, 0.75), "The likelihood of VAE knows the fit rows"),
        (densities(-1.2, 0.75, 0.7), "no better than the references do"),
        (densities(-1.2, 0.55), "does not tell fit rows from held-out ones"),
    ],
)
def test_densities(table, words):
    assert words in verdict.say_densities(table, "VAE")


def test_losing_is_said_of_the_better_reference():
    assert "ProbabilisticPCA" not in verdict.say_densities(densities(-1.6, 0.5), "VAE")


def test_nothing_is_said_without_a_likelihood():
    assert verdict.say_densities(densities(-1.2, 0.5), "SMOTE") == ""
