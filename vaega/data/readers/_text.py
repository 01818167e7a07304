"""Text of files: decompressed, decoded by its byte order mark, and refused where it is none."""

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vaega.core.errors import DataError, one_line
from vaega.data._dataset import quoted

# The longest marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_PACKED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, NotImplementedError)
# What other programs write under the ending of a text file, by its first bytes.
_OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save it as .xlsx or as CSV",
    b"\x89HDF": "an HDF5 file; give it its own ending, .h5ad or .mat",
    b"PAR1": "a Parquet file; give it the ending .parquet",
    b"%PDF": "a PDF document; export the table as CSV",
    b"RDX": "an R workspace; write the table with write.csv",
    b"X\n\x00": "an R object; write the table with write.csv",
}
# And what is text, but no table, by its first words in lower case.
_OTHER_TEXTS = {
    "<!doctype": "a page of HTML; the download may have failed",
    "<html": "a page of HTML; the download may have failed",
    "<?xml": "XML; export the table as CSV",
    "version https://git-lfs": "a pointer of Git LFS; fetch the file with git lfs pull",
    '{"': "JSON; save the table as CSV",
    "[{": "JSON; save the table as CSV",
}


def read_text(path: Path) -> str:
    """Read a text file: unpacked by its first bytes, decoded by its mark, else as UTF-8."""
    content = _content(path)
    for start, kind in _OTHERS.items():
        if content.startswith(start):
            raise DataError(f"{path}: must be text, got {kind}.")
    text = _decoded(content, path)
    if "\0" in text:
        raise DataError(f"{path}: must be text, got a binary file.")
    if not text or text.isspace():
        raise DataError(f"{path}: must hold a header and rows, got an empty file.")
    words = first_words(text).lower()
    kinds = [kind for start, kind in _OTHER_TEXTS.items() if words.startswith(start)]
    if kinds:
        raise DataError(f"{path}: must be a table, got {kinds[0]}.")
    return text


def lines_of(text: str) -> Iterator[str]:
    """Return the lines of a text, their ends included; only CR and LF end one."""
    return iter(io.StringIO(text, newline=""))


def first_words(text: str) -> str:
    """Return the first line that is not blank, without its ends."""
    match = re.search(r"\S[^\r\n]*", text)
    return match[0].strip() if match else ""


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        unpack = _UNPACK.get(path.suffix.lower())
        if unpack is None:
            unpack = next((f for mark, f in _PACKED.items() if content.startswith(mark)), None)
        if unpack is not None:
            content = unpack(content)
    except _DAMAGED as error:
        raise DataError(f"{path}: cannot be read: {one_line(error)}.") from error
    if path.suffix.lower() == ".zip" or content.startswith(b"PK\x03\x04"):
        return _unzipped(content, path)
    return content


def only_member(content: bytes, path: Path) -> str:
    """Return the name of the only file of a zip archive."""
    with _opened(content, path) as archive:
        names = [name for name in archive.namelist() if _is_data(name)]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path}: must be text, got a workbook; give it the ending .xlsx.")
    if len(names) != 1:
        found = f"{len(names)} ({quoted(names)})" if names else "none"
        raise DataError(
            f"{path}: a zip archive must hold exactly one file, got {found}; "
            "unpack it and give the path of one."
        )
    return names[0]


def _unzipped(content: bytes, path: Path) -> bytes:
    name = only_member(content, path)
    with _opened(content, path) as archive:
        return archive.read(name)


@contextmanager
def _opened(content: bytes, path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield archive
    except (zipfile.BadZipFile, RuntimeError, *_DAMAGED) as error:
        raise DataError(f"{path}: cannot be read: {one_line(error)}.") from error


def _is_data(name: str) -> bool:
    # macOS adds a folder of its own to every archive.
    return not (name.endswith("/") or name.startswith("__MACOSX/") or "/." in f"/{name}")


def _decoded(content: bytes, path: Path) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    encoding = encoding or _without_mark(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        shown = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        raise DataError(
            f"{path}: must be {shown} text, got byte 0x{content[error.start]:02x} at position "
            f"{error.start}; save it as UTF-8."
        ) from error


def _without_mark(content: bytes) -> str:
    # Latin letters in UTF-16: every second byte is zero, and none of the others.
    even, odd = content[0:400:2], content[1:400:2]
    if len(even) > 3 and not any(odd) and all(even):
        return "utf-16-le"
    if len(even) > 3 and not any(even) and all(odd):
        return "utf-16-be"
    return "utf-8-sig"
