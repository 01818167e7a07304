import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import InputError
from vaega.generative._samplers import Containers, labels_from, rows_from

ROWS, LABELS = np.array([[1.25, 2.5]]), np.array([1])


def test_arrays_keep_float_dtypes():
    for dtype, expected in [(np.float32, np.float32), (float, float), (int, float)]:
        X, y = Containers(np.zeros((2, 2), dtype), np.array([0, 1], np.int8)).restore(ROWS, LABELS)
        assert (X.dtype, y.dtype) == (expected, np.int8)
        assert X[-1].tolist() == [1.25, 2.5]


def test_nothing_added_returns_a_copy_of_the_same_dtype():
    X = np.zeros((2, 2), int)
    found, _ = Containers(X, np.array([0, 1])).restore(ROWS[:0], LABELS[:0])
    assert found.dtype == X.dtype
    assert not np.shares_memory(found, X)


def test_frames_keep_columns_and_types():
    X = pd.DataFrame({"a": np.zeros(2, np.float32), 7: [1, 2]}, index=[5, 3])
    y = pd.Series(["u", "v"], name="class", dtype="category", index=[5, 3])
    found, labels = Containers(X, y).restore(ROWS, np.array(["v"]))
    assert found.columns.tolist() == ["a", 7]
    assert found.dtypes.tolist() == [np.float32, np.float64]
    assert found.index.tolist() == labels.index.tolist() == [0, 1, 2]
    assert (labels.dtype, labels.name, labels.tolist()) == (y.dtype, "class", ["u", "v", "v"])
    assert X.index.tolist() == [5, 3]


def test_one_hot_labels_come_back_one_hot():
    y = np.eye(3, dtype=int)[[0, 2]]
    _, labels = Containers(np.zeros((2, 2)), y).restore(ROWS, np.array([1]))
    assert labels.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert labels.dtype == y.dtype


def test_sparse_frames_are_read_and_returned_sparse():
    X = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 0.0]}, dtype=pd.SparseDtype(float, 0))
    assert rows_from(X).to_numpy().tolist() == [[0.0, 0.0], [1.0, 0.0]]
    found, _ = Containers(X, np.array([0, 1])).restore(ROWS, LABELS)
    assert all(isinstance(dtype, pd.SparseDtype) for dtype in found.dtypes)


@pytest.mark.parametrize("y", [[[1, 1, 0], [0, 1, 0]], [[0, 0, 0], [0, 1, 0]]])
def test_several_labels_a_row_are_one_sentence(y):
    with pytest.raises(InputError, match=r"^GenerativeSampler: y must hold one label a row"):
        labels_from(y)


def test_missing_and_continuous_labels_are_refused():
    with pytest.raises(InputError, match="target y is None"):
        labels_from(None)
    with pytest.raises(ValueError, match="Unknown label type"):
        labels_from([0.1, 0.7])


def test_labels_that_lack_or_are_mixed_are_one_sentence():
    with pytest.raises(InputError, match=r"^SMOTE: y must hold a label for every row, got None"):
        labels_from(np.array(["a", None], dtype=object), owner="SMOTE")
    with pytest.raises(InputError, match=r"^SMOTE: y must hold labels of one type, got int, str"):
        labels_from(np.array(["a", 1], dtype=object), owner="SMOTE")
    assert labels_from(np.array([True, False], dtype=object)).dtype == bool
