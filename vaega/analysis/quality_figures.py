"""Pictures of a quality report: classes, and columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaega.analysis.figures import COLOURS
from vaega.analysis.generator_figures import DARK, clean
from vaega.core.errors import InputError

FIGURES = ("precision", "recall", "f1")
REAL, SYNTHETIC = COLOURS[0], COLOURS[1]


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Precision, recall and F1 of each class on held-out rows, for both kinds of training rows."""

    classifier: str  # Whose
    labels: list[str]  # The classes, with the number of their held-out rows
    real: pd.DataFrame  # Trained on real and on synthetic rows
    synthetic: pd.DataFrame  # Trained on real and on synthetic rows


def class_figures(report: Any, classifier: str | None = None) -> ClassFigures:
    """Pick a classifier's figures out of a report."""
    table = report.by_class
    known = table["classifier"].unique().tolist()
    name = known[0] if classifier is None else classifier
    if name not in known:
        raise InputError(f"classifier must be one of {', '.join(known)}, got {name!r}.")
    mine = table[(table["classifier"] == name) & (table["tested_on"] == "real")]
    real, synthetic = (mine[mine["trained_on"] == kind] for kind in ("real", "synthetic"))
    labels = [
        f"{label} ({n})" for label, n in zip(real["label"], real["support"].tolist(), strict=True)
    ]
    columns = list(FIGURES)
    return ClassFigures(
        name,
        labels,
        real[columns].reset_index(drop=True),
        synthetic[columns].reset_index(drop=True),
    )


def draw_classes(report: Any, classifier: str | None = None) -> Figure:
    """Draw how well each class is recognised after training on real and on synthetic rows."""
    found = class_figures(report, classifier)
    height = 1.7 + 0.34 * len(found.labels)
    figure = Figure(figsize=(8.8, height), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    places = np.arange(len(found.labels))[::-1]
    for ax, name in zip(axes, FIGURES, strict=True):
        real, synthetic = found.real[name], found.synthetic[name]
        ax.hlines(places, np.minimum(real, synthetic), np.maximum(real, synthetic), color="#999999")
        ax.scatter(real, places, s=46, color=REAL, label="trained on real rows", zorder=3)
        # A ring: where both agree, both can be seen.
        ax.scatter(
            synthetic, places, s=100, facecolors="none", edgecolors=SYNTHETIC, linewidths=1.9,
            label="trained on synthetic rows", zorder=4,
        )  # fmt: skip
        ax.set_xlim(-0.05, 1.05)
        ax.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.5", "0.75", "1"])
        ax.set_ylim(-0.6, len(places) - 0.4)
        ax.set_xlabel({"f1": "F1"}.get(name, name))
        ax.grid(axis="x", alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(places, found.labels)
    handles, labels = axes[0].get_legend_handles_labels()
    title = f"{found.classifier} on held-out rows (their number beside each class)"
    figure.legend(
        handles, labels, title=title, loc="outside upper center", ncols=2, frameon=False, fontsize=9
    )
    return figure


def draw_columns(report: Any) -> Figure:
    """Draw, over columns, how alike distributions and within-class variances are."""
    figure = Figure(figsize=(8.8, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    columns = report.columns
    bins = np.linspace(_lowest(columns), 1.0, 41)
    _draw_shares(left, columns["ks_complement"], bins, SYNTHETIC, "synthetic rows")
    _draw_shares(left, columns["ks_complement_heldout"], bins, REAL, "held-out rows")
    left.set_xlabel("KS complement against the fit rows")
    left.set_ylabel("share of columns")
    left.legend(frameon=False, fontsize=8.5, loc="upper left")
    ratios = columns["variance_ratio"].dropna().clip(0.1, 10.0)
    _draw_shares(right, ratios, np.geomspace(0.1, 10.0, 61), SYNTHETIC, "synthetic rows")
    right.axvline(1.0, color=DARK, linestyle="--", linewidth=1.0)
    right.set_xscale("log")
    right.set_xticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    right.set_xlabel("within-class variance over that of the fit rows")
    for ax in (left, right):
        clean(ax)
    return figure


def _lowest(columns: pd.DataFrame) -> float:
    known = columns[["ks_complement", "ks_complement_heldout"]].to_numpy()
    return float(min(0.9, np.floor(20 * np.nanmin(known)) / 20))


def _draw_shares(ax: Axes, values: pd.Series, bins: np.ndarray, colour: str, label: str) -> None:
    known = values.dropna().to_numpy()
    shares = np.histogram(known, bins)[0] / max(1, len(known))
    ax.stairs(shares, bins, color=colour, linewidth=1.6, label=label)
    ax.stairs(shares, bins, color=colour, fill=True, alpha=0.12)
