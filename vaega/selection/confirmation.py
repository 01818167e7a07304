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
    """Let a rule choose among candidates that were scored on fresh folds.

    Parameters
    ----------
    found : SearchResult
        Of the search.
    masks : numpy.ndarray of bool, shape (n_candidates, n_features)
        The candidates, see `candidates_of`.
    inner_scores : numpy.ndarray of float, shape (n_candidates,)
        Their metric in the search.
    folds : numpy.ndarray of float, shape (n_candidates, n_folds)
        Their metric in each fold of partitions that the search did not use.
    objective : Objective
        What the search maximised.
    choice : {"one_standard_error", "lower_bound", "best", "knee"}
        The rule, applied to the objective in all fresh folds.

    Returns
    -------
    SearchResult
        With the chosen mask, its metric on the fresh folds as the score, and the candidates.
    """
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
    """Return the positions of the masks with the highest objective, the best first.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_features)
        Different masks.
    scores : numpy.ndarray of float, shape (n_masks,)
        Their metric.
    objective : Objective
    n_candidates : int
        How many; fewer come where there are fewer.

    Returns
    -------
    numpy.ndarray of int

    Examples
    --------
    >>> from vaega.fitness.objective import PenaltyObjective
    >>> masks = np.array([[True, True], [True, False], [False, True]])
    >>> candidates_of(masks, np.array([0.9, 0.9, 0.5]), PenaltyObjective(0.1), 2)
    array([1, 0])
    """
    return np.argsort(-objective(scores, masks), kind="stable")[:n_candidates]
