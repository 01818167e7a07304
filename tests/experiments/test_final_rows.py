"""What a final run keeps of its rows for pictures."""

import numpy as np
import pandas as pd
import pytest

from vaega.data._dataset import Dataset
from vaega.experiments.final import MOST_FEATURES, MOST_ROWS, rows_table


def dataset(rng, n_rows, n_features):
    X = rng.normal(size=(n_rows, n_features))
    y = (np.arange(n_rows) % 5 == 0).astype(int)
    X[:, 3] += 5.0 * y
    return Dataset.from_arrays(X, y)


def selected(data, frequencies):
    names = list(data.feature_names)
    n = len(frequencies)
    return pd.DataFrame({"feature": range(n), "name": names[:n], "frequency": frequencies})


def test_votes_lead_and_the_f_statistic_decides_among_equals(rng):
    data = dataset(rng, 40, 5)
    table = rows_table(selected(data, [0.2, 1.0, 0.2, 0.2]), data)
    names = list(data.feature_names)
    assert list(table)[:4] == ["row", "label", names[1], names[3]]
    np.testing.assert_array_equal(table[names[3]], data.X[:, 3])  # as they were given
    assert table["label"].tolist() == data.y.tolist()


def test_of_many_rows_each_class_keeps_its_share(rng):
    data = dataset(rng, 1000, 40)
    table = rows_table(selected(data, [1.0] * 40), data)
    assert table.shape == (MOST_ROWS, 2 + MOST_FEATURES)
    assert table["row"].is_monotonic_increasing
    assert table["row"].is_unique
    assert table["label"].mean() == pytest.approx(data.y.mean(), abs=0.01)


def test_nothing_selected_leaves_no_feature(rng):
    data = dataset(rng, 20, 5)
    assert list(rows_table(selected(data, []), data)) == ["row", "label"]
