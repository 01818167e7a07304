"""What a results folder holds, read back for reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import ResultsError
from vaega.core.files import path_inside, read_json
from vaega.experiments.store import Store
from vaega.experiments.summary import summarise
from vaega.selection.stability import StabilityEstimate, nogueira_interval


@dataclass(frozen=True, eq=False)
class Results:
    """What a results folder holds, read back.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``.
    config : dict
        The experiment's configuration.
    environment : dict
        Versions and machine of one of its runs.
    command : str
        The command that was given last.
    runs, summary : pandas.DataFrame
        As in ``runs.csv`` and ``summary.csv``.
    histories : dict of pandas.DataFrame
        By arm, the best objective: one row a generation, one column a trial.
    features : dict of pandas.DataFrame
        By arm, how many trials selected each feature: ``name``, ``share``.
    stability : dict of StabilityEstimate
        By arm with at least two trials, how far its selections agree.
    """

    folder: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    command: str
    runs: pd.DataFrame
    summary: pd.DataFrame
    histories: dict[str, pd.DataFrame]
    features: dict[str, pd.DataFrame]
    stability: dict[str, StabilityEstimate]


def read_results(folder: Path) -> Results:
    """Read a results folder.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``.

    Returns
    -------
    Results

    Raises
    ------
    ResultsError
        When it is no results folder, or holds no finished run.
    """
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
    stability = {arm: _stability(trials, by_arm[arm][0]) for arm, trials in selections.items()}
    return Results(
        folder=folder,
        config=config,
        environment=environment,
        command=_read_command(folder),
        runs=runs,
        summary=summarise(runs),
        histories=histories,
        features={arm: _selection_share(trials) for arm, trials in selections.items()},
        stability={arm: found for arm, found in stability.items() if found is not None},
    )


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
            arm = read_json(place / "config.json")["arm"]["name"]
            if arm in by_arm:
                by_arm[arm].append(place)
    return by_arm


def _best_by_generation(places: Sequence[Path]) -> pd.DataFrame:
    columns = []
    for place in places:
        history = pd.read_csv(place / "history.csv")
        for _, trial in history.groupby("trial"):
            columns.append(trial.set_index("generation")["best"].cummax())
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


def _stability(trials: Sequence[pd.DataFrame], place: Path) -> StabilityEstimate | None:
    """Return how far trials agree; None where they cannot, or nobody knows among how many."""
    n_columns = read_json(place / "metrics.json").get("n_columns")
    if n_columns is None or len(trials) < 2:
        return None
    masks = np.zeros((len(trials), int(n_columns)), dtype=bool)
    for mask, trial in zip(masks, trials, strict=True):
        mask[trial["feature"].to_numpy(dtype=np.intp)] = True
    return nogueira_interval(masks) if masks.any() and not masks.all() else None
