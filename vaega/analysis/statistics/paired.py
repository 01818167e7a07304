"""Tests of paired differences, and how several of them are read together."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from vaega.analysis.statistics.values import as_values
from vaega.core.errors import InputError

# Up to here every way of giving signs to the differences is counted, 65,536 at most.
MOST_EXACT = 16


@dataclass(frozen=True)
class PairedTest:
    """A two-sided test of whether paired differences centre on zero.

    Attributes
    ----------
    name : str
        Of the test.
    statistic : float
        What was computed of the differences.
    p_value : float
        Chance of one at least as far out if there were no difference; 1 where all are zero.
    least_p_value : float
        The smallest that so many pairs can give.

    Examples
    --------
    >>> wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5]).least_p_value
    0.0625
    """

    name: str
    statistic: float
    p_value: float
    least_p_value: float


def wilcoxon(differences: ArrayLike) -> PairedTest:
    """Return Wilcoxon's signed-rank test, exact for up to 16 differences, ties and zeros included.

    Parameters
    ----------
    differences : array-like of float, shape (n,)
        One a pair; pairs are independent of each other. Zeros keep their ranks and lose their
        signs (Pratt 1959).

    Returns
    -------
    PairedTest
        Its statistic is the sum of the ranks of positive differences.

    References
    ----------
    Wilcoxon (1945), Individual comparisons by ranking methods, Biometrics Bulletin 1.

    Examples
    --------
    >>> wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).p_value
    0.03125
    """
    values = _rounded(as_values(differences, owner="wilcoxon"))
    signed = values != 0.0
    ranks = stats.rankdata(np.abs(values))[signed]
    statistic = float(ranks[values[signed] > 0.0].sum())
    least = 2.0 ** (1 - len(values)) if len(values) <= MOST_EXACT else 0.0
    if not len(ranks):
        return PairedTest("Wilcoxon", 0.0, 1.0, least)
    p_value = (
        _p_exact(ranks, statistic) if len(ranks) <= MOST_EXACT else _p_normal(ranks, statistic)
    )
    return PairedTest("Wilcoxon", statistic, p_value, least)


def corrected_t(differences: ArrayLike, *, test_share: float) -> PairedTest:
    """Return the corrected resampled t-test, for splits that share training rows.

    Scores of overlapping splits depend on each other, and the variance of their mean is larger than
    that of as many independent ones: n_test / n_train is added to 1 / n.

    Parameters
    ----------
    differences : array-like of float, shape (n,)
        One a split of the same rows.
    test_share : float
        Test rows over training rows: 1 / (k - 1) for k folds.

    Returns
    -------
    PairedTest
        Its statistic is Student's t with n - 1 degrees of freedom.

    Raises
    ------
    InputError
        When there are fewer than two differences, or the share is not positive.

    References
    ----------
    Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52.
    Bouckaert and Frank (2004), Evaluating the replicability of significance tests, PAKDD, for
    repeated folds.

    Examples
    --------
    >>> round(corrected_t([0.02, 0.03, 0.01, 0.04, 0.02], test_share=3 / 7).p_value, 3)
    0.057
    """
    values = _rounded(as_values(differences, owner="corrected_t", least=2))
    error = corrected_error(values, test_share=test_share)
    mean = float(values.mean())
    if error == 0.0:
        statistic = 0.0 if mean == 0.0 else math.copysign(math.inf, mean)
    else:
        statistic = mean / error
    p_value = float(2.0 * stats.t.sf(abs(statistic), len(values) - 1))
    return PairedTest("corrected t", statistic, p_value, 0.0)


def corrected_error(values: ArrayLike, *, test_share: float) -> float:
    """Return the standard error of a mean over splits that share training rows.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        One a split.
    test_share : float
        Test rows over training rows.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When there are fewer than two values, or the share is not positive.

    Examples
    --------
    >>> round(corrected_error([0.8, 0.9, 1.0], test_share=0.5), 4)
    0.0913
    """
    values = as_values(values, owner="corrected_error", least=2)
    if not test_share > 0.0:
        raise InputError(f"corrected_error: test_share must be above 0, got {test_share!r}.")
    return float(np.sqrt(values.var(ddof=1) * (1.0 / len(values) + test_share)))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values adjusted so that they may be read together.

    Parameters
    ----------
    p_values : array-like of float, shape (n,)
        Of a family of tests.

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Those below 0.05 hold with a chance of 5 % at most that any of them is false.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _rounded(values: np.ndarray) -> np.ndarray:
    # Differences of scores such as 17/20 are equal but for rounding, and so are their ranks.
    return np.round(values, 12)


def _p_exact(ranks: np.ndarray, statistic: float) -> float:
    """Count the sums of ranks that are as far from the middle, over all signs."""
    sums = np.zeros(1)
    for rank in ranks:
        sums = np.concatenate([sums, sums + rank])
    middle = ranks.sum() / 2.0
    return float((np.abs(sums - middle) >= abs(statistic - middle) - 1e-9).mean())


def _p_normal(ranks: np.ndarray, statistic: float) -> float:
    # Half a step towards the middle, as for any sum of whole numbers.
    distance = max(abs(statistic - ranks.sum() / 2.0) - 0.5, 0.0)
    return float(2.0 * stats.norm.sf(distance / np.sqrt(np.square(ranks).sum() / 4.0)))
