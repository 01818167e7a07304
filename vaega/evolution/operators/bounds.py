"""Bounds on the number of selected features."""

from typing import TypeVar

import numpy as np

Mask = TypeVar("Mask", list, np.ndarray)


def repair_size(
    individual: Mask, *, min_features: int, max_features: int | None, rng: np.random.Generator
) -> tuple[Mask]:
    """Add or drop features at random until the number of selected ones is within bounds.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place, and only where a bound is broken.
    min_features : int
        At least so many are selected (all of them where the mask is shorter).
    max_features : int or None
        At most so many are selected; None sets no bound.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Examples
    --------
    >>> mask, = repair_size([0, 0, 0], min_features=1, max_features=2,
    ...                     rng=np.random.default_rng(0))
    >>> sum(mask)
    1
    """
    selected = np.flatnonzero(np.asarray(individual, dtype=bool))
    if selected.size < min_features:
        free = np.setdiff1d(np.arange(len(individual)), selected)
        missing = min(min_features - selected.size, free.size)
        _assign(individual, rng.choice(free, size=missing, replace=False), True)
    elif max_features is not None and selected.size > max_features:
        surplus = rng.choice(selected, size=selected.size - max_features, replace=False)
        _assign(individual, surplus, False)
    return (individual,)


def _assign(individual: Mask, positions: np.ndarray, value: bool) -> None:
    for position in positions.tolist():
        individual[position] = type(individual[position])(value)
