"""Records are their own witness: no changed byte of one is read as its content."""

import numpy as np
import pytest

from vaega.core.errors import ResultsError
from vaega.core.records import digests_of, file_digest, read_record, write_record

CONTENT = {"files": {"a.csv": "0" * 64, 'odd "digest": "name': "x"}, "digest of": [1, None, 0.5]}


@pytest.fixture
def path(tmp_path):
    write_record(tmp_path / "record.json", CONTENT)
    return tmp_path / "record.json"


def test_what_is_written_is_read(path):
    assert read_record(path) == CONTENT


def test_every_bit_counts(path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(ResultsError, match=r"record\.json: "):
            read_record(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"digest": "', b"[" * 10**5])
def test_what_is_no_record(path, content):
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"cannot be read as a record|is damaged"):
        read_record(path)


def test_a_record_cut_anywhere_is_none(path):
    whole = path.read_bytes()
    for length in np.random.default_rng(0).integers(len(whole), size=50):
        path.write_bytes(whole[:length])
        with pytest.raises(ResultsError):
            read_record(path)


def test_digests_of_files(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    digests = digests_of(tmp_path, ("a.csv", "b.csv"))
    assert digests == {"a.csv": file_digest(tmp_path / "a.csv"), "b.csv": ""}
