import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from vaega.core.errors import DataError
from vaega.data._dataset import Dataset

X = np.array([[1.0, 5.0], [2.0, np.nan], [3.0, 5.0], [4.0, 5.0]])
Y = ["b", "a", "b", "a"]


def make(**changes):
    return Dataset.from_arrays(**{"X": X, "y": Y, "name": "toy"} | changes)


def raw(**changes):
    parts = {
        "name": "toy",
        "X": X,
        "y": np.array([1, 0, 1, 0]),
        "feature_names": ("p", "q"),
        "class_names": ("a", "b"),
    }
    return Dataset(**parts | changes)


def test_arrays_are_copied_c_ordered_and_read_only():
    source = np.asfortranarray(X)
    dataset = make(X=source)
    source[0, 0] = 99.0
    assert dataset.X[0, 0] == 1.0
    assert dataset.X.flags.c_contiguous
    assert dataset.X.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        dataset.X[0, 0] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        dataset.y[0] = 0
    assert source.flags.writeable


def test_the_constructor_does_not_freeze_the_callers_arrays():
    X_mine, y_mine = X.copy(), np.array([0, 1, 0, 1])
    dataset = raw(X=X_mine, y=y_mine)
    X_mine[0, 0] = y_mine[0] = 7
    assert dataset.X[0, 0] == 1.0
    assert dataset.y[0] == 0


def test_fields_cannot_be_replaced():
    with pytest.raises(FrozenInstanceError):
        make().name = "other"


def test_properties_tell_the_sizes():
    dataset = make(X_test=[[1, np.nan]], y_test=["a"])
    assert (dataset.n_rows, dataset.n_features, dataset.n_classes) == (4, 2, 2)
    assert dataset.labels.tolist() == Y
    assert dataset.has_official_test
    assert dataset.n_missing == 2
    assert not make().has_official_test


def test_default_names_and_names_of_a_frame():
    assert make().feature_names == ("x0", "x1")
    assert make(X=pd.DataFrame(X, columns=["p", "q"])).feature_names == ("p", "q")


def test_a_sparse_matrix_becomes_dense():
    assert make(X=sparse.csr_matrix(np.eye(4))).X.tolist() == np.eye(4).tolist()


def test_duplicate_names_are_noted():
    dataset = make(feature_names=["a", "a"])
    assert dataset.feature_names == ("a", "a.1")
    assert "made unique ('a.1')" in dataset.notes[0]


def test_groups_of_any_kind_become_numbers():
    assert make(groups=["p2", "p1", "p2", "p1"]).groups.tolist() == [1, 0, 1, 0]
    assert make(groups=[7, 7, 9, 9]).groups.tolist() == [7, 7, 9, 9]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"X": [1.0, 2.0, 3.0, 4.0]}, r"X must have two dimensions .* got shape \(4,\)"),
        ({"X": [["a", "b"]] * 4}, "X must be an array of numbers"),
        ({"X": X[:3]}, r"y must have one value for each of the 3 rows of X, got shape \(4,\)"),
        ({"X": np.empty((4, 0))}, "at least one feature is needed"),
        ({"feature_names": ["p"]}, "one column for each of the 1 feature names, got 2 columns"),
        ({"feature_names": ["p", ""]}, "feature name must be a text that is not empty, got ''"),
        ({"y": ["a", None, "b", "a"]}, r"1 missing \(rows 1"),
        ({"y": ["a"] * 4}, "at least two classes"),
        ({"y": [0.1, 0.2, 0.3, 0.4]}, "regression is out of scope"),
        ({"X": np.where(np.isnan(X), np.inf, X)}, r"no infinite values, got 1, .*row 1 .*'x1'"),
        ({"X_test": X}, "X_test and y_test come together, got X_test without y_test"),
        ({"y_test": Y}, "come together, got y_test without X_test"),
        ({"X_test": X, "y_test": ["a", "c", "a", "b"]}, "only hold classes .* got 'c'"),
        ({"X_test": X, "y_test": ["a"]}, "y_test must have one value for each of the 4 rows"),
        ({"X_test": X[:, :1], "y_test": Y}, "X_test must have one column for each"),
        ({"X_test": np.empty((0, 2)), "y_test": []}, "a test part needs at least one row"),
        ({"X_test": X * np.inf, "y_test": Y}, "X_test must hold no infinite values"),
        ({"relevant": [True]}, "relevant must have one boolean for each of the 2 features"),
        ({"relevant": [0, 1]}, "relevant must hold booleans, got int64"),
        ({"groups": [1, 2]}, "groups must have one value for each of the 4 rows"),
        ({"groups": ["a", None, "b", "c"]}, "every row needs a group, got 1 missing"),
        ({"groups": [1, 2, 1, 2], "X_test": X, "y_test": Y}, "groups cannot be given together"),
    ],
)
def test_what_does_not_fit_is_one_sentence(changes, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        make(**changes)
    assert str(caught.value).startswith("dataset 'toy': ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"y": np.array([0, 1, 2, 0])}, "codes from 0 to 1, got 0 to 2"),
        ({"y": np.array([0, 1, -1, 0])}, "codes from 0 to 1, got -1 to 1"),
        ({"y": np.array([0.5, 1, 0, 0])}, "y must hold whole numbers, got float64"),
        ({"y": np.zeros(4, dtype=int)}, "at least two classes, got only 'a'"),
        ({"feature_names": ("p", "p")}, "feature names must all differ, got twice 'p'"),
        ({"class_names": ("a", "a")}, "class names must all differ"),
        ({"feature_names": ("p", 3)}, "feature name must be a text .* got 3"),
        ({"X": X[0]}, r"X must have two dimensions .* got shape \(2,\)"),
        ({"X": X[:1], "y": np.array([0])}, "at least two training rows are needed, got 1"),
    ],
)
def test_the_constructor_checks_too(changes, sentence):
    with pytest.raises(DataError, match=sentence):
        raw(**changes)


def test_the_fingerprint_depends_on_the_content_alone():
    base = make()
    same = [make(name="other", origin="elsewhere"), make(notes=["x"]), make(X=X.tolist())]
    other = [
        make(X=np.nan_to_num(X)),
        make(y=["a", "b", "b", "a"]),
        make(y=["c", "a", "c", "a"]),
        make(feature_names=["p", "q"]),
        make(X_test=X, y_test=Y),
        make(groups=[0, 0, 1, 1]),
        make(relevant=[True, False]),
    ]
    assert {dataset.fingerprint for dataset in same} == {base.fingerprint}
    assert len({base.fingerprint, *(dataset.fingerprint for dataset in other)}) == len(other) + 1
    assert pickle.loads(pickle.dumps(base)).fingerprint == base.fingerprint  # noqa: S301


def test_replace_keeps_the_arrays_without_a_copy():
    dataset = make()
    assert replace(dataset, name="other").X is dataset.X


def test_pooled_rows_are_training_then_test():
    dataset = make(X_test=[[9.0, 9.0]], y_test=["a"])
    pooled = dataset.pooled()
    assert pooled.X.shape == (5, 2)
    assert pooled.X[4].tolist() == [9.0, 9.0]
    assert pooled.y.tolist() == [1, 0, 1, 0, 0]
    assert pooled.X_test is None
    assert pooled.y_test is None
    assert "pooled" in pooled.notes[-1]


def test_pooling_without_test_part_changes_nothing():
    dataset = make()
    assert dataset.pooled() is dataset
