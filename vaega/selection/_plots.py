"""Figures of a fitted selector: the history, the most frequent features, the front, the sizes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.core.figures import COLOURS, clean, draw_shares, new_axes

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
    ax = ax or new_axes((6.0, 4.0))
    _FIGURES[kind](selector, ax)
    return clean(ax, "x" if kind == "frequencies" else "y")


def frequent_features(
    frequencies: np.ndarray, support: np.ndarray, names: Any, *, most: int = _MOST_BARS
) -> pd.DataFrame:
    """Return the features that are selected most often, as they are drawn."""
    order = np.argsort(-frequencies, kind="stable")[:most]
    order = order[frequencies[order] > 0.0]
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
        ax.plot(part["generation"], best, color=_BEST, alpha=shade, linewidth=1.5)
        ax.plot(part["generation"], part["mean"], color=_MEAN, alpha=shade, linewidth=1.0)
    ax.plot([], [], color=_BEST, label="best so far")
    ax.plot([], [], color=_MEAN, label="mean of the generation")
    ax.set(xlabel="generation", ylabel="objective (inner)")
    ax.legend(frameon=False, loc="lower right")


def _draw_frequencies(selector: Any, ax: Any) -> None:
    table = frequent_features(selector.frequencies_, selector.support_, _names(selector))
    colours = np.where(table["selected"], _BEST, "#bbbbbb")
    of = "searches that select" if selector.n_searches_ > 1 else "last population that selects"
    label = f"share of the {of} the feature"
    draw_shares(ax, table["name"], table["frequency"], colours=colours, label=label)


def _draw_front(selector: Any, ax: Any) -> None:
    front = selector.pareto_front_
    ax.step(front["n_features"], front["score"], where="post", color=_BEST, linewidth=1.0)
    ax.plot(front["n_features"], front["score"], "o", color=_BEST, markersize=4)
    ax.plot([selector.support_.sum()], [selector.best_score_], "D", color=_MEAN, label="selected")
    ax.set(xlabel="features", ylabel="inner score")
    ax.legend(frameon=False, loc="lower right")


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
    ax.set(xlabel="features", ylabel="score on unseen rows", xscale="log")
    ax.legend(frameon=False, loc="lower right")


def _names(selector: Any) -> np.ndarray:
    unnamed = np.array([f"x{index}" for index in range(selector.n_features_in_)])
    return getattr(selector, "feature_names_in_", unnamed)


_FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "history": _draw_history,
    "frequencies": _draw_frequencies,
    "front": _draw_front,
    "sizes": _draw_sizes,
}
