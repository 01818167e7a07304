"""The runs of chapter 4: computed where they are missing, read back as one table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pandas as pd

from vaega.core.errors import DataError
from vaega.core.files import read_json
from vaega.data.dataset import Dataset
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.loading import load_configured
from vaega.experiments.plan import Origin
from vaega.experiments.progress import describe_run
from vaega.experiments.protocols import make_protocol
from vaega.experiments.runner import Observer, RunnerOptions, complete_runs, plan_runs
from vaega.experiments.store import Run, Store
from vaega.thesis.groups import GROUPS, Group, config_folder, find_group
from vaega.thesis.request import Request
from vaega.thesis.scaled_configs import scaled_config
from vaega.thesis.stand_ins import stand_in_note

# Columns of the table of runs: whose, then what the thesis reports of the last population.
COLUMNS = (
    "group",
    "dataset",
    "data",
    "size",
    "protocol",
    "arm",
    "seed",
    "accuracy",
    "n_features",
    "elite_accuracy",
    "elite_n_features",
    "all_features_accuracy",
    "elite_accuracy_real",
    "all_features_accuracy_real",
    "inner_score",
    "n_distinct",
    "seconds",
)


@dataclass(frozen=True, eq=False)
class GroupRuns:
    """The runs of some groups under some protocols."""

    table: pd.DataFrame
    # By group, protocol and arm: the folders of the runs, in the order of the table
    folders: dict[tuple[str, str, str], list[Path]]
    n_all: dict[str, int]  # By group: features of the data
    # On which rows fitness was computed, what stands in for what, what could not be run
    notes: tuple[str, ...]


def complete_groups(
    request: Request, groups: Sequence[Group] = GROUPS, protocols: Sequence[str] | None = None
) -> GroupRuns:
    """Run what is missing of the groups of a request, and read everything back."""
    found = _Found()
    for group, protocol in _wanted(request, groups, protocols or request.wanted_protocols()):
        try:
            found.add(_complete(group, protocol, request))
        except DataError as error:
            found.notes.append(f"{group.name}: not run: {error}")
    table = pd.DataFrame(found.rows, columns=list(COLUMNS))
    notes = dict.fromkeys([*found.notes, *_origin(table, found.folders)])
    return GroupRuns(table, found.folders, found.n_all, tuple(notes))


@dataclass
class _Found:
    """What has been read back so far."""

    rows: list[dict[str, object]] = field(default_factory=list)
    folders: dict[tuple[str, str, str], list[Path]] = field(default_factory=dict)
    n_all: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, other: "_Found") -> None:
        self.rows += other.rows
        self.folders |= other.folders
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
def _complete(group: Group, protocol: str, request: Request) -> _Found:
    request.tell(f"{group.name}, {protocol}")
    found = _Found()
    config = scaled_config(group, protocol, request)
    dataset = load_configured(config.dataset, beside=config_folder())
    store = Store(request.out / "runs" / request.scale / config.name)
    if not request.finished:
        _run(group, protocol, request, config, dataset, store)
    whose = {"group": group.name, "dataset": group.dataset, "data": dataset.name}
    for run in plan_runs(config, dataset):
        metrics = store.metrics(run.id) or {}
        if metrics.get("status") != "done":
            if not request.finished:
                found.notes.append(f"{group.name}, {protocol}: {describe_run(run, metrics)}")
            continue
        own = {"size": group.size, "protocol": protocol, "arm": run.arm, "seed": run.seed}
        found.rows.append(whose | own | _figures(metrics))
        key = (group.name, protocol, run.arm)
        found.folders.setdefault(key, []).append(store.run_folder(run.id))
    if found.rows:
        found.n_all[group.name] = dataset.n_features
        found.notes += _notes(group, config, dataset.name)
    return found


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
        options=RunnerOptions(jobs=request.jobs, device=request.device),
        observer=_Teller(request),
        origin=Origin(config_folder(), Path.cwd(), f"{command} --scale {request.scale}"),
    )


def _figures(metrics: dict[str, float]) -> dict[str, float]:
    kept = {name: metrics[name] for name in COLUMNS if name in metrics}
    if "population_accuracy" in metrics:
        own = {"accuracy": "population_accuracy", "n_features": "population_n_features"}
    else:
        own = {"accuracy": "heldout_score", "n_features": "n_features"}
    return kept | {name: metrics[source] for name, source in own.items()}


def _notes(group: Group, config: ExperimentConfig, data: str) -> list[str]:
    note = stand_in_note(group.dataset, data)
    return [make_protocol(config.protocol).statement, *([note] if note else [])]


class _Teller(Observer):
    """Gives a line for each run to the request."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request

    def on_run_end(self, run: Run, metrics: dict[str, object]) -> None:
        """Say how the run ended."""
        self.request.tell(f"  {describe_run(run, metrics)}")


def _origin(table: pd.DataFrame, folders: dict[tuple[str, str, str], list[Path]]) -> list[str]:
    """Return the line on seeds, versions and duration."""
    places = [place for part in folders.values() for place in part]
    if not places:
        return []
    environment = read_json(places[0] / "environment.json")
    packages = ", ".join(f"{name} {number}" for name, number in environment["packages"].items())
    return [
        f"{len(table)} runs, seeds {table['seed'].min()} to {table['seed'].max()}, "
        f"{table['seconds'].sum():.0f} s in all; vaega {environment['vaega']}, Python "
        f"{environment['python']}, {packages}."
    ]
