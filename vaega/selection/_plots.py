"""Figures of a fitted selector: the history, the most frequent features, the front, the sizes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.core.figures import (
    COLOURS,
    COLUMN_WIDTH,
    GREY,
    clean,
    draw_shares,
    figure_style,
    legend_above,
    new_axes,
    scale_widely,
    shorten,
)

_BEST, _MEAN = COLOURS[:2]
_MOST_BARS = 25


def draw_selector(selector: Any, kind: str, ax: Any = None) -> Any:
    """Draw one figure of a fitted selector."""
    check_choice(kind, "kind", _FIGURES, owner=f"{type(selector).__name__}.plot")
    if kind == "sizes" and not len(selector.sizes_):
        raise InputError(
            f"{type(selector).__name__}.plot: kind must be one of history, frequencies, front "
            "after a single search, got 'sizes'."
        )
    if ax is not None:  # in the style of the figure it is in
        return _draw(selector, kind, ax)
    with figure_style():
        return _draw(selector, kind, new_axes(_size_of(selector, kind)))


def _draw(selector: Any, kind: str, ax: Any) -> Any:
    _FIGURES[kind](selector, ax)
    legend_above(ax)
    return clean(ax, "x" if kind == "frequencies" else "y")


def _size_of(selector: Any, kind: str) -> tuple[float, float]:
    if kind != "frequencies":
        return COLUMN_WIDTH, 2.4
    n_bars = len(frequent_features(selector.frequencies_, selector.support_, _names(selector)))
    return COLUMN_WIDTH, 0.8 + 0.14 * max(n_bars, 2)


def frequent_features(
    frequencies: np.ndarray, support: np.ndarray, names: Any, *, most: int = _MOST_BARS
) -> pd.DataFrame:
    """Return the features as they are drawn: selected most often first, then selected without.

    A feature without a vote is there where it was selected all the same, as a filter may.
    """
    order = np.lexsort((~support, -frequencies))
    order = order[(frequencies[order] > 0.0) | support[order]][:most]
    return pd.DataFrame(
        {
            "name": [str(names[index]) for index in order],
            "frequency": frequencies[order],
            "selected": support[order],
        }
    )


def _draw_history(selector: Any, ax: Any) -> None:
    history = selector.history_
    several = "search" in history
    for _, part in history.groupby("search") if several else [(0, history)]:
        shade = 0.35 if several else 1.0
        best = part["best"].cummax()
        ax.plot(part["generation"], best, color=_BEST, alpha=shade)
        ax.plot(part["generation"], part["mean"], color=_MEAN, alpha=shade, linewidth=0.9)
    ax.plot([], [], color=_BEST, label="best so far")
    ax.plot([], [], color=_MEAN, label="mean of the generation")
    ax.set(xlabel="generation", ylabel="objective (inner)")
    scale_widely(ax, "x", [])


def _draw_frequencies(selector: Any, ax: Any) -> None:
    table = frequent_features(selector.frequencies_, selector.support_, _names(selector))
    colours = np.where(table["selected"], _BEST, GREY)
    of = "searches that select" if selector.n_searches_ > 1 else "last population that selects"
    names = [shorten(name) for name in table["name"]]
    label = f"share of the {of} the feature"
    draw_shares(ax, range(len(names)), table["frequency"], colours=colours, label=label)
    ax.set_yticks(range(len(names)), names[::-1])
    ax.barh([], [], color=_BEST, label="selected")
    if not table["selected"].all():
        ax.barh([], [], color=GREY, label="voted for, not selected")
    n_hidden = int(selector.support_.sum()) - int(table["selected"].sum())
    if n_hidden:
        ax.barh([], [], color="none", label=f"{n_hidden} more are selected")


def _draw_front(selector: Any, ax: Any) -> None:
    front = selector.pareto_front_
    ax.step(front["n_features"], front["score"], where="post", color=_BEST, linewidth=1.0)
    ax.plot(front["n_features"], front["score"], "o", color=_BEST, markersize=4)
    ax.plot([selector.support_.sum()], [selector.best_score_], "D", color=_MEAN, label="selected")
    ax.set(xlabel="features", ylabel="inner score")
    scale_widely(ax, "x", [*front["n_features"], selector.support_.sum()])


def _draw_sizes(selector: Any, ax: Any) -> None:
    table = selector.sizes_
    ax.errorbar(
        table["n_features"],
        table["score"],
        yerr=table["standard_error"],
        color=_BEST,
        marker="o",
        markersize=4,
        capsize=2,
    )
    ax.axvline(selector.support_.sum(), color=_MEAN, linewidth=1.0, label="selected")
    ax.set(xlabel="features", ylabel="score on unseen rows")
    scale_widely(ax, "x", table["n_features"], least=1.0)


def _names(selector: Any) -> np.ndarray:
    unnamed = np.array([f"x{index}" for index in range(selector.n_features_in_)])
    return getattr(selector, "feature_names_in_", unnamed)


_FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "history": _draw_history,
    "frequencies": _draw_frequencies,
    "front": _draw_front,
    "sizes": _draw_sizes,
}
