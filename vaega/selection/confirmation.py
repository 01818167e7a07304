"""Confirmation: the best masks of a search meet fresh folds before one of them is chosen."""

from dataclasses import replace

import numpy as np
import pandas as pd

from vaega.fitness.objective import Objective
from vaega.selection.choice import RULES
from vaega.selection.result import SearchResult


def confirm(
    found: SearchResult,
    masks: np.ndarray,
    inner_scores: np.ndarray,
    folds: np.ndarray,
    objective: Objective,
    *,
    choice: str,
) -> SearchResult:
    """Let a rule choose among candidates that were scored on fresh folds."""
    values = np.column_stack([objective(fold, masks) for fold in folds.T])
    sizes = masks.sum(axis=1)
    chosen = RULES[choice](sizes, values)
    table = pd.DataFrame(
        {
            "n_features": sizes,
            "score": folds.mean(axis=1),
            "standard_error": folds.std(axis=1, ddof=min(1, folds.shape[1] - 1))
            / np.sqrt(folds.shape[1]),
            "inner_score": inner_scores,
            "chosen": np.arange(len(masks)) == chosen,
        }
    )
    return replace(
        found,
        mask=masks[chosen],
        masks=masks[chosen][None],
        score=float(table["score"].iloc[chosen]),
        candidates=table,
        n_fits=found.n_fits + folds.size,
    )


def candidates_of(
    masks: np.ndarray, scores: np.ndarray, objective: Objective, n_candidates: int
) -> np.ndarray:
    """Return the positions of the masks with the highest objective, the best first."""
    return np.argsort(-objective(scores, masks), kind="stable")[:n_candidates]
