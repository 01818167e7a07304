"""Genes as rows, and classes in a file of their own."""

import numpy as np
import pytest

from vaega import load_dataset
from vaega.core.errors import DataError, InputError

GENES = "gene,S1,S2,S3,S4\nTP53,1,2,3,4\nBRCA1,5,6,7,8\nEGFR,9,10,11,12\n"
CLINIC = "patient;response;age\nS3;no;50\nS4;no;61\nS1;yes;50\nS2;yes;44\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write files into the working folder."""
    monkeypatch.chdir(tmp_path)

    def save(**contents):
        for name, content in contents.items():
            (tmp_path / f"{name}.csv").write_text(content)

    save(genes=GENES, clinic=CLINIC)
    return save


@pytest.mark.parametrize(
    "labels",
    [
        "clinic.csv",
        {"file": "clinic.csv"},
        {"file": "./clinic.csv", "id": "patient"},
        {"file": "clinic.csv", "column": "response", "id": "patient"},
    ],
)
@pytest.mark.parametrize("transpose", [None, True])
def test_samples_are_matched_by_name(files, labels, transpose):
    target = None if "column" in labels else "response"
    data = load_dataset("genes.csv", labels=labels, target=target, transpose=transpose)
    assert data.feature_names == ("TP53", "BRCA1", "EGFR")
    assert data.X.tolist() == [[1, 5, 9], [2, 6, 10], [3, 7, 11], [4, 8, 12]]
    assert data.labels.tolist() == ["yes", "yes", "no", "no"]
    assert data.origin == "genes.csv, clinic.csv"
    assert "no features: 'age'" in data.notes[0]


@pytest.mark.parametrize(
    "genes",
    [
        "S1\tS2\tS3\tS4\nTP53\t1\t2\t3\t4\nBRCA1\t5\t6\t7\t8\n",  # R's row names
        ",S4,S3,S2,S1\nTP53,4,3,2,1\nBRCA1,8,7,6,5\n",  # another order, a nameless column
        "probe;symbol;S1;S2;S3;S4\n1_at;TP53;1;2;3;4\n2_at;BRCA1;5;6;7;8\n",  # more on the genes
        "patient,TP53,BRCA1\nS1,1,5\nS2,2,6\nS3,3,7\nS4,4,8\n",  # a sample a row
        "TP53 BRCA1\nS4 4 8\nS3 3 7\nS2 2 6\nS1 1 5\n",  # the same with row names
        "patient,TP53,BRCA1\n S1 ,1,5\nS2,2,6\nS3,3,7\nS4,4,8\n",
    ],
)
def test_whichever_way_round_the_table_is(files, genes):
    files(genes=genes)
    data = load_dataset("genes.csv", labels="clinic.csv", target="response")
    assert sorted(zip(data.X.tolist(), data.labels.tolist(), strict=True)) == [
        ([1, 5], "yes"),
        ([2, 6], "yes"),
        ([3, 7], "no"),
        ([4, 8], "no"),
    ]


def test_names_that_are_numbers_match_however_they_are_written(files):
    files(genes="g,101,102,103\nA,1,2,3\n", clinic="id,class\n103,x\n101,y\n102,x\n")
    assert load_dataset("genes.csv", labels="clinic.csv").labels.tolist() == ["y", "x", "x"]


def test_a_patient_may_have_several_rows(files):
    rows = "S1,1\nS2,2\nS1,3\nS3,4\n"
    files(genes=f"patient,TP53\n{rows}", clinic="patient,class\nS1,a\nS2,b\nS3,b\n")
    data = load_dataset("genes.csv", labels="clinic.csv")
    assert data.labels.tolist() == ["a", "b", "a", "b"]
    assert data.notes[0].startswith("Several rows have the same name ('S1'): they stay together")
    assert "where groups is 'patient'" in data.notes[0]
    data = load_dataset("genes.csv", labels="clinic.csv", groups="patient")
    assert data.groups[0] == data.groups[2] != data.groups[1]


def test_what_has_no_match_is_named(files):
    files(clinic="patient,response\nS9,no\nS4,no\nS1,yes\nS2,yes\n")
    data = load_dataset("genes.csv", labels="clinic.csv", target="response")
    assert data.n_rows == 3
    assert data.notes == (
        "1 sample without a row in clinic.csv left out ('S3').",
        "1 row of clinic.csv without a sample left out ('S9').",
    )


def test_groups_and_ignored_columns_may_be_in_either_file(files):
    data = load_dataset(
        "genes.csv", labels="clinic.csv", target="response", groups="age", ignore=["EGFR"]
    )
    assert data.groups.tolist() == [50, 44, 50, 61]
    assert data.feature_names == ("TP53", "BRCA1")


def test_the_only_column_beside_the_names_has_the_classes(files):
    files(clinic=",response\nS1,a\nS2,b\nS3,a\nS4,b\n")
    data = load_dataset("genes.csv", labels="clinic.csv")
    assert data.labels.tolist() == ["a", "b", "a", "b"]
    assert data.notes[0].startswith("clinic.csv: The first column has no name")


@pytest.mark.parametrize("target", [None, "class"])
def test_the_classes_may_be_a_row_of_the_table(files, target):
    files(genes="id,note,S1,S2,S3\nclass,,a,b,a\nTP53,x,1,2,3\nBRCA1,y,4,5,6\n")
    data = load_dataset("genes.csv", transpose=True, target=target)
    assert data.labels.tolist() == ["a", "b", "a"]
    assert data.feature_names == ("TP53", "BRCA1")
    assert data.notes[0] == "Columns that describe the genes are left out: 'note'."


def test_decimal_commas_are_turned_too(files):
    files(genes="gene;S1;S2;S3;S4\nTP53;1,5;2,5;3;4\n")
    data = load_dataset("genes.csv", labels="clinic.csv", target="response")
    assert data.X.ravel().tolist() == [1.5, 2.5, 3, 4]


def test_many_genes_are_read_in_linear_time(files):
    values = np.arange(4 * 5000).reshape(5000, 4)
    rows = "".join(f"g{i},{','.join(map(str, row))}\n" for i, row in enumerate(values))
    files(genes=f"gene,S1,S2,S3,S4\n{rows}")
    data = load_dataset("genes.csv", labels="clinic.csv", target="response")
    assert data.X.T.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("clinic", "options", "sentence"),
    [
        (CLINIC, {}, r"give target, .* the columns are 'response', 'age'; those with few values"),
        (CLINIC, {"target": "stage"}, "target must name exactly one column, but 'stage' is not"),
        (
            "p,class\nA1,x\nA2,y\n",
            {},
            r"no sample has its name in .*, got .*'A1', 'A2' there",
        ),
        ("p,class\ns1,x\ns2,y\n", {}, "'S1' and 's1' differ in case"),
        ("p,class\nS1-01A,x\nS2-01A,y\n", {}, "'S1' is a part of 'S1-01A'"),
        ("p,class\nS.1,x\nS.2,y\n", {}, r"'S1' and 'S\.1' differ by what R's make.names changes"),
        (
            "p,class\nS1,x\nS1,y\nS2,x\n",
            {},
            r"clinic.csv: .* 'S1' more than once in column 'p'",
        ),
        ("p,class\nS1,x\n", {}, "at least two"),
        ("S1,x\nS2,y\nS3,x\n", {}, r"must hold column names, got a sample \('S1'\)"),
        (
            "p,class\nS1,x\nS2,\nS3,y\n",
            {},
            r"1 missing \(rows 1, .* in column 'class'",
        ),
        (CLINIC, {"target": "response", "transpose": False}, "no sample has its name in clinic"),
    ],
)
def test_what_does_not_match_is_one_sentence(files, clinic, options, sentence):
    files(clinic=clinic)
    with pytest.raises(DataError, match=sentence) as caught:
        load_dataset("genes.csv", labels="clinic.csv", **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (5, "labels must be the path of a file, or a mapping of file, column and id, got 5"),
        ({"path": "clinic.csv"}, "must be the path of a file, or a mapping"),
        ({"column": "response"}, "labels.file must be a path, got None"),
        (
            {"file": "clinic.csv", "id": "name"},
            "labels.id must name exactly one column, but",
        ),
        ({"file": "clinic.csv", "column": "age"}, "target and labels.column must be the same"),
        ("absent.csv", r"absent\.csv: no such file"),
        ("clinic", r"clinic: a data file must end in"),
        ("arrays.npz", "labels must be in a table with the names of the samples"),
    ],
)
def test_a_label_file_that_cannot_be_used_is_one_sentence(files, labels, sentence):
    np.savez("arrays.npz", X=np.eye(2), y=[0, 1])
    with pytest.raises(InputError, match=sentence):
        load_dataset("./genes.csv", labels=labels, target="response")


@pytest.mark.parametrize(
    ("genes", "options", "sentence"),
    [
        (GENES, {"transpose": True}, "name the row with the classes, or the file with the classes"),
        (GENES, {}, "set transpose to true and name the file with the classes in labels"),
        (GENES, {"transpose": "yes"}, "transpose must be True or False, got 'yes'"),
        ("gene,S1\n,1\nB,2\n", {"transpose": True}, "names of the genes in the first column"),
        ("gene,S1\nA,x\nB,y\n", {"transpose": True}, "got no column of numbers beside the names"),
    ],
)
def test_a_table_that_cannot_be_turned_is_one_sentence(files, genes, options, sentence):
    files(genes=genes)
    with pytest.raises(InputError, match=sentence):
        load_dataset("genes.csv", **options)


@pytest.mark.parametrize("source", ["sklearn:iris", "arrays.npz", "openml:61"])
@pytest.mark.parametrize("option", [{"transpose": True}, {"labels": "clinic.csv"}, {"sheet": "A"}])
def test_what_is_no_table_cannot_be_turned_or_labelled(files, source, option):
    np.savez("arrays.npz", X=np.eye(2), y=[0, 1])
    with pytest.raises(DataError, match=f"{source}: {next(iter(option))} .*, which this"):
        load_dataset(source, **option)


def test_a_file_without_names_of_samples_takes_no_labels(files, tmp_path):
    (tmp_path / "rows.svm").write_text("1 1:2\n-1 1:3\n")
    with pytest.raises(DataError, match=r"rows\.svm: labels are matched by the names"):
        load_dataset("./rows.svm", labels="clinic.csv", target="response")
    with pytest.raises(DataError, match=r"rows\.svm: labels must be in a table"):
        load_dataset("genes.csv", labels="rows.svm")


def test_two_columns_that_could_name_the_samples_are_refused(files):
    files(genes="g,1,2,3\nA,1,2,3\n", clinic="visit,sample,class\n3,1,x\n2,2,y\n1,3,x\n")
    sentence = r"samples must be found in clinic\.csv in one way, got .*'visit'.*'sample'"
    with pytest.raises(DataError, match=sentence):
        load_dataset("genes.csv", labels="clinic.csv", target="class")
    data = load_dataset("genes.csv", labels={"file": "clinic.csv", "id": "sample"}, target="class")
    assert data.labels.tolist() == ["x", "y", "x"]


def test_two_columns_that_name_the_samples_alike_are_one(files):
    files(clinic="id,barcode,class\nS3,S3,a\nS4,S4,b\nS1,S1,c\nS2,S2,d\n")
    data = load_dataset("genes.csv", labels="clinic.csv", target="class")
    assert data.labels.tolist() == ["c", "d", "a", "b"]


def test_words_go_before_row_numbers_that_match_by_chance(files):
    files(
        genes=",sample,TP53\n1,S1,1\n2,S2,2\n3,S3,3\n",
        clinic=",sample,class\n1,S3,a\n2,S1,b\n3,S2,c\n",
    )
    data = load_dataset("genes.csv", labels="clinic.csv", target="class")
    assert data.labels.tolist() == ["b", "c", "a"]


def test_a_sample_in_the_place_of_the_names_of_the_genes_is_refused(files):
    files(genes="S1\tS2\tS3\tS4\n7.1\t1\t2\t3\n8.2\t5\t6\t7\n")  # written without the index
    with pytest.raises(DataError, match=r"begin with the name of its gene, got .* sample 'S1'"):
        load_dataset("genes.csv", labels="clinic.csv", target="response")
