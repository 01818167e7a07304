"""Error control: which features are selected again and again on halves of the rows.

Complementary pairs stability selection (Shah and Samworth, 2013, Variable selection with error
control: another look at stability selection, J. R. Stat. Soc. B 75): a base selects q of p features
on both halves of the rows, many times. How often a feature is selected that the base takes no more
often than a random choice would is bounded, so that a threshold promises how many of these are
selected in expectation. Nothing is assumed of the base, and no feature need pass the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

N_PAIRS = 50
_LARGE, _SMALL = 1e5, 1e-9  # of the shift of a power law: flat, and all at zero
# Concavity of the distribution of a feature's share of both halves, and of single halves (section
# 3.3 of the paper: found to hold for bases of all kinds, where unimodality is proved to be weaker).
_BOTH, _SINGLE = -0.5, -0.25


@dataclass(frozen=True, eq=False)
class StableSelection:
    """The share of the halves on which each feature is selected, and what passes."""

    frequencies: np.ndarray  # (n_features,)
    threshold: float  # that a selected feature's share reaches; above 1 where none can be promised

    @property
    def mask(self) -> np.ndarray:
        """The features that pass, perhaps none."""
        passes: np.ndarray = self.frequencies >= self.threshold - 1e-12
        return passes


def complementary_halves(
    y: np.ndarray, n_pairs: int, *, rng: np.random.Generator, groups: np.ndarray | None = None
) -> list[np.ndarray]:
    """Draw pairs of disjoint halves, each class (or the groups) dealt to both; sorted indices."""
    halves = []
    for _ in range(n_pairs):
        members = np.arange(len(y)) if groups is None else groups
        units, first = np.unique(members, return_index=True)
        order = rng.permutation(len(units))
        order = order[np.argsort(y[first[order]], kind="stable")]
        for side in (0, 1):
            halves.append(np.flatnonzero(np.isin(members, units[order[side::2]])))
    return halves


def base_size(n_features: int, false_selections: float) -> int:
    """Return how many features the base selects: q with q**2 / p = the errors allowed.

    Meinshausen and Buehlmann's bound then holds at a threshold of 1, and the tighter one here at
    about a half to three quarters of the halves.
    """
    return int(np.clip(round((false_selections * n_features) ** 0.5), 1, max(n_features // 2, 1)))


def select_stable(orders: list[np.ndarray], false_selections: float) -> StableSelection:
    """Count on how many halves each feature is among the first, and set the threshold.

    `orders` has all features from best to worst for each half, pairs beside each other.
    """
    n_features = len(orders[0])
    size = base_size(n_features, false_selections)
    threshold = error_threshold(size / n_features, len(orders) // 2, false_selections / n_features)
    return StableSelection(selection_shares(orders, size, n_features), threshold)


def selection_shares(orders: Sequence[np.ndarray], size: int, n_features: int) -> np.ndarray:
    """Return the share of the orders that have each feature among the first `size`."""
    chosen = np.concatenate([order[:size] for order in orders])
    shares: np.ndarray = np.bincount(chosen, minlength=n_features) / len(orders)
    return shares


def error_threshold(chance: float, n_pairs: int, error: float) -> float:
    """Return the smallest share of halves that a low-chance feature passes at most so often.

    Parameters
    ----------
    chance : float
        Share of the features that the base selects: that of a feature chosen at random.
    n_pairs : int
        Pairs of halves.
    error : float
        Probability of a feature of at most this chance to pass.

    Returns
    -------
    float
        A multiple of ``1 / (2 * n_pairs)``, above a half; above 1 where nothing promises so few.
    """
    n_halves = 2 * n_pairs
    for count in range(n_pairs + 1, n_halves + 1):
        share = count / n_halves
        if share_bound(chance, share, n_pairs) <= error:
            return share
    return 1.0 + 1.0 / n_halves


def share_bound(chance: float, share: float, n_pairs: int) -> float:
    """Return the most that the probability of a low-chance feature to reach this share can be."""
    if share <= 0.5:
        return 1.0
    both = tail_bound(chance**2, 2.0 * share - 1.0, n_pairs, _BOTH)
    return min(both, tail_bound(chance, share, 2 * n_pairs, _SINGLE))


def share_p_values(frequencies: np.ndarray, chance: float, n_pairs: int) -> np.ndarray:
    """Return p values, (n_features,), of the shares of halves that select each feature.

    Under the hypothesis that the base selects the feature no more often than a random choice would,
    a share as high has at most this probability (`share_bound`), so that it is a p value.
    """
    shares, where = np.unique(frequencies, return_inverse=True)
    bounds: np.ndarray = np.array([share_bound(chance, share, n_pairs) for share in shares])[where]
    return bounds


def tail_bound(mean: float, share: float, n: int, concavity: float) -> float:
    """Return the most that P(X >= share) can be for X on 0, 1/n, ..., 1 with this mean.

    Over distributions whose probabilities f are r-concave (f**r is convex, r < 0). The extreme ones
    are power laws, f(i) ~ (a + i)**(1 / r) for i up to k, with what the mean leaves at k + 1 (the
    paper's appendix, A.4); the best shift a of each k lies between those at which that is nothing
    and all that the law allows.
    """
    power, target, least = 1.0 / concavity, mean * n, int(np.ceil(share * n - 1e-9))
    if least <= 2.0 * target:
        return 1.0
    best = 0.0
    upper = _shift(target, least - 1, power) if least > 1 else _LARGE
    for last in range(max(least - 1, 1), n + 1):
        lower = _shift(target, last + 1, power) if last < n else upper

        def negative_tail(shift: float, last: int = last) -> float:
            steps = np.arange(last + 1.0)
            law = (shift + steps) ** power
            whole = ((last + 1.0 - steps) * law).sum() / (last + 1.0 - target)
            return float(law[:least].sum() / whole - 1.0)

        upper = min(upper, _shift(target, last, power))
        ends = [negative_tail(lower), negative_tail(upper)]
        if upper > lower:
            inside = minimize_scalar(negative_tail, bounds=(lower, upper), method="bounded")
            ends.append(float(inside.fun))
        best = max(best, -min(ends))
    return min(best, 1.0)


def _shift(target: float, last: int, power: float) -> float:
    """Return the shift at which a power law on 0 to `last` has this mean; it rises with it."""
    steps = np.arange(last + 1.0)

    def excess(shift: float) -> float:
        law = (shift + steps) ** power
        return float((steps * law).sum() / law.sum() - target)

    if excess(_LARGE) <= 0.0:
        return _LARGE
    if excess(_SMALL) >= 0.0:
        return _SMALL
    return float(brentq(excess, _SMALL, _LARGE, xtol=1e-12))
