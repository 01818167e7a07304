"""Predictions of a cohort: the columns of the table, and what a model does not take."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid

from vaega.core.errors import DataError
from vaega.data import Preprocessor
from vaega.data._cohort import Cohort
from vaega.experiments.pipeline import make_pipeline
from vaega.experiments.prediction import predict_rows


def pipeline_of(classifier, n_classes, steps=("standardize",)):
    rng = np.random.default_rng(0)
    y = np.arange(30) % n_classes
    X = rng.normal(size=(30, 2)) + y[:, None]
    preparation = Preprocessor(list(steps)).fit(X, y)
    return make_pipeline(
        preparation,
        np.array([0, 1]),
        classifier.fit(preparation.transform(X), y),
        feature_names=["a", "b"],
        class_names=["ill", "well", "worse"][:n_classes],
    )


COHORT = Cohort(np.array([[0.0, 1.0], [2.0, 2.0]]), ("s1", "s2"))


@pytest.mark.parametrize(
    ("classifier", "n_classes", "columns"),
    [
        (GaussianNB(), 2, ["probability_ill", "probability_well"]),
        (RidgeClassifier(), 2, ["decision_well"]),
        (RidgeClassifier(), 3, ["decision_ill", "decision_well", "decision_worse"]),
        (NearestCentroid(metric="manhattan"), 2, []),
    ],
    ids=str,
)
def test_the_columns_are_those_that_the_classifier_has(classifier, n_classes, columns):
    pipeline = pipeline_of(classifier, n_classes)
    table = predict_rows(pipeline, COHORT, owner="new.csv")
    assert list(table) == ["id", "prediction", *columns]
    assert table["id"].tolist() == ["s1", "s2"]
    assert table["prediction"].tolist() == pipeline.predict(COHORT.X).tolist()
    if len(columns) == 1:
        assert np.array_equal(table["decision_well"], pipeline.decision_function(COHORT.X))


def test_missing_values_that_no_step_fills_are_named_by_row_and_column():
    gaps = Cohort(np.array([[0.0, 1.0], [2.0, np.nan]]), ("s1", "s2"))
    with pytest.raises(
        DataError, match=r"^new\.csv: .* got 1 .* the first in row 2 \('s2'\), column 'b'"
    ):
        predict_rows(pipeline_of(GaussianNB(), 2), gaps, owner="new.csv")
    filling = pipeline_of(GaussianNB(), 2, [{"impute": "median"}])
    assert len(predict_rows(filling, gaps, owner="new.csv")) == 2
