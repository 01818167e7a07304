"""Sources: names, paths, bundled sets and the catalogue."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.openml_server import TOY
from vaega.core.errors import DataError, InputError
from vaega.core.files import cache_folder
from vaega.data._sources import (
    BUNDLED,
    KNOWN,
    KnownDataset,
    available_datasets,
    data_folders,
    describe_shapes,
    find_file,
    known_dataset,
    list_files,
    load_bundled,
    load_dataset,
    needs_network,
    read_columns,
)
from vaega.data.readers._registry import stem_of, suffix_of

CSV = "a,colour,patient,class\n1,red,p1,x\n2,blue,p1,y\n3,,p2,x\n"


@pytest.fixture
def folder(no_folders, tmp_path, monkeypatch):
    path = tmp_path / "named"
    path.mkdir()
    monkeypatch.setenv("VAEGA_DATA", str(path))
    (path / "toy.csv").write_text(CSV)
    np.savez(path / "arrays.npz", X=np.eye(3), y=[0, 1, 0])
    return path


def test_sklearn():
    assert load_dataset("sklearn:iris").n_classes == 3
    with pytest.raises(DataError, match="breast_cancer, digits, iris, wine"):
        load_dataset("sklearn:diabetes")


def test_openml(openml):
    openml.add(7, "Toy", TOY)
    assert load_dataset("openml:7", categorical="one_hot", name="mine").name == "mine"


@pytest.mark.parametrize("as_type", [str, Path])
def test_a_path(folder, as_type):
    dataset = load_dataset(as_type(folder / "toy.csv"), categorical="drop", groups="patient")
    assert dataset.name == "toy"
    assert dataset.origin == "toy.csv"
    assert dataset.feature_names == ("a",)
    assert dataset.groups.tolist() == [0, 0, 1]
    assert "colour" in dataset.notes[0]


def test_every_format_gives_the_same_dataset(no_folders):
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [4.0, 5.0, 6.0], "class": list("xyx")})
    frame.to_csv("t.csv", index=False)
    frame.to_csv("t.tsv", index=False, sep="\t")
    frame.to_csv("t.csv.gz", index=False)
    rows = "1,4,x\n2,5,y\n?,6,x\n"
    header = "@relation t\n@attribute a real\n@attribute b real\n@attribute class {x,y}\n@data\n"
    Path("t.arff").write_text(header + rows)
    X = frame[["a", "b"]].to_numpy()
    np.savez("t.npz", X=X, y=np.array(list("xyx")), feature_names=np.array(["a", "b"]))
    names = ["t.csv", "t.tsv", "t.csv.gz", "t.arff", "t.npz"]
    if pytest.importorskip("pyarrow"):
        frame.to_parquet("t.parquet")
        names.append("t.parquet")
    assert len({load_dataset(f"./{name}").fingerprint for name in names}) == 1


def test_a_bare_name_finds_the_file(folder):
    assert load_dataset("arrays").n_rows == 3
    assert load_dataset("toy", categorical="one_hot", groups="patient").n_features == 3


def test_a_known_name_without_file_comes_from_openml(openml, monkeypatch):
    openml.add(1485, "toy", TOY.replace("@ATTRIBUTE colour {red,blue}", "@ATTRIBUTE colour REAL"))
    openml.sets[1485]["arff"] = openml.sets[1485]["arff"].replace("red", "0").replace("blue", "1")
    known = KnownDataset("Toy", "nobody", "CC0", 3, openml=(1485, "toy"))
    monkeypatch.setitem(KNOWN, "madelon", known)
    dataset = load_dataset("madelon")
    assert dataset.name == "madelon"
    assert "no official test part" in dataset.notes[-1]


def test_an_unknown_name_lists_what_is_there_and_guesses(folder):
    with pytest.raises(DataError, match="no dataset is called 'madelom'") as caught:
        load_dataset("madelom")
    text = str(caught.value)
    assert "did you mean 'madelon'?" in text
    for name in ("toy", "arrays", "sklearn:iris", "gisette"):
        assert name in text
    assert "VAEGA_DATA is not set" not in text
    assert "\n" not in text


def test_an_unset_or_wrong_folder_is_told(no_folders, monkeypatch):
    with pytest.raises(DataError, match="VAEGA_DATA is not set; searched no folder"):
        load_dataset("nothing_of_the_kind")
    monkeypatch.setenv("VAEGA_DATA", "nowhere")
    with pytest.raises(DataError, match="VAEGA_DATA names nowhere, which is no folder"):
        load_dataset("nothing_of_the_kind")


def test_a_wrong_folder_is_said_where_the_name_is_found_elsewhere(two_folders, monkeypatch):
    (two_folders[1] / "toy.csv").write_text(CSV)
    monkeypatch.setenv("VAEGA_DATA", "nowhere")
    with pytest.warns(UserWarning, match="VAEGA_DATA names nowhere, which is no folder"):
        assert load_dataset("toy", ignore=["colour", "patient"]).n_rows == 3


def test_without_a_network_the_file_that_would_do_is_named(openml, no_folders):
    openml.close()
    with pytest.raises(
        DataError, match=r"a file madelon\.npz in \$VAEGA_DATA or \./data"
    ) as caught:
        load_dataset("madelon")
    assert str(caught.value).count(". ") == 0


def test_what_needs_the_network(folder):
    assert needs_network("openml:61")
    assert needs_network("madelon")
    for source in ("toy", "toy.csv", "sklearn:wine", "gcm1363", "unheard_of"):
        assert not needs_network(source)


def test_columns_of_a_table_before_any_is_the_target(folder):
    assert read_columns("toy").names == ("a", "colour", "patient", "class")
    assert read_columns(str(folder / "toy.csv")).names[0] == "a"
    for source in ("arrays", "sklearn:wine", "openml:61", "unheard_of"):
        assert read_columns(source) is None


def test_a_known_name_whose_file_is_absent_is_told(no_folders):
    with pytest.raises(DataError, match=r"'gcm1363' is known, but its file gcm1363\.npz is not"):
        load_dataset("gcm1363")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("absent.csv", r"absent\.csv: no such file"),
        ("./folder.csv", "must be a file, got a folder"),
        ("sheet.xls", r"must end in \.npz, .* got \.xls; save it as \.xlsx or as CSV"),
        ("a/b", "must end in .* got no ending"),
        ("https://example.org/t.csv", "download the file"),
        ("", "cannot name a file"),
        (".hidden", "cannot name a file"),
        ("zip:toy", "cannot name a file"),
    ],
)
def test_what_is_no_source_is_one_sentence(folder, source, sentence):
    Path("folder.csv").mkdir()
    Path("sheet.xls").touch()
    with pytest.raises(DataError, match=sentence) as caught:
        load_dataset(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["sklearn:iris", "arrays"])
@pytest.mark.parametrize("role", ["target", "groups"])
def test_columns_are_for_tables_only(folder, source, role):
    with pytest.raises(DataError, match=f"{role} names a column of a table"):
        load_dataset(source, **{role: "class"})


def test_an_unknown_choice_for_text_is_refused():
    with pytest.raises(InputError, match="load_dataset: categorical must be one of"):
        load_dataset("sklearn:iris", categorical="ordinal")


def test_available_datasets_reads_headers_only(folder):
    (folder / "broken.npz").write_bytes(b"junk")
    entries = {entry.source: entry for entry in available_datasets()}
    assert entries["arrays"].title == "3 rows x 3 features"
    assert entries["arrays"].where == str(folder / "arrays.npz")
    assert entries["broken"].title == "not readable"
    assert entries["toy"].title == "a .csv table"
    assert entries["sklearn:wine"].where == "scikit-learn"
    assert entries["madelon"].where == "OpenML, needs the network"
    assert "gcm1363" not in entries


def test_importing_is_cheap():
    code = (
        "import sys; from vaega.data import _dataset, _sources, _splits, _synthetic; "
        "print([m for m in ('pandas', 'sklearn', 'torch', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "n_rows", "n_test", "n_features", "n_classes"),
    [
        ("leukemia", 38, 34, 7129, 2),
        ("madelon", 2000, 600, 500, 2),
        ("all_leukemia_yeoh6", 163, 85, 12558, 6),
        ("gcm1363", 190, 0, 1363, 14),
        ("mnist49", 11791, 1991, 784, 2),
    ],
)
def test_the_published_sets(real_data, monkeypatch, name, n_rows, n_test, n_features, n_classes):
    monkeypatch.setenv("VAEGA_DATA", str(real_data))
    dataset = load_dataset(name)
    assert (dataset.n_rows, dataset.n_features, dataset.n_classes) == (
        n_rows,
        n_features,
        n_classes,
    )
    assert (0 if dataset.y_test is None else len(dataset.y_test)) == n_test
    assert dataset.pooled().n_rows == n_rows + n_test
    assert dataset.n_missing == 0
    assert dataset.relevant is None
    assert dataset.origin == KNOWN[name].citation
    assert KNOWN[name].licence in dataset.card()


def test_the_stand_in_knows_its_probes_and_denies_being_gisette(real_data, monkeypatch):
    monkeypatch.setenv("VAEGA_DATA", str(real_data))
    dataset = load_dataset("gisette_surrogate")
    probe = np.array([name.startswith("probe_") for name in dataset.feature_names])
    np.testing.assert_array_equal(dataset.relevant, ~probe)
    assert "This is not GISETTE" in dataset.card()


def test_labels_of_madelon_sort_by_value(real_data):
    dataset = load_dataset(real_data / "madelon.npz")
    assert dataset.class_names == ("-1", "1")
    assert np.bincount(dataset.y).tolist() == [1000, 1000]


@pytest.mark.parametrize("key", BUNDLED)
def test_each_set_loads_with_names_and_the_size_it_announces(key):
    dataset = load_bundled(key)
    assert f"{dataset.n_rows} rows x {dataset.n_features} features" in BUNDLED[key]
    assert dataset.name == key
    assert dataset.n_missing == 0
    assert key in dataset.origin
    assert dataset.feature_names[0] != "x0"


def test_labels_are_the_class_names():
    from sklearn.datasets import load_digits, load_iris

    iris = load_iris()
    assert load_bundled("iris").labels.tolist() == iris.target_names[iris.target].tolist()
    digits = load_bundled("digits")
    assert digits.class_names == tuple("0123456789")
    np.testing.assert_array_equal(digits.y, load_digits().target)


def test_a_name_can_be_given():
    assert load_bundled("wine", name="cellar").name == "cellar"


@pytest.mark.parametrize("key", ["diabetes", "", "__class__", "files"])
def test_others_are_refused_with_the_list(key):
    with pytest.raises(DataError, match="breast_cancer, digits, iris, wine; got"):
        load_bundled(key)


def test_every_entry_says_what_who_and_under_which_terms():
    for name, known in KNOWN.items():
        assert name == name.lower()
        assert known.title
        assert known.citation
        assert known.licence
        assert known.n_features > 0


def test_the_stand_in_says_that_it_is_none():
    assert "not GISETTE" in KNOWN["gisette_surrogate"].note
    assert KNOWN["gisette_surrogate"].openml is None


def test_another_number_of_columns_is_another_dataset():
    assert known_dataset("leukemia", 7129) is KNOWN["leukemia"]
    assert known_dataset("leukemia", 100) is None
    assert known_dataset("mine", 7129) is None


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ({"X": (3, 2), "y": (3,)}, "3 rows x 2 features"),
        ({"X_train": (3, 2), "X_test": (1, 2)}, "3 rows (+ 1 test rows) x 2 features"),
        ({"X": (3,)}, "arrays 'X'"),
        ({}, "not readable"),
    ],
)
def test_sizes_are_described(shapes, text):
    assert describe_shapes(shapes) == text


def test_the_catalogue_agrees_with_the_files(real_data):
    for name, known in KNOWN.items():
        path = real_data / f"{name}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as archive:
                assert archive["feature_names"].shape == (known.n_features,)


@pytest.fixture
def two_folders(no_folders, tmp_path, monkeypatch):
    named = tmp_path / "named"
    named.mkdir()
    (no_folders / "data").mkdir()
    monkeypatch.setenv("VAEGA_DATA", str(named))
    return named, Path("data")


def test_the_named_folder_comes_first(two_folders):
    assert data_folders() == list(two_folders)


def test_folders_that_are_absent_are_left_out(no_folders, monkeypatch):
    monkeypatch.setenv("VAEGA_DATA", "nowhere")
    assert data_folders() == []
    assert list_files() == []


def test_archives_come_before_tables_and_the_named_folder_before_data(two_folders):
    named, local = two_folders
    (local / "toy.npz").touch()
    assert find_file("toy") == local / "toy.npz"
    (named / "toy.csv").touch()
    assert find_file("toy") == named / "toy.csv"
    (named / "toy.npz").touch()
    assert find_file("toy") == named / "toy.npz"
    assert find_file("other") is None


def test_files_are_listed_once_a_name(two_folders):
    named, local = two_folders
    for path in (named / "b.csv", named / "b.npz", local / "b.arff", local / "a.tsv.gz"):
        path.touch()
    (named / "notes.txt").touch()
    (named / ".hidden.csv").touch()
    (named / "folder.csv").mkdir()
    assert list_files() == [named / "b.npz", local / "a.tsv.gz"]


@pytest.mark.parametrize("name", ["../toy", "a/b", "a\\b", "", ".toy", "c:toy"])
def test_a_name_cannot_leave_the_folder(two_folders, name):
    with pytest.raises(InputError, match="cannot name a file"):
        find_file(name)


def test_the_cache_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("VAEGA_CACHE")
    assert cache_folder().name == "vaega"


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("toy.csv", "toy", ".csv"),
        ("toy.TSV.GZ", "toy", ".tsv.gz"),
        ("toy.v1.npz", "toy.v1", ".npz"),
        ("toy", "toy", None),
        ("toy.gz", "toy.gz", None),
    ],
)
def test_endings(name, stem, suffix):
    assert stem_of(Path(name)) == stem
    assert suffix_of(Path(name)) == suffix
