"""Crossover of two masks, in place."""

from typing import TypeVar

import numpy as np

from vaega.core.checks import check_probability

Mask = TypeVar("Mask", list, np.ndarray)


def crossover_one_point(a: Mask, b: Mask, *, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Swap everything behind one random point.

    Parameters
    ----------
    a, b : list or numpy.ndarray, shape (n_features,)
        The parents; changed in place.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves.

    Examples
    --------
    >>> crossover_one_point([0, 0, 0], [1, 1, 1], rng=np.random.default_rng(1))
    ([0, 1, 1], [1, 0, 0])
    """
    size = min(len(a), len(b))
    if size > 1:
        _swap_segment(a, b, int(rng.integers(1, size)), size)
    return a, b


def crossover_two_point(a: Mask, b: Mask, *, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Swap everything between two random points.

    Parameters
    ----------
    a, b : list or numpy.ndarray, shape (n_features,)
        The parents; changed in place.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves. The segment is neither empty nor the whole.

    Examples
    --------
    >>> crossover_two_point([0, 0, 0, 0], [1, 1, 1, 1], rng=np.random.default_rng(0))
    ([0, 0, 0, 1], [1, 1, 1, 0])
    """
    size = min(len(a), len(b))
    if size > 1:
        start, stop = sorted(rng.choice(size + 1, size=2, replace=False).tolist())
        if stop - start < size:
            _swap_segment(a, b, start, stop)
        else:  # the whole would only exchange the parents' names
            _swap_segment(a, b, int(rng.integers(1, size)), size)
    return a, b


def crossover_uniform(
    a: Mask, b: Mask, *, swap_probability: float = 0.5, rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Swap each position with the same probability.

    Parameters
    ----------
    a, b : list or numpy.ndarray, shape (n_features,)
        The parents; changed in place.
    swap_probability : float, default=0.5
        Chance of each position to be swapped.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves.

    Raises
    ------
    InputError
        When `swap_probability` is no probability.

    Examples
    --------
    >>> crossover_uniform([0, 0, 0], [1, 1, 1], rng=np.random.default_rng(1))
    ([0, 0, 1], [1, 1, 0])
    """
    check_probability(swap_probability, "swap_probability", owner="crossover_uniform")
    positions = np.flatnonzero(rng.random(min(len(a), len(b))) < swap_probability)
    _swap_positions(a, b, positions)
    return a, b


def _swap_segment(a: Mask, b: Mask, start: int, stop: int) -> None:
    segment = a[start:stop].copy()  # a slice of an array is a view: it would change with `a`
    a[start:stop] = b[start:stop]
    b[start:stop] = segment


def _swap_positions(a: Mask, b: Mask, positions: np.ndarray) -> None:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        a[positions], b[positions] = b[positions], a[positions]  # fancy indexing copies
        return
    for position in positions.tolist():
        a[position], b[position] = b[position], a[position]
