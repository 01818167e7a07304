import io

import numpy as np
import pandas as pd
import pytest
from matplotlib import rcParams
from rich.console import Console

from vaega.experiments.store import mean_interval, summarise
from vaega.report._figures import arm_points, draw_overview, plot_scores, plot_sizes, render
from vaega.report._tables import HEADINGS, markdown_table, terminal_table


@pytest.fixture
def runs():
    return pd.DataFrame(
        {
            "dataset": "d",
            "arm": ["original"] * 3 + ["augmented"] * 3,
            "seed": [0, 1, 2] * 2,
            "status": ["done"] * 5 + ["failed"],
            "heldout_score": [0.8, 0.9, 1.0, 0.7, 0.9, np.nan],
            "inner_score": [0.9, 0.95, 1.0, 0.8, 0.9, np.nan],
            "optimism": [0.1, 0.05, 0.0, 0.1, 0.0, np.nan],
            "n_features": [3, 4, 5, 6, 7, np.nan],
            "n_asked": 100,
            "n_distinct": [90, 80, 70, 60, 50, np.nan],
            "seconds": 12.34,
        }
    )


def test_failed_runs_do_not_count(runs):
    summary = summarise(runs)
    assert list(summary["arm"]) == ["original", "augmented"]
    assert list(summary["n_runs"]) == [3, 2]
    assert summary["heldout_mean"].tolist() == pytest.approx([0.9, 0.8])


def test_the_interval_is_students():
    # scipy.stats.ttest_1samp([...]).confidence_interval() gives the same
    from scipy import stats

    values = np.array([0.81, 0.93, 0.88, 0.90])
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean_interval(values)[1:] == pytest.approx((expected.low, expected.high))


def test_one_run_has_no_interval(runs):
    summary = summarise(runs[:1])
    assert np.isnan(summary["heldout_low"].item())
    assert "[" not in markdown_table(summary).split("---:")[-1]


def test_no_runs_no_rows(runs):
    assert len(summarise(runs[5:])) == 0


def test_the_table_fits_eighty_columns(runs):
    screen = io.StringIO()
    Console(file=screen, width=80).print(terminal_table(summarise(runs), title="d"))
    text = screen.getvalue()
    for word in ("0.900 [0.652, 1.148]", "+0.050", "original", "12.3", "seconds"):
        assert word in text
    assert "…" not in text


def test_markdown(runs):
    lines = markdown_table(summarise(runs)).splitlines()
    assert len(lines) == 4
    assert all(line.count("|") == len(HEADINGS) + 1 for line in lines)


def test_points_are_the_runs(runs):
    original, augmented = arm_points(runs)
    assert original.heldout.tolist() == [0.8, 0.9, 1.0]
    assert augmented.n_features.tolist() == [6, 7]


def test_plots_take_an_axis_or_make_one(runs):
    points = arm_points(runs)
    ax = plot_scores(points)
    assert plot_scores(points, ax) is ax
    assert [label.get_text() for label in plot_sizes(points).get_xticklabels()] == [
        "original", "augmented",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_figure_gives_the_same_bytes(runs, kind):
    before = dict(rcParams)
    histories = {"original": pd.DataFrame({0: [0.5, 0.6]}, index=[1, 2])}
    one, two = (render(draw_overview(arm_points(runs), histories), kind) for _ in range(2))
    assert one == two
    assert dict(rcParams) == before
