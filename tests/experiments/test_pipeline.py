"""The steps of a final model: columns by name, classes by name."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier

from vaega.core.errors import DataError, InputError
from vaega.data import Preprocessor
from vaega.experiments.pipeline import NamedClasses, NamedColumns, make_pipeline

COLUMNS = NamedColumns(np.array(["b", "a", "site=north"]))
FRAME = pd.DataFrame({"a": [1, 2], "site": ["north", None], "b": [3.0, 4.0], "x": ["?", "!"]})


def test_columns_of_a_frame_are_taken_by_name_and_words_as_0_or_1():
    expected = [[3.0, 1.0, 1.0], [4.0, 2.0, 0.0]]
    assert COLUMNS.transform(FRAME).tolist() == expected
    assert COLUMNS.transform(pl.from_pandas(FRAME)).tolist() == expected
    assert COLUMNS.transform(FRAME.convert_dtypes()).tolist() == expected
    assert COLUMNS.transform(FRAME.assign(**{"site=north": [5, 6]}))[:, 2].tolist() == [5, 6]
    gaps = FRAME.assign(a=pd.array([1, None], dtype="Int64"))
    assert np.isnan(COLUMNS.transform(gaps)[1, 1])


def test_an_array_has_all_columns_in_order():
    X = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert np.array_equal(COLUMNS.transform(X), X)
    assert COLUMNS.transform(X).flags.c_contiguous


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (FRAME.drop(columns="a"), r"1 of the 3 columns .* is missing \('a'\)"),
        (FRAME.assign(a="text"), "got 'text' in row 0 of column 'a'"),
        (FRAME.assign(a=[[1], [2]]), "rows must hold numbers"),
        (pd.concat([FRAME, FRAME["a"]], axis=1), "must differ in name, got twice 'a'"),
        (np.zeros((2, 4)), r"must have the 3 columns .* got shape \(2, 4\)"),
        (np.zeros(3), r"got shape \(3,\)"),
    ],
)
def test_what_is_refused(X, words):
    with pytest.raises(InputError, match=words):
        COLUMNS.transform(X)


def test_it_is_a_pipeline_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % 2
    preparation = Preprocessor(["standardize"]).fit(X, y)
    forest = RandomForestClassifier(n_estimators=3, n_jobs=2, random_state=0)
    forest.fit(preparation.transform(X)[:, [1, 3]], y)
    pipeline = make_pipeline(
        preparation, np.array([1, 3]), forest, feature_names=list("abcde"), class_names=["n", "y"]
    )
    assert pipeline.feature_names_in_.tolist() == ["b", "d"]
    assert pipeline.n_features_in_ == 2
    assert pipeline.classes_.tolist() == ["n", "y"]
    assert pipeline[:-1].get_feature_names_out().tolist() == ["b", "d"]
    assert forest.n_jobs is None  # whose sums would depend on which thread is first
    assert pipeline.score(X[:, [1, 3]], np.array(["n", "y"])[y]) > 0.8
    assert not hasattr(pipeline, "decision_function")
    assert isinstance(clone(pipeline)[-1], NamedClasses)
    with pytest.raises(DataError, match=r"2 of the 2 columns that the model needs are missing"):
        pipeline.predict(pd.DataFrame(X))
