"""Rules for the final choice among candidate masks: never by the luckiest score.

A rule is a callable of sizes, (n_masks,), and fold scores, (n_masks, n_folds), that returns the
index of the mask to take; a new one is a function here and a line in `RULES`.
"""

import inspect
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.errors import InputError
from vaega.core.registry import Registry


def choose(choice: Any, sizes: np.ndarray, fold_scores: np.ndarray) -> int:
    """Return the index of the mask that a rule takes: a name, a callable or a named class."""
    index = RULES.resolve(choice, "choice", owner="search")(sizes, fold_scores)
    if not isinstance(index, int | np.integer) or not 0 <= index < len(sizes):
        rule = f"must return the index of one of {len(sizes)} masks"
        raise InputError.of("search", "choice", rule, index)
    return int(index)


def choose_best(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the candidate with the highest mean score; the smaller of equals."""
    means = np.asarray(fold_scores, dtype=float).mean(axis=1)
    return int(np.lexsort((np.asarray(sizes), -means))[0])


def choose_one_standard_error(sizes: ArrayLike, fold_scores: ArrayLike) -> int:
    """Return the smallest candidate whose mean is within one standard error of the best."""
    scores = np.asarray(fold_scores, dtype=float)
    loss = scores[choose_best(sizes, scores)] - scores
    close = np.flatnonzero(loss.mean(axis=1) <= _standard_errors(loss))
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


def _is_rule(given: Any) -> bool:
    try:
        inspect.signature(given).bind([], [])
    except (TypeError, ValueError):
        return False
    return True


RULES = Registry(
    expected="a callable (sizes, fold_scores) that returns an index",
    accepts=_is_rule,
    entries={
        "best": choose_best,
        "one_standard_error": choose_one_standard_error,
        "lower_bound": choose_lower_bound,
        "knee": choose_knee,
    },
)
