"""Intervals of a mean."""

import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from vaega.analysis.statistics.values import as_values
from vaega.core.checks import check_count, check_probability

_OWNER = "bootstrap_interval"


def bootstrap_interval(
    values: ArrayLike,
    *,
    confidence: float = 0.95,
    n_resamples: int = 9999,
    random_state: int = 0,
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of a mean.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        One a run, independent of each other.
    confidence : float, default=0.95
        Coverage wanted; below about ten values it is less than that.
    n_resamples : int, default=9999
        Samples drawn.
    random_state : int, default=0
        The same for the same bits.

    Returns
    -------
    low, high : float
        The value itself, twice, where all are equal; not-a-number for a single one.

    References
    ----------
    Efron (1987), Better bootstrap confidence intervals, JASA 82; computed by
    `scipy.stats.bootstrap`.

    Examples
    --------
    >>> low, high = bootstrap_interval([0.8, 0.9, 1.0, 0.9, 0.7, 0.8])
    >>> round(low, 2), round(high, 2)
    (0.77, 0.92)
    """
    values = as_values(values, owner=_OWNER)
    check_probability(confidence, "confidence", owner=_OWNER)
    check_count(n_resamples, "n_resamples", owner=_OWNER)
    if len(values) < 2:
        return float("nan"), float("nan")
    if np.ptp(values) == 0.0:
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(random_state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (values,),
            np.mean,
            confidence_level=confidence,
            n_resamples=n_resamples,
            random_state=rng,
        ).confidence_interval
    if np.isfinite([found.low, found.high]).all():
        return float(found.low), float(found.high)
    # All jackknife means alike but for rounding: there is no acceleration to be had.
    tail = 50.0 * (1.0 - confidence)
    draws = rng.choice(values, (n_resamples, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [tail, 100.0 - tail])
    return float(low), float(high)
