"""Delimited text: CSV and its many dialects."""

import gzip

import numpy as np
import pytest

from vaega.core.errors import DataError
from vaega.data._columns import column_numbers
from vaega.data.readers._delimited import read_delimited, read_rows


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


@pytest.mark.parametrize(
    "content",
    [
        "gA\tgB\tclass\ns1\t1.5\t2\tx\ns2\t1\t2\ty\n",
        '"gA" "gB" "class"\n"s1" 1.5 2 "x"\n"s2" 1 2 "y"\n',
        '"gA","gB","class"\n"s, 1",1.5,2,"x"\n"s, 2",1,2,"y"\n',
        "gA;gB;class\ns1;1,5;2;x\ns2;1;2;y\n",
    ],
)
def test_r_leaves_the_column_of_row_names_without_a_name(write, content):
    table = read_delimited(write(content, "t.txt"))
    assert table.names == ("gA", "gB", "class")
    assert len(table.rows) == 2
    assert "The header is one cell short" in table.notes[0]
    assert table.frame.iloc[:, 0].tolist() == [1.5, 1]


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_of_rows_are_names_too(write, first):
    rows = "".join(f"{i},1.5,x\n" for i in range(first, first + 3))
    assert read_delimited(write(f"a,class\n{rows}")).rows == tuple(
        map(str, range(first, first + 3))
    )


def test_the_front_of_a_decimal_comma_names_no_row(write):
    with pytest.raises(DataError, match="where commas are decimal"):
        read_delimited(write("a,class\n5,1,x\n7,2,y\n9,4,x\n"))


def test_names_of_rows_are_all_different(write):
    with pytest.raises(DataError, match="every row must have 2 cells, got 3 in row 1"):
        read_delimited(write("a,class\n1,2,x\n1,3,y\n"))


@pytest.mark.parametrize("name", ["Unnamed: 0", "Unnamed: 0.1", "...1"])
def test_an_index_that_was_written_as_a_column_is_left_out(write, name):
    table = read_delimited(write(f"{name},a,class\n0,5,x\n1,6,y\n"))
    assert table.names == ("a", "class")
    assert table.rows == ("0", "1")
    assert table.notes == (f"Columns that number the rows are left out: {name!r}.",)


def test_an_index_may_have_been_written_twice(write):
    assert read_delimited(write("Unnamed: 0.1,Unnamed: 0,a\n0,0,5\n1,1,6\n")).names == ("a",)


@pytest.mark.parametrize(
    "content",
    [
        "a,class,\n1,x,\n2,y,\n",
        "a,class\n1,x,\n2,y,\n",
        "a,class,\n1,x\n2,y\n",
        "a,class,,,\n1,x,,,\n2,y,,,\n,,,,\n",
        "# remark, with commas\n\na,class\n1,x\n2,y\n# the end\n",
        "sep=,\na,class\n1,x\n2,y\n",
        "a|class\n1|x\n2|y\n",
        "a   class\n1   x\n2   y\n",
        "'a','class'\n'1','x'\n'2','y'\n",
    ],
)
def test_what_spreadsheets_and_instruments_add_is_taken_off(write, content):
    table = read_delimited(write(content))
    assert table.names == ("a", "class")
    assert table.frame.iloc[:, 0].tolist() == [1, 2]
    assert table.frame.iloc[:, 1].tolist() == ["x", "y"]


def test_what_is_left_out_has_a_note(write):
    table = read_delimited(write("# a\n# b\na,class,,\n1,x,,\n,,,\n2,y,,\n# c\n"))
    assert table.notes == (
        "3 comment lines left out.",
        "1 row without a cell left out.",
        "2 columns without name and cells left out.",
    )


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("a;class\n1,5;x\n2,25;y\n", [1.5, 2.25]),
        ("a;class\n1.234,5;x\n12;y\n", [1234.5, 12]),
        ("a;b;class\n1.234;0,5;x\n12;1,5;y\n", [1234, 12]),
        ("a\tclass\n-1,5e-3\tx\n+2\ty\n", [-0.0015, 2]),
        ('a,class\n"1,5",x\n"2,25",y\n', [1.5, 2.25]),
        ('a,class\n"1,234.5",x\n999,y\n', [1234.5, 999]),
        ("a\tb\tclass\n1,234\t0.5\tx\n12,345,678\t1.5\ty\n", [1234, 12345678]),
        ("a;b;class\n0.5;1,5;x\n1.5;2,5;y\n", [0.5, 1.5]),
    ],
)
def test_commas_inside_numbers(write, content, numbers):
    assert read_delimited(write(content)).frame.iloc[:, 0].tolist() == numbers


def test_a_column_in_both_styles_is_text(write):
    assert read_delimited(write("a;class\n1,5;x\n2.5;y\n")).frame.iloc[:, 0].tolist() == [
        "1,5",
        "2.5",
    ]


def test_a_row_of_data_is_no_header(write):
    content = "5.1,3.5,setosa\n4.9,3.0,setosa\n7,3.2,versicolor\n"
    with pytest.raises(DataError, match=r"column names, got a row of data .*write a line of names"):
        read_delimited(write(content, "t.data"))
    assert read_delimited(write("400.5,401,class\n1,2,x\n3,4,y\n")).names[0] == "400.5"


def test_samples_may_be_numbers_where_rows_have_names(write):
    assert read_delimited(write("1\t2\t3\nTP53\t5\t6\t7\nBRCA1\t8\t9\t10\n")).names == (
        "1",
        "2",
        "3",
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("a,b,c\n1,2,3\n4;5;6\n", "this row is delimited by ';', not by ','"),
        ("My study\n\na,b\n1,2\n", "the first line seems to be a title"),
        ("a,b\n1,2\n3,4,\n", "remove the ',' at its end"),
        ("a,b,class\n1,5,2,5,x\n1,2,y\n", "where commas are decimal"),
        ("a;name\n1;x\n2;y;z\n", "a cell that has ';' in it must be in quotes"),
        ("a\tb\n1\t2\n3\n", "the file may be cut off, or its last line a remark"),
        ("a\tb\n1\n3\t4\n", "empty cells need their 'tab' too"),
    ],
)
def test_a_row_of_another_length_names_the_usual_cause(write, content, cause):
    with pytest.raises(DataError, match="every row must have") as caught:
        read_delimited(write(content))
    assert cause in str(caught.value)


def test_progress_is_told():
    told = []
    text = ",".join(f"g{i}" for i in range(2000)) + "\n"
    text += (",".join(map(str, range(2000))) + "\n") * 300
    read_rows(text, owner="t", progress=lambda step, share: told.append((step, share)))
    assert told
    assert all(step == "reading rows" and 0 < share <= 1 for step, share in told)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (
            "@relation r\n@attribute a real\n@attribute class {x,y}\n@data\n1,x\n2,y\n",
            ("a", "class"),
        ),
        ("#1.2\n1\t2\nName\tDescription\tS1\tS2\ng\tna\t1\t2\n", ("g",)),
    ],
)
def test_other_formats_are_known_by_their_first_line(write, content, names):
    assert read_delimited(write(content, "t.txt")).names == names


def test_points_that_may_part_thousands_are_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;class\n1.234;10;x\n12.345;20;y\n")
    assert "Points are read as decimals (1.234)" in read_delimited(path).notes[0]
    path.write_text("a;b;class\n1.234;0.5;x\n12.345;20;y\n")
    assert read_delimited(path).notes == ()


def test_french_numbers_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;class\n1\u202f234,5;0,5;x\n12\u202f345,0;20,1;y\n", encoding="utf-8")
    table = read_delimited(path)
    columns = [column_numbers(table.cells[:, i], decimal=table.decimal) for i in (0, 1)]
    assert np.transpose(columns).tolist() == [[1234.5, 0.5], [12345, 20.1]]
