"""Tables as Markdown and LaTeX; what these would take for a command is escaped."""

import csv

import numpy as np
import pandas as pd
import pytest

from vaega.core.tables import TextTable, csv_text, json_records, latex_text, read_csv


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


@pytest.mark.parametrize(
    "name",
    [
        "=cmd|' /C calc'!A0",
        "+x",
        "-x",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "'x",
        "''",
        "a\rb",
        "plain",
        "NA",
    ],
)
def test_no_name_starts_a_formula_and_each_is_read_back(tmp_path, name):
    path = tmp_path / "names.csv"
    frame = pd.DataFrame({"name": [name, "b"], name: ["-1", "+2.5"], "value": [-1.5, 2.0]})
    path.write_bytes(csv_text(frame).encode())
    with path.open(newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert not any(cell.startswith(("=", "@", "\t", "\r", "\n", "+x", "-x")) for cell in cells)
    assert {"-1", "+2.5", "-1.5"} <= set(cells)  # numbers stay
    back = read_csv(path, dtype=str, keep_default_na=False)
    assert list(back["name"]) == [name, "b"]
    assert list(back.columns) == ["name", name, "value"]
    assert list(frame["name"]) == [name, "b"]
