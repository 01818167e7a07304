"""Tables of typed cells: Parquet and workbooks."""

import datetime
import sys

import pandas as pd
import pytest

from vaega import load_dataset
from vaega.core.errors import DataError, MissingExtraError
from vaega.data._tables import dataset_from_table
from vaega.data.readers._typed import read_parquet, read_workbook


def test_a_frame_comes_back_without_its_index(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"a": [1.0, None], "flag": [True, False], "class": ["x", "y"]})
    frame.index = ["r1", "r2"]
    frame.to_parquet(path)
    table = read_parquet(path)
    dataset = dataset_from_table(table, owner="t")
    assert table.names == ("a", "flag", "class")
    assert dataset.n_missing == 1
    assert dataset.X[:, 1].tolist() == [1, 0]


def test_junk_is_one_sentence_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as Parquet") as caught:
        read_parquet(path)
    assert "\n" not in str(caught.value)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pyarrow'"):
        read_parquet(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (pd.Index([5, 6, 7], name="patient_id"), "'patient_id'"),
        (
            pd.MultiIndex.from_tuples([(1, "a"), (2, "b"), (3, "c")], names=["p", "visit"]),
            "'visit'",
        ),
    ],
)
def test_an_index_that_pandas_declares_is_no_feature(tmp_path, index, names):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "class": ["x", "y", "x"]}, index=index)
    frame.to_parquet(tmp_path / "t.parquet")
    dataset = load_dataset(tmp_path / "t.parquet")
    assert dataset.feature_names == ("a",)
    assert "The index of the data frame is left out" in dataset.notes[0]
    assert names in dataset.notes[0]


def test_a_plain_index_needs_no_word(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"Unnamed: 0": [0, 1], "a": [1.0, 2.0], "class": ["NA", "01"]})
    frame.to_parquet(tmp_path / "t.parquet")
    dataset = load_dataset(tmp_path / "t.parquet")
    assert dataset.class_names == ("01", "NA")
    assert dataset.notes == ("Columns that number the rows are left out: 'Unnamed: 0'.",)


@pytest.fixture
def book(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")

    def save(**sheets):
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for name, rows in sheets.items():
            sheet = workbook.create_sheet(name)
            for row in rows:
                sheet.append(row)
        workbook.save(tmp_path / "t.xlsx")
        return tmp_path / "t.xlsx"

    return save


ROWS = [
    ["id", "a", "b", "class"],
    ["p1", 1.5, 2, "01"],
    ["p2", "NA", None, "02"],
    ["p3", 3, 4, "01"],
]


@pytest.mark.parametrize("left", [0, 2])
@pytest.mark.parametrize("above", [0, 3])
def test_a_sheet_begins_at_its_first_cell(book, left, above):
    rows = [[None]] * above + [[None] * left + row for row in ROWS] + [[None, " "]]
    dataset = load_dataset(book(Notes=[], Data=rows), ignore=["id"])
    assert dataset.X[0].tolist() == [1.5, 2]
    assert dataset.n_missing == 2
    assert dataset.class_names == ("01", "02")


def test_one_of_several_sheets_is_read(book):
    path = book(First=ROWS, Second=[["a", "class"], [1, "x"], [2, "y"]])
    assert "Sheet 'First' is read, others are not ('Second')" in read_workbook(path).notes[0]
    assert load_dataset(path, sheet="Second").class_names == ("x", "y")
    with pytest.raises(DataError, match="sheet must be one of 'First', 'Second', got 'Third'"):
        load_dataset(path, sheet="Third")


def test_headings_may_be_numbers_and_row_labels_nameless(book):
    path = book(S=[[None, 1, 2.0, "class"], ["r1", 5, 6, "x"], ["r2", 7, 8, "y"]])
    dataset = load_dataset(path)
    assert dataset.feature_names == ("1", "2")
    assert "no name" in dataset.notes[0]
    numbered = book(S=[[1, 2, 3], [0.5, 0.6, 0], [0.7, 0.5, 1]])
    assert load_dataset(numbered, target=3).feature_names == ("1", "2")


def test_dates_are_to_be_ignored(book):
    day = datetime.date(2020, 1, 1)
    path = book(S=[["day", "a", "class"], [day, 1, "x"], [day, 2, "y"]])
    with pytest.raises(DataError, match=r"text in 1 of 2 \('day'\); ignore: \[day\]"):
        load_dataset(path)


def test_sheets_without_rows_and_files_that_are_none(book, tmp_path):
    with pytest.raises(DataError, match="must hold a header and rows, got empty sheets"):
        load_dataset(book(A=[], B=[[None, " "]]))
    (tmp_path / "t.xlsx").write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as a workbook"):
        load_dataset(tmp_path / "t.xlsx")
    (tmp_path / "t.csv").write_text("a,class\n1,x\n2,y\n")
    with pytest.raises(DataError, match="sheet names a sheet of a workbook"):
        load_dataset(tmp_path / "t.csv", sheet="A")


def test_without_openpyxl_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'openpyxl'"):
        read_workbook(tmp_path / "t.xlsx")
