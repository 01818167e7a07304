"""Critical-difference diagrams: mean ranks, and which of them are not shown to differ."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaega.analysis.statistics.ranks import RankComparison

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
