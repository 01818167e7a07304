"""Columns: what is mostly numbers, what is below a limit, and what names the rows."""

import numpy as np
import pandas as pd
import pytest

from vaega import load_dataset
from vaega.core.errors import DataError, InputError
from vaega.data._columns import below_limit_of, column_numbers, numeric_features


def convert(categorical="error", below_limit="error", decimal=".", **columns):
    frame = pd.DataFrame(columns)
    return numeric_features(
        frame,
        list(frame),
        range(frame.shape[1]),
        categorical=categorical,
        below_limit=below_limit,
        decimal=decimal,
        owner="t",
    )


@pytest.mark.parametrize(
    ("cells", "decimal", "numbers"),
    [
        (["1,5", "2"], ",", [1.5, 2]),
        (["1.234,5", "2.345.678"], ",", [1234.5, 2345678]),
        (["1,5", "NA", None], ",", [1.5, np.nan, np.nan]),
        (["1.5", "2.25"], ",", [1.5, 2.25]),  # points that part no thousands are decimal
        (["1,234.5", "12"], "thousands", [1234.5, 12]),
        (["1,234,567", ""], "thousands", [1234567, np.nan]),
        ([1.5, 2], ",", [1.5, 2]),
        (["#N/A", "1"], ".", [np.nan, 1]),
    ],
)
def test_commas_are_what_the_table_says(cells, decimal, numbers):
    np.testing.assert_array_equal(column_numbers(cells, decimal=decimal), numbers)


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [
        (["1,5"], "."),
        (["1,5"], "thousands"),
        (["1,5", "2.5"], ","),
        (["1_000"], "."),
        (["1_0", "n"], ","),
        (["--1"], "."),
    ],
)
def test_what_is_no_number_stays_text(cells, decimal):
    assert column_numbers(cells, decimal=decimal) is None


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("<0.01", "0.01"), ("< 5", "5"), ("<=0,5", "0,5"), ("≤2", "2"), ("n.d.", ""), ("ND", ""),
        ("<LOD", ""), ("not detected", ""), ("<x", None), ("5", None), (">5", None), ("high", None),
    ],
)  # fmt: skip
def test_cells_below_a_limit(text, limit):
    assert below_limit_of(text) == limit


def test_cells_below_a_limit_have_a_choice_of_their_own():
    a, b = ["<0.01", "0.5", "n.d."], ["1", "ND", "3"]
    with pytest.raises(DataError, match=r"'a' has cells below a limit .*set below_limit") as caught:
        convert(a=a, b=b)
    assert "one_hot" not in str(caught.value)
    X, _, notes = convert(below_limit="missing", a=a, b=b)
    np.testing.assert_array_equal(X.T, [[np.nan, 0.5, np.nan], [1, np.nan, 3]])
    assert notes == (
        "3 cells below a limit ('<0.01', 'n.d.', 'ND') in 2 columns ('a', 'b') are taken as "
        "missing values.",
    )
    X, _, notes = convert(below_limit="half", a=a, b=b)
    np.testing.assert_array_equal(X.T, [[0.005, 0.5, 0.005], [1, np.nan, 3]])
    assert notes[0].endswith("; without a limit in its column a cell is missing ('b').")


def test_a_limit_with_a_decimal_comma():
    X, _, notes = convert(below_limit="half", decimal=",", a=["<0,5", "1,5", "2"])
    assert X.ravel().tolist() == [0.25, 1.5, 2]
    assert "1 cell below a limit ('<0,5') in 1 column ('a') is taken as half of the limit." in notes


def test_other_words_are_no_limit():
    with pytest.raises(DataError, match="text in 1 of 1"):
        convert(below_limit="half", a=["<0.01", "0.5", "high"])
    with pytest.raises(InputError, match="below_limit must be one of error, half, missing"):
        load_dataset("sklearn:iris", below_limit="zero")


@pytest.mark.parametrize("n_values", [12, 40])
def test_one_hot_spreads_no_column_of_numbers(n_values):
    ages = [*(str(i % n_values) for i in range(60)), "unknown", ""]
    with pytest.raises(DataError, match=r"'age' has numbers but for 'unknown'") as caught:
        convert("one_hot", age=ages)
    assert "mend these cells or name the column in ignore" in str(caught.value)


def test_one_hot_spreads_codes_and_names_the_odd_one():
    grades = [*(str(i % 3) for i in range(60)), "x"]
    _, names, notes = convert("one_hot", grade=grades)
    assert names == ["grade=0", "grade=1", "grade=2", "grade=x"]
    assert "'grade' has numbers but for 'x'" in notes[0]


def test_decimal_commas_are_named_as_the_cause():
    with pytest.raises(DataError, match=r"'a' has decimal commas \('1,5' and 1 more\)") as caught:
        convert(a=["1,5", "2,5"], b=["1.5", "2"])
    assert "one_hot" not in str(caught.value)


def test_identifiers_and_dates_are_to_be_ignored():
    ids = [f"TCGA-{i}" for i in range(6)]
    with pytest.raises(
        DataError, match=r"ignore: \[patient\] leaves out what names or dates"
    ) as one:
        convert(patient=ids, a=range(6))
    assert "one_hot" not in str(one.value)
    with pytest.raises(DataError, match=r"ignore: \[day\] .*; set categorical to one_hot or drop"):
        convert(day=["2020-01-01"] * 6, sex=["f", "m"] * 3)


def test_many_text_columns_are_refused_in_one_short_sentence():
    cells = np.array([["1,5", "n.d."] * 1000, ["2,5", "3"] * 1000], dtype=object)
    names = [f"g{i}" for i in range(2000)]
    with pytest.raises(DataError, match="text in 2000 of 2000") as caught:
        numeric_features(cells, names, range(2000), categorical="error", owner="t")
    assert len(str(caught.value)) < 900
    assert "more such columns" in str(caught.value)


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
