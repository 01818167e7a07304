"""Tables and figures as files: CSV, Markdown, LaTeX, PNG and SVG."""

from collections.abc import Callable
from pathlib import Path
from textwrap import wrap
from typing import Any

import pandas as pd

from vaega.analysis.figures import render
from vaega.analysis.grids import latex_grid, markdown_grid
from vaega.core.files import write_bytes, write_text
from vaega.thesis.record import Picture, Table

# A column of every CSV that has results of several protocols.
FITNESS_ROWS = {
    "as-run": "test rows, and 30 % of the synthetic rows with two classes",
    "as-described": "test rows",
    "honest": "inner folds of the training rows",
}
_NOTHING = "–"


def write_table(table: Table, folder: Path, *, command: str) -> Path:
    """Write a table as CSV, Markdown and LaTeX."""
    stem = folder / f"table_{table.name}"
    write_text(stem.with_name(f"{stem.name}.csv"), as_csv(table.rows))
    write_text(stem.with_name(f"{stem.name}.tex"), as_latex(table))
    page = stem.with_name(f"{stem.name}.md")
    write_text(page, as_markdown(table, command=command))
    return page


def write_picture(picture: Picture, folder: Path, *, command: str) -> Path:
    """Write a figure as PNG and SVG, its points as CSV, and a page that says what it shows."""
    name = f"figure_{picture.name}"
    figure = picture.draw(picture.rows)
    said = [line for line in picture.notes if line.startswith("Protocol as-")]
    if said:
        lines = [part for line in said for part in wrap(line, 150)]
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6)
    for kind in ("png", "svg"):
        write_bytes(folder / f"{name}.{kind}", render(figure, kind))
    write_text(folder / f"{name}.csv", as_csv(picture.rows))
    lines = [f"# Figure {picture.name}: {picture.title}", f"![{picture.title}]({name}.png)"]
    write_text(folder / f"{name}.md", _page(lines, picture.notes, command))
    return folder / f"{name}.png"


def as_csv(rows: pd.DataFrame) -> str:
    r"""Return rows as CSV; where there are protocols, with the rows of their fitness."""
    whose = "protocol" if "protocol" in rows else "source" if "source" in rows else None
    if whose is not None and "fitness_rows" not in rows:
        rows = rows.assign(fitness_rows=rows[whose].map(FITNESS_ROWS))
    return rows.to_csv(index=False, lineterminator="\n")


def as_markdown(table: Table, *, command: str) -> str:
    """Return a table as a Markdown page."""
    grid = markdown_grid(*_grid(table), left=_text_columns(table)).rstrip("\n")
    return _page([f"# Table {table.name}: {table.title}", grid], table.notes, command)


def as_latex(table: Table) -> str:
    r"""Return a table as LaTeX, with the rules of the package booktabs."""
    comments = [f"% {line}\n" for line in (f"Table {table.name}: {table.title}", *table.notes)]
    return "".join([*comments, latex_grid(*_grid(table), left=_text_columns(table))])


def cells_of(table: Table) -> list[list[str]]:
    """Return the cells of a table as text."""
    shown = [_shower(table, column) for column in table.rows.columns]
    return [
        [show(value) for show, value in zip(shown, row, strict=True)]
        for row in table.rows.itertuples(index=False, name=None)
    ]


def _shower(table: Table, column: Any) -> Callable[[Any], str]:
    whole = pd.api.types.is_integer_dtype(table.rows[column])

    def show(value: Any) -> str:
        if value is None or (isinstance(value, float) and pd.isna(value)):
            return _NOTHING
        if isinstance(value, float) and not whole:
            return f"{value:.{table.decimals}f}" if abs(value) < 100 else f"{value:.1f}"
        return str(value)

    return show


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) and column.dtype != bool


def _grid(table: Table) -> tuple[list[str], list[list[str]]]:
    return [str(column).replace("_", " ") for column in table.rows.columns], cells_of(table)


def _text_columns(table: Table) -> list[int]:
    columns = table.rows.columns
    return [place for place, column in enumerate(columns) if not _numeric(table.rows[column])]


def _page(parts: list[str], notes: tuple[str, ...], command: str) -> str:
    listed = "\n".join(f"- {note}" for note in notes)
    return "\n\n".join([*parts, *([listed] if listed else []), f"Command: `{command}`"]) + "\n"
