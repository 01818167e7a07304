"""Delimited text: CSV, TSV and what spreadsheets, R and instruments write under these names."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from vaega.core.errors import DataError
from vaega.core.wording import counted
from vaega.data._columns import Progress, cell_text, is_number, silent
from vaega.data._dataset import quoted
from vaega.data._tables import Table
from vaega.data.readers._dialects import (
    DELIMITERS,
    Dialect,
    choose_dialect,
    meaning_of_commas,
    open_points,
    without_comments,
    without_separator_line,
)
from vaega.data.readers._registry import READERS, read_table, reads
from vaega.data.readers._text import first_words, only_member, read_text

_ROW_NAMES = "The header is one cell short: the first column is left out as row labels."
# How pandas and R call the column of row names that a file already had
_INDEX_NAME = re.compile(r"Unnamed: 0(\.\d+)*|\.\.\.1")


@reads(".csv", ".tsv", ".txt", ".tab", ".data", compressed=True)
def read_delimited(path: Path, *, target: str | None = None, progress: Progress = silent) -> Table:
    r"""Read delimited text with a header line; other text formats are known by their first line."""
    text = read_text(path)
    first = first_words(text)
    if first.lower().startswith(("!series_", "!sample_")):
        from vaega.data.readers._expression import read_series_matrix

        return read_series_matrix(path)
    if first.startswith(("#1.2", "#1.3")):
        from vaega.data.readers._expression import read_gct

        return read_gct(path)
    if first.lower().startswith("@relation"):
        from vaega.data.readers._arff import read_arff

        return read_arff(path)
    return read_rows(text, owner=str(path), target=target, progress=progress)


@reads(".zip")
def read_zip(path: Path, *, target: str | None = None, progress: Progress = silent) -> Table:
    """Read the only file of a zip archive by its own ending."""
    member = only_member(path.read_bytes(), path)
    suffix = f"{PurePath(member).suffix.lower()}.zip"
    if suffix == ".zip" or suffix not in READERS:
        raise DataError(
            f"{path}: a zip archive must hold a text file of a known ending, got {member!r}; "
            "unpack it."
        )
    return read_table(path, suffix, target=target, progress=progress)


def read_rows(
    text: str, *, owner: str, target: str | None = None, progress: Progress = silent
) -> Table:
    """Read the rows of a delimited text; the first line names the columns."""
    text, forced = without_separator_line(text)
    text, n_comments = without_comments(text)
    dialect = choose_dialect(text, forced, tabbed=owner.lower().endswith((".tsv", ".tab")))
    header, rows = _records(text, dialect, owner, progress)
    rows, blank = _without_blank(rows)
    rows, remarks = _without_remarks(rows, header)
    names, rows, row_names = _align(header, rows, dialect, owner=owner)
    if row_names is None:
        _check_header(names, rows, target, owner=owner)
    notes = (
        *_left_out(n_comments + remarks, "comment line"),
        *_left_out(blank, "row", " without a cell"),
        *([_ROW_NAMES] if row_names is not None else []),
    )
    cells = np.array(rows, dtype=object).reshape(len(rows), len(names))
    table = Table(cells, names, notes, row_names, is_text=True)
    return _with_commas(name_columns(table), dialect)


def _records(
    text: str, dialect: Dialect, owner: str, progress: Progress
) -> tuple[list[str], list[list[str]]]:
    records = dialect.records(text)
    try:
        header = [cell.strip() for cell in next(records)]
    except (csv.Error, StopIteration) as error:
        raise DataError(f"{owner}: the header cannot be read: {error}.") from error
    rows: list[list[str]] = []
    n_cells, n_lines = 0, max(1, text.count("\n"))
    try:
        for cells in records:
            rows.append(cells)
            n_cells += len(cells)
            if n_cells > 500_000:
                n_cells = 0
                progress("reading rows", min(1.0, len(rows) / n_lines))
    except csv.Error as error:
        raise DataError(
            f"{owner}: row {len(rows) + 1} cannot be read: {error}; a quote may be left open."
        ) from error
    return header, rows


def _without_blank(rows: list[list[str]]) -> tuple[list[list[str]], int]:
    kept = [cells for cells in rows if any(cells) and any(map(str.strip, cells))]
    return kept, len(rows) - len(kept)


def _without_remarks(rows: list[list[str]], header: list[str]) -> tuple[list[list[str]], int]:
    kept = [c for c in rows if not (c[0].startswith("#") and len(c) < len(header))]
    return kept, len(rows) - len(kept)


def _left_out(number: int, noun: str, more: str = "") -> tuple[str, ...]:
    return (f"{counted(number, noun)}{more} left out.",) if number else ()


def _align(
    header: list[str], rows: list[list[str]], dialect: Dialect, *, owner: str
) -> tuple[tuple[str, ...], list[list[str]], tuple[str, ...] | None]:
    """Make header and rows as long as each other; return them, and the names of the rows."""
    lengths = {len(cells) for cells in rows}
    n_names = len(header)
    if lengths == {n_names + 1}:
        if not any(cells[-1].strip() for cells in rows):
            return tuple(header), [cells[:-1] for cells in rows], None
        names = tuple(cells[0].strip() for cells in rows)
        if _can_name_rows(names, dialect) and not _is_title(header, rows):
            return tuple(header), [cells[1:] for cells in rows], names
    if lengths == {n_names - 1} and header[-1] == "":
        return tuple(header[:-1]), rows, None
    for row, cells in enumerate(rows):
        if len(cells) != n_names:
            raise DataError(
                f"{owner}: every row must have {n_names} cells, got {len(cells)} in row {row + 1} "
                f"(counted from 1 after the header); {_cause(n_names, rows, row, dialect)}."
            )
    return tuple(header), rows, None


def _can_name_rows(names: Sequence[str], dialect: Dialect) -> bool:
    """Tell whether cells name the rows: all differ, and none is the front of a decimal comma."""
    if len(names) < 2 or len(set(names)) < len(names):
        return False
    counts = [[str(row + first) for row in range(len(names))] for first in (0, 1)]
    whole = all(re.fullmatch(r"[+-]?\d+", name) for name in names)
    return dialect.delimiter != "," or not whole or list(names) in counts


def _is_title(header: list[str], rows: list[list[str]]) -> bool:
    """Tell whether a first line of one cell stands above the names, which hold no number."""
    numbers = [any(map(is_number, cells)) for cells in rows[:2]]
    return len(header) == 1 and numbers == [False, True]


def _cause(n_names: int, rows: list[list[str]], row: int, dialect: Dialect) -> str:
    """Return what usually makes a row longer or shorter, where this one looks like it."""
    cells, shown, n_cells = rows[row], dialect.shown, len(rows[row])
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    decimals = n_cells > n_names and shown == "," and _has_split_decimals(cells)
    other = next((d for d in DELIMITERS if n_cells == 1 and cells[0].count(d) + 1 == n_names), None)
    causes = {
        f"this row is delimited by {Dialect(other or '').shown!r}, not by {shown!r}": other,
        "the first line seems to be a title, and must name the columns": n_names == 1 < n_cells,
        f"remove the {shown!r} at its end": n_cells > n_names and not any(cells[n_names:]),
        "where commas are decimal, separate the columns by ';' or tabs, or write points": decimals,
        f"most rows have {usual}: remove what stands above the names of the columns": (
            usual > n_names + (row == 0)
        ),
        f"a cell that has {shown!r} in it must be in quotes": n_cells > n_names,
        "the file may be cut off, or its last line a remark": row == len(rows) - 1,
        f"empty cells need their {shown!r} too": True,
    }
    return next(cause for cause, applies in causes.items() if applies)


def _has_split_decimals(cells: Sequence[str]) -> bool:
    return sum(bool(re.fullmatch(r"\s*[+-]?\d+\s*", cell)) for cell in cells) >= len(cells) - 1


def _check_header(
    header: tuple[str, ...], rows: list[list[str]], target: str | None, *, owner: str
) -> None:
    words = [i for i, cell in enumerate(header) if not is_number(cell)]
    if target in header:
        return
    if not words:
        raise DataError(
            f"{owner}: the first line must hold column names, got only numbers "
            f"({quoted(header, limit=3)})."
        )
    if len(words) > max(1, len(header) // 2) or len(words) == len(header):
        return
    if all(header[i] in {cells[i].strip() for cells in rows} for i in words):
        raise DataError(
            f"{owner}: the first line must hold column names, got a row of data "
            f"({quoted(header, limit=3)}); write a line of names above it."
        )


def name_columns(table: Table) -> Table:
    """Leave out row labels and columns of nothing; columns without a name get one."""
    return _without_ghosts(_without_index(table))


def _without_index(table: Table) -> Table:
    """Leave out columns that only number or name the rows, as their own names say."""
    names = table.names
    if len(names) < 2:
        return table
    nameless = names[0] == "" and table.rows is None and any(map(cell_text, table.cells[:, 0]))
    indices = [i for i, name in enumerate(names) if _INDEX_NAME.fullmatch(name)]
    if nameless:
        table = table.with_notes("The first column has no name and is left out as row labels.")
        indices = [0, *indices]
    listed = quoted(names[i] for i in indices if names[i])
    if listed:
        table = table.with_notes(f"Columns that number the rows are left out: {listed}.")
    if not indices:
        return table
    rows = table.rows or tuple(cell_text(cell) or "" for cell in table.cells[:, indices[0]])
    kept = [i for i in range(len(names)) if i not in indices]
    return replace(table.take(kept), rows=rows)


def _without_ghosts(table: Table) -> Table:
    """Leave out columns without a name and without a cell, and name the others by position."""
    nameless = [i for i, name in enumerate(table.names) if not name]
    if not nameless:
        return table
    ghosts = {i for i in nameless if not any(map(cell_text, table.cells[:, i]))}
    names = tuple(name or f"Unnamed: {i}" for i, name in enumerate(table.names))
    table = replace(table, names=names)
    if not ghosts or len(ghosts) == len(names):
        return table
    kept = [i for i in range(len(names)) if i not in ghosts]
    return table.take(kept).with_notes(*_left_out(len(ghosts), "column", " without name and cells"))


_N_CELLS = 200_000  # that are asked what their commas are
_COMMA_NOTES = {
    ",": "Decimal commas are read as points; points before three digits part thousands.",
    "thousands": "Commas before three digits are read as separators of thousands.",
}


def _with_commas(table: Table, dialect: Dialect) -> Table:
    if not table.n_rows:
        return table
    n_looked_at = max(10, _N_CELLS // len(table.names))
    rows = np.unique(np.linspace(0, table.n_rows - 1, n_looked_at).astype(int))
    cells = table.cells[rows].ravel()
    decimal = meaning_of_commas(cells, dialect.delimiter)
    notes = [_COMMA_NOTES[decimal]] if decimal in _COMMA_NOTES else []
    points = open_points(cells, dialect.delimiter) if decimal == "." else []
    if points:
        notes.append(
            f"Points are read as decimals ({points[0]}); where they part thousands, "
            "write the numbers without them."
        )
    return replace(table.with_notes(*notes), decimal=decimal)
