"""Whether synthetic rows vary within their classes as much as real ones."""

import numpy as np
import pandas as pd

from vaega.generative.noise import within_class_variance
from vaega.generative.quality.rows import ComparedRows

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
    mine = np.isin(y, codes)
    if np.bincount(y[mine], minlength=1).max() < 2:
        return np.full(X.shape[1], np.nan)
    return within_class_variance(X[mine], y[mine])


def _ratios(synthetic: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.divide(synthetic, real, out=np.full(len(real), np.nan), where=real > 0)
