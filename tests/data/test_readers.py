"""Readers of files: delimited text, ARFF, NumPy archives, Parquet."""

import gzip
import sys

import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import DataError, MissingExtraError
from vaega.data._readers import (
    parse_attribute,
    read_arff,
    read_delimited,
    read_npz,
    read_npz_shapes,
    read_parquet,
    read_rows,
)
from vaega.data._tables import dataset_from_table


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
        ("a,b\n1,é\n".encode("utf-16"), "must be UTF-8 text"),
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
    frame = read_rows("0.1,1e-300\n", 2, delimiter=",", owner="t")
    assert frame.to_numpy().tolist() == [[0.1, 1e-300]]


def test_wide_rows_are_read_quickly():
    values = np.arange(20_000)
    frame = read_rows(",".join(map(str, values)) + "\n", len(values), delimiter=",", owner="t")
    assert frame.shape == (1, 20_000)


TEXT = """% a comment
@RELATION 'toy set'

@attribute 'cell size' NUMERIC
@ATTRIBUTE colour {red, 'dark blue', "green"}
@attribute n integer [0, 10]
@attribute seen date "yyyy-MM-dd"
@attribute remark string
@attribute class {ALL,AML}

@DATA
% rows
1.5, red, 3, "2020-01-01", 'it\\'s fine', ALL
?, 'dark blue', 4, ?, ?, AML

2e1,green,5,"2020-01-02",x,ALL
"""


@pytest.fixture
def write_arff(tmp_path):
    def save(content):
        path = tmp_path / "t.arff"
        path.write_text(content)
        return path

    return save


def simple(rows, attributes="@attribute a numeric\n@attribute class {x,y}\n"):
    return f"@relation t\n{attributes}@data\n{rows}\n"


def test_every_kind_of_attribute_is_read(write_arff):
    text = TEXT.replace('"2020-01-01"', "2020-01-01").replace('"2020-01-02"', "2020-01-02")
    table = read_arff(write_arff(text))
    assert table.names == ("cell size", "colour", "n", "seen", "remark", "class")
    assert table.frame.iloc[:, 1].tolist() == ["red", "dark blue", "green"]
    assert table.frame.iloc[:, 0].isna().tolist() == [False, True, False]
    assert table.frame.iloc[0, 4] == "it's fine"


def test_the_table_becomes_a_dataset(write_arff):
    table = read_arff(write_arff(simple("1,x\n2,y\n?,x")))
    dataset = dataset_from_table(table, owner="t")
    assert dataset.labels.tolist() == ["x", "y", "x"]
    assert dataset.n_missing == 1


def test_nominal_numbers_are_numbers(write_arff):
    attributes = "@attribute a {0,1}\n@attribute class {x,y}\n"
    table = read_arff(write_arff(simple("0,x\n1,y", attributes)))
    assert dataset_from_table(table, owner="t").X.ravel().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (simple("{0 1, 1 x}"), "must be a dense ARFF file, got sparse rows"),
        (simple("1,x\n2"), "every row must have 2 cells, got 1 in row 2"),
        (simple("1,z"), "'class' declares the values 'x', 'y', got 'z'"),
        (simple("much,x"), "attribute 'a' is declared numeric, got 'much'"),
        (simple("1,x", "@attribute a relational\n"), "must be numeric, nominal, string or date"),
        (simple("1,x", "@attribute a\n"), "must be numeric, nominal, string or date"),
        ("a,b\n1,2\n", "the header must be ARFF, got 'a,b'"),
        ("@relation t\n@attribute a real\n", "must declare attributes and a @data part"),
        ("@relation t\n", "must declare attributes"),
        ("", "empty file"),
    ],
)
def test_what_is_no_arff_is_one_sentence(write_arff, content, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        read_arff(write_arff(content))
    assert "\n" not in str(caught.value)


def test_a_file_without_rows_has_an_empty_table(write_arff):
    table = read_arff(write_arff(simple("% nothing")))
    with pytest.raises(DataError, match="without rows"):
        dataset_from_table(table, owner="t")


@pytest.mark.parametrize(
    ("line", "name", "kind"),
    [
        ("@attribute a REAL", "a", "real"),
        ("@Attribute\t'a b'\tstring", "a b", "string"),
        ('@attribute "it\'s" numeric', "it's", "numeric"),
        ("@attribute a{x,y}", "a", frozenset("xy")),
        ("@attribute a { x , 'y, z' }", "a", frozenset({"x", "y, z"})),
    ],
)
def test_declarations(line, name, kind):
    assert parse_attribute(line, owner="t") == (name, kind)


X = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.int16)
Y = np.array(["a", "b", "a"])


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        path = tmp_path / "t.npz"
        np.savez_compressed(path, **arrays)
        return path

    return write


def test_the_full_layout(save):
    path = save(
        X_train=X, y_train=Y, X_test=X[:1], y_test=Y[:1],
        feature_names=np.array(["p", "q"]), is_probe=np.array([True, False]), extra=np.zeros(3),
    )  # fmt: skip
    dataset = read_npz(path, name="t", origin="here")
    assert dataset.X.dtype == np.float64
    assert dataset.X.tolist() == X.tolist()
    assert dataset.X_test.tolist() == [[1, 2]]
    assert dataset.relevant.tolist() == [False, True]
    assert dataset.feature_names == ("p", "q")
    assert dataset.notes == ("Arrays left out: 'extra'.",)
    assert dataset.origin == "here"


def test_plain_keys_groups_and_relevant(save):
    path = save(X=X, y=[0, 1, 0], groups=[5, 5, 6], relevant=[True, False])
    dataset = read_npz(path, name="t")
    assert dataset.groups.tolist() == [5, 5, 6]
    assert dataset.relevant.tolist() == [True, False]
    assert dataset.class_names == ("0", "1")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"X": X}, "must hold the arrays X_train and y_train, or X and y, got 'X'"),
        (
            {"X": X, "y": np.array(["a", None, 3], dtype=object)},
            "plain arrays, got pickled objects",
        ),
        ({"X": X, "y": Y, "feature_names": [["p", "q"]]}, "feature_names must be one-dimensional"),
        ({"X": X, "y": Y, "feature_names": ["p"]}, "1 feature names, got 2 columns"),
        ({"X": X, "y": Y[:2]}, "y must have one value for each of the 3 rows"),
    ],
)
def test_what_does_not_fit_is_one_sentence(save, arrays, sentence):
    with pytest.raises(DataError, match=sentence):
        read_npz(save(**arrays), name="t")


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 half an archive"])
def test_junk_is_one_sentence(tmp_path, content):
    path = tmp_path / "t.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"t\.npz: ") as caught:
        read_npz(path, name="t")
    assert "\n" not in str(caught.value)
    assert read_npz_shapes(path) == {}


def test_a_damaged_archive_is_one_sentence(save):
    path = save(X=np.random.default_rng(0).random((50, 50)), y=[0, 1] * 25)
    content = bytearray(path.read_bytes())
    content[300:900] = bytes(600)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="cannot be read as a NumPy archive"):
        read_npz(path, name="t")


def test_shapes_are_read_from_the_headers(save):
    path = save(X_train=X, y_train=Y, X_test=X[:1])
    assert read_npz_shapes(path) == {"X_train": (3, 2), "y_train": (3,), "X_test": (1, 2)}


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
    with pytest.raises(MissingExtraError, match=r"pip install 'vaega\[parquet\]'"):
        read_parquet(tmp_path / "t.parquet")
