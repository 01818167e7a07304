"""What the trials of an experiment scored, read back from its results folder in pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from vaega.core.errors import InputError, ResultsError
from vaega.core.files import path_inside, read_json
from vaega.experiments.protocols import statement_of
from vaega.experiments.store import Store, measure_agreement, read_masks, summarise
from vaega.experiments.trial import NULL_COLUMNS
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
    if not (folder / "runs.csv").is_file():
        raise ResultsError(f"{folder}: is no results folder, it has no runs.csv.")
    try:
        return _read(folder)
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise ResultsError(f"{folder}: the results cannot be read back: {reason}.") from error


def _read(folder: Path) -> Results:
    runs = pd.read_csv(folder / "runs.csv")
    config = read_json(folder / "config.json")
    by_arm = _folders_by_arm(folder, list(config["arms"]))
    first = next((place for places in by_arm.values() for place in places), None)
    environment = {} if first is None else read_json(first / "environment.json")
    histories = {arm: _best_by_generation(places) for arm, places in by_arm.items() if places}
    selections = {arm: _selected_by_trial(places) for arm, places in by_arm.items() if places}
    metrics = {
        arm: [read_json(place / "metrics.json") for place in places]
        for arm, places in by_arm.items()
    }
    agreement = {
        arm: measure_agreement(
            [read_masks(place, one) for place, one in zip(places, metrics[arm], strict=True)]
        )
        for arm, places in by_arm.items()
    }
    null = _read_null(folder)
    return Results(
        folder=folder,
        config=config,
        environment=environment,
        command=_read_command(folder),
        runs=runs,
        summary=summarise(runs, agreement, null),
        histories=histories,
        features={arm: _selection_share(trials) for arm, trials in selections.items()},
        stability={arm: found for arm, found in agreement.items() if found is not None},
        null=null,
        metrics=metrics,
        generators=_read_generators(by_arm),
    )


def _read_null(folder: Path) -> pd.DataFrame:
    # Only where the present configuration asks for it: a table of an earlier one may lie there.
    wanted = read_json(folder / "config.json").get("null") is not None
    if not wanted or not (folder / "null.csv").is_file():
        return pd.DataFrame(columns=NULL_COLUMNS)
    return pd.read_csv(folder / "null.csv")


def _read_generators(by_arm: Mapping[str, Sequence[Path]]) -> dict[str, dict[str, Any]]:
    found = {}
    for arm, places in by_arm.items():
        files = [place / "generator.json" for place in places]
        first = next((file for file in files if file.is_file()), None)
        if first is not None:
            found[arm] = dict(read_json(first))
    return found


def _read_command(folder: Path) -> str:
    path = folder / "command.txt"
    return path.read_text(encoding="utf-8") if path.is_file() else f"vaega report {folder}"


def _folders_by_arm(folder: Path, arms: Sequence[str]) -> dict[str, list[Path]]:
    # Only runs of the present plan: folders of other settings or of other data stay beside them.
    by_arm: dict[str, list[Path]] = {arm: [] for arm in arms}
    store = Store(folder)
    for run_id in read_json(folder / "plan.json")["runs"]:
        place = path_inside(folder / "runs", run_id)
        if store.is_done(run_id):  # another may be killed between its files
            config = read_json(place / "config.json")
            if config["arm"]["name"] in by_arm and "permutation" not in config:
                by_arm[config["arm"]["name"]].append(place)
    return by_arm


def _best_by_generation(places: Sequence[Path]) -> pd.DataFrame:
    columns = []
    for place in places:
        history = pd.read_csv(place / "history.csv")
        # Searches that vote count their generations each for itself.
        counted = [name for name in ("trial", "search") if name in history]
        for _, search in history.groupby(counted):
            columns.append(search.set_index("generation")["best"].cummax())
    return pd.concat(columns, axis=1, ignore_index=True).ffill()


def _selected_by_trial(places: Sequence[Path]) -> list[pd.DataFrame]:
    """Return the selected features of every trial; a trial may have selected none."""
    trials = []
    for place in places:
        table = pd.read_csv(place / "selected.csv", dtype={"name": str})
        n_trials = len(read_json(place / "metrics.json")["trials"])
        trials += [table[table["trial"] == number] for number in range(n_trials)]
    return trials


def _selection_share(trials: Sequence[pd.DataFrame]) -> pd.DataFrame:
    counts = pd.concat(trials)["name"].value_counts(sort=False)
    table = (counts / len(trials)).rename("share").rename_axis("name").reset_index()
    return table.sort_values(["share", "name"], ascending=[False, True], ignore_index=True)


@dataclass(frozen=True, eq=False)
class TrialScores:
    """The trials of one experiment, one row each."""

    name: str  # Of the experiment
    dataset: str  # Its name
    fingerprint: str  # Of the dataset
    protocol: dict[str, Any]  # As configured
    statement: str  # On which rows fitness was computed, where it was not on training rows alone
    rows: pd.DataFrame  # ``arm``, ``seed``, ``trial`` and the figures of each trial

    @property
    def arms(self) -> list[str]:
        """Arms with a finished run, in order."""
        return [str(arm) for arm in self.rows["arm"].unique()]

    @property
    def test_share(self) -> float | None:
        """Test rows over training rows, where splits overlap; None for an official partition."""
        if self.protocol["outer"] == "official":
            return None
        if self.protocol["outer"] == "kfold":
            return 1.0 / (self.protocol["n_splits"] - 1)
        size = float(self.protocol["test_size"])
        return size / (1.0 - size)

    def by_pair(self, measure: str) -> pd.DataFrame:
        """Return a figure with a row each seed and trial, and a column each arm."""
        known = [str(name) for name in self.rows if name not in ("arm", "seed", "trial")]
        if measure not in known:
            raise InputError(
                f"{self.name}: has no {measure!r}; its trials have {', '.join(known)}."
            )
        table = self.rows.pivot(index=["seed", "trial"], columns="arm", values=measure)
        return table[self.arms]


def read_trial_scores(folder: Path) -> TrialScores:
    """Read the finished runs of a results folder."""
    if not (folder / "plan.json").is_file():
        raise ResultsError(f"{folder}: is no results folder, it has no plan.json.")
    try:
        config = read_json(folder / "config.json")
        runs = [_read_run(folder, run_id) for run_id in read_json(folder / "plan.json")["runs"]]
        done = [run for run in runs if run is not None and "permutation" not in run[0]]
        if not done:
            raise ResultsError(f"{folder}: holds no finished run.")
        rows = [row for run in done for row in _rows(*run)]
        return TrialScores(
            name=str(config["name"]),
            dataset=str(pd.read_csv(folder / "runs.csv")["dataset"].iloc[0]),
            fingerprint=str(done[0][0]["dataset"]["fingerprint"]),
            protocol=dict(done[0][0]["protocol"]),
            statement="" if config["protocol"]["kind"] == "honest" else statement_of(config),
            rows=pd.DataFrame(rows),
        )
    except ResultsError:
        raise
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise ResultsError(f"{folder}: the results cannot be read back: {reason}.") from error


def _read_run(folder: Path, run_id: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    place = path_inside(folder / "runs", run_id)
    if not (place / "metrics.json").is_file():
        return None
    metrics = read_json(place / "metrics.json")
    if metrics.get("status") != "done":
        return None
    return read_json(place / "config.json"), metrics


def _rows(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    where = {"arm": config["arm"]["name"], "seed": config["seed"]}
    return [{**where, "trial": place, **trial} for place, trial in enumerate(metrics["trials"])]
