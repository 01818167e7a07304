"""A `TextTable` in a terminal: which of its columns fit, and how they wrap."""

from dataclasses import replace
from typing import Literal

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from vaega.core.errors import printable
from vaega.core.tables import TextTable


def fitting(table: TextTable, width: int) -> tuple[TextTable, list[str]]:
    """Return a table with the columns that fit into so many characters, and which did not.

    The last columns go first; two stay in any case.
    """
    widths, n_columns = _least_widths(table), len(table.columns)
    while n_columns > 2 and sum(widths[:n_columns]) + n_columns - 1 > width:
        n_columns -= 1
    rows = [row[:n_columns] for row in table.rows]
    kept = replace(table, columns=table.columns[:n_columns], rows=rows)
    return kept, list(table.columns[n_columns:])


def terminal_table(table: TextTable) -> Table:
    """Return a table for a terminal of 80 columns: headings and names wrap between words."""
    shown = Table(
        title=escape(printable(table.title)) or None, title_justify="left", box=box.SIMPLE_HEAD,
        padding=0, show_edge=False,
    )  # fmt: skip
    for index, (heading, width) in enumerate(zip(table.columns, _least_widths(table), strict=True)):
        justify: Literal["left", "right"] = "left" if index in table.left else "right"
        # Where a heading needs lines, an interval's level is not torn.
        lines = printable(heading)
        lines = lines.replace(" [", "\n[") if len(heading) > width else lines
        shown.add_column(escape(lines), justify=justify, min_width=width)
    for row in table.rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown


def _least_widths(table: TextTable) -> list[int]:
    """Return how wide each column has to be: its numbers, or the words of its names, stay whole."""
    widths = []
    for index, heading in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        whole = [word for cell in cells for word in cell.split()] if index in table.left else cells
        widths.append(max(map(len, [*whole, *heading.split()]), default=0))
    return widths
