"""The dataset: its checks, labels, names and card."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vaega import load_dataset
from vaega.core.errors import DataError
from vaega.data._dataset import (
    Dataset,
    encode_known_labels,
    encode_labels,
    is_missing,
    quoted,
    sort_class_names,
    unique_names,
    write_card,
)

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


def dataset(**changes):
    X = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [3.0, 5.0, 1.0]])
    return Dataset.from_arrays(X, ["b", "a", "b"], name="toy", **changes)


def test_it_is_shown_in_one_line(rng):
    """Whatever it holds: a notebook shows what its last line returns."""
    data = Dataset.from_arrays(
        np.where(rng.random((60, 3000)) < 0.001, np.nan, 1.0),
        np.repeat(["non-responder", "responder"], 30),
        groups=np.arange(60) // 2,
        name="cohort",
    )
    missing = f"{data.n_missing} missing values"
    assert repr(data) == (
        "<Dataset cohort: 60 rows x 3000 features; "
        f"non-responder 30, responder 30; {missing}; 30 groups>"
    )


def test_many_classes_and_a_test_part_are_shown_in_short():
    y = np.repeat(np.arange(14), 3)
    data = Dataset.from_arrays(np.eye(42), y, X_test=np.eye(42)[:1], y_test=[3], name="gcm")
    assert repr(data) == (
        "<Dataset gcm: 42 rows x 42 features; 14 classes of 3 to 3 rows; 1 official test row>"
    )
    assert data._repr_html_().startswith("<pre>gcm\n  training     42 rows x 42 features\n")


def test_a_name_is_no_markup():
    data = Dataset.from_arrays([[1.0], [2.0]], ["<b>", "<i>"], name="a & b")
    assert "&lt;b&gt; 1" in data._repr_html_()


def test_the_card_tells_what_is_to_be_known():
    toy = dataset(
        X_test=[[1, 2, 3]],
        y_test=["a"],
        relevant=[True, False, False],
        origin="a paper",
        licence="CC0",
        notes=["one thing was changed"],
    )
    card = write_card(toy)
    for fact in (
        "3 rows x 3 features",
        "1 row, official",
        "2: a 1/1, b 2/0 (training/test)",
        "2 values",
        "2 columns in training",
        "1 of 3 features",
        "a paper",
        "CC0",
        "note: one thing was changed",
        toy.fingerprint[:12],
    ):
        assert fact in card
    assert card.startswith("toy\n")
    assert card == toy.card()


def test_absent_facts_are_said_to_be_absent():
    card = dataset(groups=[1, 1, 2]).card()
    assert "none official" in card
    assert "2 groups of rows" in card
    assert "licence      not stated" in card
    assert "relevant" not in card
    assert "2: a 1, b 2\n" in card


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


@given(st.lists(st.sampled_from(["a", "b", "a.1", "a.2", "a.1.1"]), max_size=12))
def test_names_become_different_and_first_ones_stay(names):
    unique, renamed = unique_names(names)
    assert len(set(unique)) == len(names)
    assert len(renamed) == sum(a != b for a, b in zip(unique, names, strict=True))
    assert all(
        new == old or new.startswith(f"{old}.") for new, old in zip(unique, names, strict=True)
    )
    assert set(names) <= set(unique)


def test_names_become_what_pandas_makes_of_them(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,a,a\n1,2,3,4\n")
    assert list(pd.read_csv(path)) == list(unique_names(["a", "b", "a", "a"])[0])


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "'a'"), ([], ""), ("abc", "'a', 'b', 'c'"), (range(7), None)]
)
def test_quoted_lists_the_first_five(names, text):
    assert quoted(names) == (text if text is not None else "'0', '1', '2', '3', '4' and 2 more")


def test_features_can_be_left_out_of_what_is_no_table(rng, tmp_path):
    X = np.column_stack([np.arange(30) + 7, rng.normal(size=(30, 2))])
    whole = {"feature_names": ["sample", "a", "b"], "relevant": [False, True, False]}
    data = Dataset.from_arrays(X, np.arange(30) % 2, X_test=X[:4], y_test=[0, 1, 0, 1], **whole)
    assert any("'sample' numbers the rows" in note for note in data.notes)
    fewer = data.without(["sample"])
    assert fewer.feature_names == ("a", "b")
    np.testing.assert_array_equal(fewer.X, X[:, 1:])
    np.testing.assert_array_equal(fewer.X_test, X[:4, 1:])
    assert fewer.relevant.tolist() == [True, False]
    assert not any("sample" in note for note in fewer.notes)
    assert data.without([]) is data
    np.savez(tmp_path / "t.npz", X=X, y=np.arange(30) % 2, feature_names=["sample", "a", "b"])
    loaded = load_dataset(tmp_path / "t.npz", ignore=["sample"])
    assert (
        loaded.fingerprint
        == Dataset.from_arrays(X[:, 1:], np.arange(30) % 2, feature_names=["a", "b"]).fingerprint
    )
    assert load_dataset("sklearn:wine", ignore=["ash", "hue"]).n_features == 11


@pytest.mark.parametrize(("names", "word"), [(["c"], "'c' is none"), (["a", "b"], "no feature")])
def test_features_that_are_not_there_are_said(names, word):
    data = Dataset.from_arrays([[1, 2], [3, 5]], [0, 1], feature_names=["a", "b"])
    with pytest.raises(DataError, match=rf"^dataset 'data': ignore .*{word}.*\.$"):
        data.without(names)
