"""Predictions from scores, and whether rounding could turn them."""

import numpy as np
from scipy.special import expit


def decide(scores: np.ndarray, doubts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of the highest score of each row, and which masks are sure of all rows.

    Parameters
    ----------
    scores : numpy.ndarray of float, shape (n_masks, n_rows, n_classes)
        Or with one score instead of two: of the second class, if positive.
    doubts : numpy.ndarray of float, shape (n_masks,)
        By how much rounding may move a score of the mask.

    Returns
    -------
    codes : numpy.ndarray of int, shape (n_masks, n_rows)
    decided : numpy.ndarray of bool, shape (n_masks,)

    Examples
    --------
    >>> codes, decided = decide(np.array([[[0.1], [-2.0]]]), np.array([0.2]))
    >>> codes, decided
    (array([[1, 0]]), array([False]))
    """
    n_classes = scores.shape[2]
    if n_classes == 1:
        margins, least = np.abs(scores[:, :, 0]), doubts
        codes = (scores[:, :, 0] > 0.0).astype(np.intp)
    else:
        highest = np.partition(scores, n_classes - 2, axis=2)[:, :, -2:]
        margins, least = highest[:, :, 1] - highest[:, :, 0], 2.0 * doubts
        codes = scores.argmax(axis=2)
    with np.errstate(invalid="ignore"):
        return codes, (margins > least[:, None]).all(axis=1)  # False where it is not finite


def soften(scores: np.ndarray) -> np.ndarray:
    """Return probabilities proportional to the exponentials of the scores of each row.

    Parameters
    ----------
    scores : numpy.ndarray of float, shape (n_masks, n_rows, n_classes)
        Or with one score instead of two, of the second class over the first.

    Returns
    -------
    numpy.ndarray of float, shape (n_masks, n_rows, n_classes)

    Examples
    --------
    >>> soften(np.array([[[0.0], [1e3]]]))
    array([[[0.5, 0.5],
            [0. , 1. ]]])
    """
    if scores.shape[2] == 1:
        second = expit(scores[:, :, 0])
        return np.stack([1.0 - second, second], axis=2)
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=2, keepdims=True))
    return powers / powers.sum(axis=2, keepdims=True)
