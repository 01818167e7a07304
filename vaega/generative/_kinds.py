"""The kind of a column: between which values it lies, and whether these are on a grid.

A count is a whole number that is not negative, a 0/1 column has two values, a share lies between
0 and 1. `ColumnKinds` learns this of the fit rows, in whatever units they come (counts that were
standardised lie on a grid of other origin and step), and generated rows keep to it.
`match_moments` sets mean and spread after that: cutting and rounding change both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vaega.core.checks import check_flag
from vaega.core.errors import InputError
from vaega.generative._data import Scaling, column_blocks

# Of so many values at most, next to each other on a grid, no other one is generated.
MOST_LEVELS = 12
# A column that is no whole number is on a grid of so many steps at most, and has values of which
# each comes twice on average, and of two both; they lie within this share of a step.
MOST_STEPS, OFF_GRID = 64, 1e-4
# Larger whole numbers are not exact in double precision.
MOST_EXACT = 2.0**53
# Beyond so many standard deviations from a class's mean a bound cuts nothing; below this share of
# one a step rounds nothing that could be seen.
FAR_BOUND, FINE_STEP = 4.0, 0.25
# Rounds in which mean and spread are brought back to what they were, how many times the variance
# noise may gain in them, and columns that are computed together, as stay in the cache.
MATCHING_ROUNDS, MOST_ADDED, BLOCK_COLUMNS = 10, 2.0, 64

AUTO = "auto"
# The parameters of an estimator that say what is kept.
ENFORCEMENT = ("enforce_min_max_values", "enforce_rounding")


def check_enforcement(estimator: Any, *, owner: str) -> tuple[bool | str, bool]:
    """Return the checked settings of what is kept of the columns' kinds: bounds, and grids.

    None, of a sampler that leaves it to its model, stands for the default.
    """
    bounds, rounding = estimator.enforce_min_max_values, estimator.enforce_rounding
    bounds, rounding = AUTO if bounds is None else bounds, rounding is None or rounding
    if not (isinstance(bounds, str) and bounds == AUTO):
        if type(bounds).__name__ not in ("bool", "bool_"):
            rule = "must be 'auto', True or False"
            raise InputError.of(owner, "enforce_min_max_values", rule, bounds)
        bounds = bool(bounds)
    return bounds, check_flag(rounding, "enforce_rounding", owner=owner)


@dataclass(frozen=True)
class ColumnKinds:
    """Bounds and grid of each column; `enforce` moves rows to what the columns may hold."""

    low: np.ndarray  # Least value (n_columns,), minus infinity where there is no bound
    high: np.ndarray  # Greatest value
    origin: np.ndarray  # One of the values of the grid
    step: np.ndarray  # Distance of its values; 0 where any value may come

    @classmethod
    def free(cls, n_columns: int) -> "ColumnKinds":
        """Return the kinds of columns that may hold anything."""
        infinite, zeros = np.full(n_columns, np.inf), np.zeros(n_columns)
        return cls(-infinite, infinite, zeros, zeros.copy())

    @classmethod
    def learned(cls, X: np.ndarray, *, bounds: bool | str, rounding: bool) -> "ColumnKinds | None":
        """Learn the kinds of rows (n, n_columns), NaN where missing; None where all are free.

        `bounds` True takes the least and the greatest value, "auto" what follows from the values:
        see `_natural_bounds`.
        """
        kinds = cls.free(X.shape[1])
        for block in column_blocks(*X.shape):
            rows = X[:, block]
            lowest, highest = np.fmin.reduce(rows, axis=0), np.fmax.reduce(rows, axis=0)
            step = _grid_steps(rows, lowest, highest) if rounding else np.zeros(rows.shape[1])
            kinds.origin[block], kinds.step[block] = np.where(step > 0, lowest, 0.0), step
            if bounds:
                low, high = lowest, highest
                if bounds == AUTO:
                    low, high = _natural_bounds(lowest, highest, step)
                kinds.low[block] = np.where(np.isnan(low), -np.inf, low)
                kinds.high[block] = np.where(np.isnan(high), np.inf, high)
        return kinds if kinds.constrained.any() else None

    @property
    def constrained(self) -> np.ndarray:
        """Mask of the columns that may not hold just anything."""
        return (self.step > 0) | (self.low > -np.inf) | (self.high < np.inf)

    def of_columns(self, columns: Any) -> "ColumnKinds":
        """Return the kinds of some columns, given by indices or a mask."""
        return ColumnKinds(
            self.low[columns], self.high[columns], self.origin[columns], self.step[columns]
        )

    def scaled(self, scaling: Scaling) -> "ColumnKinds":
        """Return the kinds of the columns that vary, on the network's scale."""
        varies = scaling.varies
        shift, scale = scaling.shift[varies], scaling.scale[varies]
        low, high, origin = (
            (part[varies] - shift) / scale for part in (self.low, self.high, self.origin)
        )
        return ColumnKinds(low, high, origin, self.step[varies] / scale)

    def affected(self, means: np.ndarray, variance: np.ndarray) -> list[np.ndarray]:
        """Return the indices of columns whose moments change when rows are kept, block by block.

        Class means (n_classes, n_columns) and variance (n_columns,) say where rows lie.
        """
        reach = FAR_BOUND * np.sqrt(variance)
        cut = (means.min(axis=0) - reach < self.low) | (means.max(axis=0) + reach > self.high)
        chosen = np.flatnonzero(cut | (self.step > FINE_STEP * np.sqrt(variance)))
        starts = range(0, len(chosen), BLOCK_COLUMNS)
        return [chosen[start : start + BLOCK_COLUMNS] for start in starts]

    def enforce(self, rows: np.ndarray) -> np.ndarray:
        """Return rows (..., n_columns) moved to the nearest values that the columns may hold."""
        rows = np.clip(rows, self.low, self.high)
        grid = np.flatnonzero(self.step > 0)
        if grid.size:
            columns: Any = slice(None) if grid.size == len(self.step) else grid
            origin, step = self.origin[columns], self.step[columns]
            rows[..., columns] = origin + np.rint((rows[..., columns] - origin) / step) * step
        return rows


def _grid_steps(rows: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Return the widest step, 0 without one, of a grid on which all values of a column lie."""
    step = np.zeros(rows.shape[1])
    largest = np.fmax(np.abs(lowest), np.abs(highest))
    varies = (lowest < highest) & np.isfinite(largest)
    missing = np.isnan(rows)
    whole = varies & (largest < MOST_EXACT) & ((rows == np.rint(rows)) | missing).all(axis=0)
    if whole.any():
        above = np.where(missing[:, whole], 0.0, rows[:, whole] - lowest[whole])
        step[whole] = np.gcd.reduce(above.astype(np.int64), axis=0)
    others = np.flatnonzero(varies & ~whole)
    if others.size:
        ordered = np.sort(rows[:, others], axis=0)  # NaN last
        n_values = 1 + np.count_nonzero(np.diff(ordered, axis=0) > 0, axis=0)
        n_entries = np.count_nonzero(~missing[:, others], axis=0)
        n_lowest = np.count_nonzero(ordered == ordered[0], axis=0)
        alone = (n_values == 2) & (np.minimum(n_lowest, n_entries - n_lowest) < 2)
        repeated = (2 * n_values <= n_entries) & ~alone
        chosen = others[repeated]
        step[chosen] = _equal_steps(rows[:, chosen], lowest[chosen], highest[chosen])
    return step


def _equal_steps(rows: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Return the step of the fewest equal ones that meet all values of a column; 0 without."""
    step, left = np.zeros(rows.shape[1]), np.arange(rows.shape[1])
    shares = (rows - lowest) / (highest - lowest)
    for n_steps in range(1, MOST_STEPS + 1):
        if not left.size:
            break
        at = n_steps * shares[:, left]
        met = ((np.abs(at - np.rint(at)) < OFF_GRID) | np.isnan(at)).all(axis=0)
        step[left[met]] = (highest - lowest)[left[met]] / n_steps
        left = left[~met]
    return step


def _natural_bounds(
    lowest: np.ndarray, highest: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds that the values of columns speak for.

    None below 0 where no value is; where none is 0 either, and there is no grid, half of the least
    value, so that what has a logarithm still has one. The same above for values that are not
    positive. 1 for shares, from 0 to 1. The extreme values on a grid of few.
    """
    grid = step > 0
    low = np.where(lowest >= 0.0, np.where(grid, 0.0, lowest / 2), -np.inf)
    high = np.where(highest <= 0.0, np.where(grid, 0.0, highest / 2), np.inf)
    high = np.where((lowest >= 0.0) & (highest <= 1.0), 1.0, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The last value of a grid within.
        low = np.where(grid, lowest - np.floor((lowest - low) / step) * step, low)
        high = np.where(grid, highest + np.floor((high - highest) / step) * step, high)
        few = grid & (highest - lowest < (MOST_LEVELS - 0.5) * step)
    return np.where(few, lowest, low), np.where(few, highest, high)


def match_moments(
    kinds: ColumnKinds,
    decoded: np.ndarray,
    codes: np.ndarray,
    noise: np.ndarray,
    unit_noise: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the noise (q,), and how far to move classes (n_classes, q), for rows that are kept.

    With these, rows that are `decoded` (m, q), of sorted classes `codes` (m,), with noise and then
    kept to their kinds have the class means and the variance within classes that they have before.
    Both are compared on the same draws, `unit_noise` (m, q) and its negative, so that where nothing
    is cut nothing changes.
    """
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    sizes = 2 * np.diff(starts, append=len(codes))[:, None]
    signed = np.concatenate([unit_noise, -unit_noise]).reshape(2, *decoded.shape)

    def moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means = np.add.reduceat(rows, starts, axis=1).sum(axis=0) / sizes
        squares = np.square(rows).sum(axis=(0, 1)) - (sizes * np.square(means)).sum(axis=0)
        return means, squares / (2 * len(codes) - len(starts))

    means, variance = moments(decoded + noise * signed)
    moves, most = np.zeros_like(means), np.square(noise) + MOST_ADDED * variance
    for _ in range(MATCHING_ROUNDS):
        rows = kinds.enforce((decoded + moves[codes]) + noise * signed)
        kept_means, kept_variance = moments(rows)
        moves = moves + means - kept_means
        added = np.square(noise) + variance - kept_variance
        # Of two values the mean says how much they vary: no noise would bring more.
        noise = np.sqrt(np.clip(added, 0.0, most))
    return noise, moves
