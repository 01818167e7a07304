import numpy as np
import pytest

from tests.generative.quality.stubs import two_classes
from vaega.core.errors import InputError
from vaega.generative.quality import measure_rows
from vaega.report._figures import render
from vaega.report._generator_figures import class_figures, draw_classes, draw_columns


@pytest.fixture(scope="module")
def report():
    return measure_rows(*[part for seed in range(3) for part in two_classes(40, seed=seed)])


def test_figures_are_the_reports(report):
    found = class_figures(report, "knn")
    assert found.labels == ["0 (20)", "1 (20)"]
    table = report.by_class.set_index(["classifier", "trained_on", "tested_on", "label"])
    assert found.synthetic["f1"][1] == table.loc[("knn", "synthetic", "real", "1"), "f1"]
    assert found.real["recall"][0] == table.loc[("knn", "real", "real", "0"), "recall"]
    assert class_figures(report).classifier == "mlp"


def test_an_unknown_classifier_is_refused(report):
    with pytest.raises(InputError, match="one of mlp, logistic, knn, gaussian_nb, got 'svm'"):
        class_figures(report, "svm")


def test_each_class_has_a_line(report):
    axes = draw_classes(report).axes
    assert [ax.get_xlabel() for ax in axes] == ["precision", "recall", "F1"]
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["0 (20)", "1 (20)"]


def test_shares_of_columns_sum_to_one(report):
    left, right = draw_columns(report).axes
    for ax in (left, right):
        lines = [patch for patch in ax.patches if not patch.get_fill()]
        assert [np.sum(line.get_data().values) for line in lines] == pytest.approx(
            [1.0] * len(lines)
        )


def test_missing_figures_are_left_out(report):
    report.columns.loc[0, "variance_ratio"] = np.nan
    assert draw_columns(report)


def test_the_same_figure_gives_the_same_bytes(report):
    assert render(draw_classes(report), "svg") == render(draw_classes(report), "svg")
