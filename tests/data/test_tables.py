"""Tables: columns become numbers, one column the target."""

import numpy as np
import pandas as pd
import pytest

from vaega import load_dataset
from vaega.core.errors import DataError, InputError
from vaega.data._columns import column_numbers
from vaega.data._features import numeric_features
from vaega.data._tables import Table, dataset_from_table


def table(names=("x", "z", "class"), columns=((1, 2, 3), (4, 5, 6), ("a", "b", "a"))):
    return Table(pd.DataFrame(dict(enumerate(columns))), tuple(names), ("was read",))


def build(source=None, **options):
    return dataset_from_table(source or table(), owner="t.csv", **options)


@pytest.mark.parametrize("name", ["class", "Target", "LABEL", "y", " Class "])
def test_the_target_is_found_by_its_usual_names(name):
    dataset = build(table(("x", "z", name)))
    assert dataset.class_names == ("a", "b")
    assert dataset.feature_names == ("x", "z")
    assert dataset.notes == ("was read",)


def test_the_target_can_be_any_column():
    assert build(target="x", categorical="drop").class_names == ("1", "2", "3")


@pytest.mark.parametrize(
    ("names", "target", "sentence"),
    [
        (("x", "z", "kind"), None, "give target, .* no column is called class, target, label or y"),
        (
            ("x", "y", "class"),
            None,
            r"give target, .* several columns could be it \('y', 'class'\)",
        ),
        (("x", "z", "class"), "kind", "target must name exactly one column, but 'kind' is not th"),
        (("x", "class", "class"), "class", "'class' occurs 2 times"),
        (("x", "class", "class"), None, "several columns could be it"),
    ],
)
def test_an_unclear_target_is_one_sentence_with_the_columns(names, target, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        build(table(names), target=target)
    assert f"the columns are '{names[0]}'" in str(caught.value)


def test_groups_leave_the_features():
    dataset = build(groups="z")
    assert dataset.feature_names == ("x",)
    assert dataset.groups.tolist() == [4, 5, 6]


def test_groups_must_be_there_and_not_the_target():
    with pytest.raises(DataError, match="groups must name exactly one column, but 'patient'"):
        build(groups="patient")
    with pytest.raises(DataError, match="target and groups must be different columns"):
        build(groups="class")


def test_text_labels_are_stripped():
    assert build(table(columns=((1, 2, 3), (1, 2, 3), ("a ", "b", " a")))).class_names == ("a", "b")


def test_missing_labels_are_named():
    with pytest.raises(DataError, match=r"1 missing \(rows 1"):
        build(table(columns=((1, 2, 3), (1, 2, 3), ("a", None, "b"))))


def test_whole_numbers_with_decimal_points_are_classes():
    assert build(table(columns=((1, 2, 3), (1, 2, 3), (1.0, 2.0, 1.0)))).class_names == ("1", "2")


def test_a_table_without_rows_or_features_is_refused():
    with pytest.raises(DataError, match="a header without rows"):
        build(Table(pd.DataFrame(columns=[0, 1]), ("x", "class")))
    with pytest.raises(DataError, match="at least one feature column"):
        build(Table(pd.DataFrame({0: ["a", "b"]}), ("class",)))


def test_an_unknown_choice_for_text_is_refused():
    with pytest.raises(InputError, match="categorical must be one of drop, error, one_hot"):
        build(categorical="ordinal")


def test_duplicate_features_get_a_note():
    dataset = build(table(("x", "x", "class")))
    assert dataset.feature_names == ("x", "x.1")
    assert "x.1" in dataset.notes[-1]


def test_columns_that_are_ignored_are_neither_features_nor_refused():
    frame = pd.DataFrame({0: ["p1", "p2"], 1: [1, 2], 2: ["a", "b"]})
    dataset = dataset_from_table(Table(frame, ("id", "x", "class")), ignore=["id"], owner="toy")
    assert dataset.feature_names == ("x",)
    assert dataset.notes == ("Columns left out as asked: 'id'.",)


def test_an_ignored_column_must_be_there():
    table = Table(pd.DataFrame({0: [1, 2], 1: ["a", "b"]}), ("x", "class"))
    with pytest.raises(DataError, match=r"^toy: ignore must name exactly one column, but 'id' is"):
        dataset_from_table(table, ignore=["id"], owner="toy")


def convert(categorical="error", **columns):
    frame = pd.DataFrame(columns)
    return numeric_features(
        frame, list(frame), range(frame.shape[1]), categorical=categorical, owner="t"
    )


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        ([1, 2], [1, 2]),
        (["1.5", " 2e1 "], [1.5, 20]),
        (["1", "?"], [1, np.nan]),
        (["", "3"], [np.nan, 3]),
        ([True, False], [1, 0]),
        (["true", "FALSE"], [1, 0]),
        ([True, None], [1, np.nan]),
        (pd.array([1, None], dtype="Int64"), [1, np.nan]),
        (pd.array([True, None], dtype="boolean"), [1, np.nan]),
        (pd.Categorical(["0", "1"]), [0, 1]),
        (pd.Categorical([2, None]), [2, np.nan]),
        ([None, None], [np.nan, np.nan]),
    ],
)
def test_numbers_in_any_dress_are_numbers(cells, numbers):
    np.testing.assert_array_equal(column_numbers(pd.Series(cells)), numbers)


@pytest.mark.parametrize(
    "cells",
    [["a", "1"], ["1,000", "2"], pd.to_datetime(["2020-01-01", "2021-01-01"]), [1 + 2j, 1j]],
)
def test_text_dates_and_complex_values_are_no_numbers(cells):
    assert column_numbers(pd.Series(cells)) is None


def test_text_columns_are_refused_with_names_and_remedy():
    columns = {f"c{i}": ["a", "b"] for i in range(7)}
    with pytest.raises(DataError, match=r"text in 7 of 8 \('c0', .*'c4' and 2 more\).*one_hot"):
        convert(x=[1, 2], **columns)


def test_one_hot_keeps_order_and_leaves_missing_rows_zero():
    X, names, notes = convert("one_hot", p=[1, 2, 3], kind=["b", "a", None], q=[4, 5, 6])
    assert names == ["p", "kind=a", "kind=b", "q"]
    assert X.tolist() == [[1, 0, 1, 4], [2, 1, 0, 5], [3, 0, 0, 6]]
    assert "1 text column spread into 0/1 columns ('kind')" in notes[0]
    assert "1 missing cells are all-zero" in notes[0]


def test_one_hot_has_a_limit():
    cells = [f"v{i}" for i in range(51)]
    with pytest.raises(DataError, match="at most 50 different values, got 51 in 'kind'"):
        convert("one_hot", kind=cells)
    assert len(convert("one_hot", kind=cells[:50])[1]) == 50


def test_drop_leaves_the_numbers_with_a_note():
    X, names, notes = convert("drop", p=[1, 2], kind=["a", "b"], when=["x", "y"])
    assert names == ["p"]
    assert X.tolist() == [[1], [2]]
    assert notes == ("2 text columns dropped ('kind', 'when').",)


def test_dropping_everything_is_refused():
    with pytest.raises(DataError, match="at least one numeric feature is needed"):
        convert("drop", kind=["a", "b"])


def test_duplicate_column_labels_are_told_apart_by_position():
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    X, names, _ = numeric_features(frame, ["a", "a"], [0, 1], categorical="error", owner="t")
    assert X.tolist() == [[1, 2], [3, 4]]
    assert names == ["a", "a"]


@pytest.mark.parametrize("categorical", ["error", "one_hot"])
def test_a_stray_word_among_numbers_is_named(categorical):
    frame = pd.DataFrame({"age": [*map(str, range(60)), "unknown", ""]})
    with pytest.raises(DataError, match=r"'age' has numbers but for 'unknown' \(empty cells"):
        numeric_features(frame, ["age"], [0], categorical=categorical, owner="toy")


def test_a_stray_word_is_named_in_the_note_of_what_was_dropped():
    frame = pd.DataFrame({"age": [*map(str, range(20)), "unknown"], "x": range(21)})
    _, _, notes = numeric_features(frame, ["age", "x"], [0, 1], categorical="drop", owner="toy")
    assert notes == (
        "1 text column dropped ('age'); 'age' has numbers but for 'unknown' (empty cells are "
        "missing values).",
    )


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["01", "02", "10"], ("01", "02", "10")),
        (["001", "1", "2"], ("001", "1", "2")),
        (["1.0", "2.0", "1.0"], ("1", "2")),
        (["0", "1", "0"], ("0", "1")),
        (["0.5", "1.5", "0.5"], None),
        (["TRUE", "FALSE", "TRUE"], ("FALSE", "TRUE")),
        (["None", "a", "a"], ("None", "a")),
    ],
)
def test_labels_of_text_files_stay_what_they_are(tmp_path, labels, classes):
    path = tmp_path / "t.csv"
    path.write_text("a,class\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    if classes is None:
        with pytest.raises(DataError, match="regression is out of scope"):
            load_dataset(path)
    else:
        assert load_dataset(path).class_names == classes


def test_classes_that_look_alike_are_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,class\n1,Responder\n2,responder\n3,non responder\n4,non  responder\n5,no \n")
    assert load_dataset(path).notes == (
        "Classes are read without the spaces around them ('no ').",
        "Classes 'Responder', 'responder' differ in case or space alone: are they one?",
        "Classes 'non  responder', 'non responder' differ in case or space alone: are they one?",
    )


def test_a_class_that_is_read_as_missing_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("a,tissue\n1,NA\n2,EU\n3,EU\n")
    with pytest.raises(DataError, match=r"in column 'tissue'; where 'NA' is no missing value"):
        load_dataset(tmp_path / "t.csv", target="tissue")


@pytest.mark.parametrize("target", [3, "3", np.int64(3)])
def test_a_heading_of_digits_may_be_given_as_a_number(tmp_path, target):
    (tmp_path / "t.csv").write_text("1,2,3\n0.5,0.6,0\n0.7,0.5,1\n")
    data = load_dataset(tmp_path / "t.csv", target=target, ignore=[1])
    assert data.feature_names == ("2",)
    assert data.class_names == ("0", "1")


@pytest.mark.parametrize("target", [True, 1.5, ["class"]])
def test_what_cannot_name_a_column_is_refused(target):
    with pytest.raises(InputError, match="load_dataset: target must be the name of a column"):
        load_dataset("sklearn:iris", target=target)
