import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import DataError
from vaega.data._dataset import encode_known_labels, encode_labels, is_missing, sort_class_names


@pytest.mark.parametrize(
    ("labels", "names", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([10, 9, 10], ("9", "10"), [1, 0, 1]),
        (np.array(["-1", "1", "-1"]), ("-1", "1"), [0, 1, 0]),
        ([1.0, 0.0], ("0", "1"), [1, 0]),
        ([True, False], ("False", "True"), [1, 0]),
        (np.array([[1], [2]]), ("1", "2"), [0, 1]),
        (pd.Series(["x", "y"], dtype="category"), ("x", "y"), [0, 1]),
        (pd.Series([3, 1], dtype="Int64"), ("1", "3"), [1, 0]),
    ],
)
def test_labels_of_any_kind_become_codes(labels, names, codes):
    found, found_names = encode_labels(labels, owner="toy")
    assert found_names == names
    assert found.dtype == np.int64
    assert found.tolist() == codes


@pytest.mark.parametrize("gap", [None, float("nan"), "", "  ", pd.NA, pd.NaT])
def test_missing_labels_are_counted_with_their_rows(gap):
    labels = np.array(["a", gap, "b", gap], dtype=object)
    with pytest.raises(DataError, match=r"toy: .*target value, got 2 missing \(rows 1, 3,"):
        encode_labels(labels, owner="toy")


def test_many_missing_labels_are_cut_short():
    labels = np.array(["a", "b", *[None] * 9], dtype=object)
    with pytest.raises(DataError, match=r"got 9 missing \(rows 2, 3, 4, 5, 6, \.\.\."):
        encode_labels(labels, owner="toy")


@pytest.mark.parametrize("labels", [["a", "a"], [1, 1, 1]])
def test_one_class_is_refused(labels):
    with pytest.raises(DataError, match="at least two classes, got only"):
        encode_labels(labels, owner="toy")


def test_no_labels_are_refused():
    with pytest.raises(DataError, match="at least two classes, got none"):
        encode_labels([], owner="toy")


@pytest.mark.parametrize(
    "labels",
    [[0.5, 1.5, 0.5], [1.0, 2.0, float("inf")], np.arange(21), np.arange(60.0), list(range(100))],
)
def test_measurements_are_out_of_scope(labels):
    with pytest.raises(DataError, match="regression is out of scope"):
        encode_labels(labels, owner="toy")


def test_twenty_whole_numbers_are_classes():
    _, names = encode_labels(np.arange(20), owner="toy")
    assert names[-1] == "19"


def test_identifiers_are_no_classes():
    with pytest.raises(DataError, match="40 different values in 40 rows, which look like ident"):
        encode_labels([f"row{i}" for i in range(40)], owner="toy")


def test_a_matrix_of_labels_is_refused():
    with pytest.raises(DataError, match=r"one-dimensional .*\(2, 2\)"):
        encode_labels([[0, 1], [1, 0]], owner="toy")


def test_test_labels_share_the_training_codes():
    assert encode_known_labels([2.0, 1.0], ("1", "2"), owner="toy").tolist() == [1, 0]


def test_unknown_test_labels_are_named():
    with pytest.raises(DataError, match="only hold classes of the training rows, got 'c'"):
        encode_known_labels(["a", "c"], ("a", "b"), owner="toy")


def test_missing_test_labels_are_refused():
    with pytest.raises(DataError, match="1 missing"):
        encode_known_labels(["a", None], ("a", "b"), owner="toy")


def test_numbers_sort_by_value_only_when_all_are_numbers():
    assert sort_class_names({"2", "10"}) == ("2", "10")
    assert sort_class_names({"2", "10", "nan"}) == ("10", "2", "nan")


def test_is_missing_leaves_zero_and_false_alone():
    assert not any(is_missing(value) for value in (0, False, "0", np.float64(0)))
