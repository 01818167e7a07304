"""Weights that guide where features are added: checks, mixture with chance, draws."""

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.errors import InputError


def check_weights(weights: ArrayLike, n_features: int, *, owner: str) -> np.ndarray:
    """Return `weights` as floats when there is one, finite and at least 0, for each feature.

    Parameters
    ----------
    weights : array-like of float, shape (n_features,)
        What the user gave.
    n_features : int
        How many are needed.
    owner : str
        Who asks.

    Returns
    -------
    numpy.ndarray of float, shape (n_features,)

    Raises
    ------
    InputError
        When the shape differs or a weight is negative or not finite.

    Examples
    --------
    >>> check_weights([1, 2], 2, owner="mutate_filter_guided")
    array([1., 2.])
    """
    array = np.asarray(weights, dtype=float)
    if array.shape != (n_features,):
        raise InputError(
            f"{owner}: weights must hold one value a feature, shape ({n_features},), "
            f"got shape {array.shape}."
        )
    if not np.isfinite(array).all() or (array < 0).any():
        raise InputError(f"{owner}: weights must be finite and at least 0, got {array.min()!r}.")
    return array


def draw_weighted(weights: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw up to `size` different positions, the heavy ones first in expectation.

    Parameters
    ----------
    weights : numpy.ndarray of float, shape (n_features,)
        Chances, not necessarily summing to 1; positions of weight 0 are never drawn.
    size : int
        How many; fewer come where fewer have a weight.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of int
        Positions without repetition.

    Notes
    -----
    Exponential races: the first `size` arrivals of processes with rates `weights` are a weighted
    sample without replacement (Efraimidis and Spirakis, 2006). One pass, no loop over draws.

    Examples
    --------
    >>> draw_weighted(np.array([0.0, 1.0, 0.0]), 2, rng=np.random.default_rng(0))
    array([1])
    """
    size = min(size, int((weights > 0).sum()))
    if size == 0:
        return np.empty(0, dtype=np.intp)
    arrivals = np.full(weights.size, np.inf)
    np.divide(rng.exponential(size=weights.size), weights, out=arrivals, where=weights > 0)
    return np.argpartition(arrivals, size - 1)[:size]
