"""The final choice among candidate masks: never by the luckiest score."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

Rule = Callable[[np.ndarray, np.ndarray], int]


def choose_best(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the candidate with the highest mean score; the smaller of equals.

    Parameters
    ----------
    sizes : array-like of int, shape (n_candidates,)
        Features of each.
    fold_scores : array-like of float, shape (n_candidates, n_folds)
        Scores on the same folds.

    Returns
    -------
    int
        Its position.

    Examples
    --------
    >>> choose_best([9, 5, 2], [[0.9, 0.9], [0.9, 0.9], [0.8, 0.8]])
    1
    """
    means = np.asarray(fold_scores, dtype=float).mean(axis=1)
    return int(np.lexsort((np.asarray(sizes), -means))[0])


def choose_one_standard_error(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the smallest candidate whose mean is within one standard error of the best.

    Parameters
    ----------
    sizes : array-like of int, shape (n_candidates,)
        Features of each.
    fold_scores : array-like of float, shape (n_candidates, n_folds)
        Scores on the same folds.

    Returns
    -------
    int
        Its position; of equal sizes the better.

    Notes
    -----
    Breiman, Friedman, Olshen and Stone (1984). The standard error is that of the difference from
    the best on the same folds: what the folds have in common is no reason to doubt.

    Examples
    --------
    >>> choose_one_standard_error([9, 2, 1], [[1.0, 0.8], [0.9, 0.8], [0.6, 0.6]])
    1
    """
    scores = np.asarray(fold_scores, dtype=float)
    best = choose_best(sizes, scores)
    lost = scores[best] - scores
    close = np.flatnonzero(lost.mean(axis=1) <= _standard_errors(lost))
    means = scores[close].mean(axis=1)
    return int(close[np.lexsort((-means, np.asarray(sizes)[close]))[0]])


def choose_lower_bound(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the candidate whose mean less one standard error is highest.

    Parameters
    ----------
    sizes : array-like of int, shape (n_candidates,)
        Features of each.
    fold_scores : array-like of float, shape (n_candidates, n_folds)
        Scores on the same folds.

    Returns
    -------
    int
        Its position; the smaller of equals.

    Examples
    --------
    >>> choose_lower_bound([9, 2], [[1.0, 0.6], [0.78, 0.78]])
    1
    """
    scores = np.asarray(fold_scores, dtype=float)
    bounds = scores.mean(axis=1) - _standard_errors(scores)
    return int(np.lexsort((np.asarray(sizes), -bounds))[0])


def choose_knee(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the candidate that lies farthest above the chord of mean score against size.

    Parameters
    ----------
    sizes : array-like of int, shape (n_candidates,)
        Features of each.
    fold_scores : array-like of float, shape (n_candidates, n_folds)
        Scores on the same folds.

    Returns
    -------
    int
        Its position; of two candidates or fewer the best, of equals the smaller.

    Notes
    -----
    Both axes are scaled to [0, 1] between the ends of the front; the chord joins the ends
    (Das, 1999).

    Examples
    --------
    >>> choose_knee([1, 3, 20], [[0.5], [0.9], [0.95]])
    1
    """
    sizes = np.asarray(sizes, dtype=float)
    scores = np.asarray(fold_scores, dtype=float).mean(axis=1)
    order = np.lexsort((-scores, sizes))
    width = max(float(np.ptp(sizes)), 1.0)
    height = float(np.ptp(scores)) or 1.0
    above = (scores - scores.min()) / height - (sizes - sizes.min()) / width
    if len(order) <= 2:
        return int(np.lexsort((sizes, -scores))[0])
    return int(order[np.argmax(above[order])])


def _standard_errors(scores: np.ndarray) -> np.ndarray:
    if scores.shape[1] < 2:
        return np.zeros(len(scores))
    return scores.std(axis=1, ddof=1) / np.sqrt(scores.shape[1])


RULES: dict[str, Rule] = {
    "best": choose_best,
    "one_standard_error": choose_one_standard_error,
    "lower_bound": choose_lower_bound,
    "knee": choose_knee,
}
