"""The section of predictions: its table, its charts, what it says of arms without scores."""

import numpy as np
import pandas as pd
import pytest

from tests.report.experiments import ARMS
from tests.report.test_curves import predicted
from vaega.report._curves import recalls_of
from vaega.report._prediction_section import class_names, draw_predictions, prediction_section
from vaega.report._results import Results, read_results


@pytest.fixture
def results(small_results):
    return read_results(small_results)


def made_up(predictions, names):
    """Return results that hold nothing but predictions."""
    config = {"protocol": {"kind": "honest", "outer": "holdout", "test_size": 0.3}}
    config["arms"] = {arm: {} for arm in predictions}
    metrics = {arm: [{"class_names": names}] for arm in predictions}
    nothing = {name: pd.DataFrame() for name in ("runs", "summary")}
    rest = {"histories": {}, "features": {}, "stability": {}, "environment": {}, "command": ""}
    return Results(
        folder=None, config=config, metrics=metrics, predictions=predictions, **nothing, **rest
    )


def test_a_row_an_arm_with_means_over_trials(results):
    section = prediction_section(results)
    assert section.table.columns == [
        "arm", "accuracy", "balanced accuracy", "ROC AUC", "average precision",
    ]  # fmt: skip
    assert [row[0] for row in section.table.rows] == list(ARMS)
    tables = results.predictions["original"]
    accuracy = np.mean([(one["label"] == one["prediction"]).mean() for one in tables])
    recall = np.mean([recalls_of(one).mean() for one in tables])
    assert section.table.rows[0][1:3] == [f"{accuracy:.3f}", f"{recall:.3f}"]
    assert not section.sentences


def test_each_chart_says_its_values(results):
    charts = prediction_section(results).charts
    assert [chart.caption.split()[0] for chart in charts] == [
        "ROC", "precision-recall", "Calibration:", "Confusion:",
    ]  # fmt: skip
    assert all("data-tip" in chart.svg for chart in charts)
    assert "original: rows of class_0 as class_0" in charts[-1].svg
    assert "each class against the others" in charts[0].caption


def test_of_two_classes_the_second_is_named(rng):
    runs = [predicted(rng) for _ in range(5)]
    charts = prediction_section(made_up({"a": runs}, ["healthy", "ill"])).charts
    assert all("ill" in chart.caption for chart in charts[:3])


def test_an_arm_without_scores_has_no_curve_and_the_section_says_so(rng):
    runs = [predicted(rng) for _ in range(5)]
    bare = [one[["trial", "row", "label", "prediction"]] for one in runs]
    section = prediction_section(made_up({"svm": runs, "bare": bare}, ["healthy", "ill"]))
    assert section.table.rows[1][3:] == ["", ""]
    assert section.sentences == [
        "bare: the classifier gives no scores of the classes, so that there is no curve.",
        "bare: the classifier gives no probabilities, so that there is no calibration.",
    ]
    alone = prediction_section(made_up({"bare": bare}, ["healthy", "ill"]))
    assert alone.table.columns == ["arm", "accuracy", "balanced accuracy"]
    assert [chart.caption.split(":")[0] for chart in alone.charts] == ["Confusion"]


def test_figures_have_plain_names(results, rng):
    names = ["roc", "precision_recall", "calibration", "confusion"]
    assert list(draw_predictions(results)) == names
    assert draw_predictions(made_up({"a": []}, ["x", "y"])) == {}


def test_classes_without_names_are_called_by_their_codes():
    assert class_names([{}, {"class_names": ["x", 1]}]) == ["x", "1"]
    assert class_names([])[:2] == ["class 0", "class 1"]
