"""What preprocessing fits a table, from a look at its values."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vaega.data._dataset import constant_columns

# A column is skewed as counts are, where its largest value is so many medians; and how many of the
# columns have to be for a logarithm of all.
_SKEWED, _MOST = 3.0, 0.5
# Values up to here are shares or scores, that no logarithm is taken of.
_SMALL = 50.0


@dataclass(frozen=True)
class SuggestedStep:
    """A step of `vaega.data.Preprocessor`, and why it fits."""

    step: Any
    reason: str


def suggest_steps(X: np.ndarray) -> list[SuggestedStep]:
    """Return steps that fit the rows (n, p): gaps are filled, counts logged, columns scaled.

    >>> [one.step for one in suggest_steps(np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 7.0]]))]
    ['drop_constant', {'impute': 'median'}, 'standardize']
    """
    steps = []
    n_missing, n_constant = int(np.isnan(X).sum()), int(constant_columns(X).sum())
    if n_constant or n_missing:
        reason = "a column may be empty, or all the same, in the rows of a fold"
        reason = f"columns that never vary: {n_constant} of {X.shape[1]}" if n_constant else reason
        steps.append(SuggestedStep("drop_constant", reason))
    if n_missing:
        reason = f"missing values: {n_missing}, {n_missing / X.size:.1%} of all"
        steps.append(SuggestedStep({"impute": "median"}, reason))
    if _is_skewed(X):
        kind = "counts" if _is_whole(X) else "values from 0 on"
        reason = f"log2(x + 1) of skewed {kind}, up to {np.nanmax(X):g}"
        steps.append(SuggestedStep("log2p1", reason))
    return [*steps, SuggestedStep("standardize", "each column to mean 0 and standard deviation 1")]


def _is_skewed(X: np.ndarray) -> bool:
    """Tell whether most columns are of the kind that logarithms are made for."""
    varied = X[:, ~constant_columns(X)]
    if not varied.size or np.nanmin(varied) < 0 or np.nanmax(varied) <= _SMALL:
        return False
    largest, median = np.nanmax(varied, axis=0), np.nanmedian(varied, axis=0)
    return bool(np.mean(largest > _SKEWED * np.maximum(median, 1.0)) >= _MOST)


def _is_whole(X: np.ndarray) -> bool:
    present = X[~np.isnan(X)]
    return bool((present == np.floor(present)).all())


def suggest_metric(y: np.ndarray) -> str:
    """Return a metric that no class rules by being common: chance has the same score always.

    >>> suggest_metric(np.array([0, 0, 0, 1])), suggest_metric(np.array([0, 1, 2]))
    ('roc_auc', 'balanced_accuracy')
    """
    return "roc_auc" if len(np.unique(y)) == 2 else "balanced_accuracy"
