"""Broken files of every format: each is refused in one sentence with the file and the fault."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from vaega import load_dataset
from vaega.core.errors import InputError

GOOD = "a,b,class\n1,2,x\n3,4,y\n5,6,x\n"
GENES = "gene,S1,S2,S3\nTP53,1,2,3\nBRCA1,4,5,6\n"
ARFF = "@relation r\n@attribute a real\n@attribute class {x,y}\n@data\n"
SERIES = (
    '!Sample_geo_accession\t"G1"\t"G2"\n!Sample_characteristics_ch1\t"k: a"\t"k: b"\n'
    '!series_matrix_table_begin\n"ID_REF"\t"G1"\t"G2"\n"p"\t1\t2\n!series_matrix_table_end\n'
)
GCT = "#1.2\n1\t2\nName\tDescription\tS1\tS2\nTP53\tna\t1\t2\n"


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return stream.getvalue()


def encrypted():
    content = bytearray(zipped(a_csv=GOOD))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the bit that says so
        content[content.index(mark) + offset] |= 1
    return bytes(content)


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def table(column, n_rows=6, name="v"):
    rows = "".join(f"{column(i)},{'xy'[i % 2]}\n" for i in range(n_rows))
    return f"{name},class\n{rows}"


def numbers(n_rows, prefix=""):
    return "v,w\n" + "".join(f"{prefix}{i},{i % 3}\n" for i in range(n_rows))


# By what is wrong: name of the file, content, options, words of the sentence
CASES = {
    # packing and encoding
    "half a gzip": ("t.csv.gz", gzip.compress(GOOD.encode())[:-9], {}, ["cannot be read"]),
    "no gzip": ("t.csv.gz", GOOD, {}, ["cannot be read"]),
    "half a bzip2": ("t.csv.bz2", bz2.compress(GOOD.encode())[:-9], {}, ["cannot be read"]),
    "no bzip2": ("t.tsv.bz2", GOOD, {}, ["cannot be read"]),
    "half an xz": ("t.csv.xz", lzma.compress(GOOD.encode())[:-9], {}, ["cannot be read"]),
    "no xz": ("t.txt.xz", GOOD, {}, ["cannot be read"]),
    "no zip": ("t.csv.zip", GOOD, {}, ["not a zip file"]),
    "an empty zip": ("t.csv.zip", zipped(), {}, ["exactly one file", "none", "unpack"]),
    "two files in a zip": ("t.zip", zipped(a_csv=GOOD, b_csv=GOOD), {}, ["'a.csv', 'b.csv'"]),
    "a picture in a zip": ("t.zip", zipped(**{"a.png": "x"}), {}, ["known ending", "'a.png'"]),
    "an encrypted zip": ("t.csv.zip", encrypted(), {}, ["encrypted"]),
    "a workbook as CSV": ("t.csv", zipped(**{"[Content_Types].xml": ""}), {}, [".xlsx"]),
    "an old workbook": ("t.csv", b"\xd0\xcf\x11\xe0\0\0", {}, [".xls", "save it as"]),
    "a Parquet file as CSV": ("t.csv", b"PAR1\0\0", {}, [".parquet"]),
    "an HDF5 file as text": ("t.txt", b"\x89HDF\r\n\x1a\n", {}, [".h5ad"]),
    "an R workspace": ("t.txt", b"RDX3\nX\n\0", {}, ["write.csv"]),
    "Latin letters": ("t.csv", GOOD.replace("x", "é").encode("latin-1"), {}, ["0xe9", "UTF-8"]),
    "half a UTF-16 letter": ("t.txt", GOOD.encode("utf-16")[:-1], {}, ["UTF-16"]),
    "zero bytes": ("t.csv", b"a,class\n1,\0\n", {}, ["binary"]),
    "nothing": ("t.tsv", "", {}, ["empty file"]),
    "blanks": ("t.data", " \n\t\n", {}, ["empty file"]),
    "an ending of others": ("t.sav", "x", {}, ["must end in", ".sav", "save it as CSV"]),
    "something pickled": ("t.pkl", "x", {}, ["must end in", "nothing pickled is read"]),
    # delimited text
    "a header alone": ("t.csv", "a,class\n", {}, ["header without rows"]),
    "one row": ("t.csv", "a,class\n1,x\n", {}, ["at least two"]),
    "one class": ("t.csv", "a,class\n1,x\n2,x\n", {}, ["two classes", "'x'"]),
    "no header": ("t.csv", "1,2,0\n3,4,1\n", {}, ["column names", "only numbers", "'1', '2', '0'"]),
    "a row as header": ("t.data", "1,2,x\n3,4,y\n5,6,x\n", {}, ["row of data", "names above"]),
    "a short row": ("t.csv", GOOD + "7,8\n", {}, ["3 cells, got 2 in row 4", "cut off"]),
    "a long row": ("t.csv", GOOD + "7,8,x,z\n1,2,x\n", {}, ["got 4 in row 4", "in quotes"]),
    "a title": ("t.csv", "Study of 2020\n" + GOOD, {}, ["seems to be a title"]),
    "another delimiter": ("t.csv", GOOD + "7;8;x\n", {}, ["delimited by ';', not by ','"]),
    "commas twice": ("t.csv", "a,b,class\n1,5,2,5,x\n1,2,y\n", {}, ["commas are decimal"]),
    "one comma": ("t.csv", "a,class\n5,1,x\n7,2,y\n", {}, ["got 3 in row 1", "commas are decimal"]),
    "an open quote": ("t.csv", 'a,class\n1,"x\n2,y\n', {}, ["row 1", "quote may be left open"]),
    "words after a quote": ("t.csv", 'a,class\n1,"x"s\n2,y\n', {}, ["row 1"]),
    "a column twice": ("t.csv", "a,class,class\n1,x,x\n2,y,y\n", {"target": "class"}, ["2 times"]),
    "no target": ("t.csv", "a,b\n1,2\n3,4\n", {}, ["give target", "'a', 'b'"]),
    "another target": ("t.csv", GOOD, {"target": "kind"}, ["target", "'kind'", "'b', 'class'"]),
    "other groups": ("t.csv", GOOD, {"groups": "who"}, ["groups", "'who'"]),
    "a group missing": ("t.csv", "a,p,class\n1,5,x\n2,,y\n", {"groups": "p"}, ["'p'", "rows 1"]),
    "nothing to ignore": ("t.csv", GOOD, {"ignore": ["id"]}, ["ignore", "'id'"]),
    "groups ignored": (
        "t.csv", GOOD, {"ignore": ["b"], "groups": "b"}, ["groups and ignore", "'b' in both"],
    ),
    "all ignored": ("t.csv", GOOD, {"ignore": ["a", "b"]}, ["at least one feature"]),
    "a class missing": ("t.csv", "a,k\n1,x\n2,\n3,y\n", {"target": "k"}, ["rows 1", "'k'"]),
    "counts as target": ("t.csv", numbers(50), {"target": "v"}, ["50 different numbers (whole"]),
    "fractions as target": ("t.csv", "v,class\n1,0.5\n2,0.7\n3,0.9\n", {}, ["regression"]),
    "identifiers as target": ("t.csv", numbers(50, "p"), {"target": "v"}, ["identifiers"]),
    "infinity": ("t.csv", "v,class\n1,x\ninf,y\n", {}, ["infinite", "row 1", "'v'", "write NaN"]),
    "identifiers": ("t.csv", table(lambda i: f"{i},p{i}", name="v,id"), {}, ["ignore: [id]"]),
    "dates": ("t.csv", table(lambda i: f"{i},1.1.200{i}", name="v,day"), {}, ["ignore: [day]"]),
    "a stray word": ("t.csv", table(lambda i: i or "old", 30), {}, ["'v'", "but for 'old'"]),
    "below a limit": ("t.csv", table(lambda i: i or "<1"), {}, ["'<1'", "below_limit"]),
    "both decimals": ("t.csv", "a;b;class\n1,5;2.5;x\n2,5;3.5;y\n", {}, ["'a'", "decimal commas"]),
    "many categories": (
        "t.csv", table(lambda i: f"{i},c{i % 60}", 120, "v,c"),
        {"categorical": "one_hot"}, ["at most 50", "'c'"],
    ),
    "a sheet of a CSV": ("t.csv", GOOD, {"sheet": "A"}, ["sheet", "workbook", "'A'"]),
    "lines above the names": ("t.csv", f"Study,A\nDate,B\n{GOOD}", {}, ["most rows have 3"]),
    "quoted lines": ("t.csv", '"a,class"\n"1,x"\n"2,y"\n', {}, ["quotes around whole lines"]),
    "a page": ("t.csv", "<!DOCTYPE html>\n<html></html>\n", {}, ["HTML", "download"]),
    "JSON": ("t.csv", '[{"a": 1, "class": "x"}]', {}, ["JSON"]),
    "a pointer": ("t.csv", "version https://git-lfs.github.com/spec/v1\n", {}, ["git lfs pull"]),
    "units": ("t.csv", table(lambda i: f"{i} mg"), {}, ["'v' has 'mg' behind"]),
    "a row of units": ("t.csv", "a,b,class\nmg,ug,\n1,2,x\n3,4,y\n", {}, ["first row has 'mg'"]),
    "percent spread": (
        "t.csv", table(lambda i: f"{i}%", 20), {"categorical": "one_hot"}, ["'v' has '%' behind"],
    ),
    # genes as rows, labels
    "genes as rows": ("t.csv", GENES, {}, ["set transpose to true", "labels"]),
    "classes in a row": (
        "t.csv", GENES.replace("TP53", "kind,a,b,a\nTP53"), {}, ["their row in target"],
    ),
    "no classes": ("t.csv", GENES, {"transpose": True}, ["labels", "'TP53', 'BRCA1'"]),
    "no genes": ("t.csv", "g,S1\nTP53,x\nA,y\n", {"transpose": True}, ["no column of numbers"]),
    "nameless genes": ("t.csv", "g,S1\n,1\nA,2\n", {"transpose": True}, ["names of the genes"]),
    "labels not there": ("t.csv", GENES, {"labels": "no.csv"}, ["no.csv", "no such file"]),
    # ARFF and KEEL
    "no ARFF": ("t.arff", GOOD, {}, ["header must be ARFF", "'a,b,class'"]),
    "no @data": ("t.arff", ARFF.replace("@data\n", ""), {}, ["@data"]),
    "no rows": ("t.arff", ARFF, {}, ["without rows"]),
    "an undeclared class": ("t.arff", ARFF + "1,z\n2,x\n", {}, ["'class'", "'x', 'y'", "'z'"]),
    "a word as real": ("t.arff", ARFF + "much,x\n", {}, ["'a' is declared real", "'much'"]),
    "a short ARFF row": ("t.arff", ARFF + "1,x\n2\n", {}, ["2 cells, got 1 in row 2"]),
    "a wrong index": ("t.arff", ARFF + "{0 1, 7 x}\n", {}, ["index below 2", "'7 x'"]),
    "an open ARFF quote": ("t.arff", ARFF + "1,'x\n", {}, ["quote is not closed", "row 1"]),
    "a relational one": ("t.arff", ARFF.replace("real", "relational"), {}, ["relational"]),
    "other outputs": ("t.dat", ARFF.replace("@data", "@outputs z\n@data") + "1,x\n", {}, ["'z'"]),
    # expression data
    "a series without values": ("t.txt", SERIES[: SERIES.index('"ID')], {}, ["supplementary"]),
    "a series of others": ("t.txt", SERIES.replace('F"\t"G1', 'F"\t"G9'), {}, ["'G9'"]),
    "a short gene": ("t.txt", SERIES.replace("1\t2", "1"), {}, ["3 cells, got 2 in row 1"]),
    "characteristics": ("t.txt", SERIES, {}, ["give target", "'geo_accession', 'k'"]),
    "no GCT": ("t.gct", GOOD, {}, ["#1.2"]),
    "sizes of others": ("t.gct", GCT.replace("1\t2\nN", "5\t2\nN"), {}, ["5 x 2", "are 1 x 2"]),
    "a GCT without classes": ("t.gct", GCT, {}, ["labels"]),
    # binary formats
    "no workbook": ("t.xlsx", "x", {}, ["cannot be read as a workbook"]),
    "a zip as workbook": ("t.xlsx", zipped(a_csv=GOOD), {}, ["cannot be read as a workbook"]),
    "no Parquet": ("t.parquet", "x", {}, ["cannot be read as Parquet"]),
    "no AnnData": ("t.h5ad", "x", {}, ["cannot be read as an AnnData file"]),
    "no MATLAB": ("t.mat", "x", {}, ["cannot be read as a MATLAB file"]),
    "a damaged MATLAB 7.3": ("t.mat", "MATLAB 7.3 MAT-file", {}, ["cannot be read as a MATLAB"]),
    "no archive": ("t.npz", "x", {}, ["plain arrays"]),
    "no labels in an archive": ("t.npz", npz(X=np.eye(2)), {}, ["X and y", "'X'"]),
    "an archive turned": ("t.npz", npz(X=np.eye(2), y=[0, 1]), {"transpose": True}, ["transpose"]),
    "a label of svmlight": ("t.svm", "x 1:2\n", {}, ["line 1", "'x 1:2'"]),
    "a value of svmlight": ("t.svmlight", "1 1:2\n-1 1:z\n", {}, ["line 2", "'-1 1:z'"]),
    "an index of svmlight": ("t.libsvm", "1 3:2 1:5\n-1 1:2\n", {}, ["svmlight"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_broken_file_is_refused_in_one_sentence(tmp_path, monkeypatch, case):
    name, content, options, words = CASES[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        load_dataset(tmp_path / name, **options)
    sentence = str(caught.value)
    assert sentence.startswith((f"{tmp_path / name}: ", "no.csv: "))
    assert sentence.endswith(".")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence
