"""Published figures beside reproduced ones: means, spread, intervals, distance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vaega.experiments.summary import mean_interval
from vaega.thesis.published import published_runs

# What is compared: our column, and the published one.
MEASURES = {"accuracy": "population_accuracy", "n_features": "population_n_features"}


def compare_samples(published: Sequence[float], reproduced: Sequence[float]) -> dict[str, float]:
    """Compare the runs of two groups by their means."""
    theirs, ours = np.asarray(published, dtype=float), np.asarray(reproduced, dtype=float)
    nan = float("nan")
    mean, low, high = mean_interval(ours) if len(ours) else (nan, nan, nan)
    figures = {
        "published": float(theirs.mean()) if len(theirs) else nan,
        "published_sd": _spread(theirs),
        "published_n": len(theirs),
        "mean": mean,
        "sd": _spread(ours),
        "n": len(ours),
        "low": low,
        "high": high,
    }
    difference = figures["mean"] - figures["published"]
    error = np.hypot(_error(theirs), _error(ours))
    distance = difference / error if error > 0 else (0.0 if difference == 0 else nan)
    return figures | {"difference": difference, "standard_errors": float(distance)}


def compare_group(runs: pd.DataFrame, groups: Sequence[str], measure: str) -> dict[str, float]:
    """Compare runs with published groups."""
    table = published_runs()
    theirs = table.loc[table["experiment_group"].isin(groups), MEASURES[measure]]
    return compare_samples(theirs.tolist(), runs[measure].tolist())


def generator_errors(compared: dict[str, float]) -> float:
    """Return a difference in standard errors that know of the generator.

    All runs of a published augmented group share one trained generator, runs here have one each.
    The published mean so carries what that one generator is worth, which its runs' spread does not
    show; it is estimated by what our runs vary more than theirs.
    """
    own, theirs = compared["sd"] ** 2, compared["published_sd"] ** 2
    between = max(own - theirs, 0.0)
    error = np.sqrt(own / compared["n"] + theirs / compared["published_n"] + between)
    return float(compared["difference"] / error) if error > 0 else float("nan")


def quartile_range(values: Sequence[float]) -> float:
    """Return the distance between the quartiles, as the thesis reports it."""
    if len(values) == 0:
        return float("nan")
    low, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.75])
    return float(high - low)


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _error(values: np.ndarray) -> float:
    return _spread(values) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
