"""Figures in one style: sizes, fonts, colours, files of the same bytes, SVG inside a page.

A figure is drawn at the width it is printed at, a journal's column or page, so that its fonts have
the size that they say. matplotlib is imported by the functions, so that who only may draw starts
without it.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

import numpy as np

from vaega.core.errors import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches, of a journal's column (85 mm) and page (180 mm).
COLUMN_WIDTH, PAGE_WIDTH = 85 / 25.4, 180 / 25.4
DPI = 300  # What journals ask of a PNG file.

# Okabe and Ito (2008): colours that colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DARK, GREY = "#333333", "#999999"
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "^", "s", "D")

# Sizes in points. The font comes with matplotlib, so that a figure is the same on every machine.
STYLE: dict[Any, Any] = {
    "figure.dpi": DPI,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.0,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.title_fontsize": 7.0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "patch.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
}
# Of files: text stays text that can be edited, and a PDF embeds its fonts as TrueType.
_FILES: dict[Any, Any] = {"svg.hashsalt": "vaega", "svg.fonttype": "none", "pdf.fonttype": 42}

# What matplotlib would write into a file beside the drawing: dates, and addresses of vocabularies.
_DATED = {"svg": ("Creator", "Date", "Format", "Type"), "pdf": ("CreationDate",)}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the style of all figures, inside a ``with`` or of a whole function as a decorator.

    Examples
    --------
    >>> with figure_style():
    ...     ax = new_axes()
    >>> round(25.4 * float(ax.figure.get_figwidth()))  # millimetres
    85
    """
    from matplotlib import rc_context

    with rc_context(STYLE):
        yield


@dataclass(frozen=True)
class ArmStyle:
    """How an arm, or a class, looks in every figure."""

    colour: str
    dashes: str  # Of its lines, as matplotlib calls them
    marker: str


def style_of(index: int) -> ArmStyle:
    """Return the looks of the arm with this index; beyond seven, dashes and markers differ too."""
    turn, colour = divmod(index, len(COLOURS))
    return ArmStyle(COLOURS[colour], _DASHES[turn % len(_DASHES)], _MARKERS[turn % len(_MARKERS)])


def styles_of(names: Iterable[str]) -> dict[str, ArmStyle]:
    """Return the looks of arms by name, in the order in which they come."""
    return {name: style_of(index) for index, name in enumerate(names)}


@figure_style()
def new_axes(size: tuple[float, float] = (COLUMN_WIDTH, 0.72 * COLUMN_WIDTH)) -> "Axes":
    """Return the axes of a new figure, of a size in inches."""
    axes: Axes = new_figure(size).subplots()
    return axes


@figure_style()
def new_figure(size: tuple[float, float]) -> "Figure":
    """Return a new figure, of a size in inches, in which nothing covers anything."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def clean(ax: "Axes", grid: Literal["x", "y", "both"] = "y") -> "Axes":
    """Leave axes with what is read: no frame on top and right, light lines behind."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, alpha=0.25, clip_on=False)
    ax.set_axisbelow(True)
    return ax


def legend_above(ax: "Axes", **options: Any) -> None:
    """Put the legend above the axes, where it covers nothing."""
    handles, labels = ax.get_legend_handles_labels()
    if labels:
        ax.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=legend_columns(labels),
            borderaxespad=0.2,
            columnspacing=1.2,
            **options,
        )


def size_below_legend(labels: Sequence[str], height: float = 2.2) -> tuple[float, float]:
    """Return the size of a figure whose axes keep their height, whatever stands above them."""
    return COLUMN_WIDTH, height + 0.15 * -(-len(labels) // legend_columns(labels))


def legend_columns(labels: Sequence[str]) -> int:
    """Return in how many columns labels fit into the width of a journal's column."""
    longest = max(map(len, labels), default=0)
    return 3 if longest <= 11 else 2 if longest <= 22 else 1


def lines_size(n: int, *, per_line: float = 0.26) -> tuple[float, float]:
    """Return the size of a figure with so many named lines, one below the other."""
    return COLUMN_WIDTH, 1.05 + per_line * max(n, 2)


def name_lines(ax: "Axes", names: Sequence[str]) -> None:
    """Write names beside the lines 0, 1, ... of axes, the first on top."""
    ax.set_yticks(range(len(names)), [fold(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def keep_within(ax: "Axes", axis: Literal["x", "y"]) -> None:
    """Let an axis of scores from 0 to 1 end there, with room for half a point."""
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    room = 0.025 * (high - low)
    ax.set(**{f"{axis}lim": (max(low, -room), min(high, 1.0 + room))})


def scale_widely(
    ax: "Axes", axis: Literal["x", "y"], values: Iterable[float], *, least: float = 10.0
) -> None:
    """Give an axis few ticks with plain numbers, and a log scale where values differ so much."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    known = np.asarray(list(values), dtype=float)
    known = known[np.isfinite(known)]
    whole = bool((known == np.round(known)).all())
    of_axis = ax.xaxis if axis == "x" else ax.yaxis
    if not len(known) or known.min() <= 0.0 or known.max() < least * known.min():
        of_axis.set_major_locator(MaxNLocator(5, integer=whole))
        return
    ax.set(**{f"{axis}scale": "log"})
    decades = np.log10(known.max() / known.min())
    steps = (1.0, 2.0, 5.0) if decades < 2.0 else (1.0, 3.0) if decades < 4.0 else (1.0,)
    of_axis.set_major_locator(LogLocator(subs=steps, numticks=12))
    of_axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    of_axis.set_minor_formatter(NullFormatter())


_LETTERS = 20  # of a line of a name: a third of a column's width


def fold(name: str, most: int = _LETTERS) -> str:
    """Return a name in one line, or in two that break behind ``_``, ``-`` or a space.

    Examples
    --------
    >>> fold("mutual_information_same_size").splitlines()
    ['mutual_information_', 'same_size']
    >>> fold("ENSG00000142413", most=10)
    'ENSG00000…'
    """
    if len(name) <= most:
        return name
    breaks = [hit.end() for hit in re.finditer(r"[_\s-]", name)]
    middle = min(breaks, key=lambda end: max(end, len(name) - end), default=len(name))
    return "\n".join(shorten(part, most) for part in (name[:middle], name[middle:]) if part)


def shorten(name: str, most: int = _LETTERS) -> str:
    """Return a name of at most so many letters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def principal_axes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two principal axes (2, n_features), signs fixed, and their shares of the variance."""
    _, lengths, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    axes, squares = axes[:2], np.square(lengths)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])  # no solver's choice
    return axes * signs[:, None], squares[:2] / (squares.sum() or 1.0)


def spread(n: int, width: float) -> np.ndarray:
    """Return n offsets side by side rather than at random: the same figure each time."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(n)


@figure_style()
def draw_shares(
    ax: "Axes", names: Iterable[Any], shares: Iterable[float], *, colours: Any, label: str
) -> "Axes":
    """Draw a bar a feature, the first one on top."""
    colours = colours if isinstance(colours, str) else list(colours)[::-1]
    labels = [printable(str(name)) for name in names][::-1]
    ax.barh(range(len(labels)), list(shares)[::-1], color=colours)
    ax.set_yticks(range(len(labels)), labels, parse_math=False)  # of a user's own figure too
    ax.set(xlabel=label, xlim=(0.0, 1.0))
    return clean(ax, "x")


def plain_text(figure: "Figure") -> None:
    """Let names stand in a figure letter by letter: they are no mathematics, and no commands."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    of_ticks: list[Text] = []
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        formatter, labels = axis.get_major_formatter(), axis.get_ticklabels()
        of_ticks += [*labels, *axis.get_ticklabels(minor=True), axis.get_offset_text()]
        if isinstance(formatter, FixedFormatter):
            formatter.seq = [_printable_lines(str(label)) for label in formatter.seq]
        if isinstance(formatter, FuncFormatter):  # as set_yticks makes of labels
            formatter.func = _printable_labels(formatter.func)
        # Powers of ten are no names.
        if isinstance(formatter, FixedFormatter | FuncFormatter | StrCategoryFormatter):
            for label in labels:
                label.set_parse_math(False)
    of_numbers = set(map(id, of_ticks))
    for text in figure.findobj(Text):
        if isinstance(text, Text) and id(text) not in of_numbers:
            text.set_parse_math(False)
            text.set_text(_printable_lines(text.get_text()))


def _printable_labels(label: Callable[..., Any]) -> Callable[..., str]:
    return lambda value, position: _printable_lines(str(label(value, position)))


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def render(figure: "Figure", kind: str, *, dpi: float = DPI, transparent: bool = False) -> bytes:
    """Return a figure as a file's content, the same bytes each time.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is drawn.
    kind : {"svg", "png", "pdf"}
        Format of the file.
    dpi : float, default=300
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
    with rc_context({**STYLE, **_FILES}):
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
    svg = _parsed(render(figure, "svg", transparent=True))
    groups = {element.get("id"): element for element in svg.iter("g")}
    for index, texts in enumerate(tips.values()):
        _add_tips(groups[f"tips-{index}"], texts)
    return _as_element(svg, name, title)


def page_svg(content: str, *, name: str, title: str) -> str:
    """Return the content of an SVG file of `render` as an element for an HTML page.

    As `inline_svg` of its figure, without tips; what is white lets the page show through.
    """
    return _as_element(_parsed(content.replace("fill: #ffffff", "fill: none")), name, title)


def _parsed(content: str | bytes) -> ElementTree.Element:
    svg = ElementTree.fromstring(content)
    for element in svg.iter():
        _strip_namespaces(element)
    return svg


def _as_element(svg: ElementTree.Element, name: str, title: str) -> str:
    for parent in list(svg.iter()):
        for child in list(parent):
            if child.tag in ("metadata", "style") or _draws_nothing(child):
                parent.remove(child)
    named = [element.get("id", "") for element in svg.iter() if element.tag != "g"]
    short = {long: f"{name}-{index}" for index, long in enumerate(filter(None, named))}
    for element in svg.iter():
        _adapt(element, short)
        _shorten(element)
    _say_styles_once(svg)
    svg.attrib = {"viewBox": svg.get("viewBox", ""), "role": "img", "aria-label": title}
    return ElementTree.tostring(svg, encoding="unicode").replace(" />", "/>")


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


def _adapt(element: ElementTree.Element, short: Mapping[str, str]) -> None:
    """Give an element the page's colours and font, and the chart's own identifiers."""
    if element.tag == "g":
        element.attrib.pop("id", None)  # nothing refers to a group
    for key, value in element.items():
        if key == "style":
            style = re.sub("#[0-9a-f]{6}", lambda hit: _PAGE_COLOURS.get(hit[0], hit[0]), value)
            element.set(key, re.sub("font-family: [^;]*;? ?", "", style))
        elif key == "id":
            element.set(key, short[value])
        elif key in ("href", "clip-path"):
            element.set(key, re.sub(r"#(\w+)", lambda hit: f"#{short[hit[1]]}", value))


# Attributes that hold coordinates, in points: more digits than two are seen by nobody.
_COORDINATES = ("d", "x", "y", "width", "height")


def _draws_nothing(element: ElementTree.Element) -> bool:
    if element.tag == "path":
        return element.get("style") == "fill: none"
    return element.tag in ("g", "defs") and not len(element) and "data-tip" not in element.attrib


def _shorten(element: ElementTree.Element) -> None:
    """Write an element in fewer letters; a page holds thousands."""
    for part in ("text", "tail"):
        if not (getattr(element, part) or "").strip():
            setattr(element, part, None)
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if element.tag == "path":
        element.set("d", _fewer_points(element.get("d", "")))
    for key in _COORDINATES:
        if key in element.attrib:
            short = re.sub(r"-?\d+\.\d+", _hundredths, element.attrib[key])
            short = re.sub(r"\s*([A-Za-z])\s*", r"\1", short)  # no space is needed around a command
            element.set(key, " ".join(short.split()))
    if "style" in element.attrib:
        style = re.sub(r"([:;]) ", r"\1", element.attrib["style"])
        element.set("style", re.sub(";?stroke-(linejoin:miter|linecap:square)", "", style))


def _say_styles_once(svg: ElementTree.Element) -> None:
    """Take the style from uses of a mark, such as a tick, that has the same one itself."""
    styles = {f"#{path.get('id')}": path.get("style") for path in svg.iter("path")}
    for use in svg.iter("use"):
        if use.get("style") and use.get("style") == styles.get(use.get("href", "")):
            del use.attrib["style"]


def _hundredths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


_ASIDE = 0.05  # points of a page, by which a line may be off


def _fewer_points(path: str) -> str:
    """Return one line or area without the points that lie on the way from one to a later one."""
    points = re.findall(r"[ML] (\S+) (\S+)", path)
    if len(points) < 4 or path.count("M") != 1 or re.search("[QCS]", path):
        return path
    at = np.array(points, dtype=float)
    kept = [0]
    for end in range(2, len(at)):
        way, offsets = at[end] - at[kept[-1]], at[kept[-1] + 1 : end] - at[kept[-1]]
        length = np.hypot(*way) or 1.0
        aside = np.abs(way[0] * offsets[:, 1] - way[1] * offsets[:, 0]) / length
        along = offsets @ way / length
        if aside.max() > _ASIDE or along.min() < 0.0 or along.max() > length:
            kept.append(end - 1)
    kept.append(len(at) - 1)
    lines = " L ".join(f"{x:.2f} {y:.2f}" for x, y in at[kept])
    return f"M {lines}{' z' if 'z' in path else ''}"
