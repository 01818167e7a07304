"""Where an experiment stands: what is done, failed, being computed, stopped or waiting."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaega.core.errors import ResultsError
from vaega.core.files import read_json
from vaega.experiments.plan import Plan, read_plan
from vaega.experiments.store import Store

STATES = ("done", "failed", "running", "stopped", "waiting")


@dataclass(frozen=True)
class RunStanding:
    """Where one run stands."""

    id: str
    arm: str
    seed: int
    state: str  # One of `STATES`; "stopped": begun, and no process is on it
    seconds: float | None = None  # How long it took, where it ended
    error: str = ""  # Why it failed


@dataclass(frozen=True)
class Standing:
    """Where an experiment stands."""

    folder: Path  # ``results/NAME``
    name: str
    runs: tuple[RunStanding, ...]  # In the order of the plan
    # Folders of runs that are no part of the plan: of earlier settings or data
    leftovers: tuple[Path, ...]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many runs of each arm are in each state."""
        counted: dict[str, Counter[str]] = {}
        for run in self.runs:
            counted.setdefault(run.arm, Counter())[run.state] += 1
        return {arm: {state: counts[state] for state in STATES} for arm, counts in counted.items()}

    @property
    def sentence(self) -> str:
        """What there is, and how to go on."""
        total = Counter(run.state for run in self.runs)
        parts = [f"{total[state]} {state}" for state in STATES if total[state]]
        return f"{len(self.runs)} runs: {', '.join(parts)}."


def read_standing(folder: Path) -> Standing:
    """Look at a results folder; nothing is changed, and running processes are not disturbed."""
    plan, store = read_plan(folder), Store(folder)
    runs = tuple(
        _standing(store, run_id, arm, seed)
        for run_id, (arm, seed) in zip(plan.run_ids, _arms_and_seeds(plan), strict=True)
    )
    return Standing(folder, plan.config.name, runs, tuple(_leftovers(folder, plan.run_ids)))


def clean_results(
    standing: Standing, *, leftovers: bool = True, failed: bool = False, dry: bool = False
) -> tuple[list[Path], int]:
    """Remove folders of runs that nobody needs; what a process holds is left."""
    store = Store(standing.folder)
    wanted = list(standing.leftovers) if leftovers else []
    if failed:
        wanted += [store.run_folder(run.id) for run in standing.runs if run.state == "failed"]
    gone, n_bytes = [], 0
    for place in wanted:
        with store.claim(place.name, wait=False) as ours:
            if not ours:
                continue
            n_bytes += sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
            gone.append(place)
            if not dry:
                _remove(place)
    return gone, n_bytes


def _arms_and_seeds(plan: Plan) -> Iterator[tuple[str, int]]:
    for arm, seed, permutation in plan.config.run_list():
        yield arm if permutation is None else f"{arm}, labels permuted", seed


def _standing(store: Store, run_id: str, arm: str, seed: int) -> RunStanding:
    metrics: dict[str, Any] = store.metrics(run_id) or {}
    status = metrics.get("status")
    if status in ("done", "failed"):
        error = str(metrics.get("error", ""))
        if status == "done" or not _is_held(store, run_id):
            return RunStanding(run_id, arm, seed, status, metrics.get("seconds"), error)
    if not (store.run_folder(run_id) / "config.json").is_file():
        return RunStanding(run_id, arm, seed, "waiting")
    return RunStanding(run_id, arm, seed, "running" if _is_held(store, run_id) else "stopped")


def _is_held(store: Store, run_id: str) -> bool:
    # The claim is taken for a moment: a process that asks just then goes on to another run and
    # comes back to this one.
    if not (store.run_folder(run_id) / ".claim").is_file():
        return False
    try:
        with store.claim(run_id, wait=False) as ours:
            return not ours
    except ResultsError:  # a folder that only others may write
        return False


def _leftovers(folder: Path, run_ids: Sequence[str]) -> Iterator[Path]:
    runs = folder / "runs"
    for place in sorted(runs.iterdir()) if runs.is_dir() else []:
        if place.name not in run_ids and not place.is_symlink() and _is_run(place):
            yield place


def _is_run(place: Path) -> bool:
    try:
        content = read_json(place / "config.json")
    except ResultsError:
        return False
    return isinstance(content, dict) and "arm" in content and "seed" in content


def _remove(place: Path) -> None:
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise ResultsError(f"{place}: cannot be removed: {error.strerror}.") from error
