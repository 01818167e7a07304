"""Statistics of arms: paired tests, intervals, effect sizes, mean ranks over datasets."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from vaega.core.checks import check_count, check_probability
from vaega.core.errors import InputError
from vaega.core.wording import decimals
from vaega.experiments.intervals import (
    LEAST_RUNS,
    NONE,
    Interval,
    corrected_error,
    interval_around,
)


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


@dataclass(frozen=True)
class ArmComparison:
    """Two arms on one dataset, pair by pair.

    Attributes
    ----------
    first, second : str
        The arms; differences are the first less the second.
    n_pairs, n_above, n_below : int
        Pairs in all; those in which the first is above, and below.
    first_mean, second_mean, difference : float
        Means over pairs.
    low, high : float
        Interval of the mean difference, for this pair alone: bias-corrected and accelerated
        bootstrap, or Student's with the corrected variance where splits overlap; not-a-number
        below five pairs.
    test : PairedTest
    adjusted_p_value : float
        Of the test, among all pairs that are compared here (Holm).
    rank_biserial : float
        Effect size of the pairs, from -1 to 1: see `rank_biserial`.
    alpha : float
        Level of the sentence.
    confidence : float
        Of the interval.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0.90, 0.80, 0.70, 0.80, 0.90, 0.85],
    ...                       "b": [0.80, 0.70, 0.65, 0.70, 0.85, 0.80]})
    >>> print(compare_arms(table)[0].sentence)
    a is above b by 0.075 [0.058, 0.092] in 6 of 6 pairs (Wilcoxon, p = 0.0312).
    """

    first: str
    second: str
    n_pairs: int
    n_above: int
    n_below: int
    first_mean: float
    second_mean: float
    difference: float
    low: float
    high: float
    test: PairedTest
    adjusted_p_value: float
    rank_biserial: float
    alpha: float = 0.05
    confidence: float = 0.95

    @property
    def differs(self) -> bool:
        """Whether a difference is shown at the level `alpha`."""
        return self.is_tested and self.adjusted_p_value < self.alpha

    @property
    def is_tested(self) -> bool:
        """Whether there are pairs enough for a test, an interval and an effect size."""
        return self.n_pairs >= LEAST_RUNS

    @property
    def sentence(self) -> str:
        """What the comparison says, in words."""
        difference = decimals(self.difference, signed=True)
        if not self.is_tested:
            return (
                f"{self.first} less {self.second}: {difference} over {self.n_pairs} pairs; "
                f"fewer than {LEAST_RUNS} are too few for a test."
            )
        p = f"{self.test.name}, p = {self.adjusted_p_value:.3g}"
        if self.differs:
            return f"{self._higher} ({p})."
        shown = f"No difference shown between {self.first} and {self.second}"
        interval = _bracketed(self.low, self.high)
        figures = f"{difference}{interval} over {self.n_pairs} pairs, {p}"
        if self.test.least_p_value >= self.alpha:
            return f"{shown} ({figures}); so few pairs cannot show one by this test."
        return f"{shown} ({figures})."

    @property
    def _higher(self) -> str:
        upper, lower, low, high = self.first, self.second, self.low, self.high
        if self.difference < 0.0:
            upper, lower, low, high = lower, upper, -high, -low
        count = max(self.n_above, self.n_below)
        size = f"{abs(self.difference):.3f}{_bracketed(low, high)}"
        return f"{upper} is above {lower} by {size} in {count} of {self.n_pairs} pairs"


def _bracketed(low: float, high: float) -> str:
    return "" if np.isnan(low) else f" [{decimals(low)}, {decimals(high)}]"


_OWNER = "compare_arms"


def compare_arms(
    scores: pd.DataFrame,
    *,
    against: str | None = None,
    test_share: float | None = None,
    alpha: float = 0.05,
    confidence: float = 0.95,
    random_state: int = 0,
) -> list[ArmComparison]:
    """Compare arms in pairs, all of them or all with one.

    Parameters
    ----------
    scores : pandas.DataFrame of float, shape (n_pairs, n_arms)
        A row each pair (a seed, or a split of it), a column each arm. Rows with a missing value are
        left out of the comparisons that it concerns.
    against : str, optional
        The arm with which every other one is compared; all pairs of arms when absent.
    test_share : float, optional
        Test rows over training rows, where rows of `scores` are splits of the same data: the
        corrected resampled t-test takes the place of Wilcoxon's.
    alpha : float, default=0.05
        Chance of any false difference among all comparisons.
    confidence : float, default=0.95
        Of the intervals.
    random_state : int, default=0
        Of the bootstrap.

    Returns
    -------
    list of ArmComparison
        In the order of the arms; the earlier arm is the second, to which a later one is compared.

    Raises
    ------
    InputError
        When there are fewer than two arms, `against` is none of them, or no pair is whole.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0.9, 0.8, 0.7], "b": [0.8, 0.9, 0.7], "c": [0.7, 0.8, 0.7]})
    >>> [(pair.first, pair.second) for pair in compare_arms(table, against="b")]
    [('a', 'b'), ('c', 'b')]
    """
    check_probability(alpha, "alpha", owner=_OWNER)
    comparisons = [
        _compare(scores, first, second, test_share, confidence, random_state)
        for first, second in _pairs(list(scores.columns), against)
    ]
    adjusted = holm([comparison.test.p_value for comparison in comparisons])
    return [
        replace(comparison, adjusted_p_value=float(p_value), alpha=alpha)
        for comparison, p_value in zip(comparisons, adjusted, strict=True)
    ]


def comparison_table(comparisons: Sequence[ArmComparison]) -> pd.DataFrame:
    """Return comparisons as a table, one row each.

    Parameters
    ----------
    comparisons : sequence of ArmComparison

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0.9, 0.8], "b": [0.8, 0.7]})
    >>> comparison_table(compare_arms(table))[["first", "second", "difference"]]
      first second  difference
    0     b      a        -0.1
    """
    rows = [
        {name: getattr(pair, name) for name in _PAIR_FIGURES}
        | {"test": pair.test.name, "p_value": pair.test.p_value}
        | {"adjusted_p_value": pair.adjusted_p_value, "rank_biserial": pair.rank_biserial}
        for pair in comparisons
    ]
    table = pd.DataFrame(rows)
    if len(table):
        too_few = [not pair.is_tested for pair in comparisons]
        table.loc[too_few, ["p_value", "adjusted_p_value", "rank_biserial"]] = np.nan
    return table


_PAIR_FIGURES = (
    "first", "second", "n_pairs", "first_mean", "second_mean", "difference", "low", "high",
    "n_above", "n_below",
)  # fmt: skip


def _pairs(arms: list[str], against: str | None) -> Iterator[tuple[str, str]]:
    if len(arms) < 2:
        raise InputError(f"{_OWNER}: takes at least two arms, got {arms}.")
    if against is None:
        return ((second, first) for first, second in combinations(arms, 2))
    if against not in arms:
        raise InputError.of(_OWNER, "against", f"must be one of {', '.join(arms)}", against)
    return ((arm, against) for arm in arms if arm != against)


def _compare(
    scores: pd.DataFrame,
    first: str,
    second: str,
    test_share: float | None,
    confidence: float,
    random_state: int,
) -> ArmComparison:
    pairs = scores[[first, second]].dropna().to_numpy(dtype=np.float64)
    if not len(pairs):
        raise InputError(f"{_OWNER}: {first} and {second} have no run in common.")
    a, b = pairs.T
    differences = _rounded(a - b)
    test, (low, high) = infer_difference(
        differences, test_share=test_share, confidence=confidence, random_state=random_state
    )
    return ArmComparison(
        first=first,
        second=second,
        n_pairs=len(pairs),
        n_above=int((differences > 0.0).sum()),
        n_below=int((differences < 0.0).sum()),
        first_mean=float(a.mean()),
        second_mean=float(b.mean()),
        difference=float(differences.mean()),
        low=low,
        high=high,
        test=test,
        adjusted_p_value=test.p_value,
        rank_biserial=rank_biserial(differences),
        confidence=confidence,
    )


def infer_difference(
    differences: np.ndarray,
    *,
    test_share: float | None,
    confidence: float = 0.95,
    random_state: int = 0,
) -> tuple[PairedTest, Interval]:
    """Return the test of no difference and the interval of the mean difference of pairs.

    Of independent pairs, or, with `test_share`, of splits that share rows; the interval is
    not-a-number below five pairs, and where the splits' differences are all alike.
    """
    differences, n = _rounded(differences), len(differences)
    if test_share is None or n < 2:
        test, interval = wilcoxon(differences), NONE
        if n >= LEAST_RUNS:
            interval = bootstrap_interval(
                differences, confidence=confidence, random_state=random_state
            )
        return test, interval
    test, interval = corrected_t(differences, test_share=test_share), NONE
    if n >= LEAST_RUNS:
        error = corrected_error(differences, test_share=test_share)
        mean = float(differences.mean())
        interval = interval_around(mean, error, n, bounded=False, confidence=confidence)
    return test, interval


def format_p_value(p: float) -> str:
    """Return a p-value with three decimals; a small one is not written as none."""
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


# Up to here the sums of all ways of giving signs to the differences are counted.
MOST_EXACT = 500


def wilcoxon(differences: ArrayLike) -> PairedTest:
    """Return Wilcoxon's signed-rank test, exact up to 500 differences, ties and zeros included.

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
    """Count the sums of ranks that are as far from the middle, over all signs.

    By the distribution of the sum, a rank at a time; ranks are halves, their doubles are whole.
    """
    doubles = np.rint(2.0 * ranks).astype(int)
    chances = np.zeros(doubles.sum() + 1)
    chances[0] = 1.0
    for double in doubles:
        chances *= 0.5
        chances[double:] += chances[: len(chances) - double].copy()
    sums, middle = np.arange(len(chances)) / 2.0, ranks.sum() / 2.0
    far = np.abs(sums - middle) >= abs(statistic - middle) - 1e-9
    return min(1.0, float(chances[far].sum()))


def _p_normal(ranks: np.ndarray, statistic: float) -> float:
    # Half a step towards the middle, as for any sum of whole numbers.
    distance = max(abs(statistic - ranks.sum() / 2.0) - 0.5, 0.0)
    return float(2.0 * stats.norm.sf(distance / np.sqrt(np.square(ranks).sum() / 4.0)))


_BOOTSTRAP_OWNER = "bootstrap_interval"


def bootstrap_interval(
    values: ArrayLike, *, confidence: float = 0.95, n_resamples: int = 9999, random_state: int = 0
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
    values = as_values(values, owner=_BOOTSTRAP_OWNER)
    check_probability(confidence, "confidence", owner=_BOOTSTRAP_OWNER)
    check_count(n_resamples, "n_resamples", owner=_BOOTSTRAP_OWNER)
    if len(values) < 2:
        return float("nan"), float("nan")
    if np.ptp(values) == 0.0:
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(random_state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        interval = stats.bootstrap(
            (values,),
            np.mean,
            confidence_level=confidence,
            n_resamples=n_resamples,
            random_state=rng,
        ).confidence_interval
    if np.isfinite([interval.low, interval.high]).all():
        return float(interval.low), float(interval.high)
    # All jackknife means alike but for rounding: there is no acceleration to be had.
    tail = 50.0 * (1.0 - confidence)
    draws = rng.choice(values, (n_resamples, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [tail, 100.0 - tail])
    return float(low), float(high)


def rank_biserial(differences: ArrayLike) -> float:
    """Return the matched-pairs rank-biserial correlation, the effect size of Wilcoxon's test.

    Ranks of the differences above zero less those below, as a share of all ranks. A pair of equal
    values keeps its rank and counts for neither side, as in `wilcoxon`: one difference among nine
    zeros is a small effect, not a perfect one.

    Parameters
    ----------
    differences : array-like of float, shape (n,)
        One a pair.

    Returns
    -------
    float
        From -1, where every difference is below zero, to 1.

    Raises
    ------
    InputError
        When there is no difference, or one is not finite.

    References
    ----------
    Kerby (2014), The simple difference formula: an approach to teaching nonparametric correlation,
    Comprehensive Psychology 3.

    Examples
    --------
    >>> rank_biserial([0.3, 0.2, 0.4, -0.1])
    0.8
    """
    values = _rounded(as_values(differences, owner="rank_biserial"))
    ranks = stats.rankdata(np.abs(values))
    return float((np.sign(values) * ranks).sum() / ranks.sum())


_RANKS_OWNER = "rank_arms"


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
    >>> comparison = rank_arms(scores)
    >>> comparison.ranks.to_dict()
    {'a': 1.0, 'b': 2.0, 'c': 3.0}
    >>> comparison.groups
    [('a', 'b'), ('b', 'c')]
    """
    check_probability(alpha, "alpha", owner=_RANKS_OWNER)
    n, k = scores.shape
    if k < 3 or n < 2:
        raise InputError(
            f"{_RANKS_OWNER}: takes at least three arms on two datasets, got {k} arms on {n}; two "
            "arms are compared in pairs."
        )
    missing = np.argwhere(scores.isna().to_numpy())
    if len(missing):
        dataset, arm = scores.index[missing[0, 0]], scores.columns[missing[0, 1]]
        raise InputError(
            f"{_RANKS_OWNER}: every arm needs a score on every dataset, {arm!r} has none on "
            f"{dataset!r}."
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


def as_values(values: ArrayLike, *, owner: str, least: int = 1) -> np.ndarray:
    """Return values as a vector of finite floats."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or len(vector) < least:
        raise InputError(f"{owner}: takes a vector of at least {least}, got shape {vector.shape}.")
    if not np.isfinite(vector).all():
        index = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise InputError(f"{owner}: values must be finite, got {vector[index]} at {index}.")
    return vector
