"""Rows of a new file, by the columns that a model needs."""

import gzip

import numpy as np
import pandas as pd
import pytest

from vaega.core.errors import DataError
from vaega.data import _cohort
from vaega.data._cohort import NeededColumns, read_cohort

NEEDED = NeededColumns(names=["c", "a"], target="y", class_names=["ill", "well"])


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(6, 4)).round(3), columns=list("abcd"))
    table.insert(0, "sample", [f"S{i}" for i in range(6)])
    return table


def written(frame, path, **options):
    frame.to_csv(path, index=False, **options)
    return path


def test_columns_are_taken_by_name_in_the_order_of_the_model(frame, tmp_path):
    cohort = read_cohort(written(frame[["d", "a", "b", "c"]], tmp_path / "new.csv"), NEEDED)
    assert np.array_equal(cohort.X, frame[["c", "a"]].to_numpy())
    assert cohort.ids == ("1", "2", "3", "4", "5", "6")
    assert cohort.codes is None


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet", ".xlsx"])
def test_formats(frame, tmp_path, suffix):
    path = tmp_path / f"new{suffix}"
    write = {".parquet": frame.to_parquet, ".xlsx": frame.to_excel}.get(suffix)
    if write is not None:
        write(path, index=False)
    else:
        written(frame, path, sep="\t" if suffix == ".tsv" else ",")
    cohort = read_cohort(path, NEEDED)
    assert np.array_equal(cohort.X, frame[["c", "a"]].to_numpy())
    assert cohort.ids == tuple(frame["sample"])


def test_an_archive_needs_no_classes(frame, tmp_path):
    X, names = frame[list("abcd")].to_numpy(), np.array(list("abcd"))
    np.savez(tmp_path / "new.npz", X=X, feature_names=names)
    assert np.array_equal(read_cohort(tmp_path / "new.npz", NEEDED).X, X[:, [2, 0]])
    np.savez(tmp_path / "test.npz", X_train=X + 1, X_test=X, y_train=names, feature_names=names)
    cohort = read_cohort(tmp_path / "test.npz", NEEDED)
    assert np.array_equal(cohort.X, X[:, [2, 0]])
    assert cohort.notes == ("Rows are those of the array X_test.",)
    np.savez(tmp_path / "none.npz", y=names)
    with pytest.raises(DataError, match="must hold rows as an array X, got 'y'"):
        read_cohort(tmp_path / "none.npz", NEEDED)


@pytest.mark.parametrize("transpose", [None, True])
def test_genes_as_rows_are_known_by_the_names(frame, tmp_path, transpose):
    path = tmp_path / "genes.csv"
    frame.set_index("sample").T.to_csv(path, index_label="gene")
    cohort = read_cohort(path, NEEDED, transpose=transpose)
    assert np.array_equal(cohort.X, frame[["c", "a"]].to_numpy())
    assert cohort.ids == tuple(frame["sample"])
    with pytest.raises(DataError, match="2 of the 2 columns that the model needs are missing"):
        read_cohort(path, NEEDED, transpose=False)


def test_what_the_samples_are_called(frame, tmp_path):
    frame["visit"] = range(101, 107)
    path = written(frame[["a", "visit", "c", "sample"]], tmp_path / "new.csv")
    assert read_cohort(path, NEEDED).ids[:2] == ("1", "2")
    assert read_cohort(path, NEEDED, ids="sample").ids == tuple(frame["sample"])
    left_out = NeededColumns(names=["c", "a"], ids=["visit"])
    assert read_cohort(path, left_out).ids[:2] == ("101", "102")
    with pytest.raises(DataError, match=r"--id must name a column.*did you mean 'sample'"):
        read_cohort(path, NEEDED, ids="sampel")


def test_missing_columns_are_named_and_those_that_may_be_meant(frame, tmp_path):
    path = written(frame.rename(columns={"c": "C"}), tmp_path / "new.csv")
    with pytest.raises(DataError, match=r"1 of the 2 .* is missing \('c'\); did you mean 'C'\?$"):
        read_cohort(path, NEEDED)
    many = NeededColumns(names=["a", *(f"gene{i}" for i in range(9))])
    with pytest.raises(DataError, match=r"9 of the 10 .*'gene2' and 6 more\)\.$"):
        read_cohort(path, many)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("high", r"must hold numbers, got 'high' in row 3, column 'c'"),
        ("inf", r"no infinite values, got 1, the first in row 3, column 'c'"),
        ("<0.5", r"must hold numbers, got '<0.5' in row 3"),
    ],
)
def test_cells_that_are_no_numbers(frame, tmp_path, cell, words):
    table = frame.drop(columns="sample").astype(object)
    table.loc[2, "c"] = cell
    table.loc[4, "d"] = "of no interest"
    with pytest.raises(DataError, match=words):
        read_cohort(written(table, tmp_path / "new.csv"), NEEDED)


def test_cells_below_a_limit_are_read_as_those_of_the_model_were(frame, tmp_path):
    table = frame.astype(object)
    table.loc[2, "c"], table.loc[3, "c"] = "<0.5", ""
    half = NeededColumns(names=["c", "a"], below_limit="half")
    cohort = read_cohort(written(table, tmp_path / "new.csv"), half)
    assert cohort.X[2, 0] == 0.25
    assert np.isnan(cohort.X[3, 0])


def test_words_are_spread_as_those_of_the_model_were(tmp_path):
    path = written(
        pd.DataFrame({"site": ["north", "west", None, "east"], "a": [1, 2, 3, 4]}),
        tmp_path / "new.csv",
    )
    needed = NeededColumns(
        names=["site=north", "a", "site=south"], categories={"site": ["north", "south", "west"]}
    )
    cohort = read_cohort(path, needed)
    assert cohort.X.tolist() == [[1, 1, 0], [0, 2, 0], [0, 3, 0], [0, 4, 0]]
    (note,) = cohort.notes
    assert note.startswith("Column 'site' has words that the model has not seen ('east')")


def test_classes_that_the_file_has_are_no_features(frame, tmp_path):
    known = frame.assign(y=["ill", "well"] * 3)
    path = written(known, tmp_path / "new.csv")
    assert read_cohort(path, NEEDED).codes.tolist() == [0, 1] * 3
    other = written(known.replace("ill", "sick"), tmp_path / "other.csv")
    assert read_cohort(other, NEEDED).codes is None


def test_a_header_alone_is_refused(tmp_path):
    (tmp_path / "new.csv").write_text("a,b,c\n")
    with pytest.raises(DataError, match="at least one row is needed"):
        read_cohort(tmp_path / "new.csv", NEEDED)


# Large files --------------------------------------------------------------------------------------

QUOTED = 'sample,a,b,c,y\n"P 1\nleft",1,x,2,ill\n\nP2,,"say ""no""",3,well\nP3,4,z,5,ill\n'
FILES = {
    "plain": "a,b,c\n1,2,3\n4,5,6\n7,8,9\n",
    "quoted": QUOTED,
    "R": '"a" "b" "c"\n"r1" 1 2 3\n"r2" 4 5 6\n"r3" 7 8 9\n"r4" 7 8 9\n',
    "decimal commas": "a;b;c\n1,5;2;3\n4;5;6,25\n7;8;9\n",
    "comments": "# made by hand\na,b,c\n1,2,3\n4,5,6\n",
    "separator": "sep=;\na;b;c\n1;2;3\n4;5;6\n",
    "no end": "a,b,c\n1,2,3\n4,5,6",
    "samples as columns": "gene,s1,s2\na,1,2\nb,3,4\nc,5,6\n",
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_blocks_of_a_large_file_give_what_the_whole_gives(tmp_path, monkeypatch, kind, packed):
    path = tmp_path / ("new.csv.gz" if packed else "new.csv")
    text = FILES[kind].encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    whole = read_cohort(path, NEEDED)
    monkeypatch.setattr(_cohort, "_LARGE", 0)
    for size in (1, 8, 10_000):
        monkeypatch.setattr(_cohort, "_BLOCK", size)
        blocks = read_cohort(path, NEEDED)
        assert np.array_equal(blocks.X, whole.X, equal_nan=True)
        assert blocks.ids == whole.ids
        assert np.array_equal(blocks.codes, whole.codes)


def test_a_large_file_is_held_a_block_at_a_time(frame, tmp_path, monkeypatch):
    path = written(pd.concat([frame] * 20), tmp_path / "new.csv")
    sizes, read = [], _cohort.read_rows
    monkeypatch.setattr(_cohort, "_LARGE", 0)
    monkeypatch.setattr(_cohort, "_BLOCK", 500)
    monkeypatch.setattr(
        _cohort, "read_rows", lambda text, **how: sizes.append(len(text)) or read(text, **how)
    )
    assert read_cohort(path, NEEDED).X.shape == (120, 2)
    assert len(sizes) > 5
    assert max(sizes) < 700


def test_a_fault_in_a_large_file_has_the_row_of_the_whole(frame, tmp_path, monkeypatch):
    table = frame.drop(columns="sample").astype(object)
    table.loc[4, "a"] = "bad"
    path = written(table, tmp_path / "new.csv")
    monkeypatch.setattr(_cohort, "_LARGE", 0)
    monkeypatch.setattr(_cohort, "_BLOCK", 60)
    with pytest.raises(DataError, match="got 'bad' in row 5, column 'a'"):
        read_cohort(path, NEEDED)
    path.write_bytes(path.read_bytes() + b"1,2\xff\n")
    with pytest.raises(DataError, match="must be UTF-8 text"):
        read_cohort(path, NEEDED)
