"""Files whole or not at all, fingerprints, sizes and times."""

import os
from pathlib import Path

import numpy as np
import pytest

from vaega.core.errors import InputError, ResultsError
from vaega.core.files import (
    canonical_json,
    check_links,
    check_within,
    fingerprint,
    parse_bytes,
    parse_seconds,
    path_inside,
    read_json,
    say_bytes,
    say_seconds,
    write_bytes,
    write_json,
    write_text,
)


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_others_may_read_what_was_written(tmp_path):
    write_text(tmp_path / "file.txt", "shared")
    (tmp_path / "plain.txt").write_text("shared")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_write_that_dies_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(ResultsError, match="cannot be written: No space left"):
        write_bytes(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_gives_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        write_text(tmp_path / "file" / "inside", "")


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"x": [1, 2.5, None]}


def test_damaged_json_gives_one_sentence(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ResultsError, match="cannot be read as JSON"):
        read_json(tmp_path / "a.json")


def test_fingerprints_see_values_shapes_types_and_order():
    base = np.arange(6.0)
    others = [base + 1, base.reshape(2, 3), base.astype("float32"), base[::-1]]
    digests = {fingerprint(array) for array in [base, *others]}
    assert len(digests) == 5
    assert fingerprint(base, "a") != fingerprint("a", base)
    assert fingerprint(np.array(["a", "bc"])) != fingerprint(np.array(["ab", "c"]))


def test_fingerprints_ignore_layout_and_key_order():
    array = np.arange(6.0).reshape(2, 3)
    assert fingerprint(array) == fingerprint(np.asfortranarray(array))
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_canonical_json_refuses_what_other_readers_cannot_read():
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@pytest.mark.parametrize(
    "name", ["", "..", "../up", "/etc", "a/b", "a\\b", ".hidden", "a\0", "C:x"]
)
def test_names_that_could_lead_elsewhere(name):
    with pytest.raises(InputError, match="cannot name a file in"):
        path_inside(Path("results"), name)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("1kB", 1000),
        ("2GiB", 2**31),
        ("0.5 mib", 2**19),
        (" 3TB ", 3 * 10**12),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text, "size", owner="test") == size


@pytest.mark.parametrize("text", ["", "-1", "much", "1 XB", "GiB", "1e3", "nan", None, [1]])
def test_what_is_no_size_is_one_sentence(text):
    with pytest.raises(InputError, match=r"^test: size must be a size such as 500MB or 2GiB, got"):
        parse_bytes(text, "size", owner="test")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("1.5m", 90), ("12h", 43200), ("30D", 30 * 86400), ("1w", 604800)],
)
def test_times(text, seconds):
    assert parse_seconds(text, "age", owner="test") == seconds


@pytest.mark.parametrize("text", ["", "12", "-1d", "1 month"])
def test_what_is_no_time_is_one_sentence(text):
    with pytest.raises(InputError, match=r"^test: age must be a time such as 12h or 30d, got"):
        parse_seconds(text, "age", owner="test")


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (2**31, "2.0 GiB"), (2**52, "4096.0 TiB")],
)
def test_sizes_are_said_in_the_largest_unit(size, said):
    assert say_bytes(size) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h"), (1e6, "11 d")]
)
def test_times_are_said_in_the_largest_unit(seconds, said):
    assert say_seconds(seconds) == said


def test_a_link_out_of_a_folder_is_not_followed(tmp_path):
    for name in ("results", "results/own", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "results/out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "results/within").symlink_to(tmp_path / "results/own")
    (tmp_path / "results/itself").symlink_to(tmp_path / "results/itself")
    for name in ("own", "within", "absent", "itself"):
        path = tmp_path / "results" / name
        assert check_within(path, tmp_path / "results") == path
    with pytest.raises(ResultsError, match=r"out: is a link that leads out of .*results, which"):
        check_within(tmp_path / "results/out", tmp_path / "results")


def test_a_folder_with_a_link_out_of_it_is_refused(tmp_path):
    (tmp_path / "results/own/deep").mkdir(parents=True)
    (tmp_path / "results/own/deep/out").symlink_to(tmp_path)
    check_links(tmp_path / "absent", deep=True)
    check_links(tmp_path / "results")
    check_links(tmp_path / "results/own")
    for name in ("results", "results/own"):
        with pytest.raises(ResultsError, match="out: is a link that leads out of"):
            check_links(tmp_path / name, deep=True)
