"""Arms of one experiment, compared in pairs: runs of the same seed share their splits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from vaega.analysis.statistics.effects import cliffs_delta, magnitude, superiority
from vaega.analysis.statistics.intervals import bootstrap_interval
from vaega.analysis.statistics.paired import (
    PairedTest,
    corrected_error,
    corrected_t,
    holm,
    wilcoxon,
)
from vaega.core.checks import check_probability
from vaega.core.errors import InputError

_OWNER = "compare_arms"


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
        bootstrap, or Student's with the corrected variance where splits overlap.
    test : PairedTest
    adjusted_p_value : float
        Of the test, among all pairs that are compared here (Holm).
    superiority : float
        Chance that a value of the first is above one of the second (Vargha and Delaney's A12).
    delta : float
        Cliff's delta.
    alpha : float
        Level of the sentence.
    confidence : float
        Of the interval.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0.90, 0.80, 0.70, 0.80, 0.90, 0.85],
    ...                       "b": [0.80, 0.70, 0.65, 0.70, 0.85, 0.80]})
    >>> print(compare_arms(table)[0].sentence)
    a is above b by 0.075 [0.058, 0.092] in 6 of 6 pairs (Wilcoxon, p = 0.0312); effect: large.
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
    superiority: float
    delta: float
    alpha: float = 0.05
    confidence: float = 0.95

    @property
    def differs(self) -> bool:
        """Whether a difference is shown at the level `alpha`."""
        return self.adjusted_p_value < self.alpha

    @property
    def effect(self) -> str:
        """The usual word for the size of `delta`."""
        return magnitude(self.delta)

    @property
    def sentence(self) -> str:
        """What the comparison says, in words."""
        interval = "" if np.isnan(self.low) else f" [{self.low:.3f}, {self.high:.3f}]"
        p = f"{self.test.name}, p = {self.adjusted_p_value:.3g}"
        if self.differs:
            return f"{self._higher} ({p}); effect: {self.effect}."
        shown = f"No difference shown between {self.first} and {self.second}"
        figures = f"{self.difference:+.3f}{interval} over {self.n_pairs} pairs, {p}"
        if self.test.least_p_value >= self.alpha:
            return f"{shown} ({figures}); so few pairs cannot show one by this test."
        return f"{shown} ({figures})."

    @property
    def _higher(self) -> str:
        upper, lower, low, high = self.first, self.second, self.low, self.high
        if self.difference < 0.0:
            upper, lower, low, high = lower, upper, -high, -low
        count = max(self.n_above, self.n_below)
        size = f"{abs(self.difference):.3f} [{low:.3f}, {high:.3f}]"
        return f"{upper} is above {lower} by {size} in {count} of {self.n_pairs} pairs"


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
    >>> [(found.first, found.second) for found in compare_arms(table, against="b")]
    [('a', 'b'), ('c', 'b')]
    """
    check_probability(alpha, "alpha", owner=_OWNER)
    found = [
        _compare(scores, first, second, test_share, confidence, random_state)
        for first, second in _pairs(list(scores.columns), against)
    ]
    adjusted = holm([comparison.test.p_value for comparison in found])
    return [
        replace(comparison, adjusted_p_value=float(p_value), alpha=alpha)
        for comparison, p_value in zip(found, adjusted, strict=True)
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
        {
            "first": found.first,
            "second": found.second,
            "n_pairs": found.n_pairs,
            "first_mean": found.first_mean,
            "second_mean": found.second_mean,
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "n_above": found.n_above,
            "n_below": found.n_below,
            "test": found.test.name,
            "p_value": found.test.p_value,
            "adjusted_p_value": found.adjusted_p_value,
            "superiority": found.superiority,
            "cliffs_delta": found.delta,
            "effect": found.effect,
        }
        for found in comparisons
    ]
    return pd.DataFrame(rows)


def _pairs(arms: list[str], against: str | None) -> Iterator[tuple[str, str]]:
    if len(arms) < 2:
        raise InputError(f"{_OWNER}: takes at least two arms, got {arms}.")
    if against is None:
        return ((second, first) for first, second in combinations(arms, 2))
    if against not in arms:
        raise InputError(f"{_OWNER}: against must be one of {arms}, got {against!r}.")
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
    differences = np.round(a - b, 12)
    if test_share is None or len(pairs) < 2:
        test = wilcoxon(differences)
        low, high = bootstrap_interval(
            differences, confidence=confidence, random_state=random_state
        )
    else:
        test = corrected_t(differences, test_share=test_share)
        low, high = _corrected_interval(differences, test_share, confidence)
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
        superiority=superiority(a, b),
        delta=cliffs_delta(a, b),
        confidence=confidence,
    )


def _corrected_interval(
    differences: np.ndarray, test_share: float, confidence: float
) -> tuple[float, float]:
    quantile = stats.t.ppf(0.5 + confidence / 2.0, len(differences) - 1)
    half = float(quantile * corrected_error(differences, test_share=test_share))
    mean = float(differences.mean())
    return mean - half, mean + half
