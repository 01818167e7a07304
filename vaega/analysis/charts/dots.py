"""One point a run: by arm, and size against score."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from vaega.analysis.charts.canvas import Canvas, Scale, arm_class, spread
from vaega.experiments.summary import mean_interval

_HEIGHT, _LEFT, _TOP, _BOTTOM = 300.0, 62.0, 34.0, 44.0
_COLUMN = 130.0


def dot_chart(
    runs: pd.DataFrame, columns: Sequence[str], *, label: str, title: str, zero: bool = False
) -> Markup:
    """Draw a group of points an arm and column, with their mean and its interval."""
    arms = [str(arm) for arm in runs["arm"].unique()]
    width = _LEFT + max(2, len(arms)) * _COLUMN
    canvas = Canvas(width, _HEIGHT, title)
    scale = Scale.around(_extent(runs, columns), _HEIGHT - _BOTTOM, _TOP, zero=zero)
    canvas.frame(scale, _LEFT, width, label)
    for place, arm in enumerate(arms):
        middle = _LEFT + (place + 0.5) * (width - _LEFT) / len(arms)
        canvas.text(middle, _HEIGHT - _BOTTOM + 22, arm, class_="arm")
        group = runs[runs["arm"] == arm]
        gap = 46.0 if len(columns) > 1 else 0.0
        for turn, column in enumerate(columns):
            x = middle + (turn - (len(columns) - 1) / 2) * gap
            _draw_group(canvas, group, column, x, scale, arm_class(place), hollow=turn > 0)
    return canvas.markup()


def scatter_chart(runs: pd.DataFrame, *, x: str, y: str, labels: tuple[str, str]) -> Markup:
    """Draw one point a run: one figure against another."""
    width = 460.0
    canvas = Canvas(width, _HEIGHT, f"{labels[1]} against {labels[0]}, one point a run")
    across = Scale.around(runs[x], _LEFT + 10, width - 14, zero=True)
    up = Scale.around(runs[y], _HEIGHT - _BOTTOM, _TOP)
    canvas.frame(up, _LEFT, width, labels[1])
    for tick in across.ticks:
        canvas.text(across(tick), _HEIGHT - _BOTTOM + 18, across.words(tick), class_="tick")
    canvas.text((_LEFT + width) / 2, _HEIGHT - 6, labels[0], class_="label")
    for place, arm in enumerate(runs["arm"].unique()):
        for run in runs[runs["arm"] == arm].to_dict("records"):
            tip = f"{arm}, seed {run['seed']}: {run[y]:.3f} with {run[x]:g} {labels[0]}"
            _draw_point(canvas, across(run[x]), up(run[y]), arm_class(place), tip)
    return canvas.markup()


def _extent(runs: pd.DataFrame, columns: Sequence[str]) -> list[float]:
    """Return the values, and the ends of the intervals of their means."""
    groups = [group[name].to_numpy(float) for _, group in runs.groupby("arm") for name in columns]
    ends = [end for group in groups for end in mean_interval(group)]
    return [*ends, *(value for group in groups for value in group)]


def _draw_group(
    canvas: Canvas,
    group: pd.DataFrame,
    column: str,
    x: float,
    scale: Scale,
    style: str,
    *,
    hollow: bool,
) -> None:
    values = group[column].to_numpy(dtype=float)
    name = column.replace("_", " ")
    mean, low, high = mean_interval(values)
    style = f"{style} hollow" if hollow else style
    if np.isfinite(low):
        canvas.add("line", x1=x, x2=x, y1=scale(low), y2=scale(high), class_=f"interval {style}")
    canvas.add("line", x1=x - 17, x2=x + 17, y1=scale(mean), y2=scale(mean), class_=f"mean {style}")
    for shift, seed, value in zip(spread(len(values), 24.0), group["seed"], values, strict=True):
        tip = f"{group['arm'].iloc[0]}, seed {seed}: {name} {value:.4g}"
        _draw_point(canvas, x + shift, scale(value), style, tip)


def _draw_point(canvas: Canvas, x: float, y: float, style: str, tip: str) -> None:
    canvas.add("circle", cx=x, cy=y, r=4.5, class_=f"point {style}", data_tip=tip)
