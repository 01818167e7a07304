"""Tables as Markdown and LaTeX; what these would take for a command is escaped."""

import numpy as np
import pandas as pd
import pytest

from vaega.core.tables import TextTable, csv_text, json_records, latex_text


def test_markdown_has_a_line_each_row():
    page = TextTable(["arm", "n"], [["a", "1"], ["b", "2"]]).markdown()
    assert page.splitlines()[1] == "| --- | ---: |"
    assert len(page.splitlines()) == 4


def test_a_bar_in_a_cell_is_no_column_of_markdown():
    head, rule, row = TextTable(["a|b"], [["c|d"]]).markdown().splitlines()
    assert (head, rule, row) == (r"| a\|b |", "| --- |", r"| c\|d |")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50 %", r"50 \%"), ("a_b&c", r"a\_b\&c"), ("p<0.05", r"p\textless{}0.05"), ("–", "--")],
)
def test_latex_escapes(text, expected):
    assert latex_text(text) == expected


def test_latex_columns():
    page = TextTable(["a", "b", "c"], [["x", "y", "1"]], left=(0, 1)).latex()
    assert r"\begin{tabular}{llr}" in page
    assert r"x & y & 1 \\" in page


def test_data_frames_as_csv_and_json():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]})
    assert csv_text(frame) == "a,b\n1,0.5\n2,\n"
    records = json_records(frame)
    assert records == [{"a": 1, "b": 0.5}, {"a": 2, "b": None}]
    assert type(records[0]["a"]) is int
