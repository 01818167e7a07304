"""Effects: how each feature differs between the classes, how surely, and how often by chance.

They look at each feature by itself, on all the rows that they are given. Of features that were
selected on the same rows they say too much: what leads by chance is what is selected (the winner's
curse).
"""

import numpy as np
import pandas as pd
import scipy

from vaega.core.randomness import derive_rng
from vaega.core.threads import one_thread
from vaega.selection._error_control import (
    N_PAIRS,
    base_size,
    complementary_halves,
    selection_shares,
    share_p_values,
)
from vaega.selection._rankers import one_vs_rest

# Errors that the base of the q values allows: as many features as the root of three times their
# number. Where fewer are taken, shares near 1 are likelier on noise than the bound has them; with
# one error 13 and 24 % of 200 sets of noise, 40 x 300, had a q value of at most 0.1 and 0.2.
_ERRORS = 3.0
EFFECT_COLUMNS = ("code", "difference", "low", "high", "g", "g_low", "g_high", "p_value")


def class_effects(X: np.ndarray, y: np.ndarray, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare the classes feature by feature: differences of means, with intervals.

    Of two classes the second is compared with the first. Of more, each is compared with all other
    rows, and the one with the smallest p value is reported, with intervals and a p value that count
    how many were looked at (Bonferroni).

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_rows, n_features)
        Rows that are independent of each other; NaN where a value is missing.
    y : numpy.ndarray of int, shape (n_rows,)
        Class codes, from 0.
    confidence : float, default=0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a feature. ``code``: of the class that is compared; ``difference``: its mean less
        that of the other rows, in the units of `X`; ``low``, ``high``: Welch's interval of that;
        ``g``: Hedges' g, the difference in pooled standard deviations, corrected for few rows;
        ``g_low``, ``g_high``: interval of the difference in standard deviations, by the noncentral
        t distribution (equal spread assumed); ``p_value``: of Welch's t test. NaN where a class has
        fewer than two values, or no value differs from its class's mean.

    Notes
    -----
    Where no value differs from its class's mean, the t statistic is infinite; the p value is that
    of a permutation test, whose statistic only the given labels and their exchange reach.

    Examples
    --------
    >>> X = np.array([[1.0, 5.0], [2.0, 4.0], [7.0, 5.0], [8.0, 4.0]])
    >>> class_effects(X, np.array([0, 0, 1, 1])).round(2)[["difference", "low", "high"]]
       difference   low   high
    0         6.0  2.96   9.04
    1         0.0 -3.04   3.04
    """
    n_classes = int(y.max()) + 1
    codes = [1] if n_classes == 2 else list(range(n_classes))
    tails = (1.0 - confidence) / len(codes) / 2.0
    compared = [_compare(X[y == code], X[y != code], tails).assign(code=code) for code in codes]
    p_values = np.array([table["p_value"].fillna(np.inf) for table in compared])
    smallest = p_values.argmin(axis=0)
    effects = pd.DataFrame(
        {
            name: np.array([table[name] for table in compared])[smallest, np.arange(X.shape[1])]
            for name in compared[0]
        }
    )
    effects["p_value"] = np.minimum(effects["p_value"] * len(codes), 1.0)
    for name, probability in (("g_low", 1.0 - tails), ("g_high", tails)):
        shift = _noncentrality(effects["df"].to_numpy(), effects["t"].to_numpy(), probability)
        effects[name] = shift * effects["scale"]
    return effects[list(EFFECT_COLUMNS)]


def _compare(first: np.ndarray, second: np.ndarray, tails: float) -> pd.DataFrame:
    """Compare two sets of rows, each feature by itself; `tails` is left out on each side.

    Beside the effects: the t statistic of equal spread, ``t``, its degrees of freedom, ``df``, and
    its standard error in standard deviations, ``scale``.
    """
    (n, mean, squares), (m, other_mean, other_squares) = map(_moments, (first, second))
    difference, df = mean - other_mean, n + m - 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        part, other_part = squares / (n - 1) / n, other_squares / (m - 1) / m
        error = np.sqrt(part + other_part)
        welch_df = error**4 / (part**2 / (n - 1) + other_part**2 / (m - 1))
        half = scipy.stats.t.ppf(1.0 - tails, welch_df) * error
        p_value = 2.0 * scipy.stats.t.sf(np.abs(difference) / error, welch_df)
        d, scale = difference / np.sqrt((squares + other_squares) / df), np.sqrt(1.0 / n + 1.0 / m)
    few = 1.0 - 3.0 / (4.0 * df - 1.0)  # Hedges (1981), the approximation that is in use
    spreadless = (squares + other_squares == 0.0) & (n > 0) & (m > 0)
    # Only the given labels reach such a difference, and their exchange where classes are alike in
    # size.
    of_orders = np.where(n == m, 2.0, 1.0) / scipy.special.binom(n + m, n)
    by_chance = np.where(difference == 0.0, 1.0, of_orders)
    table = pd.DataFrame({"low": difference - half, "high": difference + half, "g": few * d})
    table["t"] = d / scale
    table[spreadless | (n < 2) | (m < 2)] = np.nan
    p_value = np.where(spreadless, by_chance, p_value)
    return table.assign(difference=difference, p_value=p_value, df=df, scale=scale)


def _moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many values each column has, their mean, and the squares about it, summed."""
    present = ~np.isnan(X)
    n = present.sum(axis=0)
    scale = np.where(present, np.abs(X), 0.0).max(axis=0, initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, X, 0.0).sum(axis=0) / n
        squares = np.where(present, (X - mean) ** 2, 0.0).sum(axis=0)
    # Of a column that is constant but for rounding: n deviations of a few units in the last place.
    squares[squares <= n * (8 * np.finfo(float).eps * scale) ** 2] = 0.0
    return n, mean, squares


def _noncentrality(df: np.ndarray, t: np.ndarray, probability: float) -> np.ndarray:
    """Return the noncentrality at which t or less has this probability."""
    known, values = np.isfinite(t) & (df > 0), np.full(len(t), np.nan)
    values[known] = scipy.special.nctdtrinc(df[known], probability, t[known])
    return values


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Return q values: the share of false features among all that are at least as clear.

    Benjamini and Hochberg (1995): selecting what has a q value of at most a level keeps the
    expected share of false selections at that level, for p values that are independent or
    positively dependent. NaN counts as 1.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.5, 0.02, 0.8])).round(3).tolist()
    [0.04, 0.667, 0.04, 0.8]
    """
    p_values = np.nan_to_num(np.asarray(p_values, dtype=float), nan=1.0)
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * len(order) / np.arange(1.0, len(order) + 1.0)
    q_values = np.empty(len(order))
    q_values[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q_values


def stability_q_values(
    X: np.ndarray, y: np.ndarray, *, seed: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return q values by error control, and the shares of the halves that they come from.

    What leads by the F statistic (of more than two classes one against the rest, each class in
    turn) is taken on both halves of the rows, 50 times, as error control does that allows three
    false selections (`vaega.GeneticSelector`). The bound of Shah and Samworth (2013) on how often a
    feature of low chance reaches a share makes it a p value, and these become q values by
    `benjamini_hochberg`.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_rows, n_features)
        Rows; NaN where a value is missing, which counts as the column's mean.
    y : numpy.ndarray of int, shape (n_rows,)
        Class codes.
    seed : int
        Of the halves.
    groups : numpy.ndarray of int, shape (n_rows,), optional
        Rows that belong together, and are never in both halves.

    Returns
    -------
    q_values : numpy.ndarray of float, shape (n_features,)
    shares : numpy.ndarray of float, shape (n_features,)
        Of the halves, 0 to 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 200)), np.arange(60) % 2
    >>> X[:, 7] += 2.0 * y
    >>> q_values, shares = stability_q_values(X, y, seed=0)
    >>> np.flatnonzero(q_values <= 0.1).tolist(), float(shares[7])
    ([7], 1.0)
    """
    n_features = X.shape[1]
    rng = derive_rng(seed, "halves of all rows")
    size = base_size(n_features, _ERRORS)
    orders = []
    with one_thread():
        for rows in complementary_halves(y, N_PAIRS, rng=rng, groups=groups):
            scores = np.zeros(n_features)
            if len(np.unique(y[rows])) > 1:
                scores = one_vs_rest(X[rows], y[rows])
            drawn = rng.permutation(n_features)  # ties, of constant columns say, are drawn
            orders.append(drawn[np.argsort(-scores[drawn], kind="stable")][:size])
    shares = selection_shares(orders, size, n_features)
    return benjamini_hochberg(share_p_values(shares, size / n_features, N_PAIRS)), shares


def independent_rows(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the mean row of each class of each group, its class, and its group.

    The groups are None where each has one class, for the rows do not belong together any more.
    """
    if groups is None:
        return X, y, None
    pairs, member = np.unique(np.column_stack([groups, y]), axis=0, return_inverse=True)
    member = member.reshape(-1)
    present = ~np.isnan(X)
    counts, sums = np.zeros((2, len(pairs), X.shape[1]))
    np.add.at(counts, member, present)
    np.add.at(sums, member, np.where(present, X, 0.0))
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    alone = len(np.unique(pairs[:, 0])) == len(pairs)
    return means, pairs[:, 1], None if alone else pairs[:, 0]
