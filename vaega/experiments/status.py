"""Which runs of a results folder are done, failed, at work or waiting, and what nobody needs."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaega.core.errors import ResultsError
from vaega.experiments.facts import metric_words
from vaega.experiments.plan import read_planned
from vaega.experiments.runs import Run
from vaega.experiments.store import CLAIM, RunRecord, Store

STATES = ("done", "failed", "running", "stopped", "waiting")


@dataclass(frozen=True)
class RunState:
    """The state of one run."""

    id: str
    arm: str
    seed: int
    state: str  # One of `STATES`; "stopped": begun, and no process is on it
    seconds: float | None = None  # How long it took, where it ended
    error: str = ""  # Why it failed


@dataclass(frozen=True)
class ExperimentStatus:
    """The states of all runs of an experiment."""

    folder: Path  # ``results/NAME``
    name: str
    heading: str  # Name and metric
    runs: tuple[RunState, ...]  # In the order of the plan
    # Folders of runs that are no part of the plan: of earlier settings or data
    leftovers: tuple[Path, ...]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many runs of each arm are in each state."""
        by_arm: dict[str, Counter[str]] = {}
        for run in self.runs:
            by_arm.setdefault(run.arm, Counter())[run.state] += 1
        return {arm: {state: counts[state] for state in STATES} for arm, counts in by_arm.items()}

    @property
    def sentence(self) -> str:
        """How many runs are in which state."""
        total = Counter(run.state for run in self.runs)
        parts = [f"{total[state]} {state}" for state in STATES if total[state]]
        return f"{len(self.runs)} runs: {', '.join(parts)}."


def read_status(folder: Path) -> ExperimentStatus:
    """Look at a results folder; nothing is changed, and running processes are not disturbed."""
    planned, of_plan = read_planned(folder)
    store, heading = Store(folder), f"{planned.name}: {metric_words(planned.fitness.metric).name}"
    runs = tuple(_run_state(store, run) for run in of_plan)
    leftovers = tuple(_leftovers(store, [run.id for run in of_plan]))
    return ExperimentStatus(folder, planned.name, heading, runs, leftovers)


def clean_results(
    status: ExperimentStatus, *, failed: bool = False, dry: bool = False
) -> tuple[list[Path], int]:
    """Remove folders of runs that nobody needs; what a process holds is left."""
    store = Store(status.folder)
    unneeded = list(status.leftovers)
    if failed:
        unneeded += [store.run_folder(run.id) for run in status.runs if run.state == "failed"]
    removed, n_bytes = [], 0
    for folder in unneeded:
        with store.claim(folder.name, wait=False) as claimed:
            if not claimed:
                continue
            n_bytes += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            removed.append(folder)
            try:
                if not dry:
                    shutil.rmtree(folder)
            except OSError as error:
                raise ResultsError(f"{folder}: cannot be removed: {error.strerror}.") from error
    return removed, n_bytes


def _run_state(store: Store, run: Run) -> RunState:
    run_id, arm, seed = run.id, run.group, run.seed
    record = store.record(run_id)
    metrics: dict[str, Any] = record.metrics or {}
    status = metrics.get("status")
    if status == "done" or (status == "failed" and not _is_locked(store, run_id)):
        error = str(metrics.get("error", ""))
        return RunState(run_id, arm, seed, status, metrics.get("seconds"), error)
    if not record.is_begun:
        return RunState(run_id, arm, seed, "waiting")
    return RunState(run_id, arm, seed, "running" if _is_locked(store, run_id) else "stopped")


def _is_locked(store: Store, run_id: str) -> bool:
    # The claim is taken for a moment: a process that asks just then goes on to another run and
    # comes back to this one.
    if not (store.run_folder(run_id) / CLAIM).is_file():
        return False
    try:
        with store.claim(run_id, wait=False) as claimed:
            return not claimed
    except ResultsError:  # a folder that only others may write
        return False


def _leftovers(store: Store, run_ids: Sequence[str]) -> Iterator[Path]:
    runs, known = store.folder / "runs", set(run_ids)
    names = sorted({one.name for one in os.scandir(runs)} - known) if runs.is_dir() else []
    for folder in (runs / name for name in names):
        if not folder.is_symlink() and _is_run(folder):
            yield folder


def _is_run(folder: Path) -> bool:
    try:
        return {"arm", "seed"} <= RunRecord(folder).config.keys()
    except (ResultsError, TypeError, ValueError):
        return False
