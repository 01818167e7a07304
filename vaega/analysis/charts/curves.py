"""The best objective by generation."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from vaega.analysis.charts.canvas import Canvas, Scale, arm_class, path

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 460.0, 300.0, 62.0, 34.0, 44.0
# More would be drawn on top of each other, and the page must stay small.
MOST_POINTS = 120


def curve_chart(histories: Mapping[str, pd.DataFrame]) -> Markup:
    """Draw the mean over trials, and a band from the least to the most."""
    canvas = Canvas(_WIDTH, _HEIGHT, "Best objective on inner folds by generation")
    tables = {arm: _thinned(table) for arm, table in histories.items()}
    values = [value for table in tables.values() for value in table.to_numpy().ravel()]
    last = max((int(table.index.max()) for table in tables.values()), default=1)
    across = Scale(0.0, float(max(last, 1)), _LEFT + 10, _WIDTH - 14, _ticks(last))
    up = Scale.around(values, _HEIGHT - _BOTTOM, _TOP)
    canvas.frame(up, _LEFT, _WIDTH, "best objective")
    for tick in across.ticks:
        canvas.text(across(tick), _HEIGHT - _BOTTOM + 18, f"{tick:.0f}", class_="tick")
    canvas.text((_LEFT + _WIDTH) / 2, _HEIGHT - 6, "generation", class_="label")
    for place, (arm, table) in enumerate(tables.items()):
        _draw_curve(canvas, arm, table, across, up, arm_class(place))
    return canvas.markup()


def _draw_curve(
    canvas: Canvas, arm: str, table: pd.DataFrame, across: Scale, up: Scale, style: str
) -> None:
    mean, low, high = table.mean(axis=1), table.min(axis=1), table.max(axis=1)
    places = [across(float(generation)) for generation in table.index]
    upper = [(x, up(value)) for x, value in zip(places, high, strict=True)]
    lower = [(x, up(value)) for x, value in zip(places, low, strict=True)]
    canvas.add("path", d=path([*upper, *lower[::-1]]) + "Z", class_=f"band {style}")
    middle = [(x, up(value)) for x, value in zip(places, mean, strict=True)]
    canvas.add("path", d=path(middle), class_=f"curve {style}")
    for generation, (x, y), value in zip(table.index, middle, mean, strict=True):
        tip = f"{arm}, generation {generation}: {value:.4g} in the mean of {table.shape[1]}"
        canvas.add("circle", cx=x, cy=y, r=5, class_="catch", data_tip=tip)


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    step = -(-len(table) // MOST_POINTS)
    return table.iloc[::step]


def _ticks(last: int) -> tuple[float, ...]:
    step = max(1, -(-last // 6))
    return tuple(float(tick) for tick in range(0, max(last, 1) + 1, step))
