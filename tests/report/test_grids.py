"""Cells as Markdown and LaTeX; what these would take for a command is escaped."""

import pytest

from vaega.report._tables import latex_grid, latex_text, markdown_grid


def test_markdown_has_a_line_each_row():
    page = markdown_grid(["arm", "n"], [["a", "1"], ["b", "2"]])
    assert page.splitlines()[1] == "| --- | ---: |"
    assert len(page.splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50 %", r"50 \%"), ("a_b&c", r"a\_b\&c"), ("p<0.05", r"p\textless{}0.05"), ("–", "--")],
)
def test_latex_escapes(text, expected):
    assert latex_text(text) == expected


def test_latex_columns():
    page = latex_grid(["a", "b", "c"], [["x", "y", "1"]], left=(0, 1))
    assert r"\begin{tabular}{llr}" in page
    assert r"x & y & 1 \\" in page
