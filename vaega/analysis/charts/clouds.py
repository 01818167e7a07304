"""Where synthetic rows lie among the real ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from vaega.analysis.charts.canvas import Canvas, Scale, arm_class

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _KEY = 460.0, 340.0, 62.0, 34.0, 44.0, 24.0
# Classes that are named below the drawing; of more the points alone say them.
_MOST_NAMED, _LONGEST = 5, 12


def cloud_chart(points: Mapping[str, Any], *, title: str, classes: Sequence[str]) -> Markup:
    """Draw real rows as filled points and synthetic ones as hollow points, coloured by class."""
    canvas = Canvas(_WIDTH, _HEIGHT + _KEY, title)
    everything = [*points["real"], *points["synthetic"]]
    _draw_key(canvas, sorted({int(code) for _, _, code in everything}), classes)
    across = Scale.around([x for x, _, _ in everything], _LEFT + 10, _WIDTH - 14)
    up = Scale.around([y for _, y, _ in everything], _HEIGHT - _BOTTOM, _TOP)
    first, second = [_axis(place, points["share"]) for place in (0, 1)]
    canvas.frame(up, _LEFT, _WIDTH, second)
    for tick in across.ticks:
        canvas.text(across(tick), _HEIGHT - _BOTTOM + 18, across.words(tick), class_="tick")
    canvas.text((_LEFT + _WIDTH) / 2, _HEIGHT - 6, first, class_="label")
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
        x = _LEFT + place * (_WIDTH - _LEFT) / len(codes)
        y, name = _HEIGHT + _KEY - 8, classes[code]
        name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        canvas.add("circle", cx=x + 5, cy=y - 4, r=4.5, class_=f"point {arm_class(code)}")
        canvas.text(x + 14, y, name, anchor="start", class_="tick")


def _axis(place: int, share: Sequence[float]) -> str:
    name = ("first", "second")[place]
    if place >= len(share):
        return f"{name} axis"
    return f"{name} axis, {100 * share[place]:.0f} % of the variance"
