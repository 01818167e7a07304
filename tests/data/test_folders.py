from pathlib import Path

import pytest

from vaega.core.errors import InputError
from vaega.data._tables import cache_folder, data_folders, find_file, list_files, stem_of, suffix_of


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
