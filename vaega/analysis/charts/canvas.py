"""What charts are made of: elements of SVG, and scales from values to places."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup, escape

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
