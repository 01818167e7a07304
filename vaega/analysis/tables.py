"""The summary as a table: cells as text, then drawn for a terminal, Markdown or a page."""

from typing import Literal

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from vaega.analysis.grids import markdown_grid

HEADINGS = (
    "arm",
    "runs",
    "held-out [95 %]",
    "inner",
    "optimism",
    "features",
    "masks",
    "seconds",
)
_SEEN = {"held-out [95 %]": "test rows, seen [95 %]", "inner": "fitness"}


def headings_of(summary: pd.DataFrame) -> tuple[str, ...]:
    """Return what stands above the cells of a summary."""
    opened = "protocol" in summary and bool((summary["protocol"] != "honest").any())
    return tuple(_SEEN.get(heading, heading) if opened else heading for heading in HEADINGS)


def summary_cells(summary: pd.DataFrame) -> list[list[str]]:
    """Return the summary as text, one row an arm, under `HEADINGS`."""
    return [_cells(row) for _, row in summary.iterrows()]


def markdown_table(summary: pd.DataFrame) -> str:
    """Return the summary as a Markdown table."""
    return markdown_grid(headings_of(summary), summary_cells(summary))


def terminal_table(summary: pd.DataFrame, *, title: str) -> Table:
    """Return the summary as a table for a terminal."""
    # 80 columns wide: headings wrap, figures do not.
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    rows = summary_cells(summary)
    for place, heading in enumerate(headings_of(summary)):
        widest = max((len(cells[place]) for cells in rows), default=0)
        justify: Literal["left", "right"] = "left" if place == 0 else "right"
        table.add_column(heading, justify=justify, min_width=widest)
    for cells in rows:
        table.add_row(*cells)
    return table


def _cells(row: pd.Series) -> list[str]:
    interval = ""
    if pd.notna(row["heldout_low"]):
        interval = f" [{row['heldout_low']:.3f}, {row['heldout_high']:.3f}]"
    return [
        str(row["arm"]),
        str(int(row["n_runs"])),
        f"{row['heldout_mean']:.3f}{interval}",
        f"{row['inner_mean']:.3f}",
        f"{row['optimism_mean']:+.3f}",
        f"{row['n_features_mean']:.1f}",
        f"{row['n_distinct_mean']:.0f}",
        f"{row['seconds_mean']:.1f}",
    ]
