"""An experiment's summary in the forms that people and programs ask for."""

import math
from typing import Any

import pandas as pd

from vaega.analysis.grids import latex_grid, latex_text, markdown_grid
from vaega.analysis.results_folder import Results
from vaega.analysis.tables import headings_of, summary_cells
from vaega.experiments.protocols import statement_of

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
