"""Tables of typed cells: Parquet files and Excel's workbooks."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from vaega.core.errors import DataError, MissingExtraError, first_line, one_line
from vaega.data._columns import Progress, cell_text, silent
from vaega.data._dataset import quoted
from vaega.data._tables import Table
from vaega.data.readers._delimited import name_columns
from vaega.data.readers._registry import reads


@reads(".parquet")
def read_parquet(path: Path, *, target: str | None = None) -> Table:
    """Read a Parquet file."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(owner=str(path), package="pyarrow", extra="parquet") from error
    try:
        return name_columns(_table_of_arrow(parquet.read_table(path)))
    except (OSError, UnicodeDecodeError, pyarrow.ArrowException) as error:
        reason = first_line(error).rstrip(".")
        raise DataError(f"{path}: cannot be read as Parquet: {reason}.") from error


def _table_of_arrow(stored: Any) -> Table:
    """Return the columns but for the index that pandas may have written among them."""
    columns, declared = stored.column_names, _declared_index(stored.schema.pandas_metadata)
    index = [
        i
        for i, name in enumerate(columns)
        if name in declared or re.fullmatch(r"__index_level_\d+__", name)
    ]
    rows = None if len(index) != 1 else tuple(map(str, stored.column(index[0]).to_pylist()))
    named = [columns[i] for i in index if columns[i] in declared]
    note = f"The index of the data frame is left out as row labels: {quoted(named)}."
    kept = [i for i in range(len(columns)) if i not in index]
    names = tuple(columns[i] for i in kept)
    # By position, since names may occur twice
    numbered = stored.select(kept).rename_columns([str(i) for i in kept])
    frame = numbered.to_pandas(ignore_metadata=True)
    return Table(frame, names, (note,) if named else (), rows)


def _declared_index(metadata: Any) -> set[str]:
    """Return the columns that pandas wrote as a data frame's index, under names of their own."""
    listed = (metadata or {}).get("index_columns", [])
    texts = {name for name in listed if isinstance(name, str)}
    return {name for name in texts if not name.startswith("__index_level")}


@reads(".xlsx", ".xlsm")
def read_workbook(path: Path, *, sheet: str | None = None, progress: Progress = silent) -> Table:
    """Read a sheet of an Excel workbook: the first one with cells, or the one that is named."""
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError(owner=str(path), package="openpyxl", extra="excel") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and validations, which are not read
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            rows, notes = _choose_sheet(book, sheet, path, progress)
            book.close()
        except DataError:
            raise
        except Exception as error:
            # zipfile, zlib, XML and openpyxl raise errors of a dozen kinds for damaged workbooks.
            raise DataError(f"{path}: cannot be read as a workbook: {one_line(error)}.") from error
    header = ["" if cell is None else _heading(cell) for cell in rows[0]]
    cells = np.empty((len(rows) - 1, len(header)), dtype=object)
    for i, row in enumerate(rows[1:]):
        cells[i] = row
    return name_columns(Table(cells, tuple(header), notes, is_text=True))


def _choose_sheet(
    book: Any, sheet: str | None, path: Path, progress: Progress
) -> tuple[list[list[Any]], tuple[str, ...]]:
    if sheet is not None and sheet not in book.sheetnames:
        raise DataError(f"{path}: sheet must be one of {quoted(book.sheetnames)}, got {sheet!r}.")
    filled: dict[str, list[list[Any]]] = {}
    for name in book.sheetnames if sheet is None else [sheet]:
        if hasattr(book[name], "iter_rows"):  # a sheet of cells, not one of a chart
            rows = _filled_rows(book[name], progress)
            filled |= {name: rows} if rows else {}
    if not filled:
        raise DataError(f"{path}: a workbook must hold a header and rows, got empty sheets.")
    first, *others = filled
    note = f"Sheet {first!r} is read, others are not ({quoted(others)}): sheet names another."
    return filled[first], (note,) if others else ()


def _filled_rows(sheet: Any, progress: Progress) -> list[list[Any]]:
    """Return the rows that have cells, from the first column that has one to the last."""
    rows: list[list[Any]] = []
    for number, row in enumerate(sheet.iter_rows(values_only=True)):
        if any(map(cell_text, row)):
            rows.append(list(row))
        if number % 100 == 0 and sheet.max_row:
            progress("reading rows", number / sheet.max_row)
    filled = [i for row in rows for i, cell in enumerate(row) if cell_text(cell)]
    if not filled:
        return []
    first, end = min(filled), max(filled) + 1
    return [(row + [None] * (end - len(row)))[first:end] for row in rows]


def _heading(cell: Any) -> str:
    whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell) if whole else cell).strip()
