"""Tables: named columns as a file holds them, and the dataset that they make."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.checks import check_choice, did_you_mean
from vaega.core.errors import DataError
from vaega.data._columns import (
    MISSING,
    Progress,
    as_cells,
    cell_text,
    column_numbers,
    present_texts,
    silent,
)
from vaega.data._dataset import Dataset, is_missing, quoted
from vaega.data._features import BELOW_LIMIT, CATEGORICAL, numeric_features

if TYPE_CHECKING:
    import pandas as pd

TARGET_NAMES = ("class", "target", "label", "y")


@dataclass(frozen=True, eq=False)
class Table:
    """Columns as read, before any of them is the target."""

    cells: Any  # Objects (n_rows, n_columns); floats, perhaps sparse, where all are numbers
    names: tuple[str, ...]  # One name a column, in order; duplicates are possible
    notes: tuple[str, ...] = ()  # What reading changed
    rows: tuple[str, ...] | None = None  # The names of the rows, where the file has them
    annotations: "Table | None" = None  # Columns that describe the rows, no features among them
    target: str | None = None  # The column that the file itself calls the target
    missing: Collection[str] = MISSING  # Words for a missing feature, in lower case
    decimal: str = "."  # What commas are, see `column_numbers`
    is_turned: bool = False  # Whether the rows, samples, were columns of the file
    is_text: bool = False  # Of a text file: a word for a missing cell is one in the target too

    def __post_init__(self) -> None:
        if hasattr(self.cells, "columns"):
            object.__setattr__(self, "cells", as_cells(self.cells))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.cells.shape[0])

    @property
    def frame(self) -> "pd.DataFrame":
        """The columns as a data frame: numbers, or text with None for a missing cell."""
        import pandas as pd

        return pd.DataFrame({i: self._column(i) for i in range(len(self.names))})

    def _column(self, position: int) -> Any:
        cells = self._cells(position)
        if cells.dtype != object:
            return cells
        numbers = column_numbers(cells, missing=self.missing, decimal=self.decimal)
        if numbers is not None:
            return numbers
        return present_texts(cells, self.missing)

    def _cells(self, position: int) -> np.ndarray:
        cells = self.cells[:, position]
        return np.asarray(cells.toarray() if hasattr(cells, "toarray") else cells).ravel()

    def values(self, position: int) -> list[Any]:
        """Return a column as labels: a missing cell is None, whole numbers of text are numbers."""
        cells = self._cells(position).tolist()
        listed = [value.strip() if isinstance(value, str) else value for value in cells]
        if not self.is_text:
            return [None if is_missing(value) else value for value in listed]
        texts = [None if cell_text(v) is None or str(v).lower() in MISSING else v for v in listed]
        return _numbers_unless_padded(texts)

    def take(self, columns: Sequence[int]) -> "Table":
        """Return the table with some of its columns."""
        names = tuple(self.names[i] for i in columns)
        return replace(self, cells=self.cells[:, list(columns)], names=names)

    def take_rows(self, rows: Sequence[int]) -> "Table":
        """Return the table with some of its rows, in the order given."""
        return replace(
            self,
            cells=self.cells[list(rows)],
            rows=None if self.rows is None else tuple(self.rows[i] for i in rows),
            annotations=None if self.annotations is None else self.annotations.take_rows(rows),
        )

    def with_notes(self, *notes: str) -> "Table":
        """Return the table with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def _numbers_unless_padded(texts: list[Any]) -> list[Any]:
    """Return labels of a text file: 1.0 is 1, but a zero in front makes 01 a name."""
    present = [text for text in texts if text is not None]
    if any(re.match(r"[+-]?0\d", str(text)) for text in present):
        return texts
    try:
        numbers = [None if text is None else _number(text) for text in texts]
    except ValueError:
        return texts
    return numbers


def _number(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if "_" in text:
        raise ValueError
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)


def dataset_from_table(
    table: Table,
    *,
    target: str | None = None,
    groups: str | None = None,
    categorical: str = "error",
    below_limit: str = "error",
    ignore: Sequence[str] = (),
    name: str = "data",
    origin: str = "",
    licence: str = "not stated",
    owner: str,
    progress: Progress = silent,
) -> Dataset:
    """Make a dataset of a table: one column is the target, one may hold groups."""
    check_choice(categorical, "categorical", CATEGORICAL, owner=owner)
    check_choice(below_limit, "below_limit", BELOW_LIMIT, owner=owner)
    for role, column in (("target", target), ("groups", groups)):
        if column in ignore:
            raise DataError(
                f"{owner}: {role} and ignore must name different columns, got {column!r} in both."
            )
    table = _without(table, ignore, owner=owner)
    if not table.n_rows:
        raise DataError(f"{owner}: at least two rows are needed, got a header without rows.")
    at_target = _find_target(table, target or table.target, owner=owner)
    at_groups = None if groups is None else find_column(table, groups, "groups", owner=owner)
    if at_groups == at_target:
        raise DataError(f"{owner}: target and groups must be different columns, got {groups!r}.")
    taken = [i for part, i in filter(None, (at_target, at_groups)) if part is table]
    positions = [i for i in range(len(table.names)) if i not in taken]
    if not positions:
        raise DataError(
            f"{owner}: at least one feature column is needed beside "
            f"{groups or target or 'the classes'}."
        )
    X, feature_names, notes = numeric_features(
        table.cells,
        table.names,
        positions,
        categorical=categorical,
        below_limit=below_limit,
        missing=table.missing,
        decimal=table.decimal,
        owner=owner,
        progress=progress,
    )
    labels = _labels(at_target, "target value", owner=owner)
    return Dataset.from_arrays(
        X,
        labels,
        name=name,
        feature_names=feature_names,
        groups=None if at_groups is None else _labels(at_groups, "group", owner=owner),
        origin=origin,
        licence=licence,
        notes=(
            *table.notes,
            *_annotation_notes(table, [at_target, at_groups]),
            *_space_notes(at_target),
            *notes,
        ),
    )


# A part of a table, its columns or its annotations, and the position of a column there
Location = tuple[Table, int]


def _labels(location: Location, what: str, *, owner: str) -> list[Any]:
    """Return the classes, or groups, of a column, none of them missing."""
    part, position = location
    values = part.values(position)
    rows = [row for row, value in enumerate(values) if value is None]
    if not rows:
        return values
    words = {cell_text(part.cells[row, position]) for row in rows} - {None, "", "?"}
    remedy = (
        f"where {quoted(sorted(map(str, words)))} is no missing value, write another word"
        if words
        else "fill the cells or remove the rows"
    )
    first = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    raise DataError(
        f"{owner}: every row needs a {what}, got {len(rows)} missing (rows {first}, counted "
        f"from 0) in column {part.names[position]!r}; {remedy}."
    )


def _space_notes(location: Location) -> tuple[str, ...]:
    part, position = location
    if part.cells.dtype != object:
        return ()
    words = {cell for cell in part.cells[:, position] if isinstance(cell, str) and cell.strip()}
    spaced = sorted(word for word in words if word != word.strip())
    if not spaced:
        return ()
    return (f"Classes are read without the spaces around them ({quoted(spaced)}).",)


def _annotation_notes(table: Table, taken: Iterable[Location | None]) -> tuple[str, ...]:
    about = table.annotations
    if about is None:
        return ()
    used = {i for part, i in filter(None, taken) if part is about}
    idle = [name for i, name in enumerate(about.names) if i not in used]
    if not idle:
        return ()
    return (f"Columns that describe the rows are no features: {quoted(idle)}.",)


def _without(table: Table, ignore: Sequence[str], *, owner: str) -> Table:
    if not ignore:
        return table
    located = [find_column(table, name, "ignore", owner=owner) for name in ignore]
    left_out = {i for part, i in located if part is table}
    described = {i for part, i in located if part is not table}
    note = f"Columns left out as asked: {quoted(ignore)}."
    if described and table.annotations is not None:
        kept = [i for i in range(len(table.annotations.names)) if i not in described]
        table = replace(table, annotations=table.annotations.take(kept))
    return table.take([i for i in range(len(table.names)) if i not in left_out]).with_notes(note)


def _find_target(table: Table, target: str | None, *, owner: str) -> Location:
    if target is not None:
        return find_column(table, target, "target", owner=owner)
    part = table if table.annotations is None else table.annotations
    candidates = [i for i, name in enumerate(part.names) if name.strip().lower() in TARGET_NAMES]
    if not candidates and part is not table and len(part.names) == 1:
        candidates = [0]
    if len(candidates) == 1:
        return part, candidates[0]
    reason = (
        f"several columns could be it ({quoted(part.names[i] for i in candidates)})"
        if candidates
        else f"no column is called {', '.join(TARGET_NAMES[:-1])} or {TARGET_NAMES[-1]}"
    )
    raise DataError(
        f"{owner}: give target, the name of the column with the classes: {reason}; "
        f"the columns are {quoted(part.names)}{_hint_of_layout(table)}."
    )


def _hint_of_layout(table: Table) -> str:
    """Return where the classes may be, by the look of the table."""
    if table.annotations is not None:
        few = [name for i, name in enumerate(table.annotations.names) if _has_classes(table, i)]
        return f"; those with few values are {quoted(few)}" if few else ""
    if len(table.names) == 1 and any(mark in table.names[0] for mark in ",;\t"):
        return "; the quotes around whole lines make them one cell: remove these quotes"
    if table.is_turned:
        return "; name the row with the classes, or the file with the classes in labels"
    if table.n_rows < 2 or len(table.names) < 3:
        return ""
    words = list(table.rows) if table.rows is not None else table.values(0)
    named = all(isinstance(word, str) for word in words) and len(set(words)) == len(words)
    last = table.cells[:, len(table.names) - 1]
    # A row of classes above the genes is text.
    values = [column_numbers([cell], missing=table.missing, decimal=table.decimal) for cell in last]
    if named and sum(value is None for value in values) < table.n_rows / 2:
        return (
            "; where each row is a gene and each column a sample, set transpose to true and name "
            "the file with the classes in labels, or their row in target"
        )
    return ""


def _has_classes(table: Table, position: int) -> bool:
    about = table.annotations
    values = [] if about is None else about.values(position)
    return None not in values and 1 < len(set(values)) <= max(2, len(values) // 2)


def find_column(table: Table, column: str, role: str, *, owner: str) -> Location:
    """Return where a column is: among those that describe the rows, or among the others."""
    for part in filter(None, (table.annotations, table)):
        matches = [i for i, name in enumerate(part.names) if name == column]
        if len(matches) == 1:
            return part, matches[0]
        if matches:
            break
    problem = f"occurs {len(matches)} times" if matches else "is not there"
    names = table.names if table.annotations is None else table.annotations.names
    hint = "" if matches else did_you_mean(column, names)
    raise DataError(
        f"{owner}: {role} must name exactly one column, but {column!r} {problem}"
        f"{hint or f'; the columns are {quoted(names)}{_hint_of_layout(table)}.'}"
    )
