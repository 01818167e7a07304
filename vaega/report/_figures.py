"""Figures of experiments, comparisons and studies.

Each is made of a pure function that returns a record, and a plot that takes `ax` and returns it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaega.core.figures import (
    COLOURS,
    COLUMN_WIDTH,
    DARK,
    GREY,
    PAGE_WIDTH,
    ArmStyle,
    clean,
    figure_style,
    fold,
    keep_within,
    legend_above,
    lines_size,
    name_lines,
    new_axes,
    new_figure,
    render,
    scale_widely,
    size_below_legend,
    spread,
    styles_of,
)
from vaega.core.tables import TextTable
from vaega.experiments.intervals import NONE, Interval, is_bounded

if TYPE_CHECKING:
    from vaega.report._comparison import Comparison
    from vaega.report._results import Results
    from vaega.report._statistics import RankComparison
    from vaega.selection._stability import StabilityEstimate

HELD_OUT = "held out (read once)"


@dataclass(frozen=True, eq=False)
class ArmPoints:
    """The runs of one arm, one value each, as in ``runs.csv``."""

    arm: str  # Its name
    seeds: list[Any]
    heldout: np.ndarray
    inner: np.ndarray
    n_features: np.ndarray
    interval: Interval = NONE  # Of the mean held-out score, as in ``summary.csv``
    permuted: float = float("nan")  # Mean held-out score with permuted labels


def arm_points(runs: pd.DataFrame, summary: pd.DataFrame | None = None) -> list[ArmPoints]:
    """Return the finished runs by arm, in the order in which the arms come."""
    done = runs[runs["status"] == "done"]
    ends: dict[str, Interval] = {}
    permuted: dict[str, float] = {}
    if summary is not None and "heldout_low" in summary:
        of_arm = summary.set_index(summary["arm"].astype(str))
        lows, highs = of_arm["heldout_low"], of_arm["heldout_high"]
        ends = dict(zip(of_arm.index, zip(lows, highs, strict=True), strict=True))
        permuted = dict(of_arm.get("null_heldout_mean", {}))
    return [
        ArmPoints(
            str(arm),
            group["seed"].tolist(),
            group["heldout_score"].to_numpy(float),
            group["inner_score"].to_numpy(float),
            group["n_features"].to_numpy(float),
            ends.get(str(arm), NONE),
            permuted.get(str(arm), float("nan")),
        )
        for arm, group in done.groupby("arm", sort=False)
    ]


Styles = Mapping[str, ArmStyle]


@figure_style()
def plot_scores(
    points: Sequence[ArmPoints],
    ax: Axes | None = None,
    *,
    label: str = HELD_OUT,
    constant: float = float("nan"),
    axis: str = "score",
    bounded: bool = False,
    styles: Styles | None = None,
) -> Axes:
    """Draw held-out above inner scores: one point a run, and means, of the former its interval.

    Dotted is what chance gives: `constant`, the score of a model that knows no feature; dashed
    is what each arm has with permuted labels in the mean. `axis` names the score, `bounded` says
    that it is from 0 to 1.
    """
    ax = ax or new_axes(lines_size(len(points), per_line=0.32))
    styles = styles or styles_of([arm.arm for arm in points])
    for index, arm in enumerate(points):
        colour = styles[arm.arm].colour
        _draw_values(ax, arm.heldout, index - 0.17, colour, filled=True, interval=arm.interval)
        _draw_values(ax, arm.inner, index + 0.17, colour, filled=False)
    ax.plot([], [], "o", color="#555555", label=label)
    ax.plot([], [], "o", color="#555555", fillstyle="none", label="inner (training rows)")
    _draw_chance(ax, [arm.permuted for arm in points], constant)
    if bounded:
        keep_within(ax, "x")
    legend_above(ax)
    return _label_arms(ax, [arm.arm for arm in points], axis)


def _draw_chance(ax: Axes, permuted: Sequence[float], constant: float) -> None:
    if np.isfinite(constant):
        ax.axvline(constant, color=GREY, linewidth=0.9, linestyle=":", label="chance")
    _draw_permuted(ax, permuted)


def _draw_permuted(ax: Axes, values: Sequence[float]) -> None:
    """Draw what each arm has with permuted labels, where it is known."""
    label: str | None = "permuted labels"
    for index, value in enumerate(values):
        if np.isfinite(value):
            ends = [index - 0.4, index + 0.4]
            ax.plot([value] * 2, ends, color=DARK, linewidth=1.0, linestyle="--", label=label)
            label = None


@figure_style()
def plot_sizes(
    points: Sequence[ArmPoints], ax: Axes | None = None, *, styles: Styles | None = None
) -> Axes:
    """Draw the number of selected features: one point a run, and the mean."""
    ax = ax or new_axes(lines_size(len(points)))
    styles = styles or styles_of([arm.arm for arm in points])
    for index, arm in enumerate(points):
        _draw_values(ax, arm.n_features, index, styles[arm.arm].colour, filled=True)
    _label_arms(ax, [arm.arm for arm in points], "selected features")
    return _scale_sizes(ax, [n for arm in points for n in arm.n_features])


def _scale_sizes(ax: Axes, sizes: Sequence[float]) -> Axes:
    scale_widely(ax, "x", sizes)
    if ax.get_xscale() == "linear":
        ax.set_xlim(left=0.0)
    return ax


def _draw_values(
    ax: Axes,
    values: np.ndarray,
    y: float,
    colour: str,
    *,
    filled: bool,
    interval: Interval = NONE,
) -> None:
    face = colour if filled else "none"
    beside = y + spread(len(values), 0.14)
    ax.scatter(values, beside, s=9, facecolors=face, edgecolors=colour, linewidths=0.6, alpha=0.65)
    mean, (low, high) = float(np.mean(values)), interval
    ax.plot([mean, mean], [y - 0.14, y + 0.14], color=colour, linewidth=1.8)
    if np.isfinite(low):
        ax.plot([low, high], [y, y], color=colour)


def _label_arms(ax: Axes, arms: Sequence[str], label: str) -> Axes:
    name_lines(ax, arms)
    ax.set_xlabel(label)
    return clean(ax, "x")


def searching(histories: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the histories of arms that search: others have nothing that evolves."""
    return {arm: table for arm, table in histories.items() if len(table) > 1}


@figure_style()
def plot_history(
    histories: Mapping[str, pd.DataFrame],
    ax: Axes | None = None,
    *,
    styles: Styles | None = None,
) -> Axes:
    """Draw the best objective by generation of the arms that search, mean and range over runs."""
    shown = searching(histories)
    ax = ax or new_axes(size_below_legend(list(shown)))
    styles = styles or styles_of(histories)
    for arm, table in shown.items():
        look = styles[arm]
        means = table.mean(axis=1)
        ax.plot(table.index, means, color=look.colour, linestyle=look.dashes, label=arm)
        low, high = table.min(axis=1), table.max(axis=1)
        ax.fill_between(table.index, low, high, color=look.colour, alpha=0.15, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="generation", ylabel="best objective on inner folds")
    legend_above(ax)
    return clean(ax)


@figure_style()
def draw_overview(
    points: Sequence[ArmPoints],
    histories: Mapping[str, pd.DataFrame],
    *,
    label: str = HELD_OUT,
    constant: float = float("nan"),
    axis: str = "score",
    bounded: bool = False,
) -> Figure:
    """Return the figure of an experiment, as wide as a page: scores, sizes, evolution."""
    styles = styles_of([arm.arm for arm in points])
    shown = {arm: table for arm, table in searching(histories).items() if arm in styles}
    n_panels = 3 if shown else 2
    figure = new_figure((PAGE_WIDTH, max(2.4, lines_size(len(points))[1] + 0.3)))
    axes = figure.subplots(1, n_panels, width_ratios=[1.5, 1.0, 1.1][:n_panels])
    options: dict[str, Any] = {"constant": constant, "axis": axis, "bounded": bounded}
    plot_scores(points, axes[0], label=label, styles=styles, **options)
    plot_sizes(points, axes[1], styles=styles).set_yticklabels([])
    if shown:
        plot_history(shown, axes[2], styles=styles)
    return figure


@figure_style()
def plot_values(
    values: pd.DataFrame,
    ax: Axes | None = None,
    *,
    label: str = "",
    styles: Styles | None = None,
) -> Axes:
    """Draw a box an arm, with one point a run: quartiles, and whiskers to the outermost."""
    names = [str(arm) for arm in values]
    ax = ax or new_axes(lines_size(len(names)))
    styles = styles or styles_of(names)
    for index, (name, arm) in enumerate(zip(names, values, strict=True)):
        column = values[arm].dropna().to_numpy(dtype=float)
        if len(column):
            _draw_box(ax, column, index, styles[name].colour)
    ax.use_sticky_edges = False  # an axis that ended at a box would cut the points on its edge
    return _label_arms(ax, names, label)


def _draw_box(ax: Axes, values: np.ndarray, y: float, colour: str) -> None:
    least, lower, middle, upper, most = np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0])
    ax.barh(y, upper - lower, left=lower, height=0.56, fill=False, edgecolor=colour, linewidth=0.9)
    ax.plot([least, lower, np.nan, upper, most], [y] * 5, color=colour, linewidth=0.9)
    ax.plot([middle, middle], [y - 0.28, y + 0.28], color=colour, linewidth=1.8)
    ax.scatter(values, y + spread(len(values), 0.3), s=6, color=colour, alpha=0.5, linewidths=0)


def values_by_arm(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a figure of the finished runs: one row a seed, one column an arm."""
    done = runs[runs["status"] == "done"]
    return done.pivot(index="seed", columns="arm", values=column)[list(done["arm"].unique())]


def find_front(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the finished runs that no other beats in both size and held-out score."""
    done = runs[runs["status"] == "done"]
    ordered = done.sort_values(["n_features", "heldout_score"], ascending=[True, False])
    scores = ordered["heldout_score"].to_numpy(dtype=float)
    before = np.maximum.accumulate(np.concatenate([[-np.inf], scores]))[:-1]
    return ordered[scores > before]


@figure_style()
def plot_front(
    runs: pd.DataFrame,
    ax: Axes | None = None,
    *,
    label: str = "",
    bounded: bool = False,
    styles: Styles | None = None,
) -> Axes:
    """Draw score against size, one point a run, and the front of those that none beats in both."""
    done, front = runs[runs["status"] == "done"], find_front(runs)
    arms = [str(arm) for arm in done["arm"].unique()]
    ax = ax or new_axes(size_below_legend(arms))
    styles = styles or styles_of(arms)
    ax.step(front["n_features"], front["heldout_score"], where="post", color=GREY, zorder=1)
    for arm, group in done.groupby("arm", sort=False):
        look, name = styles[str(arm)], str(arm)
        sizes, scores = group["n_features"], group["heldout_score"]
        ax.scatter(sizes, scores, s=11, color=look.colour, marker=look.marker, label=name)
    ax.set(xlabel="selected features", ylabel=label)
    _scale_sizes(ax, done["n_features"].tolist())
    if bounded:
        keep_within(ax, "y")
    legend_above(ax)
    return clean(ax)


@figure_style()
def plot_stability(
    stability: Mapping[str, "StabilityEstimate"],
    ax: Axes | None = None,
    permuted: Mapping[str, float] | None = None,
    *,
    styles: Styles | None = None,
) -> Axes:
    """Draw Nogueira's stability of each arm with its interval, and that with permuted labels."""
    ax = ax or new_axes(lines_size(len(stability)))
    styles = styles or styles_of(stability)
    for index, (arm, estimate) in enumerate(stability.items()):
        colour = styles[arm].colour
        ax.plot([estimate.low, estimate.high], [index, index], color=colour)
        ax.plot([estimate.value], [index], "o", color=colour)
    ax.axvline(0.0, color=GREY, linewidth=0.9, linestyle=":")
    _draw_permuted(ax, [(permuted or {}).get(arm, float("nan")) for arm in stability])
    legend_above(ax)
    return _label_arms(ax, list(stability), "stability (Nogueira); 0 is chance")


@figure_style()
def draw_experiment(results: "Results") -> dict[str, Figure]:
    """Return the figures of an experiment by name, each as wide as a journal's column."""
    honest = results.config["protocol"]["kind"] == "honest"
    metric = results.facts.metric.name
    label = f"held-out {metric}" if honest else f"{metric} of test rows that were seen"
    options: dict[str, Any] = {"styles": styles_of(results.config["arms"])}
    bounded = is_bounded(results.config["fitness"]["metric"])
    scores, sizes = (values_by_arm(results.runs, name) for name in ("heldout_score", "n_features"))
    drawn = {"scores": plot_values(scores, label=label, **options)}
    permuted = {arm.arm: arm.permuted for arm in arm_points(results.runs, results.summary)}
    _draw_chance(drawn["scores"], [permuted[str(arm)] for arm in scores], results.constant)
    if bounded:
        keep_within(drawn["scores"], "x")
    legend_above(drawn["scores"])
    drawn["sizes"] = plot_values(sizes, label="selected features", **options)
    _scale_sizes(drawn["sizes"], results.runs["n_features"].tolist())
    if searching(results.histories):
        drawn["evolution"] = plot_history(results.histories, **options)
    drawn["front"] = plot_front(results.runs, label=label, bounded=bounded, **options)
    if results.stability:
        by_chance = {
            str(row["arm"]): row["null_stability"]
            for row in results.summary.to_dict("records")
            if pd.notna(row.get("null_stability"))
        }
        drawn["stability"] = plot_stability(results.stability, None, by_chance, **options)
    return {name: ax.figure for name, ax in drawn.items()}  # type: ignore[misc]


@figure_style()
def draw_arms(comparison: "Comparison") -> Figure:
    """Draw a box a dataset and arm, with one point a run, two datasets beside each other."""
    n = len(comparison.datasets)
    columns, rows = min(n, 2), -(-n // 2)
    height = lines_size(max(one.scores.shape[1] for one in comparison.datasets))[1]
    figure = new_figure((COLUMN_WIDTH if n == 1 else PAGE_WIDTH, height * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, one in zip(axes, comparison.datasets, strict=False):
        plot_values(one.scores, ax, label=one.measure)
        ax.set_title(one.dataset)
    for ax in axes[n:]:
        ax.axis("off")
    return figure


@figure_style()
def draw_ranks(comparison: "RankComparison") -> Figure:
    """Return a critical-difference diagram (Demsar 2006), as high as it needs to be."""
    height = 1.0 + 0.22 * ((len(comparison.ranks) + 1) // 2 + len(comparison.groups))
    return plot_ranks(comparison, new_axes((PAGE_WIDTH, height))).figure  # type: ignore[return-value]


def plot_ranks(comparison: "RankComparison", ax: Axes | None = None) -> Axes:
    """Draw mean ranks on a line, the best to the left, and a bar under what may be alike."""
    ax = ax or new_axes()
    k = len(comparison.ranks)
    half = (k + 1) // 2
    bottom = -0.55 * (len(comparison.groups) + 1)
    ax.set_xlim(0.2, k + 0.8)
    ax.set_ylim(bottom - 0.62 * half, 2.1)
    ax.axis("off")
    ax.plot([1, k], [0, 0], color=DARK, linewidth=1.2)
    for rank in range(1, k + 1):
        ax.plot([rank, rank], [0, 0.16], color=DARK, linewidth=1.2)
        ax.text(rank, 0.28, str(rank), ha="center", va="bottom")
    _draw_distance(ax, comparison)
    for index, group in enumerate(comparison.groups):
        ends = [comparison.ranks[group[0]] - 0.04, comparison.ranks[group[-1]] + 0.04]
        level = -0.55 * (index + 1) + 0.12
        ax.plot(ends, [level, level], color=COLOURS[0], linewidth=4.0, solid_capstyle="round")
    for index, (arm, rank) in enumerate(comparison.ranks.items()):
        left = index < half
        depth = bottom - 0.62 * (index if left else k - 1 - index) - 0.2
        edge = 0.72 if left else k + 0.28
        ax.plot([rank, rank, edge], [0, depth, depth], color=DARK, linewidth=0.9)
        text = f"{arm}  {rank:.2f}" if left else f"{rank:.2f}  {arm}"
        ax.text(edge, depth, f" {text} ", ha="right" if left else "left", va="center")
    return ax


def _draw_distance(ax: Axes, comparison: "RankComparison") -> None:
    k = len(comparison.ranks)
    start, end = 1.0, min(1.0 + comparison.critical_difference, k + 0.7)
    ax.plot([start, end], [1.3, 1.3], color=DARK, linewidth=1.6)
    for x in (start, end):
        ax.plot([x, x], [1.18, 1.42], color=DARK, linewidth=1.6)
    text = f"CD = {comparison.critical_difference:.2f} (Nemenyi, {comparison.alpha:g})"
    ax.text((start + end) / 2, 1.5, text, ha="center", va="bottom")


# Columns of a study's table that are no parameters.
_ABOUT = ("trial", "state", "value", "best", "seconds", "warnings", "error")


def parameters_of(table: pd.DataFrame) -> list[str]:
    """Return the names of the parameters that a study's table holds."""
    return [str(name) for name in table.columns if name not in _ABOUT]


@figure_style()
def draw_study(table: pd.DataFrame, importances: pd.DataFrame, *, label: str) -> Figure:
    """Return the figure of a study, two panels beside each other."""
    names = parameters_of(table)
    n_axes = 1 + (len(importances) > 0) + len(names)
    n_columns = min(2, n_axes)
    n_rows = -(-n_axes // n_columns)
    figure = new_figure((n_columns * PAGE_WIDTH / 2, 2.1 * n_rows))
    axes = iter(figure.subplots(n_rows, n_columns, squeeze=False).ravel().tolist())
    plot_trials(table, next(axes), label=label)
    if len(importances):
        plot_importances(importances, next(axes))
    for name in names:
        plot_slice(table, name, next(axes), label=label)
    for spare in axes:
        spare.remove()
    return figure


def study_png(table: pd.DataFrame, importances: pd.DataFrame, *, label: str) -> bytes:
    """Return the figure of `draw_study` as the content of a PNG file."""
    return render(draw_study(table, importances, label=label), "png")


def study_table(table: pd.DataFrame, *, label: str, n_rows: int = 10) -> TextTable:
    """Return the best trials as text."""
    names = parameters_of(table)
    rows = []
    for _, trial in table.sort_values("value", ascending=False).head(n_rows).iterrows():
        value = f"{trial['value']:.4f}" if trial["state"] == "done" else "failed"
        drawn = (trial[name] for name in names)
        shown = [f"{one:.4g}" if isinstance(one, float) else str(one) for one in drawn]
        rows.append([str(trial["trial"]), value, *shown])
    title = f"{len(table)} trials, the best first"
    return TextTable(["trial", label, *names], rows, title, left=())


@figure_style()
def plot_trials(table: pd.DataFrame, ax: Axes | None = None, *, label: str) -> Axes:
    """Draw the value of each trial, and the best so far."""
    ax = ax or new_axes()
    done = table[table["state"] == "done"]
    ax.plot(done["trial"], done["value"], "o", color=COLOURS[0], label="trial")
    ax.step(table["trial"], table["best"], where="post", color=COLOURS[1], label="best so far")
    ax.set(xlabel="trial", ylabel=label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_above(ax)
    return clean(ax)


@figure_style()
def plot_importances(importances: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of the values' variance that each parameter explains."""
    ax = ax or new_axes(lines_size(len(importances)))
    ordered = importances.sort_values("importance")
    names = [fold(str(name)) for name in ordered["parameter"]]
    ax.barh(names, ordered["importance"], color=COLOURS[2])
    ax.set_xlabel("importance (fANOVA)")
    return clean(ax, "x")


@figure_style()
def plot_slice(table: pd.DataFrame, name: str, ax: Axes | None = None, *, label: str) -> Axes:
    """Draw the values over one parameter; later trials are darker."""
    ax = ax or new_axes()
    done = table[table["state"] == "done"]
    values: Any = done[name]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        scale_widely(ax, "x", values)
    else:
        values = values.astype(str)
        if values.drop_duplicates().str.len().sum() > _LETTERS_ACROSS:
            ax.tick_params(axis="x", rotation=90)
    shades = np.linspace(0.25, 1.0, len(done))
    # matplotlib takes one alpha a point, its types don't say so
    ax.scatter(values, done["value"], s=10, color=COLOURS[0], alpha=shades)  # type: ignore[arg-type]
    ax.set(xlabel=name, ylabel=label)
    return clean(ax)


_LETTERS_ACROSS = 32  # of ticks that fit beside each other into a column's width
