"""Files for a paper: whole, readable back, the same bytes each time."""

import pandas as pd
import pytest

from tests.report.test_statistics import DEMSAR
from vaega.report._comparison import Comparison, DatasetComparison
from vaega.report._export import write_comparison, write_experiment
from vaega.report._results import read_results
from vaega.report._statistics import compare_arms, rank_arms


@pytest.fixture
def comparison():
    table = pd.DataFrame(
        {"a": [0.9, 0.8, 0.7, 0.9, 0.8, 0.7], "b_1": [0.7, 0.7, 0.6, 0.8] * 1 + [0.7, 0.6]}
    )
    one = DatasetComparison("wine", table, compare_arms(table), ["A note, 5 %."])
    return Comparison("heldout_score", [one], rank_arms(DEMSAR))


def test_a_comparison(comparison, tmp_path):
    written = write_comparison(comparison, tmp_path / "a", command="vaega compare x")
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


def test_the_same_bytes(comparison, tmp_path):
    for name in ("a", "b"):
        write_comparison(comparison, tmp_path / name, command="x")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_same_results_give_the_same_files(small_results, tmp_path):
    results = read_results(small_results)
    first = write_experiment(results, tmp_path / "a", command="vaega report small")
    second = write_experiment(results, tmp_path / "b", command="vaega report small")
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
