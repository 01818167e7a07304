"""A table of the thesis for a terminal: what it is about and both figures first, the rest behind.

Files have every column; a terminal of 80 has those that fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from vaega.core.tables import TextTable
from vaega.thesis.reproduction import NOTHING, ThesisTable, cells_of

MOST_ROWS = 12  # of each of many tables
_MEAN = "mean [95 %]"


@dataclass(frozen=True, eq=False)
class TerminalTable:
    """A table as a terminal shows it, before columns without room are left out."""

    table: TextTable
    constant: Sequence[str]  # Columns that say the same in every row, and what
    n_more: int = 0  # Rows that are left out


def for_terminal(table: ThesisTable, most_rows: int | None = None) -> TerminalTable:
    """Return a table with the columns in the order in which they matter."""
    names = [str(column).replace("_", " ") for column in table.rows.columns]
    frame = pd.DataFrame(cells_of(table), columns=names, dtype=object)
    numbers = [str(name).replace("_", " ") for name in table.rows.select_dtypes("number").columns]
    frame = _with_interval(frame)
    same = [name for name in map(str, frame) if len(frame) > 1 and frame[name].nunique() == 1]
    constant = [
        f"{name} {frame[name].iloc[0]}" for name in same if frame[name].iloc[0] not in ("", NOTHING)
    ]
    frame = frame.drop(columns=same)
    shown = frame if most_rows is None else frame.head(most_rows)
    columns = _ordered(frame, [name for name in map(str, frame) if name not in (*numbers, _MEAN)])
    texts = [i for i, name in enumerate(columns) if name not in (*numbers, _MEAN)]
    rows = _without_repeats(shown[columns].to_numpy().tolist())
    text = TextTable(columns, rows, f"Table {table.name}: {table.title}", left=texts)
    return TerminalTable(text, constant, len(frame) - len(shown))


def _with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose means carry their intervals."""
    if not {"mean", "low", "high"} <= set(frame.columns) or (frame["low"] == NOTHING).all():
        return frame.drop(columns=["low", "high"], errors="ignore")
    ends = " [" + frame["low"] + ", " + frame["high"] + "]"
    means = frame["mean"] + ends.where(frame["low"] != NOTHING, "")
    return frame.assign(mean=means).rename(columns={"mean": _MEAN}).drop(columns=["low", "high"])


def _ordered(frame: pd.DataFrame, texts: Sequence[str]) -> list[str]:
    """Return what rows are about, both figures, other numbers, and what is known from the first."""
    keys = list(texts)
    for name in reversed(texts):
        others = [key for key in keys if key != name]
        if any(frame.groupby(key)[name].nunique().max() == 1 for key in others):
            keys.remove(name)
    figures = [name for name in ("published", _MEAN, "mean") if name in frame]
    known = [name for name in texts if name not in keys]
    rest = [name for name in map(str, frame) if name not in (*keys, *figures, *known)]
    return [*keys, *figures, *rest, *known]


def _without_repeats(rows: list[list[str]]) -> list[list[str]]:
    """Return rows whose first cell is empty where it is that of the row above."""
    above = [None, *(row[0] for row in rows)]
    return [
        ["" if row[0] == before else row[0], *row[1:]]
        for row, before in zip(rows, above, strict=False)
    ]
