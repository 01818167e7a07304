"""Delimited text: CSV and its many dialects."""

import gzip

import numpy as np
import pytest

from vaega.core.errors import DataError
from vaega.data.readers._delimited import read_delimited, read_rows


@pytest.fixture
def write(tmp_path):
    def save(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return save


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("a,class\n1,x\n2,y\n", "t.csv"),
        ("a;class\r\n1;x\r\n2;y\r\n", "t.csv"),
        ("a\tclass\n1\tx\n2\ty\n", "t.tsv"),
        ("\ufeffa, class\n1, x\n\n2, y", "t.csv"),
        ('"a","class"\n"1","x"\n2,"y"\n', "t.csv"),
        (gzip.compress(b"a,class\n1,x\n2,y\n", mtime=0), "t.csv.gz"),
        (gzip.compress(b"a\tclass\n1\tx\n2\ty\n", mtime=0), "t.tsv.gz"),
        ("a,class\r1,x\r2,y\r", "t.csv"),
    ],
)
def test_tables_of_many_dialects_read_alike(write, content, name):
    table = read_delimited(write(content, name))
    assert table.names == ("a", "class")
    assert table.frame.iloc[:, 0].tolist() == [1, 2]
    assert table.frame.iloc[:, 1].tolist() == ["x", "y"]


def test_quotes_protect_delimiters_and_line_ends(write):
    table = read_delimited(write('"a,b",class\n"1","x, y"\n2,"z\nw"\n'))
    assert table.names == ("a,b", "class")
    assert table.frame.iloc[:, 1].tolist() == ["x, y", "z\nw"]


def test_missing_cells_are_missing_and_none_is_a_word(write):
    table = read_delimited(write("a,b\n,None\n?,x\nNA,y\nNaN,z\n5,\n"))
    assert table.frame.iloc[:, 0].isna().tolist() == [True] * 4 + [False]
    assert table.frame.iloc[:, 1].isna().tolist() == [False] * 4 + [True]


def test_duplicate_names_are_kept_for_later(write):
    assert read_delimited(write("a,a,class\n1,2,x\n")).names == ("a", "a", "class")


def test_row_labels_without_a_name_are_left_out(write):
    table = read_delimited(write(",a,class\n0,5,x\n1,6,y\n"))
    assert table.names == ("a", "class")
    assert "row labels" in table.notes[0]


def test_a_later_column_without_a_name_gets_one(write):
    assert read_delimited(write("a,,class\n1,2,x\n")).names == ("a", "Unnamed: 1", "class")


def test_a_header_of_numbers_is_refused_unless_it_holds_the_target(write):
    path = write("1,2,3\n4,5,0\n6,7,1\n")
    with pytest.raises(DataError, match="first line must hold column names, got only numbers"):
        read_delimited(path)
    assert read_delimited(path, target="3").names == ("1", "2", "3")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "got an empty file"),
        ("\n \n", "got an empty file"),
        ("a,b\n1,2\n3\n", "every row must have 2 cells, got 1 in row 2"),
        ("a,b\n1,2,3\n", "every row must have 2 cells, got 3 in row 1"),
        ('a,b\n1,"2"\n3,"4","5"\n', "got 3 in row 2"),
        ('a,b\n1,"2\n3,4\n', "row 1 cannot be read"),
        (b"a,b\n1,\x00\n", "must be text, got a binary file"),
        (b"\x89PNG\r\n\x1a\n\xff", "must be UTF-8 text, got byte 0x89 at position 0"),
        ("a,b\n1,é\n".encode("latin-1"), "save it as UTF-8"),
        ("a,b\n1,é\n".encode("utf-16")[:-1], "must be UTF-16 text"),
    ],
)
def test_what_is_no_table_is_one_sentence(write, content, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        read_delimited(write(content))
    assert "\n" not in str(caught.value)
    assert "t.csv: " in str(caught.value)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9]])
def test_damaged_gzip_is_one_sentence(write, content):
    with pytest.raises(DataError, match="cannot be read"):
        read_delimited(write(content, "t.csv.gz"))


def test_a_header_alone_is_a_table_without_rows(write):
    assert len(read_delimited(write("a,b\n")).frame) == 0


def test_rows_keep_their_precision():
    frame = read_rows("a,b\n0.1,1e-300\n", owner="t").frame
    assert frame.to_numpy().tolist() == [[0.1, 1e-300]]


def test_wide_rows_are_read_quickly():
    values = np.arange(20_000)
    header, row = ",".join(f"g{value}" for value in values), ",".join(map(str, values))
    assert read_rows(f"{header}\n{row}\n", owner="t").frame.shape == (1, 20_000)
