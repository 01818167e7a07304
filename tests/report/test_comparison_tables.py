"""A comparison as files: whole, readable back, the same bytes each time."""

import pandas as pd
import pytest

from tests.report.statistics.test_ranks import DEMSAR
from vaega.report._comparison import Comparison, DatasetComparison, draw_arms, write_comparison
from vaega.report._statistics import compare_arms, rank_arms


@pytest.fixture
def found():
    table = pd.DataFrame(
        {"a": [0.9, 0.8, 0.7, 0.9, 0.8, 0.7], "b_1": [0.7, 0.7, 0.6, 0.8] * 1 + [0.7, 0.6]}
    )
    one = DatasetComparison("wine", table, compare_arms(table), ["A note, 5 %."])
    return Comparison("heldout_score", [one], rank_arms(DEMSAR))


def test_files(found, tmp_path):
    written = write_comparison(found, tmp_path / "a", command="vaega compare x")
    assert all(path.stat().st_size > 100 or path.name == "means.csv" for path in written)
    page = (tmp_path / "a" / "comparison.md").read_text()
    assert "| b_1 - a | 6 |" in page
    assert "- A note, 5 %." in page
    assert "Command: `vaega compare x`" in page
    table = pd.read_csv(tmp_path / "a" / "comparison.csv")
    assert table["p_value"].tolist() == [0.03125]
    latex = (tmp_path / "a" / "comparison.tex").read_text()
    assert r"wine & b\_1 - a & 6 &" in latex
    assert latex.count(r"\midrule") == 1


def test_the_same_bytes(found, tmp_path):
    for name in ("a", "b"):
        write_comparison(found, tmp_path / name, command="x")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_one_box_each_arm_and_one_panel_each_dataset(found):
    several = Comparison("heldout_score", found.datasets * 4, None)
    axes = [ax for ax in draw_arms(several).axes if ax.axison]
    assert len(axes) == 4
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["a", "b_1"]
