import json
import warnings

import numpy as np
import pandas as pd
import pytest

from tests.data.openml_server import SPARSE, TOY
from vaega.core.errors import DataError
from vaega.data._openml import content_digest, load_openml, record_path


@pytest.fixture
def toy(openml):
    openml.add(7, "Toy", TOY)
    return openml


@pytest.mark.parametrize("reference", ["7", "Toy", "toy", "Toy@1"])
def test_number_name_and_version_lead_to_the_same_rows(toy, reference):
    dataset = load_openml(reference, categorical="drop")
    assert dataset.name == "Toy"
    assert dataset.feature_names == ("a", "b")
    np.testing.assert_array_equal(dataset.X, [[1.5, 1], [np.nan, 2], [3.5, 3]])
    assert dataset.labels.tolist() == ["x", "y", "x"]
    assert "OpenML 7, Toy version 1" in dataset.origin
    assert dataset.licence == "CC0"


def test_the_second_load_asks_nobody(toy):
    first = load_openml("7", categorical="one_hot")
    n_requests = len(toy.requests)
    second = load_openml("7", categorical="one_hot")
    assert len(toy.requests) == n_requests
    assert first.fingerprint == second.fingerprint
    assert first.feature_names == ("a", "colour=blue", "colour=red", "b")


def test_the_first_fetch_is_recorded(toy):
    load_openml("7", categorical="drop")
    record = json.loads(record_path(7).read_text())
    assert record["id"] == 7
    assert (record["name"], record["version"]) == ("Toy", 1)
    assert (record["n_rows"], record["n_columns"]) == (3, 4)
    assert len(record["sha256"]) == 64
    assert record["url"].endswith("/d/7")
    assert len(record["date"]) == 10


def test_the_record_holds_whatever_is_asked_of_the_columns(toy):
    load_openml("7", categorical="drop")
    assert load_openml("7", target="colour", categorical="drop").class_names == ("blue", "red")
    assert load_openml("7", groups="b", categorical="one_hot").groups.tolist() == [1, 2, 3]


def test_changed_content_is_refused(toy, tmp_path, monkeypatch):
    load_openml("7", categorical="drop")
    record = record_path(7).read_text()
    toy.add(7, "Toy", TOY.replace("3.5", "3.6"))
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path / "fresh"))
    record_path(7).parent.mkdir(parents=True)
    record_path(7).write_text(record)
    with pytest.raises(DataError, match=r"must be what was fetched on .*accept the new content"):
        load_openml("7", categorical="drop")


def test_a_damaged_record_is_one_sentence(toy):
    load_openml("7", categorical="drop")
    for damage in ("{", "[]", "{}"):
        record_path(7).write_text(damage)
        with pytest.raises(DataError, match="record of the first fetch is damaged; remove"):
            load_openml("7", categorical="drop")


def test_a_damaged_file_is_refused(openml):
    openml.add(7, "Toy", TOY, md5="0" * 32)
    with pytest.raises(DataError, match="cannot be taken from OpenML: The md5 checksum"):
        load_openml("7")


def test_sparse_sets_become_dense(openml):
    openml.add(8, "Sparse", SPARSE)
    dataset = load_openml("8")
    assert dataset.X.tolist() == [[1.5, 0], [0, 2], [3, 0]]
    assert dataset.labels.tolist() == ["x", "y", "x"]


def test_several_targets_need_a_choice_and_the_others_are_left_out(openml):
    openml.add(9, "Two", TOY, targets=("class", "colour"))
    with pytest.raises(DataError, match=r"exactly one target column, got 2 \('colour', 'class'\)"):
        load_openml("9")
    dataset = load_openml("9", target="colour")
    assert dataset.feature_names == ("a", "b")
    assert "Other targets left out: 'class'." in dataset.notes


def test_no_declared_target_needs_a_choice(openml):
    openml.add(10, "None", TOY, targets=())
    with pytest.raises(DataError, match="exactly one target column, got none"):
        load_openml("10")
    assert load_openml("10", target="class", categorical="drop").n_classes == 2


def test_remarks_of_openml_become_notes_not_warnings(openml):
    openml.add(11, "Old", TOY, status="deactivated")
    openml.add(12, "Twin", TOY)
    openml.add(13, "Twin", TOY, version=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "inactive" in load_openml("11", categorical="drop").notes[0]
        assert "Multiple active versions" in load_openml("twin", categorical="drop").notes[0]
        assert "13" in load_openml("twin@2", categorical="drop").origin


@pytest.mark.parametrize("reference", ["99", "nobody", "toy@9"])
def test_what_openml_does_not_have_is_one_sentence(toy, reference):
    with pytest.raises(DataError, match=f"openml:{reference}: cannot be taken from OpenML"):
        load_openml(reference)


@pytest.mark.parametrize("reference", ["", "a/b", "../x", "a b", "toy@", "toy@x", "toy@0", "a?b"])
def test_odd_references_are_refused_before_any_request(toy, reference):
    with pytest.raises(DataError, match="must be openml:ID, openml:NAME or openml:NAME@VERSION"):
        load_openml(reference)
    assert toy.requests == []


def test_another_name_than_expected_is_refused(toy):
    assert load_openml("7", categorical="drop", expected_name="toy").name == "Toy"
    with pytest.raises(DataError, match="must be 'madelon', got 'Toy' from OpenML"):
        load_openml("7", categorical="drop", expected_name="madelon")


def test_without_network_the_cache_still_serves(toy):
    load_openml("7", categorical="drop")
    toy.close()
    assert load_openml("7", categorical="drop").n_rows == 3


def test_without_network_and_cache_it_is_one_sentence(toy):
    toy.close()
    with pytest.raises(DataError, match="OpenML cannot be reached and the cache") as caught:
        load_openml("7")
    assert "\n" not in str(caught.value)


def test_the_digest_sees_content_not_storage():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert content_digest(frame) == content_digest(frame.astype({"a": "float32", "b": "category"}))
    assert content_digest(frame) != content_digest(frame.rename(columns={"a": "c"}))
    assert content_digest(frame) != content_digest(frame.iloc[::-1])
