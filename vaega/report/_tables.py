"""An experiment's summary in the forms that people and programs ask for."""

import math
from collections.abc import Collection, Sequence
from typing import Any, Literal

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from vaega.experiments.protocols import statement_of
from vaega.report._results import Results

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def markdown_grid(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)
) -> str:
    r"""Return cells as a Markdown table."""
    rule = ["---" if place in left else "---:" for place in range(len(headings))]
    lines = [[cell.replace("|", r"\|") for cell in line] for line in [headings, *rows]]
    lines.insert(1, rule)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex_grid(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)
) -> str:
    r"""Return cells as a LaTeX table with the rules of the package booktabs."""
    sides = "".join("l" if place in left else "r" for place in range(len(headings)))
    head, *body = (_latex_line(line) for line in [headings, *rows])
    start = [r"\begin{tabular}{" + sides + "}", r"\toprule", head, r"\midrule"]
    return "\n".join([*start, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    r"""Return text with what LaTeX would take for a command escaped."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(latex_text(cell) for cell in cells) + r" \\"


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


TEXT_FORMATS = ("markdown", "latex", "csv")


def summary_text(results: Results, kind: str, *, command: str = "") -> str:
    r"""Return the summary of an experiment as a table in text, with what it was computed on."""
    if kind == "csv":
        return results.summary.to_csv(index=False, lineterminator="\n")
    statement = statement_of(results.config)
    headings, rows = headings_of(results.summary), summary_cells(results.summary)
    if kind == "latex":
        comments = [statement, *([command] if command else [])]
        return "".join(f"% {latex_text(line)}\n" for line in comments) + latex_grid(headings, rows)
    named = f"\nCommand: `{command}`\n" if command else ""
    return f"{markdown_grid(headings, rows)}\n{statement}\n{named}"


def summary_record(results: Results) -> dict[str, Any]:
    """Return an experiment as what JSON can hold: its arms, its runs, where it lies."""
    return {
        "name": results.config["name"],
        "folder": str(results.folder),
        "protocol": results.config["protocol"]["kind"],
        "statement": statement_of(results.config),
        "arms": _records(results.summary),
        "runs": _records(results.runs),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    # JSON has no NaN, and no integer of numpy's.
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
