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
    r"""Read a CSV or TSV file with a header line.

    Parameters
    ----------
    path : pathlib.Path
        The file, UTF-8, perhaps gzipped. Tabs separate where the name says so; else the commonest
        of comma, semicolon and tab in the header does. Empty cells, ``?``, ``NA`` and ``NaN`` are
        missing.
    target : str, optional
        A name the header must hold; a header of nothing but numbers is refused without it.

    Returns
    -------
    Table
        A first column without a name is left out, with a note: it holds row labels.

    Raises
    ------
    DataError
        When the file is no table: empty, binary, ragged, without a header.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "toy.csv"
    ...     _ = path.write_text("size,class\n1,a\n2,b\n")
    ...     read_delimited(path).names
    ('size', 'class')
    """
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
    """Read a text file as UTF-8, gunzipped when its name ends in ``.gz``.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str

    Raises
    ------
    DataError
        When it cannot be read, is empty, or is no UTF-8 text.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "toy.csv"
    ...     _ = path.write_text("size,class")
    ...     read_text(path)
    'size,class'
    """
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
    r"""Parse rows without a header; every row must have the same number of cells.

    Parameters
    ----------
    body : str
        The lines; empty ones are skipped.
    n_columns : int
        How many cells a row must have.
    delimiter, quote : str
        One character each.
    escape : str, optional
        The character that takes a quote's meaning away.
    owner : str
        Who asks, for the error messages.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_columns)
        Columns are numbered.

    Raises
    ------
    DataError
        When a row has another number of cells, or a quote is never closed.

    Examples
    --------
    >>> read_rows("1,a\n?,b\n", 2, delimiter=",", owner="toy")
         0  1
    0  1.0  a
    1  NaN  b
    """
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
