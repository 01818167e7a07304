"""Weights that guide where features are added: checks and draws."""

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.errors import InputError

_BLOCK = 64  # weights summed together
_FEW = 64  # up to so many draws, looking into their blocks beats a race of all features


def check_weights(weights: ArrayLike, n_features: int, *, owner: str) -> np.ndarray:
    """Return `weights` as floats when there is one, finite and at least 0, for each feature."""
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
    """Draw up to `size` different positions, one after the other, the heavy ones more often."""
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
