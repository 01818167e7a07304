"""The final signature on the rows that it was selected on: a heatmap, and its first features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from vaega.core.figures import (
    COLUMN_WIDTH,
    GREY,
    clean,
    figure_style,
    legend_columns,
    new_figure,
    principal_axes,
    shorten,
    spread,
    style_of,
)
from vaega.core.tables import TextTable
from vaega.data._steps import make_step, step_name
from vaega.report._results import Results
from vaega.report._section import Section
from vaega.selection._rankers import f_statistic

MOST_STRIPS = 6  # features that have a panel of their own
_MOST_POINTS = 120  # rows that are drawn one by one; more are a box
_REACH = 2.5  # standard deviations, beyond which a heatmap's colour stays
# Steps that change each value by itself: of what they give, a picture can say the unit.
_ALONE = ("clip", "log2", "log1p", "log2p1", "log2(x + 1)", "log2(x+1)")


@dataclass(frozen=True, eq=False)
class SignatureRows:
    """Values of a signature's first features, the first one first."""

    values: pd.DataFrame  # (n_rows, n_features)
    labels: np.ndarray  # Class codes
    classes: Sequence[str]  # Names, by code
    unit: str  # What values are


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Values in standard deviations from each feature's mean, ready to draw."""

    values: np.ndarray  # (n_features, n_rows); NaN where one is missing
    features: list[str]  # Those that are high in the same class beside each other
    labels: np.ndarray  # Class codes of the rows, sorted


def signature_rows(
    table: pd.DataFrame, preprocess: Sequence[Any], classes: Sequence[str]
) -> SignatureRows:
    """Return what a final run kept of its rows, after the first steps that take each value alone.

    `table` is what `vaega.experiments.final.rows_table` returns.
    """
    values, done = table.iloc[:, 2:].astype(float), []
    for step in preprocess:
        if step_name(step) not in _ALONE:
            break
        values = values.copy()
        values[:] = make_step(step, owner="preprocess").transform(values.to_numpy())
        done.append(step_name(step))
    unit = f"value after {', '.join(done)}" if done else "value"
    return SignatureRows(values, table.iloc[:, 1].to_numpy(dtype=int), classes, unit)


def heatmap_of(rows: SignatureRows) -> Heatmap:
    """Sort features by the class in which they are highest, and rows by class.

    Features of one class follow by how far the classes are apart, rows of one class along the first
    principal component.
    """
    scores = rows.values.sub(rows.values.mean()).div(rows.values.std(ddof=0).replace(0.0, np.nan))
    filled = scores.fillna(0.0).to_numpy()
    codes = np.unique(rows.labels)
    means = np.array([filled[rows.labels == code].mean(axis=0) for code in codes])
    apart = f_statistic(filled, rows.labels)
    features = np.lexsort((-apart, means.argmax(axis=0)))
    along = filled @ principal_axes(filled)[0][0]
    order = np.lexsort((along, rows.labels))
    names = [str(rows.values.columns[index]) for index in features]
    return Heatmap(scores.to_numpy()[np.ix_(order, features)].T, names, rows.labels[order])


@figure_style()
def draw_heatmap(heatmap: Heatmap, classes: Sequence[str]) -> Figure:
    """Draw a line a feature and a column a row, with a bar of the classes above.

    The axes with the values come first.
    """
    present = np.unique(heatmap.labels)
    names = [classes[code] for code in present]
    lines = 0.13 * len(heatmap.features)
    height = 0.75 + lines + 0.15 * -(-len(names) // legend_columns(names))
    figure = new_figure((COLUMN_WIDTH, height))
    ratios = {"height_ratios": [0.1, lines, 0.1]}
    axes = figure.subplot_mosaic([["bar"], ["values"], ["scale"]], gridspec_kw=ratios)
    options: dict[str, Any] = {
        "cmap": colormaps["RdBu_r"].with_extremes(bad=GREY),
        "norm": Normalize(-_REACH, _REACH),
        "aspect": "auto",
        "interpolation": "none",
    }
    ax = axes["values"]
    ax.imshow(heatmap.values, **options)
    ax.set_yticks(range(len(heatmap.features)), [shorten(name) for name in heatmap.features])
    _draw_class_bar(axes["bar"], heatmap.labels, names)
    scale = np.linspace(-_REACH, _REACH, 101)[None]
    axes["scale"].imshow(scale, extent=(-_REACH, _REACH, 0.0, 1.0), **options)
    axes["scale"].set(xlabel="standard deviations from the feature's mean", yticks=[])
    for one in (ax, axes["bar"]):
        one.set_xticks([])
    for one in axes.values():
        one.spines[:].set_visible(False)
        one.tick_params(axis="y", length=0)
    return figure


def _draw_class_bar(ax: Axes, labels: np.ndarray, names: Sequence[str]) -> None:
    start = 0
    for code, name in zip(np.unique(labels), names, strict=True):
        n_rows = np.count_nonzero(labels == code)
        colour = style_of(int(code)).colour
        ax.barh(0, n_rows, left=start, height=1.0, color=colour, label=name, linewidth=0)
        start += n_rows
    ax.set(xlim=(0, start), ylim=(-0.5, 0.5), yticks=[])
    legend_above(ax, handlelength=0.8)


@figure_style()
def draw_strips(rows: SignatureRows, *, n_most: int = MOST_FEATURES) -> Figure:
    """Draw the values of the first features by class: quartiles and, of few rows, each of them."""
    codes = np.unique(rows.labels)
    names = [rows.classes[code] for code in codes]
    n_columns = 3 if len(codes) <= 4 else 2 if len(codes) <= 8 else 1
    features = list(rows.values.columns[:n_most])
    n_rows = -(-len(features) // n_columns)
    figure = new_figure((COLUMN_WIDTH, 1.15 * n_rows + 0.45))
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True).ravel()
    for ax, feature in zip(axes, features, strict=False):
        parts = [rows.values.loc[rows.labels == code, feature].dropna() for code in codes]
        for place, (code, part) in enumerate(zip(codes, parts, strict=True)):
            colour, one_by_one = style_of(int(code)).colour, len(rows.labels) <= _MOST_POINTS
            _draw_strip(ax, place, part.to_numpy(), colour, one_by_one=one_by_one)
        ax.set_title(shorten(str(feature), 54 // n_columns))
        ax.set_xticks([])
        ax.set_xlim(-0.6, len(codes) - 0.4)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        clean(ax)
    for ax in axes[len(features) :]:
        ax.remove()
    handles = [Patch(color=style_of(int(code)).colour) for code in codes]
    place: Any = "outside upper left"
    figure.legend(handles, names, loc=place, ncols=legend_columns(names), handlelength=0.8)
    figure.supylabel(rows.unit, fontsize="medium")
    return figure


def _draw_strip(ax: Axes, x: int, values: np.ndarray, colour: str, *, one_by_one: bool) -> None:
    if not len(values):
        return
    least, lower, middle, upper, most = np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0])
    box = {"facecolor": "none", "edgecolor": colour, "linewidth": 0.8}
    ax.bar(x, upper - lower, bottom=lower, width=0.7, **box)
    ax.plot([x - 0.35, x + 0.35], [middle, middle], color=colour, linewidth=1.6)
    if one_by_one:
        across = x + spread(len(values), 0.5)[_shuffled(len(values))]
        ax.plot(across, values, "o", color=colour, markersize=1.8, alpha=0.6, markeredgewidth=0)
    else:
        ax.plot([x] * 5, [least, lower, np.nan, upper, most], color=colour, linewidth=0.8)


def _shuffled(n: int) -> np.ndarray:
    """Return an order in which neighbours stand apart, the same each time."""
    return np.argsort((np.arange(n) * 0.618034) % 1.0, kind="stable")


def signature_section(results: Results) -> Section:
    """Return the final signature of the first arm that selects, on the rows it was selected on."""
    title, empty = "The final signature on its own rows", TextTable((), ())
    drawn = next(iter(signatures_of(results).items()), None)
    if drawn is None:
        return Section(title, [], empty)
    arm, rows = drawn
    table = TextTable(
        ("feature", *(f"{name}, mean ± sd" for name in rows.classes)),
        [
            [str(feature), *_means(rows.values[feature], rows)]
            for feature in rows.values.columns[:MOST_FEATURES]
        ],
        notes=[_IN_SAMPLE],
    )
    n_features = (results.finals[arm].metrics or {})["n_features"]
    most = f"the first {rows.values.shape[1]} of {n_features} features"
    caption = f"{arm}, {most}: standardised values, rows by class"
    charts = [
        _heatmap_chart(rows, caption),
        _strips_chart(rows, f"{arm}, the first features: {rows.unit} by class"),
    ]
    return Section(title, [_IN_SAMPLE], table, charts, folded=False)
