"""Figures of chapter 4: box plots of accuracy and number of features, one point a run."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaega.analysis.figures import COLOURS
from vaega.thesis.group_runs import GroupRuns, complete_groups
from vaega.thesis.groups import GROUPS, Group
from vaega.thesis.published import published_runs
from vaega.thesis.record import Picture
from vaega.thesis.request import Request

# Which groups a figure shows; 4.10 is the thesis's first stage on GCM, whose runs it did not
# publish as groups: shown is the second stage with masks of the largest size.
BOXES: dict[str, tuple[str, ...]] = {
    "4.7": ("leukemia_010", "leukemia_001", "leukemia_0005"),
    "4.8": ("gisette",),
    "4.9": ("madelon", "madelon_20"),
    "4.10": ("gcm_750",),
    "4.11": ("gcm_750", "gcm_450"),
    "4.14": ("all_35",),
    "4.15": ("all_180",),
}
BY_SIZE = {
    "4.12": ("gcm", ("45", "200", "450", "750")),
    "4.13": ("all-leukemia", ("35", "180", "300")),
}
OF_ALL = {"4.16": "accuracy", "4.17": "n_features"}
LABELS = {"accuracy": "accuracy", "n_features": "number of features"}
_ORDER = ("published", "as-run", "as-described", "honest")


def box_plots(name: str, request: Request) -> Picture:
    """Make figures 4.7 to 4.11, 4.14, 4.15: accuracy left, number of features right."""
    groups = _named(BOXES[name])
    points, runs = gather_points(request, groups)
    title = f"{groups[0].dataset}: accuracy and number of features, one point a run"
    return Picture(name, title, points, partial(draw_boxes, title=title), runs.notes)


def by_size(name: str, request: Request) -> Picture:
    """Make figures 4.12 and 4.13: accuracy by number of active features."""
    dataset, sizes = BY_SIZE[name]
    groups = [group for size in sizes for group in GROUPS if _is(group, dataset, size)]
    points, runs = gather_points(request, groups)
    title = f"{dataset}: accuracy by number of active features"
    draw = partial(draw_grid, column="size", values=sizes, measure="accuracy", title=title)
    return Picture(name, title, points, draw, runs.notes)


def all_datasets(name: str, request: Request) -> Picture:
    """Make figures 4.16 and 4.17: all datasets side by side."""
    points, runs = gather_points(request, GROUPS)
    datasets = tuple(points["dataset"].unique())
    title = f"All datasets: {LABELS[OF_ALL[name]]}"
    draw = partial(draw_grid, column="dataset", values=datasets, measure=OF_ALL[name], title=title)
    return Picture(name, title, points, draw, runs.notes)


def convergence(name: str, request: Request) -> Picture:
    """Make the figure of accuracy and number of features by generation, means of populations."""
    protocols = [one for one in request.wanted_protocols() if one != "honest"]
    runs = complete_groups(request, protocols=protocols) if protocols else None
    tables = []
    for (group, protocol, arm), places in (runs.folders if runs else {}).items():
        for run, place in enumerate(places):
            history = pd.read_csv(place / "history.csv")
            history = history[history["selection"] == history["selection"].max()]
            kept = history[["generation", "mean_accuracy", "mean_n_features", "diversity"]]
            tables.append(kept.assign(group=group, protocol=protocol, arm=arm, run=run))
    keys = ["group", "protocol", "arm", "generation"]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*keys, "run"])
    rows = rows.groupby(keys, sort=False).mean().drop(columns="run").reset_index()
    title = "Means of the population by generation, over runs"
    return Picture(name, title, rows, draw_convergence, runs.notes if runs else ())


def gather_points(request: Request, groups: Sequence[Group]) -> tuple[pd.DataFrame, GroupRuns]:
    """Return one row a run of groups, published and reproduced."""
    runs = complete_groups(request, groups)
    ours = runs.table.rename(columns={"protocol": "source"})
    published = published_runs()
    tables = []
    for group in groups:
        for arm in ("original", "augmented") if request.wants(group.dataset) else ():
            theirs = published[published["experiment_group"].isin(group.published(arm))]
            values = {
                "accuracy": theirs["population_accuracy"],
                "n_features": theirs["population_n_features"],
            }
            whose = {"group": group.name, "dataset": group.dataset, "size": group.size}
            tables.append(pd.DataFrame(values).assign(source="published", arm=arm, **whose))
    columns = ["source", "group", "dataset", "size", "arm", "accuracy", "n_features"]
    points = pd.concat([*tables, ours], ignore_index=True)
    return points[columns].sort_values("source", key=_place, kind="stable"), runs


def draw_boxes(points: pd.DataFrame, *, title: str) -> Figure:
    """Draw box plots of accuracy and number of features, augmented beside original."""
    figure = Figure(figsize=(11.0, 4.4), layout="constrained")
    for ax, measure in zip(figure.subplots(1, 2), LABELS, strict=True):
        _draw_sources(ax, points, measure)
    figure.suptitle(title)
    return figure


def draw_grid(
    points: pd.DataFrame, *, column: str, values: Sequence[str], measure: str, title: str
) -> Figure:
    """Draw box plots of one measure, a panel for each value of a column."""
    width = max(len(values), 1)
    figure = Figure(figsize=(3.4 * width + 1.0, 4.4), layout="constrained")
    for ax, value in zip(np.ravel(figure.subplots(1, width)), values, strict=False):
        _draw_sources(ax, points[points[column] == value], measure)
        ax.set_title(f"{column} {value}")
    figure.suptitle(title)
    return figure


def draw_convergence(rows: pd.DataFrame) -> Figure:
    """Draw means of the population by generation."""
    groups = list(rows["group"].unique())
    figure = Figure(figsize=(9.0, 2.6 * max(len(groups), 1)), layout="constrained")
    axes = figure.subplots(max(len(groups), 1), 2, squeeze=False)
    for line, group in zip(axes, groups, strict=False):
        own = rows[rows["group"] == group]
        for ax, measure in zip(line, ("mean_accuracy", "mean_n_features"), strict=True):
            _draw_lines(ax, own, measure)
            ax.set_title(group)
    return figure


def _draw_lines(ax: Axes, rows: pd.DataFrame, measure: str) -> None:
    styles = {"as-run": "-", "as-described": "--"}
    for (protocol, arm), line in rows.groupby(["protocol", "arm"], sort=False):
        colour = COLOURS[1] if arm == "augmented" else COLOURS[0]
        style = styles[str(protocol)]
        ax.plot(line["generation"], line[measure], style, color=colour, label=f"{arm}, {protocol}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("generation")
    ax.set_ylabel(measure.replace("_", " "))
    ax.legend(frameon=False, fontsize=7)


def _draw_sources(ax: Axes, points: pd.DataFrame, measure: str) -> None:
    boxes = [
        (f"{arm}\n{source}", found[measure].to_numpy(dtype=float), str(arm))
        for (source, arm), found in points.groupby(["source", "arm"], sort=False)
        if found[measure].notna().any()
    ]
    for place, (_, values, arm) in enumerate(boxes):
        colour = COLOURS[1] if arm == "augmented" else COLOURS[0]
        ax.boxplot(
            values, positions=[place], widths=0.6, showfliers=False, boxprops={"color": colour}
        )
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        ax.scatter(place + spread, values, s=12, color=colour, alpha=0.5)
    ax.set_xticks(range(len(boxes)), [label for label, _, _ in boxes], rotation=60, fontsize=7)
    ax.set_ylabel(LABELS[measure])
    ax.grid(axis="y", alpha=0.25)


def _place(sources: pd.Series) -> pd.Series:
    return sources.map({source: place for place, source in enumerate(_ORDER)})


def _named(names: Sequence[str]) -> list[Group]:
    return [group for name in names for group in GROUPS if group.name == name]


def _is(group: Group, dataset: str, size: str) -> bool:
    return group.dataset == dataset and group.size == size
