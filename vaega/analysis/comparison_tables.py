"""A comparison as tables for the terminal and as files for a paper."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.table import Table

from vaega.analysis.comparison import Comparison, DatasetComparison
from vaega.analysis.figures import plot_values, render
from vaega.analysis.grids import latex_grid, latex_text, markdown_grid
from vaega.analysis.rank_figures import draw_ranks
from vaega.analysis.statistics.arms import ArmComparison
from vaega.core.files import write_bytes, write_text

PAIR_HEADINGS = ("arms", "pairs", "difference", "95 %", "p", "A12", "effect")
ARM_HEADINGS = ("arm", "n", "mean", "median", "least", "most")
_KINDS = ("png", "svg", "pdf")


def arm_cells(one: DatasetComparison) -> list[list[str]]:
    """Return a row of text each arm, under `ARM_HEADINGS`."""
    return [
        [str(arm), str(len(values))]
        + [_figure(value) for value in (values.mean(), values.median(), values.min(), values.max())]
        for arm, values in ((arm, one.scores[arm].dropna()) for arm in one.scores)
    ]


def pair_cells(comparisons: Sequence[ArmComparison]) -> list[list[str]]:
    """Return a row of text each pair of arms, under `PAIR_HEADINGS`."""
    rows = []
    for found in comparisons:
        known = not np.isnan(found.low)
        interval = f"[{_figure(found.low)}, {_figure(found.high)}]" if known else ""
        rows.append(
            [
                f"{found.first} - {found.second}",
                str(found.n_pairs),
                f"{found.difference:+.3f}",
                interval,
                f"{found.adjusted_p_value:.3f}" if found.adjusted_p_value >= 1e-3 else "<0.001",
                f"{found.superiority:.2f}",
                found.effect,
            ]
        )
    return rows


def terminal_grid(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = ""
) -> Table:
    """Return cells as a table for a terminal."""
    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, padding=0)
    for place, heading in enumerate(headings):
        justify: Literal["left", "right"] = "left" if place == 0 else "right"
        table.add_column(heading, justify=justify, no_wrap=place > 0)
    for row in rows:
        table.add_row(*row)
    return table


def as_markdown(found: Comparison, *, command: str) -> str:
    """Return a comparison as a Markdown page."""
    parts = [f"# Comparison: {found.measure}\n"]
    for one in found.datasets:
        parts.append(f"## {one.dataset}\n")
        parts.append(markdown_grid(ARM_HEADINGS, arm_cells(one)))
        parts.append(markdown_grid(PAIR_HEADINGS, pair_cells(one.comparisons)))
        said = [pair.sentence for pair in one.comparisons]
        parts.append("".join(f"- {line}\n" for line in [*said, *one.notes]))
    if found.ranks is not None:
        ranks = [[str(arm), f"{rank:.2f}"] for arm, rank in found.ranks.ranks.items()]
        parts.append("## Over datasets\n")
        parts.append(markdown_grid(["arm", "mean rank"], ranks))
        parts.append(f"- {found.ranks.sentence}\n")
    return "\n".join([*parts, f"Command: `{command}`\n"])


def as_latex(found: Comparison, *, command: str) -> str:
    """Return the pairs of a comparison as one LaTeX table (package booktabs)."""
    rows = [
        [one.dataset, *cells] for one in found.datasets for cells in pair_cells(one.comparisons)
    ]
    said = [f"% {latex_text(line)}\n" for line in found.sentences]
    grid = latex_grid(["dataset", *PAIR_HEADINGS], rows, left=(0, 1))
    return "".join([f"% {found.measure}; {command}\n", *said, grid])


def comparison_text(found: Comparison, kind: str, *, command: str) -> str:
    """Return a comparison as text."""
    if kind == "csv":
        return _csv(found.table)
    return (as_markdown if kind == "markdown" else as_latex)(found, command=command)


def draw_arms(found: Comparison) -> Figure:
    """Draw a box a dataset and arm, with one point a run."""
    n = len(found.datasets)
    width = max(3.2, 0.9 * max(one.scores.shape[1] for one in found.datasets) + 0.8)
    figure = Figure(figsize=(min(n, 3) * width, 3.4 * -(-n // 3)), layout="constrained")
    axes = figure.subplots(-(-n // 3), min(n, 3), squeeze=False).ravel()
    for ax, one in zip(axes, found.datasets, strict=False):
        plot_values(one.scores, ax, label=found.measure.replace("_", " "))
        ax.set_title(one.dataset, loc="left", fontsize=10)
    for ax in axes[n:]:
        ax.axis("off")
    return figure


def write_comparison(found: Comparison, folder: Path, *, command: str) -> list[Path]:
    """Write a comparison: CSV, Markdown, LaTeX, and figures as PNG, SVG and PDF."""
    texts = {
        "comparison.csv": _csv(found.table),
        "means.csv": _csv(found.means.rename_axis("dataset").reset_index()),
        "comparison.md": as_markdown(found, command=command),
        "comparison.tex": as_latex(found, command=command),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    figures = {"arms": draw_arms(found)}
    if found.ranks is not None:
        figures["ranks"] = draw_ranks(found.ranks)
    drawn = [f"{name}.{kind}" for name in figures for kind in _KINDS]
    for name in drawn:
        stem, kind = name.split(".")
        write_bytes(folder / name, render(figures[stem], kind))
    return [folder / name for name in (*texts, *drawn)]


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
