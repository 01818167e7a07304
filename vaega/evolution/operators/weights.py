"""Weights that guide where features are added: checks and draws."""

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.errors import InputError

_BLOCK = 64  # weights summed together
_FEW = 64  # up to so many draws, looking into their blocks beats a race of all features


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
    # Every comparison with NaN is false, so two extremes check all values in two passes.
    if n_features and not (array.min() >= 0.0 and array.max() < np.inf):
        wrong = array[~((array >= 0.0) & (array < np.inf))][0]
        raise InputError(f"{owner}: weights must be finite and at least 0, got {float(wrong)!r}.")
    return array


def draw_weighted(
    weights: np.ndarray,
    size: int,
    *,
    rng: np.random.Generator,
    excluded: np.ndarray | None = None,
) -> np.ndarray:
    """Draw up to `size` different positions, one after the other, the heavy ones more often.

    Parameters
    ----------
    weights : numpy.ndarray of float, shape (n_features,)
        Chances, not necessarily summing to 1; positions of weight 0 are never drawn.
    size : int
        How many; fewer come where fewer have a weight.
    rng : numpy.random.Generator
        Source of randomness.
    excluded : numpy.ndarray of bool, shape (n_features,), optional
        Positions that are never drawn, whatever their weight.

    Returns
    -------
    numpy.ndarray of int
        Positions without repetition.

    Notes
    -----
    A few positions are drawn with replacement and repetitions are passed over, which is the same
    as drawing each from what is left. Where too many are passed over, the rest comes from
    exponential races: the first arrivals of processes with rates `weights` are a weighted sample
    without replacement too (Efraimidis and Spirakis, 2006).

    Examples
    --------
    >>> draw_weighted(np.array([0.0, 1.0, 0.0]), 2, rng=np.random.default_rng(0))
    array([1])
    """
    if size <= 0:
        return np.empty(0, dtype=np.intp)
    chosen = np.empty(0, dtype=np.intp)
    if size <= _FEW:
        candidates = _with_replacement(weights, 2 * size + 2, rng=rng)
        fit = weights[candidates] > 0.0
        if excluded is not None:
            fit &= ~excluded[candidates]
        chosen = np.array(list(dict.fromkeys(candidates[fit].tolist()))[:size], dtype=np.intp)
        if chosen.size == size:
            return chosen
    left = weights.copy() if excluded is None else np.where(excluded, 0.0, weights)
    left[chosen] = 0.0
    return np.concatenate([chosen, _race(left, size - chosen.size, rng=rng)])


def _race(weights: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    size = min(size, int(np.count_nonzero(weights)))
    if size == 0:
        return np.empty(0, dtype=np.intp)
    with np.errstate(divide="ignore"):  # a weight of 0 never arrives
        arrivals = rng.standard_exponential(size=weights.size) / weights
    return np.argpartition(arrivals, size - 1)[:size]


def _with_replacement(weights: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    # First the block, then the place in it: the long cumulative sum of all weights is never made.
    starts = np.arange(0, weights.size, _BLOCK)
    edges = np.add.reduceat(weights, starts).cumsum()
    targets = rng.random(size) * edges[-1]
    blocks = np.minimum(edges.searchsorted(targets, side="right"), starts.size - 1)
    targets -= np.concatenate([[0.0], edges])[blocks]
    places = starts[blocks][:, None] + np.arange(_BLOCK)
    inside = places < weights.size
    np.minimum(places, weights.size - 1, out=places)
    reached = (weights[places] * inside).cumsum(axis=1) <= targets[:, None]
    return places[np.arange(size), np.minimum(reached.sum(axis=1), _BLOCK - 1)]
