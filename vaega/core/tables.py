"""Tables of text and their renderers: Markdown, LaTeX; CSV and JSON records of data frames.

`vaega.report` renders a `TextTable` for a terminal, and as HTML in the page of an experiment.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

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


@dataclass(frozen=True)
class TextTable:
    """Cells of text under headings."""

    columns: Sequence[str]  # Headings
    rows: Sequence[Sequence[str]]  # One cell a column each
    title: str = ""  # Shown by the terminal alone
    left: Collection[int] = (0,)  # Indices of the columns that are aligned to the left
    notes: Sequence[str] = ()  # How it is to be read, a sentence each; shown by the page alone

    def markdown(self) -> str:
        """Return the cells as Markdown."""
        rule = ["---" if index in self.left else "---:" for index in range(len(self.columns))]
        head, *body = [
            [cell.replace("|", r"\|") for cell in line] for line in [self.columns, *self.rows]
        ]
        return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *body])

    def latex(self) -> str:
        """Return the cells as LaTeX, with the rules of the package booktabs."""
        sides = "".join("l" if index in self.left else "r" for index in range(len(self.columns)))
        head, *body = [
            " & ".join(map(latex_text, line)) + r" \\" for line in [self.columns, *self.rows]
        ]
        start = [r"\begin{tabular}{" + sides + "}", r"\toprule", head, r"\midrule"]
        return "\n".join([*start, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def csv_text(frame: "pd.DataFrame") -> str:
    """Return a data frame as CSV, the same bytes on every system."""
    return frame.to_csv(index=False, lineterminator="\n")


def json_records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a dictionary for each row: NaN and infinity as None, NumPy scalars as Python's."""
    return [
        {str(name): _json_value(value) for name, value in zip(frame.columns, row, strict=True)}
        for row in frame.itertuples(index=False, name=None)
    ]


def _json_value(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
