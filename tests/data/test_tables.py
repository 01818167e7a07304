import pandas as pd
import pytest

from vaega.core.errors import DataError, InputError
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
