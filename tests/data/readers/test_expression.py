"""Expression data with genes as rows: GEO's series matrix, GCT and CLS."""

import gzip

import pytest

from vaega import load_dataset
from vaega.core.errors import DataError
from vaega.data.readers._expression import read_cls, read_gct, read_series_matrix

SERIES = """!Series_title\t"made up"
!Series_summary\t"A "quoted" word, and a tab"
!Series_platform_id\t"GPL570"

!Sample_title\t"one"\t"two"\t"three"\t"four"
!Sample_geo_accession\t"GSM4"\t"GSM1"\t"GSM2"\t"GSM3"
!Sample_characteristics_ch1\t"tissue: lung"\t"tissue: liver"\t"age: 50"\t"tissue: liver"
!Sample_characteristics_ch1\t"age: 61"\t""\t"tissue: lung"\t"age: 44"
!Sample_characteristics_ch2\t"reference"\t"reference"\t"reference"\t"reference"
!Sample_relation\t"5" end"\t"x"\t"x"\t"x"
!series_matrix_table_begin
"ID_REF"\t"GSM1"\t"GSM2"\t"GSM3"\t"GSM4"
"1007_s_at"\t1.5\t2.5\tnull\t2.6
"1053_at"\t3.5\t\t3.4\t3.5
"AFFX-1"\t1\t2\t3\t4
!series_matrix_table_end
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_series_is_read_by_the_names_of_its_samples(write, ending):
    path = write(SERIES.replace("\n", ending), "GSE1-GPL570_series_matrix.txt")
    data = load_dataset(path, target="tissue")
    assert data.feature_names == ("1007_s_at", "1053_at", "AFFX-1")
    assert data.labels.tolist() == ["liver", "lung", "liver", "lung"]
    assert data.X[:, 2].tolist() == [1, 2, 3, 4]
    assert data.n_missing == 2
    assert data.notes[0].startswith("Columns that describe the rows are no features: 'title', ")


def test_a_characteristic_may_be_missing_in_some_samples(write):
    table = read_series_matrix(write(SERIES, "t.txt"))
    age = table.annotations.values(table.annotations.names.index("age"))
    assert age == [None, 50, 44, 61]


def test_a_packed_series_is_known_by_its_first_line(write):
    path = write(gzip.compress(SERIES.encode()), "GSE1_series_matrix.txt.gz")
    assert load_dataset(path, target="tissue").X.shape == (4, 3)


def test_without_a_target_the_characteristics_are_named(write):
    with pytest.raises(
        DataError, match=r"give target, .*'title'.* few values are 'tissue'"
    ) as error:
        load_dataset(write(SERIES, "t.txt"))
    assert "age" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (SERIES[SERIES.index('"ID_REF"') :], "", "must hold a table of values, got none"),
        ('"GSM4"\n"1007', '"GSM9"\n"1007', "must be a sample of !Sample_geo_accession, got 'GSM9'"),
        ('"age: 61"\t', "", "must have 4 cells, got 3 in !Sample_characteristics_ch1"),
        ("\t2.6", "", "every row must have 5 cells, got 4 in row 1"),
        ('"two"', '"two"\t"more"', "must have 4 cells, got 5 in !Sample_title"),
    ],
)
def test_a_damaged_series_is_one_sentence(write, old, new, sentence):
    with pytest.raises(DataError, match=sentence):
        load_dataset(write(SERIES.replace(old, new), "t.txt"), target="tissue")


GCT = '#1.2\n2\t3\nName\tDescription\tS1\tS2\tS3\nTP53\tp53, "a\t1\t2\t3\nBRCA1\tna\t4\t5\t6\n'
GCT_3 = (
    "#1.3\n2\t3\t1\t2\nid\tsymbol\tS1\tS2\tS3\nresponse\tna\tyes\tno\tyes\n"
    "age\tna\t3\t4\t5\np1\tTP53\t1\t2\t3\np2\tBRCA1\t4\t5\tNaN\n"
)
CLS = "3 2 1\n# tumor normal\n1 0 1\n"


def test_classes_of_a_cls_file_go_in_order(write):
    path, classes = write(GCT, "t.gct"), write(CLS, "t.cls")
    data = load_dataset(path, labels=classes)
    # Numbers stand for the names in the order of their appearance.
    assert data.labels.tolist() == ["tumor", "normal", "tumor"]
    assert data.X.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert "since CLS names none" in data.notes[0]


@pytest.mark.parametrize("labels", ["tumor normal tumor", "normal tumor normal"])
def test_a_cls_file_may_write_the_names_out(write, labels):
    table = read_cls(write(f"3 2 1\n#tumor normal\n{labels}\n", "t.cls"))
    assert table.values(0) == labels.split()


def test_a_table_with_names_goes_by_name(write):
    labels = write("sample,class\nS3,a\nS1,b\nS2,a\n", "c.csv")
    assert load_dataset(write(GCT, "t.gct"), labels=labels).labels.tolist() == ["b", "a", "a"]


def test_version_1_3_has_annotations(write):
    data = load_dataset(write(GCT_3, "t.gct"), target="response")
    assert data.labels.tolist() == ["yes", "no", "yes"]
    assert data.feature_names == ("p1", "p2")
    assert data.n_missing == 1
    assert load_dataset(write(GCT_3, "t.txt"), target="response").fingerprint == data.fingerprint


def test_without_classes_the_ways_to_give_them_are_named(write):
    with pytest.raises(DataError, match="the file with the classes in labels"):
        load_dataset(write(GCT, "t.gct"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a\tb\n1\t2\n", "must begin with #1.2 or #1.3"),
        ("#1.2\n2\n", "must begin with #1.2 or #1.3, its sizes and a header"),
        (GCT.replace("2\t3\nName", "two\t3\nName"), "must hold 2 whole numbers, got 'two"),
        (GCT_3.replace("2\t3\t1\t2", "2\t3"), "must hold 4 whole numbers"),
        (GCT.replace("2\t3\nName", "9\t3\nName"), "which are 2 x 3, got 9 x 3"),
        (GCT.replace("\t6", ""), "every row must have 5 cells, got 4 in row 2"),
    ],
)
def test_a_damaged_gct_file_is_one_sentence(write, content, sentence):
    with pytest.raises(DataError, match=sentence):
        read_gct(write(content, "t.gct"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("#numeric\n#score\n1.5 2 3\n", "numeric phenotype; regression is out of scope"),
        ("3 2 1\n0 1 0\n", "must have three lines"),
        ("3 2 1\ntumor normal\n0 1 0\n", "class names after #"),
        ("4 2 1\n# a b\n0 1 0\n", "the classes of 4 samples, got 3"),
        ("3 2 1\n# a b\n0 1 2\n", "the 2 classes of line 2 .* got '0', '1', '2'"),
    ],
)
def test_a_damaged_cls_file_is_one_sentence(write, content, sentence):
    with pytest.raises(DataError, match=sentence):
        read_cls(write(content, "t.cls"))


def test_a_cls_file_for_other_samples_is_refused(write):
    labels = write("4 2 1\n# a b\n0 1 0 1\n", "t.cls")
    with pytest.raises(DataError, match=r"the class of each of the 3 samples of .* got 4"):
        load_dataset(write(GCT, "t.gct"), labels=labels)
