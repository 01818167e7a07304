"""Figures in one style: colours, axes, files of the same bytes each time, SVG inside a page.

matplotlib is imported by the functions, so that who only may draw starts without it.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

import numpy as np

from vaega.core.errors import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008): colours that colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DARK, GREY = "#333333", "#999999"

# What matplotlib would write into a file beside the drawing: dates, and addresses of vocabularies.
_DATED = {"svg": ("Creator", "Date", "Format", "Type"), "pdf": ("CreationDate",)}


def new_axes(size: tuple[float, float] | None = None) -> "Axes":
    """Return the axes of a new figure, of a size in inches."""
    from matplotlib.figure import Figure

    figure = Figure() if size is None else Figure(figsize=size, layout="constrained")
    axes: Axes = figure.subplots()
    return axes


def clean(ax: "Axes", grid: Literal["x", "y", "both"] = "y") -> "Axes":
    """Leave axes with what is read: no frame on top and right, light lines behind."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, alpha=0.25)
    ax.set_axisbelow(True)
    return ax


def principal_axes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two principal axes (2, n_features), signs fixed, and their shares of the variance."""
    _, lengths, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    axes, squares = axes[:2], np.square(lengths)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])  # no solver's choice
    return axes * signs[:, None], squares[:2] / (squares.sum() or 1.0)


def spread(n: int, width: float) -> np.ndarray:
    """Return n offsets side by side rather than at random: the same figure each time."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(n)


def draw_shares(
    ax: "Axes", names: Iterable[Any], shares: Iterable[float], *, colours: Any, label: str
) -> "Axes":
    """Draw a bar a feature, the first one on top."""
    colours = colours if isinstance(colours, str) else list(colours)[::-1]
    labels = [printable(str(name)) for name in names][::-1]
    ax.barh(range(len(labels)), list(shares)[::-1], color=colours)
    ax.set_yticks(range(len(labels)), labels, parse_math=False)  # of a user's own figure too
    ax.set(xlabel=label, xlim=(0.0, 1.0))
    ax.tick_params(axis="y", labelsize=8)
    return clean(ax, "x")


def plain_text(figure: "Figure") -> None:
    """Let names stand in a figure letter by letter: they are no mathematics, and no commands."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter

    of_ticks: list[Text] = []
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        formatter, labels = axis.get_major_formatter(), axis.get_ticklabels()
        of_ticks += [*labels, *axis.get_ticklabels(minor=True), axis.get_offset_text()]
        if isinstance(formatter, FixedFormatter):
            formatter.seq = [printable(str(label)) for label in formatter.seq]
        if isinstance(formatter, FixedFormatter | StrCategoryFormatter):  # powers of ten are none
            for label in labels:
                label.set_parse_math(False)
    of_numbers = set(map(id, of_ticks))
    for text in figure.findobj(Text):
        if isinstance(text, Text) and id(text) not in of_numbers:
            text.set_parse_math(False)
            text.set_text("\n".join(map(printable, text.get_text().split("\n"))))


def render(figure: "Figure", kind: str, *, dpi: float = 150, transparent: bool = False) -> bytes:
    """Return a figure as a file's content, the same bytes each time.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is drawn.
    kind : {"svg", "png", "pdf"}
        Format of the file.
    dpi : float, default=150
        Dots an inch of a PNG file.
    transparent : bool, default=False
        Whether there is nothing behind the drawing.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> render(Figure(), "png")[1:4]
    b'PNG'
    """
    from matplotlib import rc_context

    plain_text(figure)
    content = io.BytesIO()
    metadata = dict.fromkeys(_DATED.get(kind, ()))
    with rc_context({"svg.hashsalt": "vaega", "svg.fonttype": "none"}):
        figure.savefig(content, format=kind, metadata=metadata, dpi=dpi, transparent=transparent)
    return content.getvalue()


def inline_svg(
    figure: "Figure", *, name: str, title: str, tips: Mapping["Artist", Sequence[str]] = {}
) -> str:
    """Return a figure as an SVG element for an HTML page.

    Text stays text and takes the page's font. Colours become the page's variables (``--arm-0`` to
    ``--arm-5``, ``--ink``, ``--soft``), so that they follow its light and dark modes. Identifiers
    begin with `name`. The points or the bar of an artist carry its `tips` as ``data-tip``.
    """
    for index, artist in enumerate(tips):
        artist.set_gid(f"tips-{index}")
    svg = ElementTree.fromstring(render(figure, "svg", transparent=True))
    for element in svg.iter():
        _strip_namespaces(element)
    groups = {element.get("id"): element for element in svg.iter("g")}
    for index, texts in enumerate(tips.values()):
        _add_tips(groups[f"tips-{index}"], texts)
    for parent in list(svg.iter()):
        for child in parent.findall("metadata") + parent.findall("style"):
            parent.remove(child)
    for element in svg.iter():
        _adapt(element, name)
    svg.attrib = {"viewBox": svg.get("viewBox", ""), "role": "img", "aria-label": title}
    return ElementTree.tostring(svg, encoding="unicode")


def _strip_namespaces(element: ElementTree.Element) -> None:
    element.tag = element.tag.split("}")[-1]
    element.attrib = {key.split("}")[-1]: value for key, value in element.attrib.items()}


def _add_tips(group: ElementTree.Element, texts: Sequence[str]) -> None:
    """Give the markers of a group, or its one path, their texts; say their common style once."""
    markers = list(group.iter("use"))
    marks = markers or group.findall("path")
    if len(marks) != len(texts):  # a value that is not finite is not drawn
        return
    for mark, text in zip(marks, texts, strict=True):
        mark.set("data-tip", text)
    if markers:
        group[:] = [*group.findall("defs"), *markers]
        styles = {marker.attrib.pop("style", "") for marker in markers}
        group.set("style", styles.pop())


_PAGE_COLOURS = {colour.lower(): f"var(--arm-{i})" for i, colour in enumerate(COLOURS[:-1])}
_PAGE_COLOURS |= {"#000000": "var(--ink)", DARK: "var(--ink)"}
_PAGE_COLOURS |= dict.fromkeys((GREY, "#b0b0b0", "#555555", "#cccccc"), "var(--soft)")


def _adapt(element: ElementTree.Element, name: str) -> None:
    """Give an element the page's colours and font, and identifiers of its own."""
    if element.tag == "g":
        element.attrib.pop("id", None)  # nothing refers to a group
    for key, value in element.items():
        if key == "style":
            style = re.sub("#[0-9a-f]{6}", lambda hit: _PAGE_COLOURS.get(hit[0], hit[0]), value)
            element.set(key, re.sub("font-family: [^;]*;? ?", "", style))
        elif key == "id":
            element.set(key, f"{name}-{value}")
        elif key in ("href", "clip-path"):
            element.set(key, value.replace("#", f"#{name}-"))
