"""The figures of one experiment, each in a file of its own, for a paper or a talk."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaega.analysis.experiment_tables import TEXT_FORMATS, summary_text
from vaega.analysis.figures import COLOURS, plot_history, plot_values, render
from vaega.analysis.results_folder import Results
from vaega.core.files import write_bytes, write_text
from vaega.selection.stability import StabilityEstimate

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
