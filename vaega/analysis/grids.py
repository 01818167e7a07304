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
    r"""Return cells as a Markdown table.

    Parameters
    ----------
    headings : sequence of str
    rows : sequence of sequence of str
        As long as the headings.
    left : collection of int, default=(0,)
        Columns of text; the others are aligned to the right.

    Returns
    -------
    str

    Examples
    --------
    >>> print(markdown_grid(["arm", "mean"], [["a|b", "0.5"]]), end="")
    | arm | mean |
    | --- | ---: |
    | a\|b | 0.5 |
    """
    rule = ["---" if place in left else "---:" for place in range(len(headings))]
    lines = [[cell.replace("|", r"\|") for cell in line] for line in [headings, *rows]]
    lines.insert(1, rule)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex_grid(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)
) -> str:
    r"""Return cells as a LaTeX table with the rules of the package booktabs.

    Parameters
    ----------
    headings : sequence of str
    rows : sequence of sequence of str
        As long as the headings.
    left : collection of int, default=(0,)
        Columns of text; the others are aligned to the right.

    Returns
    -------
    str

    Examples
    --------
    >>> print(latex_grid(["arm", "mean"], [["a_b", "50 %"]]), end="")
    \begin{tabular}{lr}
    \toprule
    arm & mean \\
    \midrule
    a\_b & 50 \% \\
    \bottomrule
    \end{tabular}
    """
    sides = "".join("l" if place in left else "r" for place in range(len(headings)))
    head, *body = (_latex_line(line) for line in [headings, *rows])
    start = [r"\begin{tabular}{" + sides + "}", r"\toprule", head, r"\midrule"]
    return "\n".join([*start, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    r"""Return text with what LaTeX would take for a command escaped.

    Examples
    --------
    >>> latex_text("a_b: 50 %")
    'a\\_b: 50 \\%'
    """
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(latex_text(cell) for cell in cells) + r" \\"
