"""Text of files: what it is packed in, how it is encoded, and what is no text."""

import bz2
import gzip
import lzma
import zipfile

import pytest

from vaega.core.errors import DataError
from vaega.data.readers._text import first_words, read_text

TEXT = "ä,class\n1,x\n2,y\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"]
)
def test_the_mark_or_the_zeros_say_which_encoding_it_is(write, encoding):
    plain = TEXT.replace("ä", "a") if encoding[-2:] in ("le", "be") else TEXT
    assert read_text(write(plain.encode(encoding))) == plain


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_both_byte_orders_are_read(write, mark):
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    assert read_text(write(mark + TEXT.encode(encoding))) == TEXT


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_what_is_packed_is_known_by_name_and_by_its_first_bytes(write, ending, pack):
    assert read_text(write(pack(TEXT.encode()), f"t.csv{ending}")) == TEXT
    assert read_text(write(pack(TEXT.encode()), "t.csv")) == TEXT


def archive(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_a_zip_archive_holds_one_file(tmp_path):
    members = {"folder/": "", "folder/t.csv": TEXT, "__MACOSX/._t.csv": "junk", ".DS_Store": "junk"}
    assert read_text(archive(tmp_path / "t.csv.zip", members)) == TEXT


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({}, r"exactly one file, got none; unpack it"),
        ({"a.csv": TEXT, "b.csv": TEXT}, r"exactly one file, got 2 \('a.csv', 'b.csv'\)"),
        ({"[Content_Types].xml": "", "xl/workbook.xml": ""}, r"give it the ending \.xlsx"),
    ],
)
def test_other_archives_are_refused(tmp_path, members, sentence):
    with pytest.raises(DataError, match=sentence):
        read_text(archive(tmp_path / "t.zip", members))


@pytest.mark.parametrize(
    ("start", "remedy"),
    [
        (b"\xd0\xcf\x11\xe0", "save it as .xlsx or as CSV"),
        (b"\x89HDF\r\n", "its own ending, .h5ad or .mat"),
        (b"PAR1", "give it the ending .parquet"),
        (b"%PDF-1.7", "export the table as CSV"),
        (b"RDX3\n", "write.csv"),
    ],
)
def test_a_known_format_under_another_ending_is_named(write, start, remedy):
    with pytest.raises(DataError, match=remedy):
        read_text(write(start + b"\0\1\2 rest"))


def test_the_first_line_that_is_not_blank():
    assert first_words("\n \t\r\n  a,b \r\nc") == "a,b"
    assert first_words(" \n") == ""
