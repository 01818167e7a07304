"""Means of reproduced figures beside published ones: spread, interval, distance."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaega.experiments.summary import mean_interval


def mean_beside(published: float, values: Sequence[float]) -> dict[str, Any]:
    """Put the mean of runs beside a published figure.

    Parameters
    ----------
    published : float
        NaN where there is none.
    values : sequence of float
        One a run.

    Returns
    -------
    dict
        ``published``, ``mean``, ``sd``, ``n``, ``low`` and ``high`` (95 % interval of the mean, by
        Student's t) and ``standard_errors``, the difference to the published figure in standard
        errors of the mean; NaN where a single run, or no spread, gives none.

    Examples
    --------
    >>> found = mean_beside(0.5, [0.5, 0.7, 0.6])
    >>> round(found["mean"], 3), found["n"], round(found["standard_errors"], 2)
    (0.6, 3, 1.73)
    """
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
