"""Chapter 4, its figures: accuracy and number of features of runs, published and reproduced."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy import stats

from vaega.core.figures import PAGE_WIDTH, clean, figure_style, new_figure, spread, styles_of
from vaega.experiments.intervals import LEAST_RUNS, interval_around
from vaega.thesis.chapter4 import mean_ends
from vaega.thesis.groups import GroupRuns, complete_groups, wanted_groups
from vaega.thesis.published import GROUPS, Group, find_group, published_runs
from vaega.thesis.reproduction import HELD_OUT, PROTOCOLS, Request, ThesisFigure

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
SOURCES = ("published", *PROTOCOLS)
_ARMS = ("original", "augmented", "calibrated", "smote")  # whose looks are the same everywhere
ARM_COLOURS = {arm: style.colour for arm, style in styles_of(_ARMS).items()}


def box_plots(name: str, request: Request) -> ThesisFigure:
    """Make figures 4.7 to 4.11, 4.14, 4.15: accuracy above, number of features below."""
    groups = [find_group(group) for group in BOXES[name]]
    points, runs = gather_points(request, groups)
    title = f"{groups[0].dataset}: accuracy and number of features, one point a run"
    return _figure(name, title, points, runs, draw_boxes)


def by_size(name: str, request: Request) -> ThesisFigure:
    """Make figures 4.12 and 4.13: accuracy by number of active features."""
    dataset, sizes = BY_SIZE[name]
    of_size = {group.size: group for group in GROUPS if group.dataset == dataset}
    points, runs = gather_points(request, [of_size[size] for size in sizes])
    title = f"{dataset}: accuracy by number of active features"
    draw = partial(draw_grid, column="size", values=sizes, measure="accuracy")
    return _figure(name, title, points, runs, draw)


def all_datasets(name: str, request: Request) -> ThesisFigure:
    """Make figures 4.16 and 4.17: all datasets side by side, masks of all sizes together."""
    points, runs = gather_points(request, GROUPS)
    datasets = tuple(points["dataset"].unique())
    title = f"All datasets: {LABELS[OF_ALL[name]]}, masks of all sizes together"
    draw = partial(draw_grid, column="dataset", values=datasets, measure=OF_ALL[name])
    return _figure(name, title, points, runs, draw)


_ALONE = "Published points alone: none of these groups has a run here."


def _figure(
    name: str, title: str, points: pd.DataFrame, runs: GroupRuns, draw: Callable[..., Figure]
) -> ThesisFigure:
    alone = len(points) > 0 and set(points["source"]) == {"published"}
    title = f"{title} (published points alone)" if alone else title
    notes = (*runs.notes, *([_ALONE] if alone else []))
    return ThesisFigure(name, title, points, partial(draw, title=title), notes, runs.missing)


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
    return points[columns].sort_values(
        "source", key=lambda sources: sources.map(SOURCES.index), kind="stable"
    ), runs


def forest(name: str, request: Request) -> ThesisFigure:
    """Make the forest plot: each group's mean accuracy, published and under each protocol."""
    groups = list(dict.fromkeys(group for group, _ in wanted_groups(request)))
    runs = complete_groups(request, groups)
    rows = [row for group in groups for row in _published_means(group)]
    for whose, part in runs.by_arm():
        values = part["accuracy"].dropna()
        key = (whose["group"], whose["protocol"], whose["arm"])
        low, high = mean_ends(values, key, runs, "accuracy")
        means = {"mean": float(values.mean()), "low": low, "high": high, "n": len(values)}
        own = {"group": whose["group"], "source": whose["protocol"], "arm": whose["arm"]}
        rows.append(own | means | {"made": part["made"].max()})
    columns = ["group", "source", "arm", "mean", "low", "high", "n", "made"]
    frame = pd.DataFrame(rows, columns=columns)
    orders = {"group": [group.name for group in groups], "source": SOURCES, "arm": [*ARM_COLOURS]}

    def places(values: pd.Series) -> pd.Series:
        return values.map(orders[str(values.name)].index)

    frame = frame.sort_values(list(orders), key=places, ignore_index=True)
    made = frame["made"].fillna("")
    frame["earlier"] = np.where((made != "") & (made < made.max()), "*", "")
    title = "Mean accuracy of each group, published and under each protocol"
    notes = (*runs.notes, _EARLIER, _NOT_DRAWN)
    return ThesisFigure(name, title, frame, draw_forest, notes, runs.missing)


_EARLIER = "earlier *: runs of an earlier version, of which accuracy and size alone were kept."
_NOT_DRAWN = "Groups that were not run here stand in the CSV file alone, if others were run."


def _published_means(group: Group) -> Iterable[dict[str, object]]:
    published = published_runs()
    for arm in ("original", "augmented"):
        theirs = published[published["experiment_group"].isin(group.published(arm))]
        values, n = theirs["population_accuracy"], len(theirs)
        if not n:
            continue
        mean, low, high = float(values.mean()), float("nan"), float("nan")
        if n >= LEAST_RUNS:
            low, high = interval_around(mean, float(stats.sem(values)), n, bounded=True)
        means = {"mean": mean, "low": low, "high": high, "n": n}
        yield {"group": group.name, "source": "published", "arm": arm, **means}


def convergence(name: str, request: Request) -> ThesisFigure:
    """Make the figure of accuracy and number of features by generation, means of populations."""
    protocols = [one for one in request.wanted_protocols() if one not in HELD_OUT]
    nothing = GroupRuns(pd.DataFrame(), ())
    runs = complete_groups(request, protocols=protocols) if protocols else nothing
    rows = runs.generations
    if rows.empty:
        rows = pd.DataFrame(columns=["group", "protocol", "arm", "generation"])
    title = "Means of the population by generation, over runs"
    return ThesisFigure(name, title, rows, draw_convergence, runs.notes, runs.missing)


@figure_style()
def draw_boxes(points: pd.DataFrame, *, title: str) -> Figure:
    """Draw box plots of accuracy and number of features, a column for each size of masks."""
    groups = list(points["group"].unique())
    if not groups:
        return _without_runs(title)
    figure = new_figure((PAGE_WIDTH, 4.8))
    axes = figure.subplots(2, len(groups), squeeze=False)
    for column, group in enumerate(groups):
        part = points[points["group"] == group]
        for ax, measure in zip(axes[:, column], LABELS, strict=True):
            _draw_sources(ax, part, measure)
        _title(axes[0, column], str(group), part)
    return _with_legend(figure, title, points)


@figure_style()
def draw_grid(
    points: pd.DataFrame, *, column: str, values: Sequence[str], measure: str, title: str
) -> Figure:
    """Draw box plots of one measure, a panel for each value of a column."""
    if points.empty:
        return _without_runs(title)
    lines = (len(values) + 1) // 2
    figure = new_figure((PAGE_WIDTH, 2.3 * lines + 0.4))
    axes = np.ravel(figure.subplots(lines, 2, squeeze=False))
    for ax, value in zip(axes, values, strict=False):
        part = points[points[column] == value]
        _draw_sources(ax, part, measure)
        _title(ax, value if column == "dataset" else f"{column} {value}", part)
        if measure == "n_features":
            ax.set_yscale("log")
    for ax in axes[len(values) :]:
        ax.remove()
    return _with_legend(figure, title, points)


@figure_style()
def draw_forest(rows: pd.DataFrame) -> Figure:
    """Draw each group's means with their intervals, a panel a group, a line a source.

    Groups of which there is nothing but what was published are left out, if there are others.
    """
    run = rows[rows["source"] != "published"]["group"]
    if len(run):
        rows = rows[rows["group"].isin(run)]
    groups = list(rows["group"].unique())
    title = "Mean accuracy, with its 95 % interval"
    if not groups:
        return _without_runs(title)
    sources = [source for source in SOURCES if source in set(rows["source"])]
    lines = (len(groups) + 1) // 2
    figure = new_figure((PAGE_WIDTH, (0.5 + 0.28 * len(sources)) * lines + 0.5))
    axes = figure.subplots(lines, 2, squeeze=False, sharey=True)
    for ax, group in zip(axes.flat, groups, strict=False):
        _draw_means(ax, rows[rows["group"] == group], sources)
        ax.set_title(group)
    for ax in axes.flat[len(groups) :]:
        ax.set_axis_off()
    return _with_legend(figure, title, rows)


def _draw_means(ax: Axes, rows: pd.DataFrame, sources: Sequence[str]) -> None:
    for source, arms in rows.groupby("source", sort=False):
        heights = sources.index(str(source)) + spread(len(arms), 0.18 * (len(arms) - 1))
        for height, (_, row) in zip(heights, arms.iterrows(), strict=True):
            colour = ARM_COLOURS[row["arm"]]
            reach = np.nan_to_num([[row["mean"] - row["low"]], [row["high"] - row["mean"]]])
            ax.errorbar(row["mean"], height, xerr=reach, fmt="o", ms=3.5, color=colour)
    ax.set_yticks(range(len(sources)), sources)
    ax.set_ylim(len(sources) - 0.5, -0.5)  # published on top
    clean(ax, "x")


def _without_runs(title: str) -> Figure:
    """Draw a sentence in place of axes that nothing would be in."""
    figure = new_figure((PAGE_WIDTH, 0.8))
    figure.suptitle(title)
    figure.text(0.5, 0.3, "No run of these was published, and none was run here.", ha="center")
    return figure


def _with_legend(figure: Figure, title: str, rows: pd.DataFrame) -> Figure:
    arms = [arm for arm in ARM_COLOURS if arm in set(rows["arm"])]
    marks = [Line2D([], [], marker="o", ls="", color=ARM_COLOURS[arm]) for arm in arms]
    figure.legend(marks, arms, title=title, loc="outside upper center", ncols=4)
    return figure


def _title(ax: Axes, title: str, points: pd.DataFrame) -> None:
    alone = len(points) and set(points["source"]) == {"published"}
    ax.set_title(f"{title} (published alone)" if alone else title)


def _draw_sources(ax: Axes, points: pd.DataFrame, measure: str) -> None:
    """Draw a box an arm, those of one source side by side."""
    points = points[points[measure].notna()]
    sources = [source for source in SOURCES if source in set(points["source"])]
    for (source, arm), part in points.groupby(["source", "arm"], sort=False):
        arms = [one for one in ARM_COLOURS if one in set(points[points["source"] == source]["arm"])]
        places = sources.index(str(source)) + spread(len(arms), 0.2 * (len(arms) - 1))
        _draw_box(ax, float(places[arms.index(str(arm))]), part[measure], ARM_COLOURS[str(arm)])
    ax.set_xticks(range(len(sources)), sources, rotation=25, ha="right")
    ax.set_xlim(-0.6, max(len(sources), 1) - 0.4)
    ax.set_ylabel(LABELS[measure])
    clean(ax)


def _draw_box(ax: Axes, place: float, values: pd.Series, colour: str) -> None:
    numbers = values.to_numpy(dtype=float)
    lines = {"color": colour, "linewidth": 0.9}
    styles: dict[str, Any] = {f"{part}props": lines for part in ("box", "whisker", "cap", "median")}
    ax.boxplot(
        numbers, positions=[place], widths=0.16, showfliers=False, manage_ticks=False, **styles
    )
    offsets = place + spread(len(numbers), 0.1)
    ax.scatter(offsets, numbers, s=5, color=colour, alpha=0.5, linewidths=0)


@figure_style()
def draw_convergence(rows: pd.DataFrame) -> Figure:
    """Draw means of the population by generation, two panels a group."""
    groups = list(rows["group"].unique())
    title = "Means of the population; as-described dashed"
    if not groups:
        return _without_runs(title)
    lines = (len(groups) + 1) // 2
    figure = new_figure((PAGE_WIDTH, 1.8 * lines + 0.5))
    axes = figure.subplots(lines, 4, squeeze=False).reshape(-1, 2)
    for pair, group in zip(axes, groups, strict=False):
        part = rows[rows["group"] == group]
        for ax, measure in zip(pair, ("mean_accuracy", "mean_n_features"), strict=True):
            _draw_lines(ax, part, measure)
        pair[0].set_title(group)
    for ax in axes[len(groups) :].flat:
        ax.set_axis_off()
    return _with_legend(figure, title, rows)


def _draw_lines(ax: Axes, rows: pd.DataFrame, measure: str) -> None:
    styles = {"as-run": "-", "as-described": "--"}
    for (protocol, arm), line in rows.groupby(["protocol", "arm"], sort=False):
        colour, style = ARM_COLOURS[str(arm)], styles[str(protocol)]
        ax.plot(line["generation"], line[measure], style, color=colour, lw=1.2)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("generation")
    ax.set_ylabel("accuracy" if measure == "mean_accuracy" else "features")
    clean(ax)
