"""Published figures beside reproduced ones: means, spread, intervals, distance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vaega.experiments.summary import mean_interval
from vaega.thesis.published import published_runs

# What is compared: our column, and the published one.
MEASURES = {"accuracy": "population_accuracy", "n_features": "population_n_features"}


def compare_samples(published: Sequence[float], reproduced: Sequence[float]) -> dict[str, float]:
    """Compare the runs of two groups by their means.

    Parameters
    ----------
    published, reproduced : sequence of float
        One a run; may be empty.

    Returns
    -------
    dict
        ``published``, ``published_sd``, ``published_n``; ``mean``, ``sd``, ``n``, ``low``, ``high``
        (95 % interval of the mean, by Student's t); ``difference`` of the means, and
        ``standard_errors``, the difference divided by its standard error, the square root of
        ``sd ** 2 / n + published_sd ** 2 / published_n``. NaN where runs are too few.

    Examples
    --------
    >>> found = compare_samples([0.7, 0.8], [0.8, 0.9, 1.0])
    >>> round(found["difference"], 3), round(found["standard_errors"], 2)
    (0.15, 1.96)
    """
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
    """Compare runs with published groups.

    Parameters
    ----------
    runs : pandas.DataFrame
        With the column `measure`.
    groups : sequence of str
        Names of published groups; none for an arm of our own.
    measure : str
        One of `MEASURES`.

    Returns
    -------
    dict
        As `compare_samples`.

    Examples
    --------
    >>> runs = pd.DataFrame({"accuracy": [0.75, 0.77]})
    >>> round(compare_group(runs, ["mandelon_base_0023"], "accuracy")["published"], 4)
    0.7576
    """
    table = published_runs()
    theirs = table.loc[table["experiment_group"].isin(groups), MEASURES[measure]]
    return compare_samples(theirs.tolist(), runs[measure].tolist())


def generator_errors(compared: dict[str, float]) -> float:
    """Return a difference in standard errors that know of the generator.

    All runs of a published augmented group share one trained generator, runs here have one each.
    The published mean so carries what that one generator is worth, which its runs' spread does not
    show; it is estimated by what our runs vary more than theirs.

    Parameters
    ----------
    compared : dict
        As `compare_samples` returns it.

    Returns
    -------
    float
        The difference divided by the square root of
        ``sd ** 2 / n + published_sd ** 2 / published_n + max(sd ** 2 - published_sd ** 2, 0)``.

    Examples
    --------
    >>> found = compare_samples([0.98, 0.99, 1.0], [0.9, 1.0, 0.95])
    >>> round(found["standard_errors"], 2), round(generator_errors(found), 2)
    (-1.36, -0.7)
    """
    own, theirs = compared["sd"] ** 2, compared["published_sd"] ** 2
    between = max(own - theirs, 0.0)
    error = np.sqrt(own / compared["n"] + theirs / compared["published_n"] + between)
    return float(compared["difference"] / error) if error > 0 else float("nan")


def quartile_range(values: Sequence[float]) -> float:
    """Return the distance between the quartiles, as the thesis reports it.

    Examples
    --------
    >>> quartile_range([1.0, 2.0, 3.0, 4.0, 5.0])
    2.0
    """
    if len(values) == 0:
        return float("nan")
    low, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.75])
    return float(high - low)


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _error(values: np.ndarray) -> float:
    return _spread(values) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
