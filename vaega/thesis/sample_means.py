"""Means of reproduced figures beside published ones: spread, interval, distance."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaega.experiments.summary import mean_interval


def mean_beside(published: float, values: Sequence[float]) -> dict[str, Any]:
    """Put the mean of runs beside a published figure."""
    runs = np.asarray(values, dtype=float)
    n, nan = len(runs), float("nan")
    mean, low, high = mean_interval(runs) if n else (nan, nan, nan)
    sd = float(runs.std(ddof=1)) if n > 1 else nan
    error = sd / np.sqrt(n) if n > 1 else nan
    return {
        "published": published,
        "mean": mean,
        "sd": sd,
        "n": n,
        "low": low,
        "high": high,
        "standard_errors": float((mean - published) / error) if error > 0 else nan,
    }
