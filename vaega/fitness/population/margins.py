"""Predictions from scores, and whether rounding could turn them."""

import numpy as np
from scipy.special import expit

_BLOCK = 32  # masks that are compared at once, to save memory


def decide(scores: np.ndarray, doubts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of the highest score of each row, and which masks are sure of all rows."""
    codes, decided = np.empty(scores.shape[:2], dtype=np.intp), np.empty(len(scores), dtype=bool)
    for start in range(0, len(scores), _BLOCK):
        own = slice(start, start + _BLOCK)
        codes[own], margins = _compare(scores[own])
        least = doubts[own] if scores.shape[2] == 1 else 2.0 * doubts[own]
        with np.errstate(invalid="ignore"):  # False where it is not finite
            decided[own] = (margins > least[:, None]).all(axis=1)
    return codes, decided


def _compare(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_classes = scores.shape[2]
    if n_classes == 1:
        return scores[:, :, 0] > 0.0, np.abs(scores[:, :, 0])
    highest = np.partition(scores, n_classes - 2, axis=2)[:, :, -2:]
    with np.errstate(invalid="ignore"):
        return scores.argmax(axis=2), highest[:, :, 1] - highest[:, :, 0]


def soften(scores: np.ndarray) -> np.ndarray:
    """Return probabilities proportional to the exponentials of the scores of each row."""
    if scores.shape[2] == 1:
        second = expit(scores[:, :, 0])
        return np.stack([1.0 - second, second], axis=2)
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=2, keepdims=True))
    return powers / powers.sum(axis=2, keepdims=True)
