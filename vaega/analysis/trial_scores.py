"""What the trials of an experiment scored, read back from its results folder in pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vaega.core.errors import InputError, ResultsError
from vaega.core.files import path_inside, read_json
from vaega.experiments.protocols import statement_of


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
