"""From runs to one row an arm."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from vaega.experiments.null import NULL_FIGURES, null_figures
from vaega.selection.stability import StabilityEstimate

SUMMARY_COLUMNS = (
    "dataset",
    "arm",
    "n_runs",
    "heldout_mean",
    "heldout_low",
    "heldout_high",
    "inner_mean",
    "optimism_mean",
    "n_features_mean",
    "n_distinct_mean",
    "seconds_mean",
    "brier_mean",
    "precision_mean",
    "recall_mean",
    "stability",
    "stability_low",
    "stability_high",
)

# Where a protocol of the thesis computed fitness, in every row of every table.
PROTOCOL_COLUMNS = ("protocol", "fitness_rows")


def summarise(
    runs: pd.DataFrame,
    agreement: Mapping[str, StabilityEstimate | None] | None = None,
    null: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return each arm's means over its finished runs, with an interval of the held-out score."""
    done = runs[runs["status"] == "done"]
    rows = [
        _summarise_arm(str(dataset), str(arm), group) | _stability((agreement or {}).get(str(arm)))
        for (dataset, arm), group in done.groupby(["dataset", "arm"], sort=False)
    ]
    further = [name for name in PROTOCOL_COLUMNS if name in runs]
    summary = pd.DataFrame(rows, columns=[*SUMMARY_COLUMNS, *further])
    if null is None or null.empty:
        return summary
    summary = summary.merge(null_figures(runs, null), on="arm", how="left")
    return summary[[*SUMMARY_COLUMNS, *NULL_FIGURES, *further]]


def mean_interval(values: np.ndarray, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the mean and Student's interval of it."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = stats.t.ppf(0.5 + confidence / 2.0, len(values) - 1) * stats.sem(values)
    return mean, float(mean - half), float(mean + half)


def _summarise_arm(dataset: str, arm: str, runs: pd.DataFrame) -> dict[str, object]:
    mean, low, high = mean_interval(runs["heldout_score"].to_numpy(dtype=float))
    return {
        "dataset": dataset,
        "arm": arm,
        "n_runs": len(runs),
        "heldout_mean": mean,
        "heldout_low": low,
        "heldout_high": high,
        "inner_mean": float(runs["inner_score"].mean()),
        "optimism_mean": float(runs["optimism"].mean()),
        "n_features_mean": float(runs["n_features"].mean()),
        "n_distinct_mean": float(runs["n_distinct"].mean()),
        "seconds_mean": float(runs["seconds"].mean()),
        **{f"{name}_mean": _mean(runs, name) for name in ("brier", "precision", "recall")},
        **{name: runs[name].iloc[0] for name in PROTOCOL_COLUMNS if name in runs},
    }


def _mean(runs: pd.DataFrame, column: str) -> float:
    return float(runs[column].astype(float).mean()) if column in runs else float("nan")


def _stability(found: StabilityEstimate | None) -> dict[str, float]:
    names = ("stability", "stability_low", "stability_high")
    values = (float("nan"),) * 3 if found is None else (found.value, found.low, found.high)
    return dict(zip(names, values, strict=True))
