"""Figures: a record computed first, then drawn; nothing here touches matplotlib's global state."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaega.experiments.summary import mean_interval

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
