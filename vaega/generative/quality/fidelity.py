"""How alike synthetic and real rows are in distribution, column by column and pair by pair."""

import numpy as np
import pandas as pd

from vaega.core.randomness import derive_rng
from vaega.generative.quality.correlations import correlation_similarity
from vaega.generative.quality.marginals import ks_complements
from vaega.generative.quality.rows import ComparedRows
from vaega.generative.quality.variances import variance_ratios


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
