"""ARFF: every kind of attribute, sparse rows, and the files of KEEL."""

import pytest

from vaega.core.errors import DataError
from vaega.data._tables import dataset_from_table
from vaega.data.readers._arff import parse_attribute, read_arff

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
        (simple("{0 1, 2 x}"), "an index below 2 and a value, got '2 x' in row 1"),
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
