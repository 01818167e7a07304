"""Rows of a new file: the columns that a model needs, by name, and what the samples are called.

A file needs no classes, its columns may stand in any order and among others, and its rows may be
genes. Of a large delimited file a block of rows is held at a time, beside the numbers taken so far;
other files are read whole.
"""

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np

from vaega.core.checks import did_you_mean, nearest_name
from vaega.core.errors import DataError
from vaega.data._columns import Progress, cell_text, column_numbers, present_texts, silent
from vaega.data._dataset import encode_known_labels, quoted, unique_names
from vaega.data._features import numeric_features
from vaega.data._labels import transposed
from vaega.data._sources import check_file
from vaega.data._tables import TARGET_NAMES, Table
from vaega.data.readers._arrays import read_npz_rows
from vaega.data.readers._delimited import read_rows
from vaega.data.readers._registry import ARCHIVE, read_table


@dataclass(frozen=True, kw_only=True)
class NeededColumns:
    """What a model needs of a file, and how its own data were read."""

    names: Sequence[str]  # Of the features, in order
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)  # Of spread text columns
    target: str | None = None  # The column of the classes, which is no feature
    class_names: Sequence[str] = ()
    ids: Sequence[str] = ()  # Columns that may name the samples, since they were no features
    below_limit: str = "error"

    def column(self, name: str) -> str:
        """Return the column that a feature comes of: itself, or the text column with its word."""
        column = name.partition("=")[0]
        return column if column in self.categories else name

    def place(self, name: str, present: Mapping[str, int]) -> tuple[int, str | None] | None:
        """Return the column of a feature, and which of its words makes it 1, if any does."""
        if name in present:
            return present[name], None
        column, _, word = name.partition("=")
        known = column in self.categories and column in present
        return (present[column], word) if known else None


@dataclass(frozen=True, eq=False)
class Cohort:
    """The rows of a file as a model takes them."""

    X: np.ndarray  # Float64 of shape (n_rows, n_needed); NaN is missing
    ids: tuple[str, ...]  # What each sample is called: as in the file, else its number from 1
    codes: np.ndarray | None = None  # Of the classes, where the file has them, all known
    notes: tuple[str, ...] = ()  # What reading changed


def read_cohort(
    path: Path,
    needed: NeededColumns,
    *,
    ids: str | None = None,
    transpose: bool | None = None,
    sheet: str | None = None,
    progress: Progress = silent,
) -> Cohort:
    """Read what a model needs of a file.

    `ids` names the column with the names of the samples; without, these are the names of the rows,
    a column that was no feature and differs in all rows, or a first column of such words. Where
    `transpose` is not given, rows are genes when more features are names of rows than of columns.
    """
    suffix = check_file(path)
    reading = _Reading(needed, str(path), ids, transpose)
    if suffix in _STREAMED and path.stat().st_size > _LARGE and not transpose:
        try:
            return reading.joined(_blocks(path, suffix, progress))
        except (DataError, _UnlikeBlocksError, UnicodeError, OSError, EOFError):
            pass  # read whole, it is read another way, or refused by row and line
    if suffix == ARCHIVE:
        table = read_npz_rows(path)
    else:
        table = read_table(path, suffix, target=needed.target, sheet=sheet, progress=progress)
    return reading.whole(table)


@dataclass(frozen=True)
class _Reading:
    needed: NeededColumns
    owner: str
    ids: str | None
    transpose: bool | None

    def whole(self, table: Table) -> Cohort:
        """Return the rows of a table."""
        if not table.n_rows:
            raise DataError(f"{self.owner}: at least one row is needed, got a header alone.")
        table = self._oriented(table)
        return self._taken(table, self.ids or self._id_column(table))

    def joined(self, tables: Iterable[Table]) -> Cohort:
        """Return the rows of several tables, of which one is held at a time."""
        parts: list[Cohort] = []
        named, n_rows = self.ids, 0
        for table in tables:
            if not parts and named is None:
                named = self._id_column(table)
            part = self._taken(table, named)
            if named is None and table.rows is None:
                numbers = range(n_rows + 1, n_rows + table.n_rows + 1)
                part = replace(part, ids=tuple(map(str, numbers)))
            parts.append(part)
            n_rows += table.n_rows
        codes = [part.codes for part in parts if part.codes is not None]
        return Cohort(
            np.concatenate([part.X for part in parts]),
            tuple(chain.from_iterable(part.ids for part in parts)),
            np.concatenate(codes) if len(codes) == len(parts) else None,
            tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        )

    def _taken(self, table: Table, ids: str | None) -> Cohort:
        X, notes = self._features(table)
        ids_of_rows = self._names_of_rows(table, ids)
        return Cohort(X, ids_of_rows, self._codes(table), (*table.notes, *notes))

    def _oriented(self, table: Table) -> Table:
        turn = self.transpose
        if turn is None and table.cells.dtype == object and not table.is_turned:
            rows = table.rows or [cell_text(cell) or "" for cell in table.cells[:, 0]]
            turn = self._n_found(rows) > self._n_found(table.names)
        return transposed(table, target=self.needed.target, owner=self.owner) if turn else table

    def _n_found(self, names: Sequence[str]) -> int:
        places = {name: i for i, name in enumerate(names)}
        return sum(self.needed.place(name, places) is not None for name in self.needed.names)

    def _features(self, table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
        names, _ = unique_names(table.names)
        present = {name: i for i, name in enumerate(names)}
        places = {name: self.needed.place(name, present) for name in self.needed.names}
        absent = [self.needed.column(name) for name, place in places.items() if place is None]
        if absent:
            n_needed = len(set(map(self.needed.column, places)))
            absent = list(dict.fromkeys(absent))
            raise DataError(f"{self.owner}: {missing_columns(absent, names, n_needed)}")
        table = replace(table, names=names)
        X = np.empty((table.n_rows, len(places)))
        plain = {at: place[0] for at, place in enumerate(places.values()) if place and not place[1]}
        notes: tuple[str, ...] = ()
        if plain:
            X[:, list(plain)], notes = self._numbers(table.take(list(plain.values())))
        words = {at: place for at, place in enumerate(places.values()) if place and place[1]}
        texts = {i: present_texts(table.cells[:, i], table.missing) for i, _ in words.values()}
        for at, (i, word) in words.items():
            X[:, at] = [text == word for text in texts[i]]
        return X, (*notes, *self._new_words({names[i]: cells for i, cells in texts.items()}))

    def _numbers(self, table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
        try:
            values, _, notes = numeric_features(
                table.cells,
                table.names,
                range(len(table.names)),
                categorical="error",
                below_limit=self.needed.below_limit,
                missing=table.missing,
                decimal=table.decimal,
                owner=self.owner,
            )
        except DataError as error:
            raise self._text_cell(table) or error from error
        numbers = np.asarray(values.toarray() if hasattr(values, "toarray") else values, float)
        infinite = np.argwhere(np.isinf(numbers))
        if len(infinite):
            place = cell_place(table.rows, *infinite[0], names=table.names)
            raise DataError(
                f"{self.owner}: columns that the model needs must hold no infinite values, got "
                f"{len(infinite)}, the first in {place}; leave a cell empty where its value is "
                "missing."
            )
        return numbers, notes

    def _text_cell(self, table: Table) -> DataError | None:
        """Return the error of the first cell that is no number."""
        for at, column in enumerate(table.cells.T):
            for row, cell in enumerate(column):
                if column_numbers([cell], missing=table.missing, decimal=table.decimal) is None:
                    place = cell_place(table.rows, row, at, names=table.names)
                    return DataError(
                        f"{self.owner}: columns that the model needs must hold numbers, got "
                        f"{cell_text(cell)!r} in {place}; leave a cell empty where its value is "
                        "missing."
                    )
        return None

    def _new_words(self, texts: Mapping[str, Sequence[str | None]]) -> tuple[str, ...]:
        notes = []
        for name, cells in texts.items():
            new = sorted({cell for cell in cells if cell} - set(self.needed.categories[name]))
            if new:
                notes.append(
                    f"Column {name!r} has words that the model has not seen ({quoted(new)}): its "
                    "0/1 columns are 0 there."
                )
        return tuple(notes)

    def _id_column(self, table: Table) -> str | None:
        """Return the column that names the rows, where they have no names of their own."""
        if table.rows is not None or table.cells.dtype != object:
            return None
        known = [name for name in self.needed.ids if table.names.count(name) == 1]
        return next((name for name in known if self._names_all(table, name)), None) or next(
            (name for name in table.names[:1] if self._is_word_for_each(table, name)), None
        )

    def _names_all(self, table: Table, column: str) -> bool:
        texts = [cell_text(cell) for cell in table.cells[:, table.names.index(column)]]
        return None not in texts and len(set(texts)) == len(texts)

    def _is_word_for_each(self, table: Table, column: str) -> bool:
        cells = table.cells[:, table.names.index(column)]
        numbers = column_numbers(cells, missing=table.missing, decimal=table.decimal)
        taken = {self.needed.target, *self.needed.names, *self.needed.categories}
        return numbers is None and column not in taken and self._names_all(table, column)

    def _names_of_rows(self, table: Table, column: str | None) -> tuple[str, ...]:
        if column is None:
            return table.rows or tuple(str(row) for row in range(1, table.n_rows + 1))
        for part in filter(None, (table.annotations, table)):
            if column in part.names:
                return tuple(cell_text(c) or "" for c in part.cells[:, part.names.index(column)])
        hint = did_you_mean(column, table.names)
        raise DataError(
            f"{self.owner}: --id must name a column, but {column!r} is not there"
            f"{hint or f'; the columns are {quoted(table.names)}.'}"
        )

    def _codes(self, table: Table) -> np.ndarray | None:
        """Return the classes of the file where it has the target, and knows no other classes."""
        for part in filter(None, (table.annotations, table)):
            named = [i for i, name in enumerate(part.names) if self._is_target(name)]
            if len(named) == 1:
                try:
                    return encode_known_labels(
                        part.values(named[0]), self.needed.class_names, owner=self.owner
                    )
                except DataError:
                    return None
        return None

    def _is_target(self, name: str) -> bool:
        if self.needed.target is not None:
            return name == self.needed.target
        return name.strip().lower() in TARGET_NAMES and name not in self.needed.names


def cell_place(rows: Sequence[str] | None, row: int, at: int, *, names: Sequence[str]) -> str:
    """Return where a cell is: the row by its number from 1 and its name, and the column."""
    number = str(row + 1)
    named = "" if rows is None or rows[row] == number else f" ({rows[row]!r})"
    return f"row {number}{named}, column {names[at]!r}"


def missing_columns(absent: Sequence[str], present: Sequence[str], n_needed: int) -> str:
    """Return which columns are missing, and those that may be meant, as the end of a sentence."""
    meant = filter(None, (nearest_name(name, present) for name in absent[:3]))
    hint, verb = quoted(dict.fromkeys(meant)), "is" if len(absent) == 1 else "are"
    return (
        f"{len(absent)} of the {n_needed} columns that the model needs {verb} missing "
        f"({quoted(absent, limit=3)}){f'; did you mean {hint}?' if hint else '.'}"
    )


# Large files --------------------------------------------------------------------------------------

_PLAIN = (".csv", ".tsv", ".tab", ".txt", ".data")
_STREAMED = (*_PLAIN, *(f"{ending}.gz" for ending in _PLAIN))
_LARGE = 32 * 2**20  # bytes; smaller files are read whole
_BLOCK = 4 * 2**20  # letters of a block


class _UnlikeBlocksError(Exception):
    """The blocks of a file are not written alike, so that it must be read whole."""


def _blocks(path: Path, suffix: str, progress: Progress) -> Iterator[Table]:
    """Return a file as tables of some rows each, all with the header of the file."""
    opened = gzip.open if suffix.endswith(".gz") else open
    first: Table | None = None
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        records = _records(file)
        header = next(records)
        if header.startswith(("#", '"#', "!", "@")) or header.lower().startswith(("sep=", '"sep=')):
            raise _UnlikeBlocksError
        size, n_letters = path.stat().st_size, 0
        while rows := _some(records):
            table = read_rows(header + rows, owner=str(path))
            first = first or replace(table, cells=table.cells[:0])
            layout = (first.names, first.decimal, first.rows is None)
            if layout != (table.names, table.decimal, table.rows is None):
                raise _UnlikeBlocksError
            yield table
            n_letters += len(header) + len(rows)
            progress("reading rows", min(1.0, n_letters / size))


def _records(lines: TextIO) -> Iterator[str]:
    """Return records with their ends: lines, joined where a quote is open."""
    record: list[str] = []
    n_quotes = 0
    for line in lines:
        record.append(line)
        n_quotes += line.count('"')
        if n_quotes % 2 == 0 and line.strip():
            yield "".join(record)
            record, n_quotes = [], 0
    yield from filter(None, ["".join(record)])


def _some(records: Iterator[str]) -> str:
    """Return the next records, as many as make a block."""
    taken: list[str] = []
    length = 0
    while length < _BLOCK and (more := list(islice(records, 1))):
        taken += more
        length += len(more[0])
    return "".join(taken)
