"""The summary of an experiment as a table, and tables for a terminal."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from rich import box
from rich.table import Table as TerminalTable

from vaega.core.tables import Table, csv_text, json_records, latex_text
from vaega.experiments.config import statement_of

if TYPE_CHECKING:
    from vaega.report._results import Results

TEXT_FORMATS = ("markdown", "latex", "csv")
SUMMARY_COLUMNS = (
    "arm",
    "runs",
    "held-out [95 %]",
    "inner",
    "optimism",
    "features",
    "masks",
    "seconds",
)
# What these are called where the search saw the test rows.
_OPEN_COLUMNS = {"held-out [95 %]": "test rows, seen [95 %]", "inner": "fitness"}


def terminal(table: Table) -> TerminalTable:
    """Return a table for a terminal of 80 columns: headings and names wrap between words."""
    shown = TerminalTable(
        title=table.title or None, title_justify="left", box=box.SIMPLE_HEAD, padding=0,
        show_edge=False,
    )  # fmt: skip
    for index, heading in enumerate(table.columns):
        left, cells = index in table.left, [row[index] for row in table.rows]
        whole = [word for cell in cells for word in cell.split()] if left else cells
        widest = max(map(len, whole), default=0)
        shown.add_column(heading, justify="left" if left else "right", min_width=widest)
    for row in table.rows:
        shown.add_row(*row)
    return shown


def summary_table(summary: pd.DataFrame, *, title: str = "") -> Table:
    """Return means of each arm, as in ``summary.csv``, as text."""
    seen = "protocol" in summary and bool((summary["protocol"] != "honest").any())
    columns = [_OPEN_COLUMNS.get(name, name) if seen else name for name in SUMMARY_COLUMNS]
    return Table(columns, [_arm_cells(row) for _, row in summary.iterrows()], title)


def _arm_cells(row: pd.Series) -> list[str]:
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


def summary_text(results: "Results", kind: str, *, command: str = "") -> str:
    """Return the summary of an experiment as text, with the rows that fitness was computed on."""
    if kind == "csv":
        return csv_text(results.summary)
    statement, table = statement_of(results.config), summary_table(results.summary)
    if kind == "latex":
        comments = [statement, *([command] if command else [])]
        return "".join(f"% {latex_text(line)}\n" for line in comments) + table.latex()
    named = f"\nCommand: `{command}`\n" if command else ""
    return f"{table.markdown()}\n{statement}\n{named}"


def summary_record(results: "Results") -> dict[str, Any]:
    """Return an experiment as what JSON can hold: its arms, its runs, its folder."""
    return {
        "name": results.config["name"],
        "folder": str(results.folder),
        "protocol": results.config["protocol"]["kind"],
        "statement": statement_of(results.config),
        "arms": json_records(results.summary),
        "runs": json_records(results.runs),
    }
