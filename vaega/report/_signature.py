"""The final signature on the rows that it was selected on: a heatmap, and its first features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
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
    legend_above,
    legend_columns,
    new_figure,
    principal_axes,
    shorten,
    spread,
    style_of,
)
from vaega.core.tables import TextTable
from vaega.data._steps import make_step, step_name
from vaega.report._prediction_section import class_names
from vaega.report._results import Results
from vaega.report._section import Chart, Section, make_chart
from vaega.selection._rankers import f_statistic

MOST_STRIPS = 6  # features that have a panel of their own
_SHORT_NAME = 12  # letters of a title above one of three panels
_MOST_POINTS = 120  # rows that are drawn one by one; more are a box
_REACH = 2.5  # standard deviations, beyond which a heatmap's colour stays
# Steps that change each value by itself: of what they give, a picture can say the unit.
_ALONE = ("clip", "log2", "log1p", "log2p1")


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
        if _is_of_class(step) or step_name(step) not in _ALONE:
            break
        values = values.copy()
        values[:] = make_step(step, owner="preprocess").transform(values.to_numpy())
        done.append(step_name(step))
    unit = f"value after {', '.join(done)}" if done else "value"
    return SignatureRows(values, table.iloc[:, 1].to_numpy(dtype=int), classes, unit)


def _is_of_class(step: Any) -> bool:
    """Return whether a step is made by a class that the configuration names: none is imported."""
    return isinstance(step, Mapping) and "class" in step


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
        n_rows = int(np.count_nonzero(labels == code))
        colour = style_of(int(code)).colour
        ax.barh(0, n_rows, left=start, height=1.0, color=colour, label=name, linewidth=0)
        start += n_rows
    ax.set(xlim=(0, start), ylim=(-0.5, 0.5), yticks=[])
    legend_above(ax, handlelength=0.8)


@figure_style()
def draw_strips(rows: SignatureRows) -> Figure:
    """Draw the values of the first features by class: quartiles and, of few rows, each of them."""
    codes = np.unique(rows.labels)
    names = [rows.classes[code] for code in codes]
    features = list(rows.values.columns[:MOST_STRIPS])
    short = max(len(str(feature)) for feature in features) <= _SHORT_NAME
    n_columns = 3 if short and len(codes) <= 4 else 2 if len(codes) <= 8 else 1
    n_rows = -(-len(features) // n_columns)
    figure = new_figure((COLUMN_WIDTH, 1.15 * n_rows + 0.45))
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True).ravel()
    for ax, feature in zip(axes, features, strict=False):
        parts = [rows.values.loc[rows.labels == code, feature].dropna() for code in codes]
        for place, (code, part) in enumerate(zip(codes, parts, strict=True)):
            colour, one_by_one = style_of(int(code)).colour, len(rows.labels) <= _MOST_POINTS
            _draw_strip(ax, place, part.to_numpy(), colour, one_by_one=one_by_one)
        ax.set_title(shorten(str(feature), _SHORT_NAME if n_columns == 3 else 22))
        ax.set_xticks([])
        ax.set_xlim(-0.6, len(codes) - 0.4)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        clean(ax)
    for ax in axes[len(features) :]:
        ax.remove()
    handles = [Patch(color=style_of(int(code)).colour) for code in codes]
    options: dict[str, Any] = {"loc": "outside upper left", "handlelength": 0.8}
    figure.legend(handles, names, ncols=legend_columns(names), **options)
    figure.supylabel(rows.unit, fontsize="medium")
    return figure


def _draw_strip(ax: Axes, x: int, values: np.ndarray, colour: str, *, one_by_one: bool) -> None:
    if not len(values):
        return
    least, lower, middle, upper, most = np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0])
    box: dict[str, Any] = {"facecolor": "none", "edgecolor": colour, "linewidth": 0.8}
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


def signatures_of(results: Results) -> dict[str, SignatureRows]:
    """Return what the final run of each arm kept of its rows, where it selected among features."""
    signatures = {}
    for arm, record in results.finals.items():
        metrics, table = record.metrics or {}, record.rows()
        if len(table) and 0 < metrics["n_features"] < metrics["n_columns"]:
            classes = class_names([metrics])
            signatures[arm] = signature_rows(table, results.config["preprocess"], classes)
    return signatures


def draw_signatures(results: Results) -> dict[str, Figure]:
    """Return heatmap and strips of the final signature of each arm, by name."""
    figures = {}
    for arm, rows in signatures_of(results).items():
        figures[f"heatmap_{arm}"] = draw_heatmap(heatmap_of(rows), rows.classes)
        figures[f"strips_{arm}"] = draw_strips(rows)
    return figures


_IN_SAMPLE = (
    "All of these rows took part in the selection: classes look apart here even where labels mean "
    "nothing, so that the pictures are no evidence. How well the features do on other rows is what "
    "the runs with test rows say. The other arms are drawn by vaega report --out."
)


def signature_section(results: Results) -> Section:
    """Return pictures of the final signature of the first arm that has one."""
    charts: list[Chart] = []
    for arm, rows in list(signatures_of(results).items())[:1]:
        n_features = (results.finals[arm].metrics or {})["n_features"]
        charts = [_heatmap_chart(arm, rows, n_features), _strips_chart(arm, rows)]
    return Section("The final signature on its own rows", [_IN_SAMPLE], TextTable((), ()), charts)


def _heatmap_chart(arm: str, rows: SignatureRows, n_features: int) -> Chart:
    heatmap = heatmap_of(rows)
    figure, tips = draw_heatmap(heatmap, rows.classes), {}
    ax = next(one for one in figure.axes if one.get_label() == "values")
    for line, feature in enumerate(heatmap.features):
        # Nothing is seen of this bar; it says what the feature below the pointer is.
        (bar,) = ax.barh(line, heatmap.values.shape[1], left=-0.5, height=1.0, alpha=0.0)
        tips[bar] = [f"{feature}: {_means(rows, feature)}"]
    shown = len(heatmap.features)
    which = f"the first {shown} of {n_features}" if shown < n_features else f"all {n_features}"
    caption = f"{arm}: {which} features of the final signature, rows by class, in-sample"
    return make_chart("heatmap", caption, ax, tips)


def _strips_chart(arm: str, rows: SignatureRows) -> Chart:
    figure, tips = draw_strips(rows), {}
    for ax, feature in zip(figure.axes, rows.values.columns, strict=False):
        for bar, code in zip(ax.patches, np.unique(rows.labels), strict=False):
            tips[bar] = [f"{feature}: {_means(rows, feature, [code])}"]
    caption = f"{arm}: the first features of the final signature by class ({rows.unit}), in-sample"
    return make_chart("strips", caption, figure.axes[0], tips)


def _means(rows: SignatureRows, feature: str, codes: Sequence[int] | None = None) -> str:
    codes = np.unique(rows.labels).tolist() if codes is None else codes
    means = [(rows.classes[c], rows.values.loc[rows.labels == c, feature].mean()) for c in codes]
    return ", ".join(f"{mean:.4g} in the mean of {name}" for name, mean in means)
