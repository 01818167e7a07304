"""Genes as rows, and classes in a file of their own: both become a table with a sample a row.

Samples are matched by their names, never by position; the one exception is CLS, which has none.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from vaega.core.errors import DataError, InputError
from vaega.core.wording import counted
from vaega.data._columns import cell_text, column_numbers
from vaega.data._dataset import quoted
from vaega.data._tables import TARGET_NAMES, Table


@dataclass(frozen=True)
class LabelFile:
    """Where the classes are, when they are not in the file of the measurements."""

    file: str
    column: str | None = None  # The column with the classes
    id: str | None = None  # The column with the names of the samples; default: the one that matches

    @classmethod
    def of(cls, given: Any, *, owner: str) -> "LabelFile":
        """Return what a path, or a mapping of file, column and id, says."""
        if isinstance(given, cls):
            return given
        if isinstance(given, str | os.PathLike):
            return cls(os.fspath(given))
        if not isinstance(given, Mapping) or not set(given) <= {"file", "column", "id"}:
            rule = "must be the path of a file, or a mapping of file, column and id"
            raise InputError.of(owner, "labels", rule, given)
        if not isinstance(given.get("file"), str | os.PathLike) or not os.fspath(given["file"]):
            raise InputError.of(owner, "labels.file", "must be a path", given.get("file"))
        column, key = (None if given.get(k) is None else str(given[k]) for k in ("column", "id"))
        return cls(os.fspath(given["file"]), column, key)


def transposed(table: Table, *, target: str | None, owner: str) -> Table:
    """Turn a table of genes by samples; the row of the classes describes the samples."""
    names, columns = _names_of_rows(table, owner=owner)
    described = [i for i, name in enumerate(names) if _is_target(name, target)]
    genes = np.setdiff1d(np.arange(len(names)), described).tolist()
    samples = [i for i in columns if _is_numeric(table.cells[genes, i], table)]
    if not samples:
        raise DataError(
            f"{owner}: transpose takes a table of genes by samples, got no column of numbers "
            f"beside the names; the columns are {quoted(table.names)}."
        )
    turned = _turn(table, genes, samples, names)
    if described:
        turned = replace(turned, annotations=_turn(table, described, samples, names))
    idle = [table.names[i] for i in columns if i not in samples]
    note = f"Columns that describe the genes are left out: {quoted(idle)}."
    return turned.with_notes(note) if idle else turned


def _is_target(name: str, target: str | None) -> bool:
    return name == target if target is not None else name.strip().lower() in TARGET_NAMES


def _turn(table: Table, rows: Sequence[int], columns: Sequence[int], names: Sequence[str]) -> Table:
    return Table(
        table.cells[np.ix_(rows, columns)].T,
        tuple(names[i] for i in rows),
        table.notes,
        rows=tuple(table.names[i] for i in columns),
        missing=table.missing,
        decimal=table.decimal,
        is_text=table.is_text,
        is_turned=True,
    )


def _names_of_rows(table: Table, *, owner: str) -> tuple[tuple[str, ...], list[int]]:
    """Return the names of the rows, and the columns beside the one that holds them."""
    if table.cells.dtype != object:
        raise DataError(f"{owner}: transpose is for tables, whose columns have names.")
    columns = list(range(len(table.names)))
    if table.rows is not None:
        return table.rows, columns
    words = [cell_text(cell) for cell in table.cells[:, 0]]
    if len(columns) < 2 or None in words or "" in words:
        raise DataError(
            f"{owner}: transpose needs the names of the genes in the first column, got an empty "
            f"one in {table.names[0]!r}."
        )
    return tuple(map(str, words)), columns[1:]


def _is_numeric(cells: np.ndarray, table: Table) -> bool:
    """Tell whether most of some cells, spread over a column, are numbers."""
    if not len(cells):
        return False
    sample = cells[np.unique(np.linspace(0, len(cells) - 1, 100).astype(int))]
    numbers = [column_numbers([c], missing=table.missing, decimal=table.decimal) for c in sample]
    return sum(number is not None for number in numbers) > len(numbers) / 2


def _is_text(cells: np.ndarray, table: Table) -> bool:
    return column_numbers(cells, missing=table.missing, decimal=table.decimal) is None


def join_labels(
    table: Table,
    labels: Table,
    where: LabelFile,
    *,
    transpose: bool | None,
    owner: str,
) -> Table:
    """Return a table with a sample a row, and the columns of the labels as its annotations."""
    if where.file.lower().endswith(".cls"):
        return _join_in_order(table, labels, where, owner=owner)
    keys = _keys_of_labels(labels, where)
    samples = _keys_of_samples(table, where, transpose)
    if not samples:
        raise DataError(
            f"{owner}: labels are matched by the names of the samples, which this file does not "
            "hold; its classes must be in it."
        )
    matches = [
        _Match(way, ours, key, theirs, frozenset(ours) & frozenset(theirs))
        for way, ours in samples
        for key, theirs in keys
    ]
    if not any(match.shared for match in matches):
        raise DataError(_no_match(owner, where, samples, keys))
    match = _best_match(matches, table, labels, where, owner=owner)
    way, ours, key, theirs = match.way, match.ours, match.key, match.theirs
    headings = [name for name in labels.names if name in theirs or name in ours]
    if headings and key is not None:
        raise DataError(
            f"{where.file}: the first line must hold column names, got a sample "
            f"({quoted(headings)}); write a line of names above it."
        )
    if way == _COLUMNS and table.rows is None and table.names[0] in theirs:
        raise DataError(
            f"{owner}: each row must begin with the name of its gene, got the values of the sample "
            f"{table.names[0]!r} in the first column; write the names before them."
        )
    repeated = [name for name, n in Counter(theirs).items() if n > 1 and name in ours]
    if repeated:
        raise DataError(
            f"{where.file}: every sample must have one row of labels, got {quoted(repeated)} more "
            f"than once{'' if key is None else f' in column {labels.names[key]!r}'}."
        )
    table = _by_sample(table, way, owner=owner)
    return _matched(table, labels, theirs, key, where)


# How the samples of a table are found: its columns, its rows by name, or the values of a column.
_COLUMNS, _ROWS = "columns", "rows"
Way = str | int


@dataclass(frozen=True)
class _Match:
    """A column of the labels that may name the samples, found one way in the table."""

    way: Way
    ours: list[str]
    key: int | None
    theirs: list[str]
    shared: frozenset[str]

    @property
    def has_words(self) -> bool:
        """Whether any shared name is more than a number, which may match by chance."""
        return not all(map(str.isdigit, self.shared))

    def names_each_once(self) -> bool:
        """Tell whether no shared name has two rows of labels."""
        return sum(name in self.shared for name in self.theirs) == len(self.shared)

    def agrees(self, other: "_Match") -> bool:
        """Tell whether another match gives no sample another row of labels."""
        if (self.way == _COLUMNS) != (other.way == _COLUMNS):
            return False
        ours, theirs = ({name: row for row, name in enumerate(m.theirs)} for m in (self, other))
        rows = zip(map(ours.get, self.ours), map(theirs.get, other.ours), strict=True)
        return all(None in pair or pair[0] == pair[1] for pair in rows)


def _best_match(
    matches: Sequence[_Match], table: Table, labels: Table, where: LabelFile, *, owner: str
) -> _Match:
    """Return the match with the most samples; another one that is nearly as good is refused."""
    most = max(len(match.shared) for match in matches)
    likely = [match for match in matches if 2 * len(match.shared) > most]
    likely = [match for match in likely if match.has_words] or likely
    best = max(likely, key=lambda match: len(match.shared))
    rivals = [m for m in likely if m.names_each_once() and not best.agrees(m)]
    if rivals:
        shown = [
            f"{_shown_way(m.way, table)} in {_shown_key(m.key, labels)}" for m in (best, rivals[0])
        ]
        raise DataError(
            f"{owner}: samples must be found in {where.file} in one way, got {shown[0]} and "
            f"{shown[1]}, which pair them differently; name the column of {where.file} that has "
            "them in labels.id, or set transpose."
        )
    return best


def _shown_way(way: Way, table: Table) -> str:
    names = {_COLUMNS: "the names of the columns", _ROWS: "the names of the rows"}
    return names[way] if isinstance(way, str) else repr(table.names[way])


def _shown_key(key: int | None, labels: Table) -> str:
    return "the names of its rows" if key is None else f"its column {labels.names[key]!r}"


def _keys_of_labels(labels: Table, where: LabelFile) -> list[tuple[int | None, list[str]]]:
    """Return the columns of the label file that may name the samples, with their cells."""
    if where.id is not None:
        positions = [i for i, name in enumerate(labels.names) if name == where.id]
        if len(positions) != 1:
            problem = f"occurs {len(positions)} times" if positions else "is not there"
            raise DataError(
                f"{where.file}: labels.id must name exactly one column, but {where.id!r} {problem};"
                f" the columns are {quoted(labels.names)}."
            )
        return [(positions[0], _words(labels.cells[:, positions[0]]))]
    keys: list[tuple[int | None, list[str]]] = []
    if labels.rows is not None:
        keys.append((None, list(labels.rows)))
    keys += [(i, _words(labels.cells[:, i])) for i in range(len(labels.names))]
    return keys


def _keys_of_samples(
    table: Table, where: LabelFile, transpose: bool | None
) -> list[tuple[Way, list[str]]]:
    """Return where the names of the samples may stand in the table of measurements."""
    if transpose:
        return [(_COLUMNS, list(table.names))]
    ways: list[tuple[Way, list[str]]] = []
    if table.rows is not None:
        ways.append((_ROWS, list(table.rows)))
    if table.cells.dtype == object:
        named = [i for i, name in enumerate(table.names) if name == where.id]
        texts = (i for i in range(len(table.names)) if _is_text(table.cells[:, i], table))
        likely = named or [0, *islice(texts, 50)]
        ways += [(i, _words(table.cells[:, i])) for i in dict.fromkeys(likely)]
        if transpose is None:
            ways.append((_COLUMNS, list(table.names)))
    return ways


def _words(cells: np.ndarray) -> list[str]:
    return [_word(cell) for cell in cells]


def _word(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():  # a spreadsheet's 101 may come as 101.0
        return str(int(cell))
    return cell_text(cell) or ""


def _by_sample(table: Table, way: Way, *, owner: str) -> Table:
    if way == _COLUMNS:
        names, columns = _names_of_rows(table, owner=owner)
        return _turn(table, range(len(names)), columns, names)
    if way == _ROWS:
        return table
    kept = [i for i in range(len(table.names)) if i != way]
    return replace(table.take(kept), rows=tuple(_words(table.cells[:, int(way)])))


def _matched(
    table: Table,
    labels: Table,
    theirs: list[str],
    key: int | None,
    where: LabelFile,
) -> Table:
    """Return the samples that have labels, each with the row of its own name."""
    ours, at = table.rows or (), {name: row for row, name in enumerate(theirs)}
    kept = [row for row, name in enumerate(ours) if name in at]
    repeated = [name for name, n in Counter(ours[row] for row in kept).items() if n > 1]
    # Whoever has several rows may be named in groups.
    about = labels.take([i for i in range(len(labels.names)) if i != key or repeated])
    about = replace(about.take_rows([at[ours[row]] for row in kept]), notes=())
    joined = table.take_rows(kept)
    if table.annotations is not None:
        about = _side_by_side(about, joined.annotations)
    without = [name for name in ours if name not in at]
    known = set(ours)
    unused = [name for name in theirs if name and name not in known]
    notes = []
    if repeated:
        column = "names them" if key is None else f"is {labels.names[key]!r}"
        notes.append(
            f"Several rows have the same name ({quoted(repeated)}): they stay together, in "
            f"training or in test, where groups {column}."
        )
    if without:
        samples = counted(len(without), "sample")
        notes.append(f"{samples} without a row in {where.file} left out ({quoted(without)}).")
    if unused:
        rows = counted(len(unused), "row")
        notes.append(f"{rows} of {where.file} without a sample left out ({quoted(unused)}).")
    return replace(joined, annotations=about).with_notes(
        *(f"{where.file}: {note}" for note in labels.notes), *notes
    )


def _side_by_side(left: Table, right: Table | None) -> Table:
    if right is None:
        return left
    new = [i for i, name in enumerate(right.names) if name not in left.names]
    cells = np.hstack([left.cells, right.cells[:, new]])
    return replace(left, cells=cells, names=(*left.names, *(right.names[i] for i in new)))


def _join_in_order(table: Table, labels: Table, where: LabelFile, *, owner: str) -> Table:
    """Give classes of a CLS file, which names no sample, to the samples in order."""
    if labels.n_rows != table.n_rows:
        raise DataError(
            f"{where.file}: must hold the class of each of the {table.n_rows} samples of {owner}, "
            f"got {labels.n_rows}."
        )
    note = f"Classes of {where.file} taken in the order of the samples, since CLS names none."
    return replace(table, annotations=_side_by_side(labels, table.annotations)).with_notes(note)


def _no_match(
    owner: str,
    where: LabelFile,
    samples: Sequence[tuple[Way, list[str]]],
    keys: Sequence[tuple[int | None, list[str]]],
) -> str:
    ours = next((names for way, names in samples if way == _ROWS), samples[-1][1])
    theirs = keys[0][1]
    alike = _alike_but_for_marks(
        [name for _, names in samples for name in names],
        [name for _, names in keys for name in names],
    )
    within = _one_within_the_other(ours, [name for _, names in keys for name in names])
    hint = (
        f"; {alike[0]!r} and {alike[1]!r} differ in case"
        if alike and alike[0].lower() == alike[1].lower()
        else f"; {alike[0]!r} and {alike[1]!r} differ by what R's make.names changes"
        if alike
        else f"; {within[1]!r} is a part of {within[0]!r}"
        if within
        else ""
    )
    return (
        f"{owner}: no sample has its name in {where.file}, got {quoted(ours, limit=3)} here and "
        f"{quoted(theirs, limit=3)} there{hint}; write the names alike, or name the column that "
        "has them in labels.id."
    )


def _alike_but_for_marks(ours: Sequence[str], theirs: Sequence[str]) -> tuple[str, str] | None:
    def bare(name: str) -> str:
        return re.sub(r"^X(?=[\d_.])|[\W_]+", "", name).lower()

    known = {bare(name): name for name in theirs if bare(name)}
    return next(((name, known[bare(name)]) for name in ours if bare(name) in known), None)


def _one_within_the_other(ours: Sequence[str], theirs: Sequence[str]) -> tuple[str, str] | None:
    """Return a longer name and the shorter one in it, as in a barcode of patient and tissue."""
    pairs = (sorted((a, b), key=len) for a in ours[-50:] for b in theirs if len(a) != len(b))
    return next(((long, short) for short, long in pairs if len(short) > 1 and short in long), None)
