"""The store of results: one folder a run, every file whole or absent."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from vaega.core.errors import ResultsError
from vaega.core.files import path_inside, read_json, write_json, write_text
from vaega.experiments.agreement import measure_agreement, read_masks
from vaega.experiments.null import NULL_COLUMNS
from vaega.experiments.summary import PROTOCOL_COLUMNS, summarise
from vaega.experiments.trial import TrialResult
from vaega.selection.stability import StabilityEstimate

RUN_COLUMNS = (
    "dataset",
    "arm",
    "seed",
    "status",
    "heldout_score",
    "inner_score",
    "optimism",
    "n_features",
    "n_asked",
    "n_distinct",
    "seconds",
    "n_reused",
    "brier",
    "precision",
    "recall",
)
# What the thesis reports of a run: further columns under its protocols.
OPEN_COLUMNS = (
    "population_accuracy",
    "population_n_features",
    "elite_accuracy",
    "elite_accuracy_real",
    "elite_n_features",
    "all_features_accuracy",
    "all_features_accuracy_real",
)
_COUNTS = ("n_asked", "n_distinct", "n_scored", "n_reused")


@dataclass(frozen=True)
class Run:
    """One run of an experiment: an arm and a seed, and all that they depend on."""

    id: str  # Arm, seed and a digest of the resolved configuration
    dataset: str  # Names
    arm: str  # Names
    seed: int  # Of everything random in the run
    resolved: dict[str, Any]  # The resolved configuration, the dataset's fingerprint included
    permutation: int | None = None

    @property
    def title(self) -> str:
        """Arm and seed, for people."""
        permuted = "" if self.permutation is None else f", permutation {self.permutation}"
        return f"{self.arm}, seed {self.seed}{permuted}"


class Store:
    """The results of one experiment in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run_folder(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return path_inside(self.folder / "runs", run_id)

    def checkpoints(self, run_id: str) -> Path:
        """Return the folder of what a run keeps while it is under way."""
        return self.run_folder(run_id) / "checkpoint"

    def metrics(self, run_id: str) -> dict[str, Any] | None:
        """Return what a run recorded of itself."""
        try:
            return dict(read_json(self.run_folder(run_id) / "metrics.json"))
        except (ResultsError, TypeError, ValueError):
            return None

    def is_done(self, run_id: str) -> bool:
        """Return whether a run is finished; a failed one is not, it is tried again."""
        metrics = self.metrics(run_id)
        return metrics is not None and metrics.get("status") == "done"

    @contextmanager
    def claim(
        self, run_id: str, *, wait: bool, seconds: float | None = None, name: str = ".claim"
    ) -> Iterator[bool]:
        """Hold a run for this process, so that no other works on it."""
        folder = self.run_folder(run_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            patience = (-1 if seconds is None else seconds) if wait else 0
            lock = FileLock(folder / name, timeout=patience)
            lock.acquire()
        except Timeout:
            yield False
            return
        except OSError as error:
            raise ResultsError(f"{folder}: cannot be written: {error.strerror}.") from error
        try:
            yield True
        finally:
            lock.release()

    def record_start(self, run: Run, environment: dict[str, Any]) -> None:
        """Write down what a run is and where it runs."""
        folder = self.run_folder(run.id)
        write_json(folder / "config.json", run.resolved)
        write_json(folder / "environment.json", environment)

    def record_done(
        self,
        run: Run,
        results: Sequence[TrialResult],
        feature_names: Sequence[str],
        relevant: np.ndarray | None,
        seconds: float,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the result of a run; ``metrics.json`` comes last and makes it final."""
        folder = self.run_folder(run.id)
        write_text(folder / "history.csv", _csv(_histories(results)))
        write_text(folder / "selected.csv", _csv(_selections(results, feature_names)))
        metrics = _metrics(results, relevant, seconds) | {"n_columns": len(feature_names)}
        metrics |= dict(about or {})
        described = [result.generator for result in results if result.generator is not None]
        if described:
            write_json(folder / "generator.json", described[0])
        write_json(folder / "metrics.json", metrics)
        shutil.rmtree(self.checkpoints(run.id), ignore_errors=True)

    def record_failure(self, run: Run, sentence: str, trace: str, seconds: float) -> None:
        """Write why a run failed; it is tried again on the next call."""
        content = {"status": "failed", "error": sentence, "seconds": seconds, "traceback": trace}
        write_json(self.run_folder(run.id) / "metrics.json", content)

    def tabulate(self, runs: Sequence[Run]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Write ``runs.csv``, ``summary.csv`` and ``null.csv`` from what the runs recorded.

        Runs with permuted labels stand in ``null.csv`` alone, which is there where there are any.
        """
        recorded = [(run, metrics) for run in runs if (metrics := self.metrics(run.id)) is not None]
        rows = [_row(run, metrics) for run, metrics in recorded if run.permutation is None]
        table = pd.DataFrame(rows, columns=[*RUN_COLUMNS, *_further_columns(rows)])
        for column in ("n_asked", "n_distinct", "n_reused"):
            table[column] = table[column].astype("Int64")
        nulls = [_row(run, metrics) for run, metrics in recorded if run.permutation is not None]
        null = pd.DataFrame(nulls, columns=NULL_COLUMNS)
        summary = summarise(table, self._agreement(recorded), null)
        write_text(self.folder / "runs.csv", _csv(table))
        write_text(self.folder / "summary.csv", _csv(summary))
        if nulls:
            write_text(self.folder / "null.csv", _csv(null))
        return table, summary

    def _agreement(
        self, recorded: Sequence[tuple[Run, Mapping[str, Any]]]
    ) -> dict[str, StabilityEstimate | None]:
        masks: dict[str, list[np.ndarray | None]] = {}
        for run, metrics in recorded:
            if run.permutation is None and metrics.get("status") == "done":
                found = read_masks(self.run_folder(run.id), metrics)
                masks.setdefault(run.arm, []).append(found)
        return {arm: measure_agreement(of_arm) for arm, of_arm in masks.items()}


def _row(run: Run, metrics: Mapping[str, Any]) -> dict[str, Any]:
    where = {"dataset": run.dataset, "arm": run.arm, "seed": run.seed}
    return {**where, "permutation": run.permutation, **metrics}


def _further_columns(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    # Under the thesis's protocols every file says on which rows fitness was computed.
    opened = any(row.get("protocol", "honest") != "honest" for row in rows)
    return (*OPEN_COLUMNS, *PROTOCOL_COLUMNS) if opened else ()


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def _histories(results: Sequence[TrialResult]) -> pd.DataFrame:
    tables = [result.history.assign(trial=place) for place, result in enumerate(results)]
    table = pd.concat(tables, ignore_index=True)
    return table[["trial", *table.columns.drop("trial")]]


def _selections(results: Sequence[TrialResult], names: Sequence[str]) -> pd.DataFrame:
    rows = [
        {
            "trial": place,
            "feature": int(feature),
            "name": names[feature],
            "frequency": float(result.frequencies[feature]),
        }
        for place, result in enumerate(results)
        for feature in result.selected
    ]
    return pd.DataFrame(rows, columns=["trial", "feature", "name", "frequency"])


def _metrics(
    results: Sequence[TrialResult], relevant: np.ndarray | None, seconds: float
) -> dict[str, Any]:
    trials = [_trial_metrics(result, relevant) for result in results]
    warned: dict[str, int] = {}
    for result in results:
        for text, times in result.warnings.items():
            warned[text] = warned.get(text, 0) + times
    means = {key: float(np.mean([trial[key] for trial in trials])) for key in trials[0]}
    counts = {key: sum(trial[key] for trial in trials) for key in _COUNTS}
    return {
        "status": "done",
        **means,
        **counts,
        "seconds": seconds,
        "trials": trials,
        "warnings": warned,
        **_records(results),
    }


def _records(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Return what is no figure of a trial alone: its classes, and what its gate chose."""
    classes = [
        {"trial": place, **figures}
        for place, result in enumerate(results)
        for figures in result.classes
    ]
    gates = [
        {"trial": place, **result.gate}
        for place, result in enumerate(results)
        if result.gate is not None
    ]
    return ({"classes": classes} if classes else {}) | ({"gate": gates} if gates else {})


def _trial_metrics(result: TrialResult, relevant: np.ndarray | None) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "heldout_score": result.heldout_score,
        "inner_score": result.inner_score,
        "optimism": result.inner_score - result.heldout_score,
        "n_features": len(result.selected),
        "n_asked": result.n_asked,
        "n_distinct": result.n_distinct,
        "n_scored": result.n_scored,
        "n_reused": result.n_asked - result.n_distinct,
        **result.extra,
    }
    if result.brier is not None:
        metrics["brier"] = result.brier
    if relevant is not None:
        hits = int(relevant[result.selected].sum())
        metrics["precision"] = hits / max(len(result.selected), 1)
        metrics["recall"] = hits / max(int(relevant.sum()), 1)
    return metrics
