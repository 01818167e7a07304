"""Critical-difference diagrams: mean ranks, and which of them are not shown to differ."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich import box
from rich.table import Table

from vaega.core.files import write_bytes, write_text
from vaega.experiments.store import mean_interval
from vaega.report._results import Results
from vaega.report._statistics import RankComparison
from vaega.report._tables import TEXT_FORMATS, summary_text
from vaega.selection._stability import StabilityEstimate

# Okabe and Ito (2008): colours that colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# What matplotlib would write into a file beside the drawing: dates, and addresses of vocabularies.
_DATED = {"svg": ("Creator", "Date", "Format", "Type"), "pdf": ("CreationDate",)}


@dataclass(frozen=True, eq=False)
class ArmPoints:
    """The runs of one arm, one value each."""

    arm: str  # Its name
    heldout: np.ndarray  # As in ``runs.csv``
    inner: np.ndarray  # As in ``runs.csv``
    n_features: np.ndarray  # As in ``runs.csv``


def arm_points(runs: pd.DataFrame) -> list[ArmPoints]:
    """Return the finished runs by arm, in the order in which the arms come."""
    done = runs[runs["status"] == "done"]
    return [
        ArmPoints(
            str(arm),
            group["heldout_score"].to_numpy(dtype=float),
            group["inner_score"].to_numpy(dtype=float),
            group["n_features"].to_numpy(dtype=float),
        )
        for arm, group in done.groupby("arm", sort=False)
    ]


def plot_scores(points: Sequence[ArmPoints], ax: Axes | None = None) -> Axes:
    """Draw held-out beside inner scores: one point a run, and the mean with its interval."""
    ax = ax if ax is not None else Figure().subplots()
    for place, arm in enumerate(points):
        colour = COLOURS[place % len(COLOURS)]
        _draw_values(ax, arm.heldout, place - 0.17, colour, filled=True)
        _draw_values(ax, arm.inner, place + 0.17, colour, filled=False)
    ax.plot([], [], "o", color="#555555", label="held out (read once)")
    ax.plot([], [], "o", color="#555555", fillstyle="none", label="inner (training rows)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=2, frameon=False)
    _label_arms(ax, points, "score")
    return ax


def plot_values(values: pd.DataFrame, ax: Axes | None = None, *, label: str = "") -> Axes:
    """Draw a box an arm, with one point a run: quartiles, and whiskers to the outermost."""
    ax = ax if ax is not None else Figure().subplots()
    for place, arm in enumerate(values):
        column = values[arm].dropna().to_numpy(dtype=float)
        colour = COLOURS[place % len(COLOURS)]
        ax.boxplot(
            column,
            positions=[place],
            widths=0.5,
            whis=(0.0, 100.0),
            medianprops={"color": colour, "linewidth": 2.2},
            boxprops={"color": colour},
            whiskerprops={"color": colour},
            capprops={"color": colour},
        )
        spread = np.linspace(-0.12, 0.12, len(column)) if len(column) > 1 else np.zeros(1)
        ax.scatter(place + spread, column, s=16, color=colour, alpha=0.5, zorder=3)
    ax.set_xticks(range(values.shape[1]), [str(arm) for arm in values])
    if sum(len(str(arm)) for arm in values) > 40:
        ax.tick_params(axis="x", rotation=30)
    ax.set_ylabel(label)
    _clean(ax)
    return ax


def plot_sizes(points: Sequence[ArmPoints], ax: Axes | None = None) -> Axes:
    """Draw the number of selected features: one point a run, and the mean with its interval."""
    ax = ax if ax is not None else Figure().subplots()
    for place, arm in enumerate(points):
        _draw_values(ax, arm.n_features, place, COLOURS[place % len(COLOURS)], filled=True)
    ax.set_ylim(bottom=0)
    _label_arms(ax, points, "selected features")
    return ax


def plot_history(histories: dict[str, pd.DataFrame], ax: Axes | None = None) -> Axes:
    """Draw the best objective by generation, mean and range over runs."""
    ax = ax if ax is not None else Figure().subplots()
    for place, (arm, table) in enumerate(histories.items()):
        colour = COLOURS[place % len(COLOURS)]
        ax.plot(table.index, table.mean(axis=1), color=colour, label=arm)
        ax.fill_between(table.index, table.min(axis=1), table.max(axis=1), color=colour, alpha=0.15)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("generation")
    ax.set_ylabel("best objective on inner folds")
    if histories:
        ax.legend(frameon=False, loc="lower right")
    _clean(ax)
    return ax


def draw_overview(points: Sequence[ArmPoints], histories: dict[str, pd.DataFrame]) -> Figure:
    """Return the figure of an experiment: scores, sizes, evolution."""
    figure = Figure(figsize=(11.0, 3.9), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[1.25, 1.0, 1.15])
    plot_scores(points, axes[0])
    plot_sizes(points, axes[1])
    plot_history(histories, axes[2])
    return figure


def render(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file's content, the same bytes each time."""
    content = io.BytesIO()
    metadata = dict.fromkeys(_DATED.get(kind, ()))
    with rc_context({"svg.hashsalt": "vaega", "svg.fonttype": "none"}):
        figure.savefig(content, format=kind, metadata=metadata, dpi=150)
    return content.getvalue()


def _draw_values(ax: Axes, values: np.ndarray, place: float, colour: str, *, filled: bool) -> None:
    # Points side by side rather than jittered at random: the same figure each time.
    spread = np.linspace(-0.07, 0.07, len(values)) if len(values) > 1 else np.zeros(1)
    face = colour if filled else "none"
    ax.scatter(place + spread, values, s=22, facecolors=face, edgecolors=colour, alpha=0.65)
    mean, low, high = mean_interval(values)
    ax.plot([place - 0.12, place + 0.12], [mean, mean], color=colour, linewidth=2.2)
    if np.isfinite(low):
        ax.plot([place, place], [low, high], color=colour, linewidth=1.2)


def _label_arms(ax: Axes, points: Sequence[ArmPoints], label: str) -> None:
    ax.set_xticks(range(len(points)), [arm.arm for arm in points])
    ax.set_xlim(-0.6, len(points) - 0.4)
    ax.set_ylabel(label)
    _clean(ax)


def _clean(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", alpha=0.25)
    ax.set_axisbelow(True)


KINDS = ("png", "svg", "pdf")
MOST_FEATURES = 20
_SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv"}


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
    ax = ax if ax is not None else Figure().subplots()
    done, front = runs[runs["status"] == "done"], find_front(runs)
    ax.step(front["n_features"], front["heldout_score"], where="post", color="#999999", zorder=1)
    for place, (arm, group) in enumerate(done.groupby("arm", sort=False)):
        colour = COLOURS[place % len(COLOURS)]
        ax.scatter(group["n_features"], group["heldout_score"], s=26, color=colour, label=str(arm))
    ax.set(xlabel="selected features", ylabel=label, xlim=(0.0, None))
    ax.legend(frameon=False)
    return _cleaned(ax)


def plot_frequencies(features: pd.DataFrame, ax: Axes | None = None, *, colour: str = "") -> Axes:
    """Draw how many trials selected each feature, the most frequent on top."""
    ax = ax if ax is not None else Figure().subplots()
    shown = features.head(MOST_FEATURES)[::-1]
    ax.barh(shown["name"].astype(str), shown["share"], color=colour or COLOURS[0])
    ax.set(xlabel="share of the trials that select it", xlim=(0.0, 1.0))
    ax.tick_params(axis="y", labelsize=8)
    return _cleaned(ax, axis="x")


def plot_stability(stability: Mapping[str, StabilityEstimate], ax: Axes | None = None) -> Axes:
    """Draw Nogueira's stability of each arm with its interval."""
    ax = ax if ax is not None else Figure().subplots()
    for place, found in enumerate(stability.values()):
        colour = COLOURS[place % len(COLOURS)]
        ax.plot([place, place], [found.low, found.high], color=colour, linewidth=1.6)
        ax.plot([place], [found.value], "o", color=colour, markersize=7)
    ax.set_xticks(range(len(stability)), list(stability))
    ax.set_xlim(-0.6, len(stability) - 0.4)
    ax.axhline(0.0, color="#999999", linewidth=0.8, linestyle=":")
    ax.set_ylabel("stability (Nogueira); 0 is chance")
    return _cleaned(ax)


def draw_experiment(results: Results) -> dict[str, Figure]:
    """Return the figures of an experiment by name."""
    honest = results.config["protocol"]["kind"] == "honest"
    label = "held-out score" if honest else "score of test rows that were seen"
    width = max(3.2, 0.9 * results.runs["arm"].nunique() + 0.8)
    figures: dict[str, Figure] = {}
    axes = _sheet(figures, "scores", (width, 3.4))
    plot_values(values_by_arm(results.runs, "heldout_score"), axes, label=label)
    axes = _sheet(figures, "sizes", (width, 3.4))
    plot_values(values_by_arm(results.runs, "n_features"), axes, label="selected features")
    if any(len(table) for table in results.histories.values()):
        plot_history(results.histories, _sheet(figures, "evolution", (4.6, 3.4)))
    plot_front(results.runs, _sheet(figures, "front", (4.6, 3.4)), label=label)
    for place, (arm, features) in enumerate(results.features.items()):
        if len(features):
            axes = _sheet(figures, f"frequencies_{arm}", (4.6, 4.2))
            plot_frequencies(features, axes, colour=COLOURS[place % len(COLOURS)])
    if results.stability:
        plot_stability(results.stability, _sheet(figures, "stability", (width, 3.4)))
    return figures


def write_experiment(results: Results, folder: Path, *, command: str) -> list[Path]:
    """Write an experiment's summary as CSV, Markdown and LaTeX, its figures as PNG, SVG and PDF."""
    written = []
    for kind in TEXT_FORMATS:
        written.append(folder / f"summary.{_SUFFIXES[kind]}")
        write_text(written[-1], summary_text(results, kind, command=command))
    for name, figure in draw_experiment(results).items():
        for kind in KINDS:
            written.append(folder / f"{name}.{kind}")
            write_bytes(written[-1], render(figure, kind))
    return written


def _sheet(figures: dict[str, Figure], name: str, size: tuple[float, float]) -> Axes:
    figures[name] = Figure(figsize=size, layout="constrained")
    axes: Axes = figures[name].subplots()
    return axes


def _cleaned(ax: Axes, axis: str = "y") -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=axis, alpha=0.25)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    return ax


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
    draw_history(next(axes), table, label=label)
    if len(importances):
        draw_importances(next(axes), importances)
    for name in names:
        draw_slice(next(axes), table, name, label=label)
    for spare in axes:
        spare.remove()
    return figure


def study_png(table: pd.DataFrame, importances: pd.DataFrame, *, label: str) -> bytes:
    """Return the figure of `draw_study` as the bytes of a PNG file."""
    buffer = io.BytesIO()
    draw_study(table, importances, label=label).savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def study_table(table: pd.DataFrame, *, label: str, n_rows: int = 10) -> Table:
    """Return the best trials for a terminal."""
    names = parameters_of(table)
    shown = Table(box=box.SIMPLE, title=f"{len(table)} trials, the best first")
    for name in ("trial", label, *names):
        shown.add_column(name, justify="right")
    for _, row in table.sort_values("value", ascending=False).head(n_rows).iterrows():
        value = f"{row['value']:.4f}" if row["state"] == "done" else "failed"
        shown.add_row(str(row["trial"]), value, *(_short(row[name]) for name in names))
    return shown


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw_history(ax: Axes, table: pd.DataFrame, *, label: str) -> Axes:
    """Draw the value of each trial, and the best so far."""
    done = table[table["state"] == "done"]
    ax.plot(done["trial"], done["value"], "o", ms=4, color=COLOURS[0], label="trial")
    ax.step(table["trial"], table["best"], where="post", color=COLOURS[1], label="best so far")
    ax.set_xlabel("trial")
    ax.set_ylabel(label)
    ax.legend(frameon=False)
    return ax


def draw_importances(ax: Axes, importances: pd.DataFrame) -> Axes:
    """Draw the share of the values' variance that each parameter explains."""
    ordered = importances.sort_values("importance")
    ax.barh(ordered["parameter"], ordered["importance"], color=COLOURS[2])
    ax.set_xlabel("importance (fANOVA)")
    return ax


def draw_slice(ax: Axes, table: pd.DataFrame, name: str, *, label: str) -> Axes:
    """Draw the values over one parameter; later trials are darker."""
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
    ax.set_xlabel(name)
    ax.set_ylabel(label)
    return ax


_LINE = "#333333"
_GROUP = "#0072B2"


def plot_ranks(found: RankComparison, ax: Axes | None = None) -> Axes:
    """Draw mean ranks on a line, the best to the left, and a bar under what may be alike."""
    ax = ax if ax is not None else Figure().subplots()
    k = len(found.ranks)
    half = (k + 1) // 2
    bottom = -0.55 * (len(found.groups) + 1)
    ax.set_xlim(0.2, k + 0.8)
    ax.set_ylim(bottom - 0.62 * half, 2.1)
    ax.axis("off")
    ax.plot([1, k], [0, 0], color=_LINE, linewidth=1.2)
    for rank in range(1, k + 1):
        ax.plot([rank, rank], [0, 0.16], color=_LINE, linewidth=1.2)
        ax.text(rank, 0.28, str(rank), ha="center", va="bottom", fontsize=9)
    _draw_distance(ax, found)
    for place, group in enumerate(found.groups):
        ends = [found.ranks[group[0]] - 0.04, found.ranks[group[-1]] + 0.04]
        level = -0.55 * (place + 1) + 0.12
        ax.plot(ends, [level, level], color=_GROUP, linewidth=4.0, solid_capstyle="round")
    for place, (arm, rank) in enumerate(found.ranks.items()):
        left = place < half
        depth = bottom - 0.62 * (place if left else k - 1 - place) - 0.2
        edge = 0.72 if left else k + 0.28
        ax.plot([rank, rank, edge], [0, depth, depth], color=_LINE, linewidth=0.9)
        words = f"{arm}  {rank:.2f}" if left else f"{rank:.2f}  {arm}"
        ax.text(edge, depth, f" {words} ", ha="right" if left else "left", va="center", fontsize=10)
    return ax


def draw_ranks(found: RankComparison) -> Figure:
    """Return the diagram as a figure of its own, as high as it needs to be."""
    height = 1.0 + 0.28 * ((len(found.ranks) + 1) // 2 + len(found.groups))
    figure = Figure(figsize=(7.0, height), layout="constrained")
    plot_ranks(found, figure.subplots())
    return figure


def _draw_distance(ax: Axes, found: RankComparison) -> None:
    k = len(found.ranks)
    start, end = 1.0, min(1.0 + found.critical_difference, k + 0.7)
    ax.plot([start, end], [1.3, 1.3], color=_LINE, linewidth=1.6)
    for place in (start, end):
        ax.plot([place, place], [1.18, 1.42], color=_LINE, linewidth=1.6)
    words = f"CD = {found.critical_difference:.2f} (Nemenyi, {found.alpha:g})"
    ax.text((start + end) / 2, 1.5, words, ha="center", va="bottom", fontsize=9)
