"""Tables of the thesis in a terminal: what stands first, and what is said once."""

import pandas as pd

from vaega.thesis.reproduction import ThesisTable
from vaega.thesis.terminal import for_terminal

NAN = float("nan")
ROWS = pd.DataFrame(
    {
        "group": ["a_1", "a_1", "b", "b"],
        "dataset": ["a", "a", "b", "b"],
        "arm": ["original", "augmented", "original", "augmented"],
        "scale": ["full"] * 4,
        "published": [0.5, 0.6, 0.7, NAN],
        "published_sd": [0.1, 0.1, 0.1, 0.2],
        "mean": [0.55, 0.65, 0.75, 0.85],
        "n": [5, 5, 4, 5],
        "low": [0.5, 0.6, NAN, 0.8],
        "high": [0.6, 0.7, NAN, 0.9],
    }
)


def test_both_figures_follow_what_a_row_is_about():
    shown = for_terminal(ThesisTable("9", "Figures", ROWS))
    assert shown.table.title == "Table 9: Figures"
    columns = ["group", "arm", "published", "mean [95 %]", "published sd", "n", "dataset"]
    assert list(shown.table.columns) == columns
    assert list(shown.table.left) == [0, 1, 6]
    assert shown.table.rows[0][:4] == ["a_1", "original", "0.500", "0.550 [0.500, 0.600]"]
    assert shown.table.rows[1][0] == ""  # as above
    assert shown.table.rows[2][:4] == ["b", "original", "0.700", "0.750"]
    assert shown.constant == ["scale full"]
    assert shown.n_more == 0


def test_rows_can_be_cut():
    shown = for_terminal(ThesisTable("9", "Figures", ROWS), 3)
    assert len(shown.table.rows) == 3
    assert shown.n_more == 1


def test_means_without_an_interval_are_alone():
    rows = ROWS.assign(low=NAN, high=NAN)
    shown = for_terminal(ThesisTable("9", "Figures", rows))
    assert "mean" in shown.table.columns
    assert not {"low", "high", "mean [95 %]"} & set(shown.table.columns)


def test_a_single_row_keeps_every_column():
    shown = for_terminal(ThesisTable("9", "Figures", ROWS.head(1)))
    assert shown.constant == []
    assert "scale" in shown.table.columns


def test_nothing_to_show():
    assert for_terminal(ThesisTable("9", "Nothing", pd.DataFrame())).table.rows == []
