"""Chapter 4: original against augmented masks, run by run on the same splits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import get_scorer

from vaega.core.errors import DataError
from vaega.core.figures import COLOURS
from vaega.core.randomness import derive_seed
from vaega.data._dataset import Dataset
from vaega.data._preprocess import Preprocessor
from vaega.data._splits import Fold
from vaega.experiments.config import ArmConfig, ExperimentConfig, load_config
from vaega.experiments.monitor import LineObserver, describe_run
from vaega.experiments.protocols import make_protocol
from vaega.experiments.registry import classifier_of, make_arm_model
from vaega.experiments.run import complete_runs
from vaega.experiments.runner import ExecutionOptions
from vaega.experiments.runs import plan_runs
from vaega.experiments.store import Origin, RunRecord, Store
from vaega.fitness._cross_validated import CrossValidatedFitness
from vaega.generative._settings import find_preset
from vaega.report._statistics import compare_arms, comparison_table
from vaega.selection._stability import nogueira_interval
from vaega.thesis.as_run_generator import AsRunGenerator
from vaega.thesis.protocols import described_fold, with_synthetic_rows
from vaega.thesis.published import (
    GCM_EXPERIMENTS,
    GISETTE_SIZES,
    GROUPS,
    MEASURES,
    NETWORKS,
    PRESETS,
    SOURCES,
    Group,
    compare_group,
    compare_samples,
    config_folder,
    find_group,
    find_source,
    generator_errors,
    published_groups,
    published_runs,
    quartile_range,
    stand_in_note,
)
from vaega.thesis.reproduction import Request, ThesisFigure, ThesisTable, describe_runs

_SMALL_SEARCH = {
    "smoke": {"population_size": 6, "n_generations": 2},
    "small": {"population_size": 30, "n_generations": 8},
}
_SMALL_PRESELECT = {
    "smoke": {"n_searches": 1, "population_size": 6, "n_generations": 2, "keep": 60},
    "small": {"n_searches": 1, "population_size": 20, "n_generations": 5},
}
_SMALL_SEEDS = {"smoke": 2, "small": 3}
_SMOKE_NETWORK = {"hidden": [8, 4, 4], "latent": 2, "max_epochs": 3}
_SMOKE_AMOUNT, _SMOKE_EPOCHS = 30, 15
_SMOKE_TEST_SIZE = 0.95  # of Gisette's thousands of rows


def scaled_config(group: Group, protocol: str, request: Request) -> ExperimentConfig:
    """Return the configuration of a group under a protocol."""
    return load_config(group.file(), overrides_of(group, protocol, request))


def overrides_of(group: Group, protocol: str, request: Request) -> list[str]:
    """Return what a protocol and a scale change in the configuration of a group."""
    base = load_config(group.file())
    changes: dict[str, Any] = {"name": f"{group.name}_{protocol}"}
    changes["dataset.source"] = find_source(group.dataset)
    if group.stand_in_keep is not None and changes["dataset.source"] != SOURCES[group.dataset][0]:
        changes["search.preselect.keep"] = group.stand_in_keep
    arms = {name: arm for name, arm in base.arms.items() if arm.generator is not None}
    if protocol != "as-run":
        changes |= _of_protocol(base, group, protocol)
        arms = _own_arms(arms, honest=protocol == "honest")
        changes |= {f"arms.{name}": a.model_dump(exclude_unset=True) for name, a in arms.items()}
    if request.scale != "full":
        changes |= _of_scale(base, arms, protocol, request.scale)
    if request.scale == "smoke" and group.dataset == "gisette":
        changes["protocol.test_size"] = _SMOKE_TEST_SIZE
    if request.n_runs is not None:
        changes["seeds"] = request.n_runs
    return [f"{key}={_text(value)}" for key, value in changes.items()]


def _of_protocol(base: ExperimentConfig, group: Group, protocol: str) -> dict[str, Any]:
    keys = sorted({"outer", "test_size"} & base.protocol.model_fields_set)
    section = {"kind": protocol} | {key: getattr(base.protocol, key) for key in keys}
    if protocol == "as-described":
        return {"protocol": section}
    section["inner_folds"] = group.inner_folds
    return {"protocol": section, "fitness.random_state": None}


def _own_arms(arms: dict[str, ArmConfig], *, honest: bool) -> dict[str, ArmConfig]:
    """Return the arms with generators that never see a test row.

    Rows are decoder means, as in the thesis; "calibrated" ones carry the decoder's noise.
    """
    made: dict[str, ArmConfig] = {}
    for name, arm in arms.items():
        assert arm.generator is not None
        kind, params = arm.generator.kind, arm.generator.parameters()
        plain = params | {"noise": False}
        if kind == "conditional_vae":
            plain["source"] = "prior"  # as the text has it; a VAE's prior knows no classes
        made[name] = _arm({"kind": kind, **plain}, arm.amount)
        if honest:
            made["calibrated"] = _arm({"kind": kind, **params}, arm.amount)
            made["smote"] = _arm({"kind": "smote"}, arm.amount)
    return made


def _arm(generator: dict[str, Any], amount: int | None) -> ArmConfig:
    return ArmConfig.model_validate({"generator": generator, "amount": amount})


def _of_scale(
    base: ExperimentConfig, arms: dict[str, ArmConfig], protocol: str, scale: str
) -> dict[str, Any]:
    changes: dict[str, Any] = {"seeds": _SMALL_SEEDS[scale]}
    changes |= {f"search.{key}": value for key, value in _SMALL_SEARCH[scale].items()}
    if base.search.preselect is not None:
        small = _SMALL_PRESELECT[scale].items()
        changes |= {f"search.preselect.{key}": value for key, value in small}
    if scale != "smoke":
        return changes
    changes["fitness.max_iter"] = _SMOKE_EPOCHS
    if protocol == "honest":
        changes["protocol.inner_folds"] = 2
    for name, arm in arms.items():
        changes[f"arms.{name}.amount"] = _SMOKE_AMOUNT
        if arm.generator is not None and arm.generator.kind != "smote":
            own_network = _SMOKE_NETWORK.items()
            changes |= {f"arms.{name}.generator.{key}": value for key, value in own_network}
    return changes


def _text(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()


# Columns of the table of runs: whose, then what the thesis reports of the last population.
COLUMNS = (
    "group", "dataset", "data", "size", "protocol", "arm", "seed", "accuracy", "n_features",
    "elite_accuracy", "elite_n_features", "all_features_accuracy", "elite_accuracy_real",
    "all_features_accuracy_real", "inner_score", "n_distinct", "seconds",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class GroupRuns:
    """The runs of some groups under some protocols."""

    table: pd.DataFrame
    # By group, protocol and arm: the runs, in the order of the table
    records: dict[tuple[str, str, str], list[RunRecord]]
    n_all: dict[str, int]  # By group: features of the data
    # On which rows fitness was computed, what stands in for what, what could not be run
    notes: tuple[str, ...]


def complete_groups(
    request: Request, groups: Sequence[Group] = GROUPS, protocols: Sequence[str] | None = None
) -> GroupRuns:
    """Run what is missing of the groups of a request, and read everything back."""
    collected = _Collected()
    for group, protocol in _wanted(request, groups, protocols or request.wanted_protocols()):
        try:
            collected.add(_complete(group, protocol, request))
        except DataError as error:
            collected.notes.append(f"{group.name}: not run: {error}")
    table = pd.DataFrame(collected.rows, columns=list(COLUMNS))
    records = [record for records in collected.records.values() for record in records]
    origin = [describe_runs(table, records)] if records else []  # seeds, versions and duration
    notes = dict.fromkeys([*collected.notes, *origin])
    return GroupRuns(table, collected.records, collected.n_all, tuple(notes))


@dataclass
class _Collected:
    """What has been read back so far."""

    rows: list[dict[str, object]] = field(default_factory=list)
    records: dict[tuple[str, str, str], list[RunRecord]] = field(default_factory=dict)
    n_all: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, other: "_Collected") -> None:
        self.rows += other.rows
        self.records |= other.records
        self.n_all |= other.n_all
        self.notes += other.notes


def _wanted(
    request: Request, groups: Sequence[Group], protocols: Sequence[str]
) -> Iterator[tuple[Group, str]]:
    for name in request.groups:
        find_group(name)
    for group in groups:
        if request.groups and group.name not in request.groups:
            continue
        for protocol in protocols:
            # Without an augmented arm a group is there to be compared with the published one.
            if request.wants(group.dataset) and (group.augmented or protocol == "as-run"):
                yield group, protocol


@lru_cache(maxsize=100)  # the tables and figures of one command are made of the same runs
def _complete(group: Group, protocol: str, request: Request) -> _Collected:
    request.tell(f"{group.name}, {protocol}")
    collected = _Collected()
    config = scaled_config(group, protocol, request)
    dataset = config.dataset.load(beside=config_folder())
    store = Store(request.out / "runs" / request.scale / config.name)
    if not request.finished:
        _run(group, protocol, request, config, dataset, store)
    whose = {"group": group.name, "dataset": group.dataset, "data": dataset.name}
    for run in plan_runs(config, dataset):
        metrics = store.metrics(run.id) or {}
        if metrics.get("status") != "done":
            if not request.finished:
                collected.notes.append(f"{group.name}, {protocol}: {describe_run(run, metrics)}")
            continue
        columns = {"size": group.size, "protocol": protocol, "arm": run.arm, "seed": run.seed}
        collected.rows.append(whose | columns | _figures(metrics))
        key = (group.name, protocol, run.arm)
        collected.records.setdefault(key, []).append(store.record(run.id))
    if collected.rows:
        collected.n_all[group.name] = dataset.n_features
        collected.notes += _notes(group, config, dataset.name)
    return collected


def _run(
    group: Group,
    protocol: str,
    request: Request,
    config: ExperimentConfig,
    dataset: Dataset,
    store: Store,
) -> None:
    command = f"vaega reproduce thesis --group {group.name} --protocol {protocol}"
    complete_runs(
        store.folder,
        config,
        dataset,
        options=ExecutionOptions(jobs=request.jobs, device=request.device),
        observer=LineObserver(request.tell, lambda *ended: f"  {describe_run(*ended)}"),
        origin=Origin(config_folder(), Path.cwd(), f"{command} --scale {request.scale}"),
    )


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    figures = {name: metrics[name] for name in COLUMNS if name in metrics}
    if "population_accuracy" in metrics:
        sources = {"accuracy": "population_accuracy", "n_features": "population_n_features"}
    else:
        sources = {"accuracy": "heldout_score", "n_features": "n_features"}
    return figures | {name: metrics[source] for name, source in sources.items()}


def _notes(group: Group, config: ExperimentConfig, data: str) -> list[str]:
    note = stand_in_note(group.dataset, data)
    return [make_protocol(config.protocol).statement, *([note] if note else [])]


_HONEST = (
    "Under honest, accuracy and features are those of the final mask on test rows read once; under "
    "the others, means of the last population on the rows of the fitness, as the thesis has them."
)
_ERRORS = (
    "standard errors: difference of the means divided by its standard error, over runs. All runs "
    "of a published augmented group share one trained generator, runs here have one each: "
    "generator errors divide by a standard error that knows of it."
)


def by_group(name: str, request: Request) -> ThesisTable:
    """Make the table of all groups: accuracy and features, published and reproduced."""
    runs = complete_groups(request)
    rows = [
        {**whose, "measure": measure, **_compared(part, whose, measure)}
        for whose, part in _by_arm(runs)
        for measure in (*MEASURES, "all_features_accuracy")
        if part[measure].notna().any()
    ]
    title = "Groups of runs: accuracy and number of features, published and reproduced"
    return ThesisTable(name, title, pd.DataFrame(rows), (*runs.notes, _HONEST, _ERRORS))


def final_populations(name: str, request: Request) -> ThesisTable:
    """Make table 4: each dataset's runs of all sizes together, as chapter 4 sums them up."""
    runs = complete_groups(request)
    rows = []
    keys = ["dataset", "data", "protocol", "arm"]
    for key, part in runs.table.groupby(keys, sort=False):
        whose = dict(zip(keys, key, strict=True))
        groups = [
            one
            for group in part["group"].unique()
            for one in find_group(str(group)).published(str(whose["arm"]))
        ]
        for measure in MEASURES:
            compared = compare_group(part, groups, measure)
            iqr = quartile_range(part[measure].tolist())
            rows.append({**whose, "measure": measure, **compared, "iqr": iqr})
    title = "Last populations of chapter 4, all sizes of masks together"
    return ThesisTable(name, title, pd.DataFrame(rows), (*runs.notes, _HONEST, _ERRORS))


def networks(name: str, request: Request) -> ThesisTable:
    """Make table 4.1: the networks, published and as presets."""
    rows = []
    for network in NETWORKS:
        if not request.wants(network["dataset"]):
            continue
        preset = find_preset(PRESETS[network["dataset"]], owner="table 4.1")
        ours = {"layer_1": preset["hidden"][0], "layer_2": preset["hidden"][1]}
        ours |= {key: preset[key] for key in ("latent", "learning_rate", "max_epochs")}
        same = all(network[key] == value for key, value in ours.items())
        rows.append({**network, **{f"preset_{key}": v for key, v in ours.items()}, "same": same})
    return ThesisTable(name, "Networks, published and as presets", pd.DataFrame(rows), decimals=8)


def gisette_sizes(name: str, request: Request) -> ThesisTable:
    """Make table 4.2: selected features of Gisette."""
    runs = complete_groups(request, [find_group("gisette")])
    rows = []
    for whose, part in _by_arm(runs):
        sizes = part["n_features"].tolist()
        compared = compare_samples([], sizes)
        theirs = GISETTE_SIZES.get(str(whose["arm"]), {})
        rows.append(
            {
                **whose,
                **{f"published_{key}": value for key, value in theirs.items()},
                **{key: compared[key] for key in ("mean", "sd", "n", "low", "high")},
                "iqr": quartile_range(sizes),
            }
        )
    return ThesisTable(name, "Selected features of Gisette", pd.DataFrame(rows), runs.notes)


def gcm_rows(name: str, request: Request) -> ThesisTable:
    """Make table 4.3: experiments on GCM by number of training rows."""
    rows: list[dict[str, Any]] = [
        {"source": "published", "training_rows": n_rows, "experiments": count}
        for n_rows, count in GCM_EXPERIMENTS.items()
    ]
    groups = [group for group in GROUPS if group.dataset == "gcm"]
    runs = complete_groups(request, groups)
    for (group, protocol, arm), records in runs.records.items():
        added = records[0].config["arm"].get("amount") or 0
        rows.append(
            {
                "source": f"{group}, {protocol}, {arm}",
                "synthetic_rows": added,
                "experiments": len(records),
            }
        )
    return ThesisTable(
        name, "Runs on GCM by number of training rows", pd.DataFrame(rows), runs.notes
    )


def stability(name: str, request: Request) -> ThesisTable:
    """Make the table of the selections' stability over runs."""
    runs = complete_groups(request)
    rows = []
    for (group, protocol, arm), records in runs.records.items():
        names, n = [record.selected()["name"] for record in records], len(records)
        counts = pd.concat(names).value_counts() if names else pd.Series(dtype=int)
        row: dict[str, Any] = {"group": group, "protocol": protocol, "arm": arm, "n": n}
        row |= {"ever_selected": len(counts), "by_half": int((counts >= n / 2).sum())}
        rows.append(row | _nogueira(names, runs.n_all[group]))
    title = "Stability of the selection over runs (Nogueira), and features selected at all"
    return ThesisTable(name, title, pd.DataFrame(rows), runs.notes)


def frequencies(name: str, request: Request) -> ThesisTable:
    """Make the table of the features that runs select most often."""
    runs = complete_groups(request)
    tables = []
    for (group, protocol, arm), records in runs.records.items():
        selected = pd.concat([record.selected() for record in records])
        table = selected.groupby("name")["frequency"].agg(["size", "mean"])
        table = table.sort_values(["size", "mean"], ascending=False, kind="stable").head(10)
        table["share_of_runs"] = table.pop("size") / len(records)
        table = table.rename(columns={"mean": "frequency_there"}).reset_index()
        tables.append(table.assign(group=group, protocol=protocol, arm=arm))
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    first = [column for column in ("group", "protocol", "arm") if column in rows]
    rows = rows[[*first, *rows.columns.drop(first)]]
    return ThesisTable(name, "Features selected most often", rows, runs.notes)


def _by_arm(runs: GroupRuns) -> Iterable[tuple[dict[str, Any], pd.DataFrame]]:
    keys = ["group", "dataset", "data", "size", "protocol", "arm"]
    for key, part in runs.table.groupby(keys, sort=False):
        yield dict(zip(keys, key, strict=True)), part


def _compared(runs: pd.DataFrame, whose: dict[str, Any], measure: str) -> dict[str, float]:
    groups = find_group(whose["group"]).published(whose["arm"])
    if measure in MEASURES:
        compared = compare_group(runs, groups, measure)
        shared = groups and whose["arm"] == "augmented" and whose["protocol"] == "as-run"
        errors = generator_errors(compared) if shared else float("nan")
        return compared | {"generator_errors": errors}
    # Published once a group: every run of it starts from the same rows.
    table = published_groups().set_index("experiment_group")
    theirs = table.loc[list(groups), measure].astype(float).tolist()
    compared = compare_samples(theirs, runs[measure].dropna().tolist())
    return compared | {"generator_errors": float("nan")}


def _nogueira(names: list[pd.Series], n_all: int) -> dict[str, float]:
    ever = sorted(set().union(*names))
    masks = np.zeros((len(names), n_all), dtype=bool)
    masks[:, : len(ever)] = [np.isin(ever, list(one)) for one in names]
    if len(masks) < 2 or not 0 < masks.sum() < masks.size:
        return {"nogueira": float("nan"), "low": float("nan"), "high": float("nan")}
    stability = nogueira_interval(masks)
    return {"nogueira": stability.value, "low": stability.low, "high": stability.high}


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


def box_plots(name: str, request: Request) -> ThesisFigure:
    """Make figures 4.7 to 4.11, 4.14, 4.15: accuracy left, number of features right."""
    groups = [find_group(group) for group in BOXES[name]]
    points, runs = gather_points(request, groups)
    title = f"{groups[0].dataset}: accuracy and number of features, one point a run"
    return ThesisFigure(name, title, points, partial(draw_boxes, title=title), runs.notes)


def by_size(name: str, request: Request) -> ThesisFigure:
    """Make figures 4.12 and 4.13: accuracy by number of active features."""
    dataset, sizes = BY_SIZE[name]
    of_size = {group.size: group for group in GROUPS if group.dataset == dataset}
    groups = [of_size[size] for size in sizes]
    points, runs = gather_points(request, groups)
    title = f"{dataset}: accuracy by number of active features"
    draw = partial(draw_grid, column="size", values=sizes, measure="accuracy", title=title)
    return ThesisFigure(name, title, points, draw, runs.notes)


def all_datasets(name: str, request: Request) -> ThesisFigure:
    """Make figures 4.16 and 4.17: all datasets side by side."""
    points, runs = gather_points(request, GROUPS)
    datasets = tuple(points["dataset"].unique())
    title = f"All datasets: {LABELS[OF_ALL[name]]}"
    draw = partial(draw_grid, column="dataset", values=datasets, measure=OF_ALL[name], title=title)
    return ThesisFigure(name, title, points, draw, runs.notes)


def convergence(name: str, request: Request) -> ThesisFigure:
    """Make the figure of accuracy and number of features by generation, means of populations."""
    protocols = [one for one in request.wanted_protocols() if one != "honest"]
    runs = complete_groups(request, protocols=protocols) if protocols else None
    tables = []
    for (group, protocol, arm), records in (runs.records if runs else {}).items():
        for run, record in enumerate(records):
            history = record.history()
            history = history[history["selection"] == history["selection"].max()]
            means = history[["generation", "mean_accuracy", "mean_n_features", "diversity"]]
            tables.append(means.assign(group=group, protocol=protocol, arm=arm, run=run))
    keys = ["group", "protocol", "arm", "generation"]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*keys, "run"])
    rows = rows.groupby(keys, sort=False).mean().drop(columns="run").reset_index()
    title = "Means of the population by generation, over runs"
    return ThesisFigure(name, title, rows, draw_convergence, runs.notes if runs else ())


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
        "source", key=lambda sources: sources.map(_ORDER.index), kind="stable"
    ), runs


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
        part = rows[rows["group"] == group]
        for ax, measure in zip(line, ("mean_accuracy", "mean_n_features"), strict=True):
            _draw_lines(ax, part, measure)
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
        (f"{arm}\n{source}", part[measure].to_numpy(dtype=float), str(arm))
        for (source, arm), part in points.groupby(["source", "arm"], sort=False)
        if part[measure].notna().any()
    ]
    for position, (_, values, arm) in enumerate(boxes):
        colour = COLOURS[1] if arm == "augmented" else COLOURS[0]
        ax.boxplot(
            values, positions=[position], widths=0.6, showfliers=False, boxprops={"color": colour}
        )
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        ax.scatter(position + spread, values, s=12, color=colour, alpha=0.5)
    ax.set_xticks(range(len(boxes)), [label for label, _, _ in boxes], rotation=60, fontsize=7)
    ax.set_ylabel(LABELS[measure])
    ax.grid(axis="y", alpha=0.25)


_GROUPS = ("leukemia_001", "madelon")
_N_SEEDS = {"smoke": 2, "small": 5, "full": 20}
_WHAT = (
    "epochs: until ten passed without a better loss of the test rows; label_1: share of synthetic "
    "rows with the second label; sd: mean over features of the standard deviation of synthetic "
    "rows, 1 for real training rows; accuracies: of the thesis's classifier on all features, "
    "trained on real and 70 % of the synthetic rows."
)
_STATEMENT = (
    "Protocol as-run: the generator is stopped on the test rows and drawn around them, and 30 % of "
    "its rows are among the rows on which fitness is computed."
)


def generators(name: str, request: Request) -> ThesisTable:
    """Make the table of the generators of ``as-run``, those of two classes."""
    rows, notes = [], [_STATEMENT, _WHAT]
    for group in map(find_group, _GROUPS):
        if not request.wants(group.dataset):
            continue
        try:
            rows += _of_group(group, request)
        except DataError as error:
            notes.append(f"{group.name}: not run: {error}")
    title = "Generators as the public code trained them"
    return ThesisTable(name, title, pd.DataFrame(rows), tuple(notes))


def _of_group(group: Group, request: Request) -> list[dict[str, object]]:
    config = scaled_config(group, "as-run", request)
    dataset = config.dataset.load(beside=config_folder())
    trial = next(iter(make_protocol(config.protocol).trials(dataset, 0)))
    columns = np.arange(dataset.n_features)
    fold = described_fold(trial, columns, Preprocessor(list(config.preprocess)), None)
    arm, rows = config.arms["augmented"], []
    assert arm.amount is not None
    model = AsRunGenerator.of(
        make_arm_model(arm, device=request.device), dataset.n_classes, device=request.device
    )
    fit, test = (fold.X_fit, fold.y_fit), (fold.X_validate, fold.y_validate)
    for number in range(_N_SEEDS[request.scale]):
        request.tell(f"{group.name}, generator {number}")
        made = model.draw(*fit, *test, arm.amount, seed=derive_seed(number, "generator"))
        labels = 1 - made.y if config.protocol.exchange_labels else made.y
        share = config.protocol.synthetic_test_share
        both = with_synthetic_rows(fold, made.X, labels, test_share=share)
        whose = {"dataset": group.dataset, "data": dataset.name, "generator": number}
        figures = {
            "epochs": made.epochs,
            "label_1": float(made.y.mean()),
            "sd": float(made.X.std(axis=0).mean()),
        }
        rows.append(whose | figures | _accuracies(config, both, len(trial.y_test)))
    return rows


def _accuracies(config: ExperimentConfig, fold: Fold, n_real: int) -> dict[str, object]:
    fitness = config.fitness
    parts = {
        "all_rows": slice(None),
        "real_rows": slice(n_real),
        "synthetic_rows": slice(n_real, None),
    }
    accuracies: dict[str, object] = {}
    for name, part in parts.items():
        X, y = fold.X_validate[part], fold.y_validate[part]
        tested = replace(fold, X_validate=X, y_validate=y)
        scorer = get_scorer(fitness.metric)
        with CrossValidatedFitness(classifier_of(fitness), [tested], scorer) as score:
            mask = np.ones((1, int(fold.columns.max()) + 1), dtype=bool)
            accuracies[f"accuracy_{name}"] = float(score(mask)[0])
    return accuracies


_PAIRED_NOTE = (
    "augmented: decoder means of the thesis's network, as the thesis made rows; calibrated: the "
    "same network with the decoder's noise; smote: as many rows of SMOTE."
)
_HOW = (
    "difference: mean of the arm less that of original over the same seeds, with its interval. "
    "Wilcoxon's signed ranks on an official test part, whose rows are the same in all runs; the "
    "corrected resampled t-test where splits share rows. p-values are adjusted by Holm within "
    "group, protocol and measure."
)


def paired_differences(name: str, request: Request) -> ThesisTable:
    """Make the table of paired differences between arms and original."""
    runs = complete_groups(request)
    tables = [
        _paired_rows(str(group), str(protocol), part, measure)
        for (group, protocol), part in runs.table.groupby(["group", "protocol"], sort=False)
        for measure in ("accuracy", "n_features")
        if part["arm"].nunique() > 1
    ]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    title = "Arms against original, in pairs over the same seeds"
    return ThesisTable(name, title, rows, (*runs.notes, _PAIRED_NOTE, _HOW))


def _paired_rows(group: str, protocol: str, runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    arms = list(runs["arm"].unique())
    scores = runs.pivot(index="seed", columns="arm", values=measure)[arms]
    share = _test_share(group)
    table = comparison_table(compare_arms(scores, against="original", test_share=share))
    table = table.rename(columns={"first": "arm"}).drop(columns=["second", "p_value"])
    whose = {"group": group, "protocol": protocol, "measure": measure}
    return pd.concat([pd.DataFrame([whose] * len(table)), table], axis=1)


def _test_share(group: str) -> float | None:
    protocol = load_config(find_group(group).file()).protocol
    if protocol.outer == "official":
        return None
    return protocol.test_size / (1.0 - protocol.test_size)
