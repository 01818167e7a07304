"""Readers of data files: delimited text, ARFF, Parquet and NumPy archives.

A reader of tables takes a path and returns a `Table`; ``@reads(".suffix")`` registers it, and that
is all a new format needs. Archives of arrays (.npz) are datasets already and have a reader of
their own.
"""

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy_format

from vaega.core.errors import DataError, MissingExtraError, first_line
from vaega.data._dataset import Dataset, quoted
from vaega.data._tables import Table

if TYPE_CHECKING:
    import pandas as pd


Reader = Callable[..., Table]
READERS: dict[str, Reader] = {}  # The ending of a file, in lower case: what reads it
ARCHIVE = ".npz"


def reads(*suffixes: str) -> Callable[[Reader], Reader]:
    """Register a reader ``(path, *, target) -> Table`` for files that end so."""

    def register(reader: Reader) -> Reader:
        READERS.update(dict.fromkeys(suffixes, reader))
        return reader

    return register


def known_suffixes() -> tuple[str, ...]:
    """Return the endings that can be read; the first one wins where a name has several files."""
    return (ARCHIVE, *READERS)


def suffix_of(path: Path) -> str | None:
    """Return the ending of a data file, in lower case, None when it is none we read."""
    lower = path.name.lower()
    return max((s for s in known_suffixes() if lower.endswith(s)), key=len, default=None)


def stem_of(path: Path) -> str:
    """Return the name of a data file without its ending."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.name


MISSING_TEXTS = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]


@reads(".csv", ".csv.gz", ".tsv", ".tsv.gz")
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


_NUMERIC = ("numeric", "real", "integer")
_PLAIN = (*_NUMERIC, "string")
_WORD = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{,}]+"""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_WORD})\s*(.*)", re.IGNORECASE)
_VALUE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,][^,]*""")


@reads(".arff")
def read_arff(path: Path, *, target: str | None = None) -> Table:
    r"""Read a dense ARFF file."""
    owner = str(path)
    attributes, lines = _split(read_text(path).splitlines(), owner=owner)
    body = "\n".join(lines)
    if any(line.lstrip().startswith("{") for line in lines):
        raise DataError(f"{owner}: must be a dense ARFF file, got sparse rows in braces.")
    quote = "'" if "'" in body and '"' not in body else '"'
    escape = "\\" if "\\" in body else None
    frame = read_rows(body, len(attributes), delimiter=",", quote=quote, escape=escape, owner=owner)
    for column, (name, kind) in enumerate(attributes):
        if len(frame):
            _check_column(frame.iloc[:, column], name, kind, owner=owner)
    return Table(frame, tuple(name for name, _ in attributes))


def parse_attribute(line: str, *, owner: str) -> tuple[str, str | frozenset[str]]:
    """Read one declaration."""
    match = _ATTRIBUTE.match(line.strip())
    name, kind = (_unquoted(match[1]), match[2].strip()) if match else ("", "")
    if kind.startswith("{") and kind.endswith("}"):
        return name, frozenset(_unquoted(value) for value in _VALUE.findall(kind[1:-1]))
    word = kind.lower().split()[0] if kind else ""
    if word in _PLAIN or word == "date":
        return name, word
    raise DataError(
        f"{owner}: an attribute must be numeric, nominal, string or date, got {line.strip()!r}."
    )


def _split(
    lines: list[str], *, owner: str
) -> tuple[list[tuple[str, str | frozenset[str]]], list[str]]:
    attributes = []
    for number, line in enumerate(lines):
        word = line.strip().lower()
        if word.startswith("@attribute"):
            attributes.append(parse_attribute(line, owner=owner))
        elif word.startswith("@data") and attributes:
            rest = (row.strip() for row in lines[number + 1 :])
            return attributes, [row for row in rest if row and not row.startswith("%")]
        elif word and not word.startswith(("%", "@relation")):
            raise DataError(f"{owner}: the header must be ARFF, got {line.strip()[:40]!r}.")
    raise DataError(f"{owner}: must declare attributes and a @data part, got none.")


def _check_column(
    column: "pd.Series", name: str, kind: str | frozenset[str], *, owner: str
) -> None:
    import pandas as pd

    if kind in _NUMERIC and not pd.api.types.is_numeric_dtype(column.dtype):
        texts = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        raise DataError(
            f"{owner}: attribute {name!r} is declared {kind}, got {quoted(texts, limit=1)}."
        )
    if isinstance(kind, frozenset) and not pd.api.types.is_numeric_dtype(column.dtype):
        strange = {str(value).strip() for value in column.dropna()} - kind
        if strange and kind:
            raise DataError(
                f"{owner}: attribute {name!r} declares the values {quoted(sorted(kind))}, "
                f"got {quoted(sorted(strange), limit=1)}."
            )


def _unquoted(word: str) -> str:
    word = word.strip()
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


_KNOWN = (
    "X_train", "y_train", "X", "y", "X_test", "y_test",
    "feature_names", "is_probe", "relevant", "groups",
)  # fmt: skip


def read_npz(path: Path, *, name: str, **about: Any) -> Dataset:
    """Read a dataset from a NumPy archive."""
    arrays = _read_arrays(path)
    X_key, y_key = _training_keys(arrays, path)
    relevant = arrays.get("relevant")
    if relevant is None and "is_probe" in arrays:
        relevant = ~arrays["is_probe"].astype(bool)
    left_out = [key for key in arrays if key not in _KNOWN]
    return Dataset.from_arrays(
        arrays[X_key],
        arrays[y_key],
        name=name,
        feature_names=_names(arrays.get("feature_names"), path),
        X_test=arrays.get("X_test"),
        y_test=arrays.get("y_test"),
        relevant=relevant,
        groups=arrays.get("groups"),
        notes=(f"Arrays left out: {quoted(left_out)}.",) if left_out else (),
        **about,
    )


def read_npz_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of the arrays in an archive without reading their values."""
    shapes = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    version = npy_format.read_magic(file)
                    read = (
                        npy_format.read_array_header_1_0
                        if version == (1, 0)
                        else npy_format.read_array_header_2_0
                    )
                    shapes[member.removesuffix(".npy")] = read(file)[0]
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return {}
    return shapes


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = [key for key in archive.files if key in _KNOWN]
            arrays = {key: np.empty(0) for key in archive.files}
            return arrays | {key: archive[key] for key in keys}
    except Exception as error:
        # zipfile, zlib and numpy raise errors of a dozen kinds for damaged archives.
        if "pickle" in str(error):
            raise DataError(
                f"{path}: must be an archive of plain arrays, got pickled objects or no archive; "
                "save text as unicode arrays, not as objects."
            ) from error
        raise DataError(f"{path}: cannot be read as a NumPy archive: {error}.") from error


def _training_keys(arrays: dict[str, np.ndarray], path: Path) -> tuple[str, str]:
    for pair in (("X_train", "y_train"), ("X", "y")):
        if all(key in arrays for key in pair):
            return pair
    raise DataError(
        f"{path}: must hold the arrays X_train and y_train, or X and y, got {quoted(arrays)}."
    )


def _names(names: np.ndarray | None, path: Path) -> list[str] | None:
    if names is None:
        return None
    if names.ndim != 1:
        raise DataError(f"{path}: feature_names must be one-dimensional, got shape {names.shape}.")
    return [
        name.decode("utf-8", errors="replace") if isinstance(name, bytes) else str(name)
        for name in names.tolist()
    ]


@reads(".parquet")
def read_parquet(path: Path, *, target: str | None = None) -> Table:
    """Read a Parquet file."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(owner=str(path), package="pyarrow", extra="parquet") from error
    try:
        stored = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        reason = first_line(error).rstrip(".")
        raise DataError(f"{path}: cannot be read as Parquet: {reason}.") from error
    columns = [
        i for i, name in enumerate(stored.column_names) if not name.startswith("__index_level")
    ]
    stored = stored.select(columns)
    names = tuple(map(str, stored.column_names))
    numbered = stored.rename_columns([str(i) for i in range(len(names))])
    return Table(numbered.to_pandas(ignore_metadata=True), names)
