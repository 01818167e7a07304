"""The results of an experiment, read back from its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from vaega.experiments.store import RunRecord, Store, measure_agreement, summarise
from vaega.selection._stability import StabilityEstimate


@dataclass(frozen=True, eq=False)
class Results:
    """What a results folder holds, read back."""

    folder: Path  # ``results/NAME``
    config: dict[str, Any]  # The experiment's configuration
    environment: dict[str, Any]  # Versions and machine of one of its runs
    command: str  # The command that was given last
    runs: pd.DataFrame  # As in ``runs.csv`` and ``summary.csv``
    summary: pd.DataFrame  # As in ``runs.csv`` and ``summary.csv``
    # By arm, the best objective: one row a generation, one column a search of a trial
    histories: dict[str, pd.DataFrame]
    # By arm, how many trials selected each feature: ``name``, ``share``
    features: dict[str, pd.DataFrame]
    # By arm with at least two trials, how far its selections agree
    stability: dict[str, StabilityEstimate]
    # As in ``null.csv``; without rows where no labels were permuted
    null: pd.DataFrame = field(default_factory=pd.DataFrame)
    # By arm, what each of its runs recorded
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # By arm that adds rows, how good they are; see `vaega.experiments.trial`
    generators: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_results(folder: Path) -> Results:
    """Read a results folder."""
    store = Store(folder)
    with store.reading():
        return _read(store)


def _read(store: Store) -> Results:
    config = store.config
    by_arm: dict[str, list[RunRecord]] = {arm: [] for arm in config["arms"]}
    for record in store.done():
        by_arm.get(record.config["arm"]["name"], []).append(record)
    finished = {arm: records for arm, records in by_arm.items() if records}
    first = next((records[0] for records in finished.values()), None)
    agreement = {
        arm: measure_agreement([record.masks() for record in records])
        for arm, records in by_arm.items()
    }
    runs, null = store.runs_table(), store.null_table()
    return Results(
        folder=store.folder,
        config=config,
        environment={} if first is None else first.environment,
        command=store.command or f"vaega report {store.folder}",
        runs=runs,
        summary=summarise(runs, agreement, null),
        histories={arm: _best_by_generation(records) for arm, records in finished.items()},
        features={arm: _selection_share(records) for arm, records in finished.items()},
        stability={arm: value for arm, value in agreement.items() if value is not None},
        null=null,
        metrics={arm: [one.metrics or {} for one in records] for arm, records in by_arm.items()},
        generators=_generators(finished),
    )


def _generators(finished: Mapping[str, Sequence[RunRecord]]) -> dict[str, dict[str, Any]]:
    measured = {
        arm: [record.generator for record in records if record.generator is not None]
        for arm, records in finished.items()
    }
    return {arm: records[0] for arm, records in measured.items() if records}


def _best_by_generation(records: Sequence[RunRecord]) -> pd.DataFrame:
    columns = []
    for record in records:
        history = record.history()
        # Searches that vote count their generations each for itself.
        counted = [name for name in ("trial", "search") if name in history]
        for _, search in history.groupby(counted):
            columns.append(search.set_index("generation")["best"].cummax())
    return pd.concat(columns, axis=1, ignore_index=True).ffill()


def _selection_share(records: Sequence[RunRecord]) -> pd.DataFrame:
    # A trial may have selected no feature.
    n_trials = sum(len((record.metrics or {})["trials"]) for record in records)
    counts = pd.concat([record.selected() for record in records])["name"].value_counts(sort=False)
    table = (counts / n_trials).rename("share").rename_axis("name").reset_index()
    return table.sort_values(["share", "name"], ascending=[False, True], ignore_index=True)
