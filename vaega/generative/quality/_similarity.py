"""How alike synthetic and real rows are in distribution, column by column and pair by pair."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vaega.core.randomness import derive_rng
from vaega.generative._data import within_class_variance
from vaega.generative.quality._rows import ComparedRows

# More columns than that are represented by so many of them, chosen at random.
MAX_COLUMNS = 8000
# Columns on each side of a block of pairs.
BLOCK = 1024


@dataclass(frozen=True)
class CorrelationSimilarity:
    """The mean over pairs of columns."""

    mean: float  # Of the pairs' scores, in [0, 1]; NaN without a pair
    n_columns: int  # Columns that vary on both sides
    n_pairs: int


def correlation_similarity(
    real: np.ndarray,
    synthetic: np.ndarray,
    *,
    rng: np.random.Generator,
    max_columns: int = MAX_COLUMNS,
) -> CorrelationSimilarity:
    """Return the mean of ``1 - |r_real - r_synthetic| / 2`` over pairs of columns, by blocks.

    r is Pearson's. The mean of the scores of SDMetrics' ``CorrelationSimilarity``.
    """
    columns = np.flatnonzero(~(_constant(real) | _constant(synthetic)))
    if len(columns) > max_columns:
        columns = np.sort(rng.choice(columns, max_columns, replace=False))
    n_pairs = len(columns) * (len(columns) - 1) // 2
    if n_pairs == 0:
        return CorrelationSimilarity(float("nan"), len(columns), 0)
    left, right = _unit_columns(real[:, columns]), _unit_columns(synthetic[:, columns])
    total = sum(_gap(left, right, *block) for block in _blocks(len(columns)))
    return CorrelationSimilarity(1.0 - total / n_pairs / 2.0, len(columns), n_pairs)


def _blocks(n: int) -> Iterator[tuple[slice, slice]]:
    for row in range(0, n, BLOCK):
        for column in range(row, n, BLOCK):
            yield slice(row, row + BLOCK), slice(column, column + BLOCK)


def _gap(left: np.ndarray, right: np.ndarray, rows: slice, columns: slice) -> float:
    """Sum ``|r - r'|`` over the pairs of a block; a block on the diagonal has each pair twice."""
    gaps = _products(left[:, rows], left[:, columns])
    gaps -= _products(right[:, rows], right[:, columns])
    total = float(np.abs(gaps, out=gaps).sum())
    return total / 2.0 if rows == columns else total


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.clip(left.T @ right, -1.0, 1.0)


def _unit_columns(X: np.ndarray) -> np.ndarray:
    centred = X - X.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return centred / np.where(length > 0, length, 1.0)


def _constant(X: np.ndarray) -> np.ndarray:
    return np.ptp(X, axis=0) == 0


# Columns at a time: what is sorted at once stays in the cache.
MARGINAL_BLOCK = 512
# Decimals that are compared, as SDMetrics' KSComplement has it.
DECIMALS = 14


def ks_complements(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return one minus the two-sample Kolmogorov-Smirnov statistic of each column.

    Equal to the score of SDMetrics' ``KSComplement``: 1 where the empirical distributions agree, 0
    where they do not overlap; missing values are left out. Two samples of one distribution do not
    reach 1: of 40 and 40 rows they have 0.84 on average.
    """
    scores = np.empty(real.shape[1])
    for start in range(0, real.shape[1], MARGINAL_BLOCK):
        block = slice(start, start + MARGINAL_BLOCK)
        scores[block] = 1.0 - _statistics(real[:, block].T, synthetic[:, block].T)
    return scores


def _statistics(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return the statistic of each row of (n_columns, n_real) and (n_columns, n_synthetic)."""
    values = np.round(np.concatenate([real, synthetic], axis=1), DECIMALS)
    order = np.argsort(values, axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    present = ~np.isnan(values)  # behind all others
    is_real = order < real.shape[1]
    ecdf_real = _ecdf(is_real & present)
    ecdf_synthetic = _ecdf(~is_real & present)
    # The distribution functions are read behind the last of equal values.
    last = np.ones(values.shape, dtype=bool)
    last[:, :-1] = values[:, :-1] != values[:, 1:]
    gaps = np.where(last & present, np.abs(ecdf_real - ecdf_synthetic), 0.0)
    empty = np.isnan(ecdf_real[:, -1]) | np.isnan(ecdf_synthetic[:, -1])
    return np.where(empty, np.nan, gaps.max(axis=1))


def _ecdf(members: np.ndarray) -> np.ndarray:
    counts = members.cumsum(axis=1)
    with np.errstate(invalid="ignore"):
        return counts / counts[:, -1:]


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def variance_ratios(rows: ComparedRows) -> np.ndarray:
    """Return each feature's within-class variance among synthetic rows over that of fit rows."""
    return _ratios(
        within_class_variance(rows.X_synthetic, rows.y_synthetic),
        within_class_variance(rows.X_fit, rows.y_fit),
    )


def variance_table(rows: ComparedRows) -> pd.DataFrame:
    """Return ratios of within-class variances, over all classes and for each."""
    everything = np.arange(len(rows.classes))
    synthetic, heldout = (rows.X_synthetic, rows.y_synthetic), (rows.X_test, rows.y_test)
    parts = [_part("synthetic", "all", synthetic, rows, everything)]
    for code, label in enumerate(rows.classes.tolist()):
        parts.append(_part("synthetic", str(label), synthetic, rows, np.array([code])))
    parts.append(_part("held out", "all", heldout, rows, everything))
    return pd.DataFrame(parts)


def _part(
    kind: str,
    label: str,
    other: tuple[np.ndarray, np.ndarray],
    rows: ComparedRows,
    codes: np.ndarray,
) -> dict[str, object]:
    compared, fitted = _within(*other, codes), _within(rows.X_fit, rows.y_fit, codes)
    ratios = _ratios(compared, fitted)
    known = ratios[np.isfinite(ratios)]
    cuts = np.quantile(known, QUANTILES) if known.size else np.full(len(QUANTILES), np.nan)
    total = fitted.sum()
    return {
        "rows": kind,
        "label": label,
        "ratio": float(compared.sum() / total) if total > 0 else float("nan"),
        **{f"q{100 * q:02.0f}": float(cut) for q, cut in zip(QUANTILES, cuts, strict=True)},
    }


def _within(X: np.ndarray, y: np.ndarray, codes: np.ndarray) -> np.ndarray:
    included = np.isin(y, codes)
    if np.bincount(y[included], minlength=1).max() < 2:
        return np.full(X.shape[1], np.nan)
    return within_class_variance(X[included], y[included])


def _ratios(synthetic: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.divide(synthetic, real, out=np.full(len(real), np.nan), where=real > 0)


def fidelity_table(rows: ComparedRows, *, seed: int) -> pd.DataFrame:
    """Compare synthetic rows, and held-out ones, with the fit rows.

    Few rows of one distribution look different, the more so the fewer they are. So three sets stand
    side by side: all synthetic rows, as many of each class as are held out, and the held-out rows;
    the last two are the ones to compare.
    """
    matched = rows.matched(derive_rng(seed, "as many"))
    others = {
        "synthetic": rows.X_synthetic,
        "as many": rows.X_synthetic[matched],
        "held out": rows.X_test,
    }
    return pd.DataFrame([_row(name, rows.X_fit, X, seed) for name, X in others.items()])


def column_table(rows: ComparedRows) -> pd.DataFrame:
    """Return one row a column: how like the real ones its synthetic values are."""
    return pd.DataFrame(
        {
            "column": np.arange(rows.X_fit.shape[1]),
            "ks_complement": ks_complements(rows.X_fit, rows.X_synthetic),
            "ks_complement_heldout": ks_complements(rows.X_fit, rows.X_test),
            "variance_ratio": variance_ratios(rows),
        }
    )


def _row(name: str, real: np.ndarray, other: np.ndarray, seed: int) -> dict[str, object]:
    # The same columns for all three: the generator is made anew.
    pairs = correlation_similarity(real, other, rng=derive_rng(seed, "pairs of columns"))
    return {
        "rows": name,
        "n_rows": len(other),
        "ks_complement": float(np.mean(ks_complements(real, other))),
        "correlation_similarity": pairs.mean,
        "n_pairs": pairs.n_pairs,
    }
