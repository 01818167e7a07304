"""Figures of experiments, comparisons and studies: the records behind them, and what is drawn."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib import rcParams

from tests.report.experiments import run_small
from tests.report.test_statistics import DEMSAR
from vaega.core.figures import COLOURS, render
from vaega.report._comparison import Comparison, DatasetComparison
from vaega.report._figures import (
    arm_points,
    draw_arms,
    draw_experiment,
    draw_overview,
    draw_ranks,
    draw_study,
    find_front,
    parameters_of,
    plot_history,
    plot_importances,
    plot_scores,
    plot_sizes,
    plot_slice,
    plot_stability,
    plot_trials,
    study_png,
    study_table,
    values_by_arm,
)
from vaega.report._results import read_results
from vaega.report._statistics import compare_arms, rank_arms
from vaega.selection._stability import nogueira_interval


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


def test_points_are_the_runs(runs):
    original, augmented = arm_points(runs)
    assert original.heldout.tolist() == [0.8, 0.9, 1.0]
    assert augmented.n_features.tolist() == [6, 7]


def test_plots_take_an_axis_or_make_one(runs):
    points = arm_points(runs)
    ax = plot_scores(points)
    assert plot_scores(points, ax) is ax
    assert [label.get_text() for label in plot_sizes(points).get_yticklabels()] == [
        "original", "augmented",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arms", ["a b c d", "original augmented placebo regularised", " ".join(map(str, range(12)))]
)
def test_names_of_arms_do_not_overlap(runs, arms):
    points = arm_points(pd.concat([runs[:3].assign(arm=arm) for arm in arms.split()]))
    figure = draw_overview(points, {})
    figure.draw_without_rendering()
    texts = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert all(one.y0 > following.y1 for one, following in pairwise(texts))
    assert all(text.x0 >= 0 and text.y1 <= figure.bbox.y1 for text in texts)


@pytest.mark.parametrize("n", [2, 9])
def test_fonts_and_width_are_the_same_whatever_the_number_of_arms(runs, n):
    points = arm_points(pd.concat([runs[:3].assign(arm=f"arm_{i}") for i in range(n)]))
    for ax in (plot_scores(points), plot_sizes(points)):
        assert ax.figure.get_figwidth() * 25.4 == pytest.approx(85)
        assert {text.get_fontsize() for text in ax.get_yticklabels()} == {7.0}


def test_an_axis_of_scores_ends_where_scores_do(runs):
    points = arm_points(runs)
    ends = [plot_scores(points, bounded=bounded).get_xlim()[1] for bounded in (True, False)]
    assert 1.0 < ends[0] < ends[1]


def test_beyond_seven_arms_lines_differ_by_dashes():
    histories = {f"arm_{i}": pd.DataFrame({0: [0.5, 0.6]}) for i in range(9)}
    lines = plot_history(histories).lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 9


def test_arms_that_do_not_search_have_no_evolution_and_keep_their_colours():
    once, twice = pd.DataFrame({0: [0.5]}, index=[0]), pd.DataFrame({0: [0.5, 0.6]}, index=[1, 2])
    ax = plot_history({"all": once, "search": twice})
    assert [line.get_label() for line in ax.lines] == ["search"]
    assert ax.lines[0].get_color() == COLOURS[1]
    assert len(ax.collections) == 1


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_figure_gives_the_same_bytes(runs, kind):
    before = dict(rcParams)
    histories = {"original": pd.DataFrame({0: [0.5, 0.6]}, index=[1, 2])}
    one, two = (render(draw_overview(arm_points(runs), histories), kind) for _ in range(2))
    assert one == two
    assert dict(rcParams) == before


@pytest.fixture(scope="module")
def results(small_results):
    return read_results(small_results)


def sized_runs(sizes, scores, status="done"):
    table = pd.DataFrame({"n_features": sizes, "heldout_score": scores})
    return table.assign(arm="a", seed=range(len(table)), status=status)


def test_no_run_of_the_front_is_beaten_and_every_other_is():
    rng = np.random.default_rng(0)
    table = sized_runs(rng.integers(1, 20, 60), rng.random(60).round(2))
    front = find_front(table)
    for run in table.itertuples():
        smaller = front[front["n_features"] <= run.n_features]
        assert (smaller["heldout_score"] >= run.heldout_score).any()
    for run in front.itertuples():
        others = table.drop(index=run.Index)
        as_small = others["n_features"] <= run.n_features
        assert not (as_small & (others["heldout_score"] > run.heldout_score)).any()


def test_failed_runs_are_on_no_front():
    assert find_front(sized_runs([1, 2], [0.9, 0.8], status=["failed", "done"])).index.tolist() == [
        1
    ]


def test_arms_keep_their_order_and_missing_runs_are_missing():
    table = pd.concat([sized_runs([1, 2], [0.5, 0.6]).assign(arm="z"), sized_runs([3], [0.7])])
    values = values_by_arm(table, "heldout_score")
    assert list(values) == ["z", "a"]
    assert values["a"].isna().tolist() == [False, True]


def test_stability_is_drawn_with_its_interval():
    estimate = nogueira_interval(np.eye(3, 6, dtype=bool))
    line, point = plot_stability({"a": estimate}).lines[:2]
    assert line.get_xdata().tolist() == [estimate.low, estimate.high]
    assert point.get_xdata().tolist() == [estimate.value]


def test_every_figure_is_there(results):
    figures = draw_experiment(results)
    assert list(figures) == ["scores", "sizes", "evolution", "front", "stability"]


def test_one_run_of_one_arm_is_enough(tmp_path):
    alone = read_results(run_small(tmp_path, seeds=1, arms={"original": {}}))
    assert "stability" not in draw_experiment(alone)


def test_every_arm_and_group_is_drawn():
    comparison = rank_arms(DEMSAR)
    (ax,) = draw_ranks(comparison).axes
    texts = [text.get_text() for text in ax.texts]
    assert all(any(str(arm) in text for text in texts) for arm in comparison.ranks.index)
    thick = [line for line in ax.lines if line.get_linewidth() == 4.0]
    assert len(thick) == len(comparison.groups)


def test_arms_stand_at_their_ranks():
    comparison = rank_arms(DEMSAR)
    (ax,) = draw_ranks(comparison).axes
    ranks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 3]
    assert ranks == comparison.ranks.tolist()


TABLE = pd.DataFrame(
    {
        "trial": [1, 2, 3],
        "state": ["done", "failed", "done"],
        "value": [0.5, float("nan"), 0.7],
        "best": [0.5, 0.5, 0.7],
        "seconds": 1.0,
        "warnings": 0,
        "error": ["", "diverged", ""],
        "hidden": ["8-4", "8", "8"],
        "learning_rate": [1e-4, 1e-3, 1e-2],
    }
)
IMPORTANCES = pd.DataFrame({"parameter": ["hidden", "learning_rate"], "importance": [0.2, 0.8]})


def test_one_picture_for_history_importances_and_each_parameter():
    figure = draw_study(TABLE, IMPORTANCES, label="score")
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ["trial", "importance (fANOVA)", "hidden", "learning_rate"]
    assert len(draw_study(TABLE, IMPORTANCES.iloc[:0], label="score").axes) == 3


def test_the_history_leaves_failures_out():
    ax = plot_trials(TABLE, label="score")
    assert ax.lines[0].get_xdata().tolist() == [1, 3]
    assert ax.lines[1].get_ydata().tolist() == [0.5, 0.5, 0.7]


def test_what_matters_most_is_on_top():
    ax = plot_importances(IMPORTANCES)
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.8]


@pytest.mark.parametrize(("name", "scale"), [("learning_rate", "log"), ("hidden", "linear")])
def test_a_slice_has_the_scale_of_its_parameter(name, scale):
    ax = plot_slice(TABLE, name, label="score")
    assert ax.get_xscale() == scale
    assert len(ax.collections[0].get_offsets()) == 2


def test_ticks_of_a_study_are_apart_and_trials_whole():
    long = TABLE.assign(hidden=[f"{2048 >> i}-{1024 >> i}-{512 >> i}" for i in range(3)])
    figure = draw_study(long, IMPORTANCES, label="score")
    figure.draw_without_rendering()
    trials, _, hidden, _ = figure.axes
    assert all(float(tick).is_integer() for tick in trials.get_xticks())
    boxes = [text.get_window_extent() for text in hidden.get_xticklabels()]
    assert all(one.x1 < following.x0 for one, following in pairwise(boxes))


def test_the_same_study_gives_the_same_bytes():
    one, two = (study_png(TABLE, IMPORTANCES, label="score") for _ in range(2))
    assert one == two


def test_the_table_has_the_best_first():
    table = study_table(TABLE, label="score", n_rows=2)
    assert [row[:2] for row in table.rows] == [["3", "0.7000"], ["1", "0.5000"]]
    assert parameters_of(TABLE) == ["hidden", "learning_rate"]


def test_one_box_each_arm_and_one_panel_each_dataset():
    scores = pd.DataFrame({"a": [0.9, 0.8, 0.7], "b_1": [0.7, 0.7, 0.6]})
    one = DatasetComparison("wine", scores, compare_arms(scores), [])
    axes = [ax for ax in draw_arms(Comparison("heldout_score", [one] * 4, None)).axes if ax.axison]
    assert len(axes) == 4
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["a", "b_1"]
