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

from vaega.core.figures import COLOURS, DARK, GREY, clean, new_axes, render, spread
from vaega.core.tables import TextTable
from vaega.experiments.intervals import NONE, Interval

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


def plot_scores(
    points: Sequence[ArmPoints],
    ax: Axes | None = None,
    *,
    label: str = HELD_OUT,
    constant: float = float("nan"),
) -> Axes:
    """Draw held-out beside inner scores: one point a run, and means, of the former its interval.

    Dotted is what chance gives: `constant`, the score of always naming the commonest class, and of
    each arm with permuted labels their mean.
    """
    ax = ax or new_axes()
    for index, arm in enumerate(points):
        colour = COLOURS[index % len(COLOURS)]
        _draw_values(ax, arm.heldout, index - 0.17, colour, filled=True, interval=arm.interval)
        _draw_values(ax, arm.inner, index + 0.17, colour, filled=False)
    ax.plot([], [], "o", color="#555555", label=label)
    ax.plot([], [], "o", color="#555555", fillstyle="none", label="inner (training rows)")
    n_lines = _draw_chance(ax, points, constant)
    top = 1.22 if n_lines else 1.14
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, top), ncols=2, frameon=False)
    return _label_arms(ax, [arm.arm for arm in points], "score")


def _draw_chance(ax: Axes, points: Sequence[ArmPoints], constant: float) -> int:
    """Draw what chance gives; return how many kinds of lines."""
    if np.isfinite(constant):
        ax.axhline(constant, color=GREY, linewidth=0.9, linestyle=":", label="commonest class")
    return int(np.isfinite(constant)) + _draw_permuted(ax, [arm.permuted for arm in points])


def _draw_permuted(ax: Axes, values: Sequence[float]) -> bool:
    """Draw what each arm has with permuted labels; return whether any has."""
    known = [(index, value) for index, value in enumerate(values) if np.isfinite(value)]
    for index, value in known:
        label = "permuted labels" if index == known[0][0] else None
        ends = [index - 0.4, index + 0.4]
        ax.plot(ends, [value] * 2, color=DARK, linewidth=1.2, linestyle="--", label=label)
    return bool(known)


def plot_sizes(points: Sequence[ArmPoints], ax: Axes | None = None) -> Axes:
    """Draw the number of selected features: one point a run, and the mean."""
    ax = ax or new_axes()
    for index, arm in enumerate(points):
        _draw_values(ax, arm.n_features, index, COLOURS[index % len(COLOURS)], filled=True)
    ax.set_ylim(bottom=0)
    return _label_arms(ax, [arm.arm for arm in points], "selected features")


def _draw_values(
    ax: Axes,
    values: np.ndarray,
    x: float,
    colour: str,
    *,
    filled: bool,
    interval: Interval = NONE,
) -> None:
    face = colour if filled else "none"
    across = x + spread(len(values), 0.14)
    ax.scatter(across, values, s=22, facecolors=face, edgecolors=colour, alpha=0.65)
    mean, (low, high) = float(np.mean(values)), interval
    ax.plot([x - 0.12, x + 0.12], [mean, mean], color=colour, linewidth=2.2)
    if np.isfinite(low):
        ax.plot([x, x], [low, high], color=colour, linewidth=1.2)


def _label_arms(ax: Axes, arms: Sequence[str], label: str) -> Axes:
    ax.set_xticks(range(len(arms)), list(arms))
    ax.set_xlim(-0.6, len(arms) - 0.4)
    _turn_long_labels(ax)
    ax.set_ylabel(label)
    return clean(ax)


def plot_history(histories: Mapping[str, pd.DataFrame], ax: Axes | None = None) -> Axes:
    """Draw the best objective by generation, mean and range over runs."""
    ax = ax or new_axes()
    for index, (arm, table) in enumerate(histories.items()):
        colour = COLOURS[index % len(COLOURS)]
        ax.plot(table.index, table.mean(axis=1), color=colour, label=arm)
        ax.fill_between(table.index, table.min(axis=1), table.max(axis=1), color=colour, alpha=0.15)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="generation", ylabel="best objective on inner folds")
    if histories:
        ax.legend(frameon=False, loc="lower right")
    return clean(ax)


def draw_overview(
    points: Sequence[ArmPoints],
    histories: Mapping[str, pd.DataFrame],
    *,
    label: str = HELD_OUT,
    constant: float = float("nan"),
) -> Figure:
    """Return the figure of an experiment: scores, sizes, evolution."""
    figure = Figure(figsize=(11.0, 3.9), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[1.25, 1.0, 1.15])
    plot_scores(points, axes[0], label=label, constant=constant)
    plot_sizes(points, axes[1])
    plot_history(histories, axes[2])
    return figure


def plot_values(values: pd.DataFrame, ax: Axes | None = None, *, label: str = "") -> Axes:
    """Draw a box an arm, with one point a run: quartiles, and whiskers to the outermost."""
    ax = ax or new_axes()
    for index, arm in enumerate(values):
        column = values[arm].dropna().to_numpy(dtype=float)
        colour = COLOURS[index % len(COLOURS)]
        lines = ("boxprops", "whiskerprops", "capprops")
        parts: dict[str, Any] = {name: {"color": colour} for name in lines}
        parts["medianprops"] = {"color": colour, "linewidth": 2.2}
        ax.boxplot(column, positions=[index], widths=0.5, whis=(0.0, 100.0), **parts)
        across = index + spread(len(column), 0.24)
        ax.scatter(across, column, s=16, color=colour, alpha=0.5, zorder=3)
    ax.set_xticks(range(values.shape[1]), [str(arm) for arm in values])
    _turn_long_labels(ax)
    ax.set_ylabel(label)
    return clean(ax)


_LETTERS = 9  # of names that fit into an inch, with the space between them


def _turn_long_labels(ax: Axes) -> None:
    """Turn the names of arms where they would not fit beside each other."""
    inches = ax.get_window_extent().width / ax.figure.dpi
    if sum(len(text.get_text()) for text in ax.get_xticklabels()) > _LETTERS * inches:
        ax.tick_params(axis="x", rotation=30)


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


def plot_front(runs: pd.DataFrame, ax: Axes | None = None, *, label: str = "") -> Axes:
    """Draw score against size, one point a run, and the front of those that none beats in both."""
    ax = ax or new_axes()
    done, front = runs[runs["status"] == "done"], find_front(runs)
    ax.step(front["n_features"], front["heldout_score"], where="post", color=GREY, zorder=1)
    for index, (arm, group) in enumerate(done.groupby("arm", sort=False)):
        colour = COLOURS[index % len(COLOURS)]
        ax.scatter(group["n_features"], group["heldout_score"], s=26, color=colour, label=str(arm))
    ax.set(xlabel="selected features", ylabel=label, xlim=(0.0, None))
    ax.legend(frameon=False)
    return clean(ax)


def plot_stability(
    stability: Mapping[str, "StabilityEstimate"],
    ax: Axes | None = None,
    permuted: Mapping[str, float] | None = None,
) -> Axes:
    """Draw Nogueira's stability of each arm with its interval, and that with permuted labels."""
    ax = ax or new_axes()
    for index, estimate in enumerate(stability.values()):
        colour = COLOURS[index % len(COLOURS)]
        ax.plot([index, index], [estimate.low, estimate.high], color=colour, linewidth=1.6)
        ax.plot([index], [estimate.value], "o", color=colour, markersize=7)
    ax.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    if _draw_permuted(ax, [(permuted or {}).get(arm, float("nan")) for arm in stability]):
        ax.legend(frameon=False)
    return _label_arms(ax, list(stability), "stability (Nogueira); 0 is chance")


def draw_experiment(results: "Results") -> dict[str, Figure]:
    """Return the figures of an experiment by name."""
    honest = results.config["protocol"]["kind"] == "honest"
    label = "held-out score" if honest else "score of test rows that were seen"
    width = max(3.2, 0.9 * results.runs["arm"].nunique() + 0.8)
    figures: dict[str, Figure] = {}

    def axes(name: str, *size: float) -> Axes:
        ax = new_axes(size)  # type: ignore[arg-type]
        figures[name] = ax.figure  # type: ignore[assignment]
        return ax

    scores, sizes = (values_by_arm(results.runs, name) for name in ("heldout_score", "n_features"))
    ax = plot_values(scores, axes("scores", width, 3.4), label=label)
    if _draw_chance(ax, arm_points(results.runs, results.summary), results.constant):
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=2, frameon=False)
    plot_values(sizes, axes("sizes", width, 3.4), label="selected features")
    if any(len(table) for table in results.histories.values()):
        plot_history(results.histories, axes("evolution", 4.6, 3.4))
    plot_front(results.runs, axes("front", 4.6, 3.4), label=label)
    if results.stability:
        by_chance = {
            str(row["arm"]): row["null_stability"]
            for row in results.summary.to_dict("records")
            if pd.notna(row.get("null_stability"))
        }
        plot_stability(results.stability, axes("stability", width, 3.4), by_chance)
    return figures


def draw_arms(comparison: "Comparison") -> Figure:
    """Draw a box a dataset and arm, with one point a run."""
    n = len(comparison.datasets)
    width = max(3.2, 0.9 * max(one.scores.shape[1] for one in comparison.datasets) + 0.8)
    figure = Figure(figsize=(min(n, 3) * width, 3.4 * -(-n // 3)), layout="constrained")
    axes = figure.subplots(-(-n // 3), min(n, 3), squeeze=False).ravel()
    for ax, one in zip(axes, comparison.datasets, strict=False):
        plot_values(one.scores, ax, label=comparison.measure.replace("_", " "))
        ax.set_title(one.dataset, loc="left", fontsize=10)
    for ax in axes[n:]:
        ax.axis("off")
    return figure


def draw_ranks(comparison: "RankComparison") -> Figure:
    """Return a critical-difference diagram (Demsar 2006), as high as it needs to be."""
    height = 1.0 + 0.28 * ((len(comparison.ranks) + 1) // 2 + len(comparison.groups))
    return plot_ranks(comparison, new_axes((7.0, height))).figure  # type: ignore[return-value]


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
        ax.text(rank, 0.28, str(rank), ha="center", va="bottom", fontsize=9)
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
        ax.text(edge, depth, f" {text} ", ha="right" if left else "left", va="center", fontsize=10)
    return ax


def _draw_distance(ax: Axes, comparison: "RankComparison") -> None:
    k = len(comparison.ranks)
    start, end = 1.0, min(1.0 + comparison.critical_difference, k + 0.7)
    ax.plot([start, end], [1.3, 1.3], color=DARK, linewidth=1.6)
    for x in (start, end):
        ax.plot([x, x], [1.18, 1.42], color=DARK, linewidth=1.6)
    text = f"CD = {comparison.critical_difference:.2f} (Nemenyi, {comparison.alpha:g})"
    ax.text((start + end) / 2, 1.5, text, ha="center", va="bottom", fontsize=9)


# Columns of a study's table that are no parameters.
_ABOUT = ("trial", "state", "value", "best", "seconds", "warnings", "error")


def parameters_of(table: pd.DataFrame) -> list[str]:
    """Return the names of the parameters that a study's table holds."""
    return [str(name) for name in table.columns if name not in _ABOUT]


def draw_study(table: pd.DataFrame, importances: pd.DataFrame, *, label: str) -> Figure:
    """Return the figure of a study."""
    names = parameters_of(table)
    n_axes = 1 + (len(importances) > 0) + len(names)
    n_columns = min(3, n_axes)
    n_rows = -(-n_axes // n_columns)
    figure = Figure(figsize=(4.0 * n_columns, 3.2 * n_rows), layout="constrained")
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
    return render(draw_study(table, importances, label=label), "png", dpi=120)


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


def plot_trials(table: pd.DataFrame, ax: Axes | None = None, *, label: str) -> Axes:
    """Draw the value of each trial, and the best so far."""
    ax = ax or new_axes()
    done = table[table["state"] == "done"]
    ax.plot(done["trial"], done["value"], "o", ms=4, color=COLOURS[0], label="trial")
    ax.step(table["trial"], table["best"], where="post", color=COLOURS[1], label="best so far")
    ax.set(xlabel="trial", ylabel=label)
    ax.legend(frameon=False)
    return ax


def plot_importances(importances: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of the values' variance that each parameter explains."""
    ax = ax or new_axes()
    ordered = importances.sort_values("importance")
    ax.barh(ordered["parameter"], ordered["importance"], color=COLOURS[2])
    ax.set_xlabel("importance (fANOVA)")
    return ax


def plot_slice(table: pd.DataFrame, name: str, ax: Axes | None = None, *, label: str) -> Axes:
    """Draw the values over one parameter; later trials are darker."""
    ax = ax or new_axes()
    done = table[table["state"] == "done"]
    values: Any = done[name]
    numeric = pd.api.types.is_numeric_dtype(values)
    if not numeric:
        values = values.astype(str)
    elif len(values) and values.min() > 0 and values.max() >= 10 * values.min():
        ax.set_xscale("log")
    shades = np.linspace(0.25, 1.0, len(done))
    # matplotlib takes one alpha a point, its types don't say so
    ax.scatter(values, done["value"], s=16, color=COLOURS[0], alpha=shades)  # type: ignore[arg-type]
    ax.set(xlabel=name, ylabel=label)
    return ax
