"""Text and dates in a table are refused by their column, missing labels by their row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from vaega import GeneticSelector
from vaega.core.errors import InputError
from vaega.selection._frames import check_labels, check_numeric


@pytest.mark.parametrize(
    ("X", "where"),
    [
        (
            pd.DataFrame({"a": [1.0, 2.0], "id": ["1", "TCGA-2"]}),
            "'TCGA-2' in row 1 of column 'id'",
        ),
        (pd.DataFrame({7: ["x", "y"], 8: ["z", "z"]}), r"'x' in row 0 of column 7 \(and in 1 more"),
        (np.array([[1.0, "a"], [2.0, "b"]], dtype=object), "'a' in row 0 of column 1"),
        ([[1.0, 2.0], [3.0, "n.d."]], "'n.d.' in row 1 of column 1"),
        (
            pd.DataFrame({"a": [1.0, 2.0], "drawn": pd.to_datetime([None, "2020-03-01"])}),
            r"Timestamp\('2020-03-01 00:00:00'\) in row 1 of column 'drawn'",
        ),
        (pd.DataFrame({"stage": pd.Categorical(["1", "2"])}), "'1' in row 0 of column 'stage'"),
    ],
)
def test_the_column_with_text_is_named(X, where):
    with pytest.raises(InputError, match=rf"^GeneticSelector: X must hold numbers, got {where}"):
        check_numeric(X, "GeneticSelector")


@pytest.mark.parametrize("X", [pd.DataFrame({"a": ["1", "2.5"]}), np.eye(2), [1.0, "a"], None])
def test_what_is_no_text_is_left_to_scikit_learn(X):
    check_numeric(X, "GeneticSelector")


def test_dates_beside_numbers_are_refused_by_the_selector(two_clouds):
    X, y = two_clouds
    table = pd.DataFrame(X).add_prefix("g").assign(drawn=pd.Timestamp("2020-03-01"))
    with pytest.raises(InputError, match="in row 0 of column 'drawn'; leave the column out"):
        GeneticSelector(GaussianNB()).fit(table, y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, " "])
def test_a_missing_label_is_named_by_its_row(missing):
    with pytest.raises(InputError, match=r"a class for every row, got .* in row 2 \(1 of 4 rows"):
        check_labels(["a", "b", missing, "b"], "GeneticSelector")
    check_labels(["a", "b"], "GeneticSelector")


def test_labels_with_none_are_refused_by_the_selector(two_clouds):
    X, y = two_clouds
    labels = np.where(y == 1, "ill", "healthy").astype(object)
    labels[5] = None
    with pytest.raises(InputError, match=r"GeneticSelector: y must .* got None in row 5"):
        GeneticSelector(GaussianNB()).fit(X, labels)
