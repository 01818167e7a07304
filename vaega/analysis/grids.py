"""Cells of text as a table in Markdown or LaTeX."""

from collections.abc import Collection, Sequence

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
