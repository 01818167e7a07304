"""Runs of chapter 4: how a protocol and a scale change a group's configuration, and what runs gave.

Runs are read from their folders, or from the few files that `write_recorded` makes of them: one row
a run, masks packed to bits, predictions of test rows.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from vaega.core.errors import DataError
from vaega.core.files import read_json, write_json, write_text
from vaega.core.tables import csv_text, read_csv
from vaega.data._dataset import Dataset
from vaega.experiments.config import ArmConfig, ExperimentConfig, load_config
from vaega.experiments.monitor import LineObserver, describe_run
from vaega.experiments.plan import Origin
from vaega.experiments.protocols import make_protocol, outer_splits
from vaega.experiments.run import complete_runs
from vaega.experiments.runner import ExecutionOptions
from vaega.experiments.runs import plan_runs
from vaega.experiments.store import RunRecord, Store
from vaega.thesis.published import (
    GROUPS,
    SOURCES,
    Group,
    config_folder,
    find_group,
    find_source,
    load_thesis_dataset,
    stand_in_note,
)
from vaega.thesis.reproduction import HELD_OUT, Request, describe_runs, environment_of

# Test rows of the official part over all rows, where there is one: 34 of 72, 600 of 2,600
OFFICIAL_SHARES = {"leukemia": 0.472, "madelon": 0.2307}

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
        arms = _own_arms(arms, honest=protocol in HELD_OUT)
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
    # No table shows what a run on all rows would select.
    section |= {"kind": "honest", "inner_folds": group.inner_folds, "final": False}
    if protocol == "honest-pooled":
        # As many test rows as in the official part, drawn anew in every run
        section |= {"outer": "holdout", "test_size": OFFICIAL_SHARES[group.dataset]}
    # One draw of generated rows a fold, as in the thesis
    return {"protocol": section, "fitness.random_state": None, "search.n_draws": 1}


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
        made[name] = _arm({"kind": kind, **plain}, arm.n_synthetic)
        if honest:
            made["calibrated"] = _arm({"kind": kind, **params}, arm.n_synthetic)
            made["smote"] = _arm({"kind": "smote"}, arm.n_synthetic)
    return made


def _arm(generator: dict[str, Any], n_synthetic: int | None) -> ArmConfig:
    return ArmConfig.model_validate({"generator": generator, "n_synthetic": n_synthetic})


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
    if protocol in HELD_OUT:
        changes["protocol.inner_folds"] = 2
    for name, arm in arms.items():
        changes[f"arms.{name}.n_synthetic"] = _SMOKE_AMOUNT
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
    "elite_accuracy_synthetic", "all_features_accuracy_real", "heldout_real", "inner_score",
    "n_train", "n_test", "n_synthetic", "n_columns", "n_distinct", "seconds", "made",
)  # fmt: skip
Key = tuple[str, str, str]  # Group, protocol and arm
KEY = ["group", "protocol", "arm"]
_KINDS = ["label", "prediction", "prediction_real"]  # Of what is kept of a test row


@dataclass(frozen=True, eq=False)
class GroupRuns:
    """The runs of some groups under some protocols."""

    table: pd.DataFrame
    # On which rows fitness was computed, what stands in for what, what could not be run
    notes: tuple[str, ...]
    # What each run selected (n_runs, n_columns), in the order of the table
    masks: dict[Key, np.ndarray] = field(default_factory=dict)
    # Of test rows that are read once: label, prediction of the final model, and of the same
    # features' model of real rows, (n_runs, 2 or 3, n_rows)
    predictions: dict[Key, np.ndarray] = field(default_factory=dict)
    # Means of populations by generation, over runs
    generations: pd.DataFrame = field(default_factory=pd.DataFrame)
    names: dict[str, np.ndarray] = field(default_factory=dict)  # Of the features of some data
    environment: dict[str, Any] = field(default_factory=dict)  # Versions, of one of the runs
    missing: tuple[str, ...] = ()  # Why there is not a single run, where data are not at hand

    def by_arm(self) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
        """Yield whose runs they are, and the rows of the table."""
        whose = ["group", "dataset", "data", "size", "protocol", "arm"]
        for key, part in self.table.groupby(whose, sort=False):
            yield dict(zip(whose, key, strict=True)), part

    def by_key(self) -> Iterator[tuple[Key, pd.DataFrame]]:
        """Yield group, protocol and arm, and the rows of the table."""
        for (group, protocol, arm), part in self.table.groupby(KEY, sort=False):
            yield (str(group), str(protocol), str(arm)), part


def complete_groups(
    request: Request, groups: Sequence[Group] = GROUPS, protocols: Sequence[str] | None = None
) -> GroupRuns:
    """Run what is missing of the groups of a request, and read everything back."""
    wanted = list(wanted_groups(request, groups, protocols))
    recorded = request.out / "recorded"
    if request.finished and not _folder(request).is_dir() and recorded.is_dir():
        return _of(read_recorded(recorded), wanted)
    parts, notes = [], []
    for group, protocol in wanted:
        try:
            parts.append(_complete(group, protocol, request))
        except DataError as error:
            notes.append(f"{group.name}: not run: {error}")
    runs = _joined(parts, notes)
    return runs if len(runs.table) else replace(runs, missing=tuple(dict.fromkeys(notes)))


def wanted_groups(
    request: Request, groups: Sequence[Group] = GROUPS, protocols: Sequence[str] | None = None
) -> Iterator[tuple[Group, str]]:
    """Yield the groups of a request, under each of its protocols."""
    for name in request.groups:
        find_group(name)
    for group in groups:
        if request.groups and group.name not in request.groups:
            continue
        for protocol in protocols or request.wanted_protocols():
            if protocol == "honest-pooled" and group.dataset not in OFFICIAL_SHARES:
                continue  # its splits are pooled ones under each protocol
            # Without an augmented arm a group is there to be compared with the published one.
            if request.wants(group.dataset) and (group.augmented or protocol == "as-run"):
                yield group, protocol


def _joined(parts: Iterable[GroupRuns], notes: Iterable[str] = ()) -> GroupRuns:
    parts = list(parts)
    tables = [part.table for part in parts if len(part.table)]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    generations = [part.generations for part in parts if len(part.generations)]
    environment = next((part.environment for part in parts if part.environment), {})
    said = [*notes, *(note for part in parts for note in part.notes)]
    if len(table):
        said.append(describe_runs(table, environment))
    return GroupRuns(
        table,
        tuple(dict.fromkeys(said)),
        {key: value for part in parts for key, value in part.masks.items()},
        {key: value for part in parts for key, value in part.predictions.items()},
        pd.concat(generations, ignore_index=True) if generations else _no_generations(),
        {key: value for part in parts for key, value in part.names.items()},
        environment,
    )


def forget_runs() -> None:
    """Let the next command read its runs anew: there may be more of them by then."""
    _complete.cache_clear()
    read_recorded.cache_clear()


def _folder(request: Request) -> Path:
    return request.out / "runs" / request.scale


@lru_cache(maxsize=100)  # the tables and figures of one command are made of the same runs
def _complete(group: Group, protocol: str, request: Request) -> GroupRuns:
    request.tell(f"{group.name}, {protocol}")
    config = scaled_config(group, protocol, request)
    dataset = load_thesis_dataset(group.dataset)
    store = Store(_folder(request) / config.name)
    if not request.finished:
        _run(group, protocol, request, config, dataset, store)
    whose = {"group": group.name, "dataset": group.dataset, "data": dataset.name}
    whose |= {"size": group.size, "protocol": protocol}
    rows, notes = [], []
    records: dict[Key, list[RunRecord]] = {}
    for run in plan_runs(config, dataset):
        metrics = store.metrics(run.id) or {}
        if metrics.get("status") == "done":
            record = store.record(run.id)
            arm = {"arm": run.arm, "seed": run.seed} | _sizes(config, dataset, run.arm)
            rows.append(_figures(metrics) | whose | arm | {"made": _date(record)})
            records.setdefault((group.name, protocol, run.arm), []).append(record)
        elif not request.finished:
            notes.append(f"{group.name}, {protocol}: {describe_run(run, metrics)}")
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if rows:
        notes += notes_of(group, protocol, request, dataset.name)
        table["elite_accuracy_synthetic"] = _on_synthetic(table, config)
    return GroupRuns(
        table,
        tuple(notes),
        {key: np.vstack([_masks(record) for record in each]) for key, each in records.items()},
        _predictions(records) if protocol in HELD_OUT else {},
        _generations(records) if protocol not in HELD_OUT else pd.DataFrame(),
        {dataset.name: np.asarray(dataset.feature_names)} if rows else {},
        environment_of(record for each in records.values() for record in each),
    )


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
        describe=False,  # chapter 3 measures generated rows; here no table shows them
    )


def _sizes(config: ExperimentConfig, dataset: Dataset, arm: str) -> dict[str, int]:
    split = outer_splits(config.protocol, dataset, dataset.pooled(), 0)[0]
    sizes = {"n_train": len(split.train), "n_test": len(split.test)}
    return sizes | {
        "n_synthetic": config.arms[arm].n_synthetic or 0,
        "n_columns": dataset.n_features,
    }


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    figures = {name: metrics[name] for name in COLUMNS if name in metrics}
    if "population_accuracy" in metrics:
        sources = {"accuracy": "population_accuracy", "n_features": "population_n_features"}
    else:
        sources = {"accuracy": "heldout_score", "n_features": "n_features"}
    return figures | {name: metrics[source] for name, source in sources.items()}


def _on_synthetic(table: pd.DataFrame, config: ExperimentConfig) -> pd.Series:
    """Return the best mask's accuracy on the synthetic test rows alone, where there are some."""
    share = getattr(config.protocol, "synthetic_test_share", None) or 0.0
    n_synthetic = np.floor(np.round(table["n_synthetic"] * share, 9))
    n_real = table["n_test"]
    right = table["elite_accuracy"] * (n_real + n_synthetic) - table["elite_accuracy_real"] * n_real
    return (right / n_synthetic).where(n_synthetic > 0)


def _date(record: RunRecord) -> str:
    ended = (record.folder / "metrics.json").stat().st_mtime
    return datetime.datetime.fromtimestamp(ended, datetime.UTC).date().isoformat()


def _masks(record: RunRecord) -> np.ndarray:
    masks = record.masks()
    assert masks is not None
    return masks


def _predictions(records: dict[Key, list[RunRecord]]) -> dict[Key, np.ndarray]:
    kept = {}
    for key, each in records.items():
        tables = [record.predictions() for record in each]
        kinds = [kind for kind in _KINDS if kind in tables[0]]
        kept[key] = np.array([table[kinds].to_numpy().T for table in tables], dtype=np.uint8)
    return kept


_OF_GENERATION = ("generation", "mean_accuracy", "mean_n_features", "diversity")


def _no_generations() -> pd.DataFrame:
    # With its columns, so that what is written can be read back.
    return pd.DataFrame(columns=[*KEY, *_OF_GENERATION])


def _generations(records: dict[Key, list[RunRecord]]) -> pd.DataFrame:
    tables = []
    for key, each in records.items():
        for record in each:
            history = record.history()
            history = history[history["selection"] == history["selection"].max()]
            means = history[list(_OF_GENERATION)]
            tables.append(means.assign(**dict(zip(KEY, key, strict=True))))
    if not tables:
        return _no_generations()
    return pd.concat(tables).groupby([*KEY, "generation"], sort=False).mean().reset_index()


def notes_of(group: Group, protocol: str, request: Request, data: str) -> list[str]:
    """Return what is said of runs: the rows of their fitness, and what data stand in."""
    config = scaled_config(group, protocol, request)
    notes = [make_protocol(config.protocol).statement, stand_in_note(group.dataset, data)]
    if protocol == "honest-pooled":
        notes.append(_POOLED)
    return [note for note in notes if note]


_POOLED = (
    "honest-pooled: as honest, but official parts are pooled, and as many test rows as there are "
    "drawn anew in every run."
)


def write_recorded(runs: GroupRuns, folder: Path) -> None:
    """Write runs into a few files: tables, packed masks, predictions, names of features."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "runs.csv", csv_text(runs.table))
    write_text(folder / "generations.csv", csv_text(runs.generations))
    write_json(folder / "environment.json", runs.environment)
    packed = {key: np.packbits(masks, axis=1) for key, masks in runs.masks.items()}
    _write_arrays(folder / "masks.npz", packed)
    _write_arrays(folder / "predictions.npz", runs.predictions)
    _write_arrays(folder / "names.npz", {(name,): names for name, names in runs.names.items()})


def _write_arrays(path: Path, arrays: Mapping[Any, np.ndarray]) -> None:
    named: dict[str, Any] = {"/".join(key): array for key, array in arrays.items()}
    np.savez_compressed(path, **named)


@lru_cache(maxsize=1)
def read_recorded(folder: Path) -> GroupRuns:
    """Read what `write_recorded` wrote."""
    table = read_csv(folder / "runs.csv", dtype={"size": str})
    n_columns = table.groupby("data")["n_columns"].first()
    data = table.groupby(KEY)["data"].first()
    packed = _arrays(folder / "masks.npz")
    return GroupRuns(
        table,
        (),
        {
            key: np.unpackbits(bits, axis=1, count=int(n_columns[data[key]])).astype(bool)
            for key, bits in packed.items()
        },
        _arrays(folder / "predictions.npz"),
        read_csv(folder / "generations.csv"),
        {name: names for (name,), names in _arrays(folder / "names.npz").items()},
        dict(read_json(folder / "environment.json")),
    )


def _arrays(path: Path) -> dict[Any, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {tuple(name.split("/")): file[name] for name in file.files}


def _of(runs: GroupRuns, wanted: Sequence[tuple[Group, str]]) -> GroupRuns:
    """Return the runs of the groups and protocols that are wanted."""
    pairs = {(group.name, protocol) for group, protocol in wanted}
    request, notes = Request(Path(), scale="full"), []
    data = runs.table.groupby(["group", "protocol"])["data"].first()
    for group, protocol in wanted:
        if (group.name, protocol) in data.index:
            notes += notes_of(group, protocol, request, data[group.name, protocol])
    part = replace(
        runs,
        table=_among(runs.table, pairs),
        notes=tuple(notes),
        masks={key: value for key, value in runs.masks.items() if key[:2] in pairs},
        predictions={key: value for key, value in runs.predictions.items() if key[:2] in pairs},
        generations=_among(runs.generations, pairs),
    )
    return _joined([part])


def _among(table: pd.DataFrame, pairs: set[tuple[str, str]]) -> pd.DataFrame:
    found = [pair in pairs for pair in zip(table["group"], table["protocol"], strict=True)]
    return table[found].reset_index(drop=True)
