import json

import pandas as pd
import pytest

from tests.generative.quality.stubs import two_classes
from vaega.generative.quality import measure_rows
from vaega.generative.quality._measurement import TABLES, quality_table, show_cell


@pytest.fixture(scope="module")
def report():
    parts = [part for seed in range(3) for part in two_classes(40, seed=seed)]
    return measure_rows(*parts, generator="two | bars")


def test_json_is_json_and_holds_every_table(report):
    content = json.loads(report.to_json())
    assert set(TABLES) <= set(content)
    assert content["n_heldout"] == 40
    assert content["copies"]["duplicates"] == 0.0
    assert "seconds" not in content
    assert "columns" not in content
    assert len(json.loads(report.to_json(columns=True))["columns"]) == 20


def test_markdown_begins_with_the_verdict(report):
    text = report.to_markdown()
    lines = text.splitlines()
    assert lines[2] == report.verdict
    assert "### Copies of fit rows" in lines
    assert TABLES["densities"] not in text  # rows have no likelihood
    rows = [line for line in lines if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_a_table_in_markdown():
    table = pd.DataFrame({"a_b": ["x"], "n": [3], "r": [float("nan")]})
    assert quality_table(table).markdown().splitlines() == [
        "| a b | n | r |",
        "| --- | ---: | ---: |",
        "| x | 3 | – |",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.000"), (-2.5, "-2.500"), (1e-9, "1e-09"), (12, "12"), ("a", "a")]
)
def test_cells(value, text):
    assert show_cell(value) == text


def test_missing_figures_are_null_in_json(report):
    assert "NaN" not in report.to_json(columns=True)
