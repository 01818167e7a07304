"""Tables of text and their renderers: Markdown, LaTeX; CSV and JSON records of data frames.

`vaega.core.terminal` renders a `TextTable` for a terminal, `vaega.report` as HTML.
"""

import csv
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

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


# With these a cell begins that a spreadsheet takes for a formula (OWASP, CSV injection); the quote
# in front of it, which spreadsheets do not show, says that it is text.
_FORMULAS, _QUOTE = ("=", "+", "-", "@", "\t", "\r", "\n"), "'"


def csv_text(frame: "pd.DataFrame") -> str:
    """Return a data frame as CSV, the same bytes on every system.

    A text that a spreadsheet would take for a formula has a quote in front; `read_csv` takes it
    away again.
    """
    guarded = frame.rename(columns=_guarded)
    for index, kind in enumerate(guarded.dtypes):
        if kind.kind not in "biufcmM":
            guarded.isetitem(index, list(map(_guarded, frame.iloc[:, index])))
    text: str = guarded.to_csv(index=False, lineterminator="\n")
    if "\r" in text:  # which csv leaves bare, and readers take for the end of a line
        text = guarded.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text


def read_csv(path: "Path", **options: Any) -> "pd.DataFrame":
    """Return what `csv_text` wrote: each name and number as it was."""
    import numpy as np
    import pandas as pd

    if np.lib.NumpyVersion(pd.__version__) < "3.1.0":  # from then on it is so without being asked
        options["float_precision"] = "round_trip"
    frame = pd.read_csv(path, **options).rename(columns=_as_given)
    for index, kind in enumerate(frame.dtypes):
        if kind.kind not in "biufcmM":
            frame.isetitem(index, list(map(_as_given, frame.iloc[:, index])))
    return frame


def _guarded(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith((*_FORMULAS, _QUOTE)):
        return value
    return value if _is_number(value) else _QUOTE + value


def _as_given(value: Any) -> Any:
    return value.removeprefix(_QUOTE) if isinstance(value, str) else value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def json_records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a dictionary for each row: NaN, NA and infinity as None, NumPy scalars as Python's."""
    return [
        {str(name): _json_value(value) for name, value in zip(frame.columns, row, strict=True)}
        for row in frame.itertuples(index=False, name=None)
    ]


def _json_value(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if type(value).__name__ == "NAType":  # of a column of whole numbers; pandas is not imported
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value
