"""Several ways on several datasets: ranks, and how far apart they must be to differ."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import stats

from vaega.core.checks import check_probability
from vaega.core.errors import InputError

_OWNER = "rank_arms"


@dataclass(frozen=True, eq=False)
class RankComparison:
    """Mean ranks of arms over datasets.

    Attributes
    ----------
    ranks : pandas.Series of float, indexed by arm
        Mean ranks, the best (lowest) first; ties share theirs.
    n_datasets : int
    statistic : float
        Friedman's chi-squared in the form of Iman and Davenport, an F.
    p_value : float
        Chance of ranks at least as uneven if the arms were alike.
    critical_difference : float
        Arms whose mean ranks are at least as far apart differ (Nemenyi).
    alpha : float
        Chance of any false difference among all pairs.
    groups : list of tuple of str
        Arms that are not shown to differ, each group as large as can be; only where it has two.
    """

    ranks: pd.Series
    n_datasets: int
    statistic: float
    p_value: float
    critical_difference: float
    alpha: float
    groups: list[tuple[str, ...]]

    @property
    def sentence(self) -> str:
        """What the ranks say, in words."""
        p = f"Friedman, Iman and Davenport: p = {self.p_value:.3g}"
        where = f"{len(self.ranks)} arms over {self.n_datasets} datasets"
        if self.p_value >= self.alpha:
            return f"No difference shown among {where} ({p})."
        best = str(self.ranks.index[0])
        level = next((group for group in self.groups if best in group), (best,))
        others = [arm for arm in level if arm != best]
        also = f"; {', '.join(others)} not shown to differ from it" if others else ""
        return f"The {where} differ ({p}); {best} ranks best{also}."


def rank_arms(scores: pd.DataFrame, *, alpha: float = 0.05) -> RankComparison:
    """Rank arms on each dataset, and tell which mean ranks differ.

    Parameters
    ----------
    scores : pandas.DataFrame of float, shape (n_datasets, n_arms)
        Higher is better; datasets are independent of each other, each with every arm.
    alpha : {0.01, 0.05, 0.1} or other float, default=0.05
        Chance of any false difference.

    Returns
    -------
    RankComparison

    Raises
    ------
    InputError
        When there are fewer than three arms or two datasets, or a score is missing.

    References
    ----------
    Demsar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7. Iman and
    Davenport (1980), Approximations of the critical region of the Friedman statistic,
    Communications in Statistics 9.

    Examples
    --------
    >>> scores = pd.DataFrame({"a": [0.9, 0.8, 0.7, 0.9], "b": [0.8, 0.7, 0.6, 0.8],
    ...                        "c": [0.7, 0.6, 0.5, 0.7]})
    >>> found = rank_arms(scores)
    >>> found.ranks.to_dict()
    {'a': 1.0, 'b': 2.0, 'c': 3.0}
    >>> found.groups
    [('a', 'b'), ('b', 'c')]
    """
    check_probability(alpha, "alpha", owner=_OWNER)
    n, k = scores.shape
    if k < 3 or n < 2:
        raise InputError(
            f"{_OWNER}: takes at least three arms on two datasets, got {k} arms on {n}; two arms "
            "are compared in pairs."
        )
    missing = np.argwhere(scores.isna().to_numpy())
    if len(missing):
        dataset, arm = scores.index[missing[0, 0]], scores.columns[missing[0, 1]]
        raise InputError(
            f"{_OWNER}: every arm needs a score on every dataset, {arm!r} has none on {dataset!r}."
        )
    table = stats.rankdata(-np.round(scores.to_numpy(dtype=float), 12), axis=1)
    ranks = pd.Series(table.mean(axis=0), index=scores.columns).sort_values(kind="stable")
    statistic, p_value = _friedman(table)
    critical = _nemenyi(k, n, alpha)
    return RankComparison(ranks, n, statistic, p_value, critical, alpha, _groups(ranks, critical))


def _friedman(table: np.ndarray) -> tuple[float, float]:
    """Return Iman and Davenport's F of a table of ranks (n, k), and its p-value."""
    n, k = table.shape
    centred = table.mean(axis=0) - (k + 1) / 2.0
    within = np.square(table - (k + 1) / 2.0).sum()  # less than without ties
    if within == 0.0:
        return 0.0, 1.0
    chi = n * n * (k - 1) * np.square(centred).sum() / within
    rest = n * (k - 1) - chi
    statistic = np.inf if rest <= 1e-9 else (n - 1) * chi / rest
    return float(statistic), float(stats.f.sf(statistic, k - 1, (k - 1) * (n - 1)))


@lru_cache(maxsize=64)
def _nemenyi(k: int, n: int, alpha: float) -> float:
    quantile = stats.studentized_range.ppf(1.0 - alpha, k, np.inf) / np.sqrt(2.0)
    return float(quantile * np.sqrt(k * (k + 1) / (6.0 * n)))


def _groups(ranks: pd.Series, critical: float) -> list[tuple[str, ...]]:
    values, names = ranks.to_numpy(), [str(name) for name in ranks.index]
    ends = [int(np.searchsorted(values, value + critical, side="left")) for value in values]
    return [
        tuple(names[start:end])
        for start, end in enumerate(ends)
        if end - start > 1 and (start == 0 or end > ends[start - 1])
    ]
