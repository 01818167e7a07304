"""Intervals of an arm's held-out score: what other splits, or other rows and seeds, would give.

Splits of the same rows share training rows, so that their scores vary together: the variance of
their mean is larger than that of as many independent ones (Nadeau and Bengio 2003). On one official
test part all seeds see the same rows, which are what limits the score: rows and seeds are drawn
with replacement, both (Owen 2007). An interval of a metric from 0 to 1 is Student's on the log
odds, so that it stays there. Fewer than five runs have none: their spread says too little.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike

from vaega.core.errors import InputError
from vaega.core.files import fingerprint
from vaega.core.randomness import derive_rng

LEAVING_OUT = ("leave-one-out", "leave-one-group-out")  # partitions without a random part
LEAST_RUNS = 5  # with fewer the spread of the scores is unknown
Interval = tuple[float, float]
NONE: Interval = (float("nan"), float("nan"))

# Metrics whose values are from 0 to 1
_BOUNDED = (
    "accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "average_precision",
    "jaccard", "top_k_accuracy",
)  # fmt: skip
_DRAWS, _SLOW_DRAWS = 400, 100  # of rows and seeds; of metrics that scikit-learn computes


def is_bounded(metric: str) -> bool:
    """Return whether a metric, by scikit-learn's name, is from 0 to 1."""
    return metric.startswith(_BOUNDED)


def overlap_share(protocol: Mapping[str, Any]) -> float | None:
    """Return test rows over training rows, where splits overlap; None where all seeds share one."""
    if protocol["outer"] in ("official", *LEAVING_OUT):
        return None
    if protocol["outer"] == "kfold":
        return 1.0 / (protocol["n_splits"] - 1)
    size = float(protocol["test_size"])
    return size / (1.0 - size)


def corrected_error(values: ArrayLike, *, test_share: float) -> float:
    """Return the standard error of a mean over splits that share training rows.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        One a split.
    test_share : float
        Test rows over training rows: 1 / (k - 1) for k folds.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When there are fewer than two values, or the share is not positive.

    References
    ----------
    Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52.

    Examples
    --------
    >>> round(corrected_error([0.8, 0.9, 1.0], test_share=0.5), 4)
    0.0913
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError(
            f"corrected_error: values must be at least two finite numbers, got {values.tolist()}."
        )
    if not test_share > 0.0:
        raise InputError(f"corrected_error: test_share must be above 0, got {test_share!r}.")
    return float(np.sqrt(values.var(ddof=1) * (1.0 / len(values) + test_share)))


def interval_around(
    mean: float, error: float, n: int, *, bounded: bool, confidence: float = 0.95
) -> Interval:
    """Return Student's interval of `n` - 1 degrees of freedom; on the log odds where it is bounded.

    None where there is no error to be had: all scores alike say nothing of their spread.
    """
    if not error > 1e-12 * max(abs(mean), 1.0):  # scores that are alike differ by rounding
        return NONE
    half = float(scipy.stats.t.ppf(0.5 + confidence / 2.0, n - 1)) * error
    if not bounded or not 0.0 < mean < 1.0:
        return mean - half, mean + half
    centre, half = float(scipy.special.logit(mean)), half / (mean * (1.0 - mean))  # delta method
    low, high = scipy.special.expit([centre - half, centre + half])
    return float(low), float(high)


def heldout_interval(
    scores: Sequence[np.ndarray],
    predictions: Sequence[pd.DataFrame],
    *,
    metric: str,
    test_share: float | None,
) -> Interval:
    """Return the interval of an arm's mean held-out score.

    Parameters
    ----------
    scores : sequence of numpy.ndarray of float
        Of each run, the scores of its trials.
    predictions : sequence of pandas.DataFrame
        Of each run, what its final model predicted; read where the test part is an official one.
    metric : str
        scikit-learn's name of the metric.
    test_share : float or None
        As `overlap_share` gives it.

    Returns
    -------
    low, high : float
        Not-a-number below five runs, or where it cannot be known.

    Examples
    --------
    >>> scores = [np.array([score]) for score in (0.9, 0.95, 0.85, 0.9, 0.9)]
    >>> low, high = heldout_interval(scores, [], metric="accuracy", test_share=3 / 7)
    >>> round(low, 3), round(high, 3)
    (0.791, 0.955)
    """
    if len(scores) < LEAST_RUNS:
        return NONE
    bounded = is_bounded(metric)
    if test_share is not None:
        values = np.concatenate(scores)
        error = corrected_error(values, test_share=test_share)
        return interval_around(float(values.mean()), error, len(values), bounded=bounded)
    if len(predictions) < len(scores) or any(one.empty for one in predictions):
        return NONE
    error = two_way_error(predictions, metric)
    n_rows = len(predictions[0])
    return interval_around(float(np.mean(scores)), error, n_rows, bounded=bounded)


def two_way_error(predictions: Sequence[pd.DataFrame], metric: str) -> float:
    """Return the standard error of a mean score over seeds, by drawing test rows and seeds.

    `predictions` hold the same rows in the same order. Owen (2007), The pigeonhole bootstrap,
    Annals of Applied Statistics 1: rather too large than too small.
    """
    # Tables, terminal and page of a run ask for the same, which may take seconds.
    values = (one.to_numpy(dtype=float) for one in predictions)
    key = fingerprint(metric, list(predictions[0]), *values)
    if key not in _ERRORS:
        _ERRORS[key] = _draw_error(predictions, metric)
    return _ERRORS[key]


_ERRORS: dict[str, float] = {}  # Of this process


def _draw_error(predictions: Sequence[pd.DataFrame], metric: str) -> float:
    n_seeds, n_rows = len(predictions), len(predictions[0])
    score, n_draws = _scorer_of_rows(predictions, metric)
    rng = derive_rng(0, "test rows and seeds")
    means = []
    for _ in range(n_draws):
        rows = rng.integers(n_rows, size=n_rows)
        seeds = rng.integers(n_seeds, size=n_seeds)
        drawn = score(rows)[seeds]
        if np.isfinite(drawn).all():  # a draw without a class has no area under a curve
            means.append(drawn.mean())
    return float(np.std(means, ddof=1)) if len(means) > 1 else float("nan")


def _scorer_of_rows(
    predictions: Sequence[pd.DataFrame], metric: str
) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Return the score of each seed on some of the rows, and for how many draws it is quick."""
    labels = predictions[0]["label"].to_numpy()
    correct = np.array([one["prediction"].to_numpy() == labels for one in predictions], dtype=float)
    if metric == "accuracy":
        return lambda rows: correct[:, rows].mean(axis=1), _DRAWS
    if metric == "balanced_accuracy":
        of_class = labels == np.unique(labels)[:, None]

        def recall(rows: np.ndarray) -> np.ndarray:
            present = [rows[members[rows]] for members in of_class if members[rows].any()]
            return np.mean([correct[:, some].mean(axis=1) for some in present], axis=0)

        return recall, _DRAWS
    from sklearn.metrics import get_scorer  # half a second, which `vaega status` need not wait for

    from vaega.experiments.answers import Answers

    scorer, answers = get_scorer(metric), [Answers(one) for one in predictions]

    def scored(rows: np.ndarray) -> np.ndarray:
        try:
            return np.array([scorer(one, rows[:, None], labels[rows]) for one in answers])
        except ValueError:
            return np.full(len(answers), np.nan)

    return scored, _SLOW_DRAWS
