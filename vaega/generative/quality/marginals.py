"""How alike two sets of rows are, column by column: the complement of Kolmogorov and Smirnov's."""

import numpy as np

# Columns at a time: what is sorted at once stays in the cache.
BLOCK = 512
# Decimals that are compared, as SDMetrics' KSComplement has it.
DECIMALS = 14


def ks_complements(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return one minus the two-sample Kolmogorov-Smirnov statistic of each column.

    Equal to the score of SDMetrics' ``KSComplement``: 1 where the empirical distributions agree, 0
    where they do not overlap; missing values are left out. Two samples of one distribution do not
    reach 1: of 40 and 40 rows they have 0.84 on average.
    """
    scores = np.empty(real.shape[1])
    for start in range(0, real.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        scores[block] = 1.0 - _statistics(real[:, block].T, synthetic[:, block].T)
    return scores


def _statistics(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return the statistic of each row of (n_columns, n_real) and (n_columns, n_synthetic)."""
    values = np.round(np.concatenate([real, synthetic], axis=1), DECIMALS)
    order = np.argsort(values, axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    present = ~np.isnan(values)  # behind all others
    is_real = order < real.shape[1]
    share_real = _shares(is_real & present)
    share_synthetic = _shares(~is_real & present)
    # The distribution functions are read behind the last of equal values.
    last = np.ones(values.shape, dtype=bool)
    last[:, :-1] = values[:, :-1] != values[:, 1:]
    gaps = np.where(last & present, np.abs(share_real - share_synthetic), 0.0)
    empty = np.isnan(share_real[:, -1]) | np.isnan(share_synthetic[:, -1])
    return np.where(empty, np.nan, gaps.max(axis=1))


def _shares(members: np.ndarray) -> np.ndarray:
    counts = members.cumsum(axis=1)
    with np.errstate(invalid="ignore"):
        return counts / counts[:, -1:]
