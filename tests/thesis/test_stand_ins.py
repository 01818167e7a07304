import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.thesis import published as stand_ins
from vaega.thesis.published import SOURCES, find_source, load_thesis_dataset, stand_in_note
from vaega.thesis.reproduction import DATASETS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VAEGA_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def write(name):
        arrays = {"X_train": np.eye(4), "y_train": np.array(["a", "b", "a", "b"])}
        np.savez_compressed(tmp_path / f"{name}.npz", **arrays)

    return write


def test_every_dataset_of_the_thesis_has_a_source():
    assert tuple(SOURCES) == DATASETS


def test_the_dataset_itself_comes_first_then_its_stand_in(folder):
    assert find_source("gisette") == "gisette"  # to be fetched
    folder("gisette_surrogate")
    assert find_source("gisette") == "gisette_surrogate"
    folder("gisette")
    assert find_source("gisette") == "gisette"


def test_a_stand_in_keeps_its_own_name(folder):
    folder("gcm1363")
    dataset = load_thesis_dataset("gcm")
    assert dataset.name == "gcm1363"
    assert stand_in_note("gcm", dataset.name).startswith("gcm1363 stands in for the thesis's gcm")
    assert stand_in_note("gcm", "gcm") is None


def test_an_unknown_dataset_is_refused():
    with pytest.raises(InputError, match=r"dataset must be one of all-leukemia, gcm"):
        find_source("wine")
    assert stand_ins.SOURCES["madelon"] == ("madelon",)
