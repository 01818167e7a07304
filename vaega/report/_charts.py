"""One point a run: by arm, and size against score."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from vaega.experiments.store import mean_interval

# Styles ``arm-0`` to ``arm-6`` of the page; more arms take them in turn.
N_COLOURS = 7


@dataclass(frozen=True)
class Scale:
    """From values to places on the page."""

    low: float  # Ends of the values
    high: float  # Ends of the values
    start: float  # Where they are drawn
    end: float  # Where they are drawn
    ticks: tuple[float, ...]  # Round values between the ends

    @classmethod
    def around(
        cls, values: Iterable[float], start: float, end: float, *, zero: bool = False, n: int = 5
    ) -> "Scale":
        """Return a scale that holds all values, its ends round; with `zero`, 0 is in it.

        Values that are not finite are left out; without any, the scale goes from 0 to 1.
        """
        known = [float(value) for value in values if math.isfinite(value)]
        known += [0.0] if zero else []
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        if high - low < 1e-12 * max(1.0, abs(high)):
            low, high = (low - 0.5, high + 0.5) if not zero else (min(low, 0.0), max(high, 1.0))
        step = _round_step((high - low) / n)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = tuple(round(step * place, 12) for place in range(first, last + 1))
        return cls(ticks[0], ticks[-1], start, end, ticks)

    def __call__(self, value: float) -> float:
        """Return where a value is drawn."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def words(self, tick: float) -> str:
        """Return a tick as text, with as many decimals as its neighbours need."""
        step = self.ticks[1] - self.ticks[0]
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        if round(step, decimals) != round(step, 9):
            decimals += 1
        return f"{tick:.{decimals}f}"


@dataclass
class Canvas:
    """A drawing that grows element by element."""

    width: float  # In its own units; the page scales it
    height: float  # In its own units; the page scales it
    title: str  # What it shows, for readers that cannot see it
    elements: list[Markup] = field(default_factory=list)

    def add(self, name: str, text: str = "", **attributes: object) -> None:
        """Add an element; ``class_`` and ``data_tip`` lose and change their underscores."""
        words = [
            Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _short(value))
            for key, value in attributes.items()
        ]
        self.elements.append(
            Markup("<{}{}>{}</{}>").format(Markup(name), Markup("").join(words), text, Markup(name))
        )

    def text(self, x: float, y: float, words: str, *, anchor: str = "middle", class_: str) -> None:
        """Add words at a place."""
        self.add("text", words, x=x, y=y, text_anchor=anchor, class_=class_)

    def frame(self, scale: Scale, left: float, right: float, label: str) -> None:
        """Add lines across at the ticks of an upright scale, their values and its name."""
        for tick in scale.ticks:
            place = scale(tick)
            self.add("line", x1=left, x2=right, y1=place, y2=place, class_="grid")
            self.text(left - 8, place + 4, scale.words(tick), anchor="end", class_="tick")
        self.text(left - 8, min(scale.start, scale.end) - 12, label, anchor="start", class_="label")

    def markup(self) -> Markup:
        """Return the drawing."""
        head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            _short(self.width), _short(self.height), escape(self.title)
        )
        return Markup("\n").join([head, *self.elements, Markup("</svg>")])


def spread(n: int, width: float) -> np.ndarray:
    """Return places beside each other for points of one group, the same each time, (n,)."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(n)


def arm_class(place: int) -> str:
    """Return the style of the arm at a place in the order of arms."""
    return f"arm-{place % N_COLOURS}"


def path(points: Sequence[tuple[float, float]]) -> str:
    """Return the path through points."""
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def _round_step(rough: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(
        step * magnitude for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * magnitude >= rough * 0.999
    )


def _short(value: object) -> object:
    if isinstance(value, float | np.floating):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return value


_ROW, _NAME, _BAR_WIDTH = 20.0, 150.0, 340.0
_LONGEST_BAR_NAME = 22


def frequency_chart(features: pd.DataFrame, *, arm: str, place: int) -> Markup:
    """Draw a bar a feature."""
    canvas = Canvas(
        _BAR_WIDTH,
        _ROW * max(1, len(features)) + 4,
        f"{arm}: share of trials that select a feature",
    )
    longest = _BAR_WIDTH - _NAME - 52
    for row, feature in enumerate(features.to_dict("records")):
        y, share = 2 + row * _ROW, float(feature["share"])
        name = str(feature["name"])
        tip = f"{name}: selected in {100 * share:.0f} % of the trials of {arm}"
        canvas.text(_NAME - 8, y + 14, _cut(name), anchor="end", class_="tick")
        canvas.add(
            "rect",
            x=_NAME,
            y=y + 2,
            width=max(1.0, longest * share),
            height=_ROW - 5,
            rx=2,
            class_=f"bar {arm_class(place)}",
            data_tip=tip,
        )
        end = _NAME + longest * share + 6
        canvas.text(end, y + 14, f"{100 * share:.0f} %", anchor="start", class_="tick")
    return canvas.markup()


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_BAR_NAME else name[: _LONGEST_BAR_NAME - 1] + "…"


_SCATTER_WIDTH, _SCATTER_HEIGHT, _SCATTER_LEFT, _SCATTER_TOP, _SCATTER_BOTTOM, _KEY = (
    460.0,
    340.0,
    62.0,
    34.0,
    44.0,
    24.0,
)
# Classes that are named below the drawing; of more the points alone say them.
_MOST_NAMED, _LONGEST = 5, 12


def cloud_chart(points: Mapping[str, Any], *, title: str, classes: Sequence[str]) -> Markup:
    """Draw real rows as filled points and synthetic ones as hollow points, coloured by class."""
    canvas = Canvas(_SCATTER_WIDTH, _SCATTER_HEIGHT + _KEY, title)
    everything = [*points["real"], *points["synthetic"]]
    _draw_key(canvas, sorted({int(code) for _, _, code in everything}), classes)
    across = Scale.around([x for x, _, _ in everything], _SCATTER_LEFT + 10, _SCATTER_WIDTH - 14)
    up = Scale.around(
        [y for _, y, _ in everything], _SCATTER_HEIGHT - _SCATTER_BOTTOM, _SCATTER_TOP
    )
    first, second = [_axis(place, points["share"]) for place in (0, 1)]
    canvas.frame(up, _SCATTER_LEFT, _SCATTER_WIDTH, second)
    for tick in across.ticks:
        canvas.text(
            across(tick), _SCATTER_HEIGHT - _SCATTER_BOTTOM + 18, across.words(tick), class_="tick"
        )
    canvas.text((_SCATTER_LEFT + _SCATTER_WIDTH) / 2, _SCATTER_HEIGHT - 6, first, class_="label")
    for kind, style in (("synthetic", " hollow"), ("real", "")):
        for x, y, code in points[kind]:
            canvas.add(
                "circle",
                cx=across(x),
                cy=up(y),
                r=3.6,
                class_=f"point {arm_class(int(code))}{style}",
                data_tip=f"{kind} row of {classes[int(code)]}: {x:.3g}, {y:.3g}",
            )
    return canvas.markup()


def _draw_key(canvas: Canvas, codes: Sequence[int], classes: Sequence[str]) -> None:
    for place, code in enumerate(codes if len(codes) <= _MOST_NAMED else ()):
        x = _SCATTER_LEFT + place * (_SCATTER_WIDTH - _SCATTER_LEFT) / len(codes)
        y, name = _SCATTER_HEIGHT + _KEY - 8, classes[code]
        name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        canvas.add("circle", cx=x + 5, cy=y - 4, r=4.5, class_=f"point {arm_class(code)}")
        canvas.text(x + 14, y, name, anchor="start", class_="tick")


def _axis(place: int, share: Sequence[float]) -> str:
    name = ("first", "second")[place]
    if place >= len(share):
        return f"{name} axis"
    return f"{name} axis, {100 * share[place]:.0f} % of the variance"


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


_DOT_HEIGHT, _DOT_LEFT, _DOT_TOP, _DOT_BOTTOM = 300.0, 62.0, 34.0, 44.0
_COLUMN = 130.0


def dot_chart(
    runs: pd.DataFrame, columns: Sequence[str], *, label: str, title: str, zero: bool = False
) -> Markup:
    """Draw a group of points an arm and column, with their mean and its interval."""
    arms = [str(arm) for arm in runs["arm"].unique()]
    width = _DOT_LEFT + max(2, len(arms)) * _COLUMN
    canvas = Canvas(width, _DOT_HEIGHT, title)
    scale = Scale.around(_extent(runs, columns), _DOT_HEIGHT - _DOT_BOTTOM, _DOT_TOP, zero=zero)
    canvas.frame(scale, _DOT_LEFT, width, label)
    for place, arm in enumerate(arms):
        middle = _DOT_LEFT + (place + 0.5) * (width - _DOT_LEFT) / len(arms)
        canvas.text(middle, _DOT_HEIGHT - _DOT_BOTTOM + 22, arm, class_="arm")
        group = runs[runs["arm"] == arm]
        gap = 46.0 if len(columns) > 1 else 0.0
        for turn, column in enumerate(columns):
            x = middle + (turn - (len(columns) - 1) / 2) * gap
            _draw_group(canvas, group, column, x, scale, arm_class(place), hollow=turn > 0)
    return canvas.markup()


def scatter_chart(runs: pd.DataFrame, *, x: str, y: str, labels: tuple[str, str]) -> Markup:
    """Draw one point a run: one figure against another."""
    width = 460.0
    canvas = Canvas(width, _DOT_HEIGHT, f"{labels[1]} against {labels[0]}, one point a run")
    across = Scale.around(runs[x], _DOT_LEFT + 10, width - 14, zero=True)
    up = Scale.around(runs[y], _DOT_HEIGHT - _DOT_BOTTOM, _DOT_TOP)
    canvas.frame(up, _DOT_LEFT, width, labels[1])
    for tick in across.ticks:
        canvas.text(across(tick), _DOT_HEIGHT - _DOT_BOTTOM + 18, across.words(tick), class_="tick")
    canvas.text((_DOT_LEFT + width) / 2, _DOT_HEIGHT - 6, labels[0], class_="label")
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
