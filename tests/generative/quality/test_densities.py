import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.generative.quality.stubs import DiagonalGaussian, compared
from vaega.generative.quality import _classifiers as densities
from vaega.generative.quality._classifiers import measure_densities, membership_auc


def test_the_area_is_scikit_learns():
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 9, 30) + 1.0, rng.integers(0, 9, 20) * 1.0
    labels = np.repeat([1, 0], [30, 20])
    expected = roc_auc_score(labels, np.concatenate([inside, outside]))
    assert membership_auc(inside, outside) == pytest.approx(expected)


def test_a_model_that_memorises_has_a_gap_and_is_found_out():
    rows = compared(n_fit=10, n_test=60, p=200)
    model = DiagonalGaussian().fit(rows.X_fit, rows.y_fit)
    row = measure_densities(model, rows, references=False).iloc[0]
    assert row["gap"] == pytest.approx(row["fit"] - row["heldout"])
    assert row["gap"] > 0.1
    assert row["auc"] > 0.9


def test_with_many_rows_there_is_no_gap():
    rows = compared(n_fit=2000, n_test=1000)
    model = DiagonalGaussian().fit(rows.X_fit, rows.y_fit)
    row = measure_densities(model, rows, references=False).iloc[0]
    assert abs(row["gap"]) < 0.03
    assert row["auc"] == pytest.approx(0.5, abs=0.04)


def test_figures_are_means_per_column_that_varies():
    rows = compared()
    rows.X_fit[:, 4] = 1.0
    model = DiagonalGaussian()
    model.score_samples = lambda X: np.full(len(X), -38.0)
    row = measure_densities(model, rows, references=False).iloc[0]
    assert (row["fit"], row["heldout"], row["gap"], row["auc"]) == (-2.0, -2.0, 0.0, 0.5)


def test_references_are_fitted_on_the_same_rows(monkeypatch):
    class Reference(DiagonalGaussian):
        pass

    monkeypatch.setattr(densities, "_references", lambda: [Reference()])
    rows = compared()
    model = DiagonalGaussian().fit(rows.X_fit, rows.y_fit)
    table = measure_densities(model, rows)
    assert table["model"].tolist() == ["DiagonalGaussian", "Reference"]
    assert table["heldout"].nunique() == 1
    assert measure_densities(Reference().fit(rows.X_fit, rows.y_fit), rows)["model"].tolist() == [
        "Reference"
    ]


def test_the_references_are_the_closed_forms():
    table = measure_densities(None, compared())
    assert table["model"].tolist() == ["ProbabilisticPCA", "ClassGaussian"]
    assert np.isfinite(table[["fit", "heldout", "gap", "auc"]].to_numpy()).all()


def test_without_likelihood_the_table_is_empty():
    assert measure_densities(object(), compared(), references=False).empty
