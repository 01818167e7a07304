"""How often each feature was selected."""

import pandas as pd
from markupsafe import Markup

from vaega.analysis.charts.canvas import Canvas, arm_class

_ROW, _NAME, _WIDTH = 20.0, 150.0, 340.0
_LONGEST = 22


def frequency_chart(features: pd.DataFrame, *, arm: str, place: int) -> Markup:
    """Draw a bar a feature."""
    canvas = Canvas(
        _WIDTH, _ROW * max(1, len(features)) + 4, f"{arm}: share of trials that select a feature"
    )
    longest = _WIDTH - _NAME - 52
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
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
