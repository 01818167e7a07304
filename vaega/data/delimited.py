"""Delimited text: CSV and TSV files, plain or gzipped."""

import csv
import gzip
import io
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from vaega.core.errors import DataError
from vaega.data.names import quoted
from vaega.data.tables import Table

if TYPE_CHECKING:
    import pandas as pd

MISSING_TEXTS = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]


def read_delimited(path: Path, *, target: str | None = None) -> Table:
    r"""Read a CSV or TSV file with a header line."""
    owner = str(path)
    stream = io.StringIO(read_text(path), newline="")
    header, delimiter = _header(stream, path, owner=owner)
    if target not in header and all(map(_is_number, header)):
        raise DataError(
            f"{owner}: the first line must hold column names, got only numbers "
            f"({quoted(header, limit=3)})."
        )
    frame = read_rows(stream.read(), len(header), delimiter=delimiter, owner=owner)
    if header[0] == "" and len(header) > 1:
        note = "The first column has no name and is left out as row labels."
        return Table(frame.iloc[:, 1:], _named(header)[1:], (note,))
    return Table(frame, _named(header))


def read_text(path: Path) -> str:
    """Read a text file as UTF-8, gunzipped when its name ends in ``.gz``."""
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: must be UTF-8 text, got byte 0x{content[error.start]:02x} at position "
            f"{error.start}; save it as UTF-8."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}.") from error
    if "\0" in text:
        raise DataError(f"{path}: must be text, got a binary file.")
    if not text.strip():
        raise DataError(f"{path}: must hold a header and rows, got an empty file.")
    return text


def read_rows(
    body: str,
    n_columns: int,
    *,
    delimiter: str,
    quote: str = '"',
    escape: str | None = None,
    owner: str,
) -> "pd.DataFrame":
    r"""Parse rows without a header; every row must have the same number of cells."""
    import pandas as pd

    names = list(range(n_columns))
    if not body.strip():
        return pd.DataFrame(columns=names)
    _check_lengths(body, n_columns, delimiter, quote, escape, owner=owner)
    try:
        return pd.read_csv(
            io.StringIO(body),
            header=None,
            names=names,
            index_col=False,
            sep=delimiter,
            quotechar=quote,
            escapechar=escape,
            skipinitialspace=True,
            keep_default_na=False,
            na_values=MISSING_TEXTS,
            low_memory=False,
        )
    except ValueError as error:
        raise DataError(f"{owner}: cannot be read as a table: {error}.") from error


def _header(stream: io.StringIO, path: Path, *, owner: str) -> tuple[list[str], str]:
    start = stream.tell()
    line = next(line for line in stream if line.strip())
    stem = path.name.lower().removesuffix(".gz")
    bare = re.sub(r'"[^"]*"', "", line)  # a delimiter inside quotes delimits nothing
    delimiter = "\t" if stem.endswith(".tsv") else max(",;\t", key=bare.count)
    stream.seek(start)
    reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
    try:
        header = next(cells for cells in reader if any(cell.strip() for cell in cells))
    except csv.Error as error:
        raise DataError(f"{owner}: the header cannot be read: {error}.") from error
    return [cell.strip() for cell in header], delimiter


def _named(header: list[str]) -> tuple[str, ...]:
    return tuple(name or f"Unnamed: {column}" for column, name in enumerate(header))


def _check_lengths(
    body: str, n_columns: int, delimiter: str, quote: str, escape: str | None, *, owner: str
) -> None:
    row = 0
    try:
        for length in _row_lengths(body, delimiter, quote, escape):
            row += 1
            if length != n_columns:
                raise DataError(
                    f"{owner}: every row must have {n_columns} cells, got {length} in row {row} "
                    "(counted from 1 after the header)."
                )
    except csv.Error as error:
        raise DataError(f"{owner}: row {row + 1} cannot be read: {error}.") from error


def _row_lengths(body: str, delimiter: str, quote: str, escape: str | None) -> "list[int]":
    if quote not in body and escape is None:
        lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return [line.count(delimiter) + 1 for line in lines if line.strip()]
    reader = csv.reader(
        io.StringIO(body, newline=""),
        delimiter=delimiter,
        quotechar=quote,
        escapechar=escape,
        skipinitialspace=True,
        strict=True,
    )
    return [len(cells) for cells in reader if any(cell.strip() for cell in cells) or len(cells) > 1]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
