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


@pytest.mark.parametrize("classes", [("NA", "EU"), ("null", "wt"), ("nan", "N/A"), ("?q", "''")])
def test_only_a_question_mark_is_missing_among_declared_values(write_arff, classes):
    first, second = classes
    attributes = f"@attribute a real\n@attribute class {{'{first}',\"{second}\"}}\n"
    table = read_arff(write_arff(simple(f"1,'{first}'\n?,\"{second}\"", attributes)))
    assert dataset_from_table(table, owner="t").class_names == tuple(sorted(classes))
    assert dataset_from_table(table, owner="t").n_missing == 1


def test_a_declared_na_is_a_value_of_its_own(write_arff):
    attributes = "@attribute a {NA,b}\n@attribute class {x,y}\n"
    table = read_arff(write_arff(simple("NA,x\nb,y\n?,y", attributes)))
    dataset = dataset_from_table(table, categorical="one_hot", owner="t")
    assert dataset.feature_names == ("a=NA", "a=b")
    assert dataset.X.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_a_sparse_row_leaves_out_zeros_and_first_values(write_arff):
    attributes = "@attribute a real\n@attribute k {u,'v w'}\n@attribute class {x,y}\n"
    rows = "{0 1.5, 2 y}\n{1 'v w'}\n{ }\n{0 ?}"
    table = read_arff(write_arff(simple(rows, attributes)))
    dataset = dataset_from_table(table, categorical="one_hot", owner="t")
    assert dataset.labels.tolist() == ["y", "x", "x", "x"]
    assert dataset.X[:3].tolist() == [[1.5, 1, 0], [0, 0, 1], [0, 1, 0]]
    assert dataset.n_missing == 1


def test_tabs_may_separate(write_arff):
    table = read_arff(write_arff(simple("1\tx\n2\ty")))
    assert dataset_from_table(table, owner="t").X.ravel().tolist() == [1, 2]


def test_both_quotes_in_one_file(write_arff):
    attributes = "@attribute a string\n@attribute class {x,y}\n"
    table = read_arff(write_arff(simple('\'it\\\'s, 1\',x\n"say \\"no\\"",y', attributes)))
    assert table.cells[:, 0].tolist() == ["it's, 1", 'say "no"']


def test_classes_that_begin_with_a_zero_stay_text(write_arff):
    attributes = "@attribute a real\n@attribute class {01,02}\n"
    table = read_arff(write_arff(simple("1,01\n2,02", attributes)))
    assert dataset_from_table(table, owner="t").class_names == ("01", "02")


KEEL = """@relation iris
@attribute SepalLength real [4.3, 7.9]
@attribute SepalWidth real[2.0, 4.4]
@attribute Number integer [1, 150]
@attribute Kind {setosa, virginica}
@inputs SepalLength, SepalWidth
@outputs Kind
@data
5.1, 3.5, 1, setosa
4.9, <null>, 2, virginica
"""


@pytest.mark.parametrize("name", ["t.dat", "t.arff", "t.txt"])
def test_keel_names_inputs_and_outputs(tmp_path, name):
    from vaega import load_dataset

    (tmp_path / name).write_text(KEEL)
    dataset = load_dataset(tmp_path / name)
    assert dataset.feature_names == ("SepalLength", "SepalWidth")
    assert dataset.labels.tolist() == ["setosa", "virginica"]
    assert dataset.n_missing == 1
    assert "neither inputs nor outputs left out: 'Number'" in dataset.notes[0]


def test_roles_must_be_attributes(write_arff):
    with pytest.raises(DataError, match="@inputs and @outputs must name attributes, got 'Sort'"):
        read_arff(write_arff(KEEL.replace("@outputs Kind", "@outputs Sort")))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("{0 1, 1}", "an index below 2 and a value, got '1' in row 1"),
        ("{0 1, 1 x", "every row must be sparse, in braces"),
        ("1,'x", "a quote is not closed, or words follow it"),
        ("1,x\n2,'x'y", "row 2 cannot be read"),
    ],
)
def test_damaged_rows_are_one_sentence(write_arff, rows, sentence):
    with pytest.raises(DataError, match=sentence):
        read_arff(write_arff(simple(rows)))
