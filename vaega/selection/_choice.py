"""The final choice among candidate masks: never by the luckiest score."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

Rule = Callable[[np.ndarray, np.ndarray], int]


def choose_best(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the candidate with the highest mean score; the smaller of equals."""
    means = np.asarray(fold_scores, dtype=float).mean(axis=1)
    return int(np.lexsort((np.asarray(sizes), -means))[0])


def choose_one_standard_error(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the smallest candidate whose mean is within one standard error of the best."""
    scores = np.asarray(fold_scores, dtype=float)
    best = choose_best(sizes, scores)
    lost = scores[best] - scores
    close = np.flatnonzero(lost.mean(axis=1) <= _standard_errors(lost))
    means = scores[close].mean(axis=1)
    return int(close[np.lexsort((-means, np.asarray(sizes)[close]))[0]])


def choose_lower_bound(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the candidate whose mean less one standard error is highest."""
    scores = np.asarray(fold_scores, dtype=float)
    bounds = scores.mean(axis=1) - _standard_errors(scores)
    return int(np.lexsort((np.asarray(sizes), -bounds))[0])


def choose_knee(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the candidate that lies farthest above the chord of mean score against size."""
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
