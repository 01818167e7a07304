"""Stability of a selection over repeated runs: how much the chosen masks agree, beyond chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.core.errors import InputError


@dataclass(frozen=True)
class StabilityEstimate:
    """A stability with its uncertainty.

    Parameters
    ----------
    value : float
        Nogueira's estimate: 1 where all runs agree, 0 in expectation where each draws at random.
    low, high : float
        Ends of the confidence interval; not clipped, so `high` may exceed 1.
    variance : float
        Asymptotic variance of `value`.
    standard_error : float
        Its square root.
    """

    value: float
    low: float
    high: float
    variance: float
    standard_error: float


@dataclass(frozen=True)
class StabilityTest:
    """A two-sided test of two stabilities for equality.

    Parameters
    ----------
    statistic : float
        Difference, the second less the first, in standard errors; standard normal under equality.
    p_value : float
        Chance of a difference at least as large if the stabilities were equal.
    """

    statistic: float
    p_value: float


def nogueira(masks: ArrayLike) -> float:
    """Return the stability of masks of any size, corrected for chance.

    Parameters
    ----------
    masks : array-like of bool, shape (n_runs, n_features)
        One mask a run.

    Returns
    -------
    float
        At most 1; 0 in expectation where every run selects its features at random. It is nan
        where it is undefined: for a single run, or where all runs select every feature or none.

    Raises
    ------
    InputError
        When `masks` is no matrix of zeros and ones.

    Notes
    -----
    Nogueira, Sechidis and Brown (JMLR 18(174), 2018), definition 4: one less the features' mean
    variance over that of random masks of the mean size. Of equal sizes it is Kuncheva's index.

    Examples
    --------
    >>> round(nogueira([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]]), 3)
    0.333
    """
    array = _check_masks(masks, owner="nogueira")
    return _nogueira(array.sum(axis=0), len(array))


def nogueira_interval(masks: ArrayLike, *, confidence: float = 0.95) -> StabilityEstimate:
    """Return the stability with its asymptotic confidence interval.

    Parameters
    ----------
    masks : array-like of bool, shape (n_runs, n_features)
        One mask a run, of independent runs; the interval is asymptotic in their number.
    confidence : float, default=0.95
        Coverage, above 0 and below 1.

    Returns
    -------
    StabilityEstimate
        All nan where the stability is undefined (a single run; every feature or none selected in
        all runs). Runs that agree entirely have no variance and an interval of one point.

    Raises
    ------
    InputError
        When `masks` is no matrix of zeros and ones, or `confidence` is out of range.

    Notes
    -----
    Nogueira, Sechidis and Brown (2018), theorem 7 and corollary 9.

    Examples
    --------
    >>> estimate = nogueira_interval([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]])
    >>> round(estimate.low, 2), round(estimate.high, 2)
    (-0.02, 0.69)
    """
    array = _check_masks(masks, owner="nogueira_interval")
    z = _quantile(confidence, owner="nogueira_interval")
    value, variance = _with_variance(array)
    error = float(np.sqrt(variance))
    return StabilityEstimate(value, value - z * error, value + z * error, variance, error)


def compare_nogueira(masks_a: ArrayLike, masks_b: ArrayLike) -> StabilityTest:
    """Test whether two procedures are equally stable.

    Parameters
    ----------
    masks_a, masks_b : array-like of bool, shape (n_runs, n_features)
        Masks of independent runs; both numbers may differ between the two.

    Returns
    -------
    StabilityTest
        Both nan where a stability is undefined, or where neither has any variance and they are
        equal; without variance but different, the statistic is infinite and `p_value` 0.

    Raises
    ------
    InputError
        When one of them is no matrix of zeros and ones.

    Notes
    -----
    Nogueira, Sechidis and Brown (2018), theorem 10; asymptotic in the numbers of runs.

    Examples
    --------
    >>> stable = [[1, 1, 0, 0, 0, 0]] * 9 + [[1, 0, 1, 0, 0, 0]]
    >>> moody = np.eye(6)[[0, 1, 2, 3, 4, 5, 0, 1, 2, 3]]
    >>> compare_nogueira(stable, moody).p_value < 0.001
    True
    """
    first, variance_a = _with_variance(_check_masks(masks_a, owner="compare_nogueira"))
    second, variance_b = _with_variance(_check_masks(masks_b, owner="compare_nogueira"))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = float(np.divide(second - first, np.sqrt(variance_a + variance_b)))
    return StabilityTest(statistic, float(2.0 * scipy.special.ndtr(-abs(statistic))))


def kuncheva(masks: ArrayLike) -> float:
    """Return Kuncheva's consistency index, the mean over all pairs of runs.

    Parameters
    ----------
    masks : array-like of bool, shape (n_runs, n_features)
        One mask a run, all with the same number of selected features.

    Returns
    -------
    float
        1 where all agree, 0 in expectation by chance; nan where it is undefined: for a single
        run, or where every feature or none is selected.

    Raises
    ------
    InputError
        When `masks` is no matrix of zeros and ones, or the sizes differ.

    Notes
    -----
    Kuncheva (2007): for two masks of k out of d features with r in common,
    ``(r d - k**2) / (k (d - k))``. A feature selected in c runs is common to ``c (c - 1) / 2``
    pairs, so the mean needs no loop over pairs.

    Examples
    --------
    >>> round(kuncheva([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]]), 3)
    0.333
    """
    array = _check_masks(masks, owner="kuncheva")
    n_runs, n_features = array.shape
    sizes = array.sum(axis=1)
    if sizes.min() != sizes.max():
        raise InputError(
            "kuncheva: masks must all select the same number of features, "
            f"got from {sizes.min()} to {sizes.max()}; nogueira takes any sizes."
        )
    size = int(sizes[0])
    if n_runs < 2 or size in (0, n_features):
        return float("nan")
    counts = array.sum(axis=0)
    common = float((counts * (counts - 1)).sum()) / (n_runs * (n_runs - 1))
    return float((common * n_features - size**2) / (size * (n_features - size)))


def jaccard(masks: ArrayLike) -> float:
    """Return the mean Jaccard index over all pairs of runs, not corrected for chance.

    Parameters
    ----------
    masks : array-like of bool, shape (n_runs, n_features)
        One mask a run.

    Returns
    -------
    float
        From 0 to 1: features in both over features in either; two empty masks agree, 1. It is nan
        for a single run, which has no pair.

    Raises
    ------
    InputError
        When `masks` is no matrix of zeros and ones.

    Examples
    --------
    >>> jaccard([[1, 1, 0, 0], [1, 0, 1, 0]])
    0.3333333333333333
    """
    array = _check_masks(masks, owner="jaccard")
    if len(array) < 2:
        return float("nan")
    genes = array[:, array.any(axis=0)].astype(np.float32)  # counts are exact below 2**24
    common = (genes @ genes.T).astype(float)
    sizes = common.diagonal()
    either = sizes[:, None] + sizes - common
    alike = np.divide(common, either, out=np.ones_like(common), where=either > 0)
    return float(alike[np.triu_indices(len(array), k=1)].mean())


def frequency_table(
    masks: ArrayLike, feature_names: Sequence[str] | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Count how many runs select each feature.

    Parameters
    ----------
    masks : array-like of bool, shape (n_runs, n_features)
        One mask a run.
    feature_names : sequence of str, optional
        One name a feature; ``x0``, ``x1`` and so on when absent.
    confidence : float, default=0.95
        Coverage of the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        One row a feature, the most frequent first, equals by position: ``feature`` (position),
        ``name``, ``count``, ``frequency``, and ``low`` and ``high``, Wilson's interval of it.

    Raises
    ------
    InputError
        When `masks` is no matrix of zeros and ones, or another value does not fit.

    Notes
    -----
    Wilson (1927): the interval stays within [0, 1] and is not empty at 0 or at all runs.

    Examples
    --------
    >>> frequency_table([[1, 0], [1, 1]], ["age", "dose"])[["name", "count"]].values.tolist()
    [['age', 2], ['dose', 1]]
    """
    array = _check_masks(masks, owner="frequency_table")
    n_runs, n_features = array.shape
    names = [f"x{i}" for i in range(n_features)] if feature_names is None else list(feature_names)
    if len(names) != n_features:
        raise InputError(
            f"frequency_table: feature_names must hold {n_features} names, got {len(names)}."
        )
    counts = array.sum(axis=0)
    low, high = _wilson(counts, n_runs, _quantile(confidence, owner="frequency_table"))
    columns = {"feature": np.arange(n_features), "name": names, "count": counts}
    table = pd.DataFrame({**columns, "frequency": counts / n_runs, "low": low, "high": high})
    return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)


def consensus_mask(
    masks: ArrayLike,
    *,
    threshold: float | None = None,
    size: int | None = None,
    tie_break: ArrayLike | None = None,
) -> np.ndarray:
    """Select the features on which the runs agree.

    Parameters
    ----------
    masks : array-like of bool, shape (n_runs, n_features)
        One mask a run.
    threshold : float, optional
        Select the features of at least this share of the runs.
    size : int, optional
        Or select so many, the most frequent ones; exactly one of the two is needed.
    tie_break : array-like of float, shape (n_features,), optional
        Of equally frequent features the higher value comes first, then the position; for `size`.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)

    Raises
    ------
    InputError
        When `masks` is no matrix of zeros and ones, `threshold` and `size` are both given or both
        absent, or a value does not fit.

    Examples
    --------
    >>> consensus_mask([[1, 1, 0], [1, 0, 1]], threshold=0.6)
    array([ True, False, False])
    >>> consensus_mask([[1, 1, 0], [1, 0, 1]], size=2, tie_break=[0.0, 0.2, 0.7])
    array([ True, False,  True])
    """
    array = _check_masks(masks, owner="consensus_mask")
    n_features = array.shape[1]
    if (threshold is None) == (size is None):
        got = "neither" if size is None else "both"
        raise InputError(f"consensus_mask: threshold or size must be given, got {got}.")
    counts = array.sum(axis=0)
    if threshold is not None:
        check_probability(threshold, "threshold", owner="consensus_mask")
        return counts / len(array) >= threshold
    check_count(size, "size", owner="consensus_mask", minimum=0, maximum=n_features)
    second = np.zeros(n_features) if tie_break is None else np.asarray(tie_break, dtype=float)
    if second.shape != (n_features,) or np.isnan(second).any():
        raise InputError(
            f"consensus_mask: tie_break must hold {n_features} numbers, got shape {second.shape} "
            f"with {int(np.isnan(second).sum())} nan."
        )
    mask = np.zeros(n_features, dtype=bool)
    mask[np.lexsort((-second, -counts))[:size]] = True
    return mask


def _nogueira(counts: np.ndarray, n_runs: int) -> float:
    share = counts.sum() / (n_runs * counts.size)  # mean size over the number of features
    if n_runs < 2 or share in (0.0, 1.0):
        return float("nan")
    frequencies = counts / n_runs
    variance = n_runs / (n_runs - 1) * float((frequencies * (1.0 - frequencies)).mean())
    return float(1.0 - variance / (share * (1.0 - share)))


def _with_variance(array: np.ndarray) -> tuple[float, float]:
    n_runs, n_features = array.shape
    frequencies = array.mean(axis=0)
    value = _nogueira(array.sum(axis=0), n_runs)
    if np.isnan(value):
        return value, value
    shares, share = array.sum(axis=1) / n_features, float(frequencies.mean())
    # The influence of each run on the estimate (theorem 7 of the paper).
    agreement = array @ frequencies / n_features - shares * share
    correction = value / 2 * (2 * shares * share - shares - share + 1)
    influence = (agreement + correction) / (share * (1.0 - share))
    return value, float(4.0 / n_runs * influence.var())


def _quantile(confidence: float, *, owner: str) -> float:
    check_probability(confidence, "confidence", owner=owner)
    if confidence in (0.0, 1.0):
        raise InputError(f"{owner}: confidence must be above 0 and below 1, got {confidence!r}.")
    return float(scipy.special.ndtri(0.5 + confidence / 2))


def _wilson(counts: np.ndarray, n_runs: int, z: float) -> tuple[np.ndarray, np.ndarray]:
    frequencies = counts / n_runs
    centre = frequencies + z**2 / (2 * n_runs)
    spread = z * np.sqrt(frequencies * (1.0 - frequencies) / n_runs + (z / (2 * n_runs)) ** 2)
    scale = 1.0 + z**2 / n_runs
    low, high = (centre - spread) / scale, (centre + spread) / scale
    # Exact at the ends, where rounding would leave a trace.
    return np.where(counts == 0, 0.0, low), np.where(counts == n_runs, 1.0, high)


def _check_masks(masks: ArrayLike, *, owner: str) -> np.ndarray:
    array = np.asarray(masks)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"{owner}: masks must be a matrix, one row a run and one column a feature, "
            f"got shape {array.shape}."
        )
    if array.dtype != bool:
        if not np.isin(array, (0, 1)).all():
            raise InputError(f"{owner}: masks must hold zeros and ones only, got other values.")
        array = array.astype(bool)
    return array
