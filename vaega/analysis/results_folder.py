"""What a results folder holds, read back for reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import ResultsError
from vaega.core.files import path_inside, read_json
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
    selections = {arm: _read_selections(places) for arm, places in by_arm.items() if places}
    return Results(
        folder=folder,
        config=config,
        environment=environment,
        command=_read_command(folder),
        runs=runs,
        summary=summarise(runs),
        histories=histories,
        features={arm: _selection_share(table) for arm, table in selections.items()},
        stability=_stabilities(selections, by_arm),
    )


def _read_command(folder: Path) -> str:
    path = folder / "command.txt"
    return path.read_text(encoding="utf-8") if path.is_file() else f"vaega report {folder}"


def _folders_by_arm(folder: Path, arms: Sequence[str]) -> dict[str, list[Path]]:
    # Only runs of the present plan: folders of other settings or of other data stay beside them.
    by_arm: dict[str, list[Path]] = {arm: [] for arm in arms}
    for run_id in read_json(folder / "plan.json")["runs"]:
        place = path_inside(folder / "runs", run_id)
        if (place / "selected.csv").is_file() and (place / "config.json").is_file():
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


def _read_selections(places: Sequence[Path]) -> pd.DataFrame:
    """Return the selected features of every trial, one row each, with the number of its run."""
    tables = [
        pd.read_csv(place / "selected.csv", dtype={"name": str}).assign(run=number)
        for number, place in enumerate(places)
    ]
    return pd.concat(tables, ignore_index=True)


def _selection_share(selections: pd.DataFrame) -> pd.DataFrame:
    n_trials = selections[["run", "trial"]].drop_duplicates().shape[0]
    counts = selections["name"].value_counts(sort=False)
    table = (counts / max(n_trials, 1)).rename("share").rename_axis("name").reset_index()
    return table.sort_values(["share", "name"], ascending=[False, True], ignore_index=True)


def _stabilities(
    selections: dict[str, pd.DataFrame], by_arm: dict[str, list[Path]]
) -> dict[str, StabilityEstimate]:
    found = {}
    for arm, table in selections.items():
        n_columns = read_json(by_arm[arm][0] / "metrics.json").get("n_columns")
        trials = [trial["feature"].to_numpy() for _, trial in table.groupby(["run", "trial"])]
        if n_columns is None or len(trials) < 2:  # of an earlier version, or nothing to agree with
            continue
        masks = np.zeros((len(trials), int(n_columns)), dtype=bool)
        for mask, selected in zip(masks, trials, strict=True):
            mask[selected] = True
        if not masks.all() and masks.any():
            found[arm] = nogueira_interval(masks)
    return found
