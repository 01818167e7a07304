"""Text in a table is refused by its column."""

import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import InputError
from vaega.selection._frames import check_numeric


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
    ],
)
def test_the_column_with_text_is_named(X, where):
    with pytest.raises(InputError, match=rf"^GeneticSelector: X must hold numbers, got {where}"):
        check_numeric(X, "GeneticSelector")


@pytest.mark.parametrize("X", [pd.DataFrame({"a": ["1", "2.5"]}), np.eye(2), [1.0, "a"], None])
def test_what_is_no_text_is_left_to_scikit_learn(X):
    check_numeric(X, "GeneticSelector")
