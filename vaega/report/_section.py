"""Sections of the page of an experiment: sentences, a table, charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from vaega.core.figures import inline_svg
from vaega.core.tables import TextTable


@dataclass(frozen=True)
class Chart:
    """A figure of the page."""

    caption: str  # Below or above it
    svg: str  # The drawing; see `vaega.core.figures.inline_svg`
    title: str = ""  # Above it


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page."""

    title: str  # Above it
    sentences: Sequence[str]  # What the results say
    table: TextTable  # With notes on how it is to be read
    charts: Sequence[Chart] = ()
    folded: bool = False  # Whether the reader opens it


def make_chart(
    name: str, caption: str, ax: Axes, tips: Mapping[Any, Sequence[str]], *, title: str = ""
) -> Chart:
    """Return what was drawn on axes as a figure of the page; artists say their `tips`."""
    figure: Any = ax.figure
    shown = f"{title}: {caption}" if title else caption
    return Chart(caption, inline_svg(figure, name=name, title=shown, tips=tips), title)
