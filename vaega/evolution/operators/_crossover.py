"""Crossover of two masks, in place."""

from typing import TypeVar

import numpy as np

from vaega.core.checks import check_probability
from vaega.evolution.operators._masks import (
    adjust_count,
    as_mask,
    draw_below,
    draw_bernoulli,
    swap_segment,
    swap_where,
)

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
    >>> crossover_one_point([0, 0, 0], [1, 1, 1], rng=np.random.default_rng(0))
    ([0, 0, 1], [1, 1, 0])
    """
    size = min(len(a), len(b))
    if size > 1:
        swap_segment(a, b, 1 + draw_below(size - 1, rng=rng), size)
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
    ([0, 1, 1, 0], [1, 0, 0, 1])
    """
    size = min(len(a), len(b))
    if size > 1:
        # Two different points out of 0 .. size.
        first, second = draw_below(size + 1, rng=rng), draw_below(size, rng=rng)
        start, stop = (second, first) if second < first else (first, second + 1)
        if stop - start == size:  # the whole would only exchange the parents' names
            start = 1 + draw_below(size - 1, rng=rng)
        swap_segment(a, b, start, stop)
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
    >>> crossover_uniform([0, 0, 0], [1, 1, 1], rng=np.random.default_rng(0))
    ([0, 1, 1], [1, 0, 0])
    """
    check_probability(swap_probability, "swap_probability", owner="crossover_uniform")
    swap_where(a, b, draw_bernoulli(min(len(a), len(b)), swap_probability, rng=rng))
    return a, b


def crossover_half_uniform(a: Mask, b: Mask, *, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Swap exactly half of the positions in which the parents differ.

    Parameters
    ----------
    a, b : list or numpy.ndarray, shape (n_features,)
        The parents; changed in place.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves, as far from their parents as children can be from both; of an odd
        number of differences the smaller half is swapped.

    Notes
    -----
    HUX, the crossover of CHC (Eshelman, 1991), which forbids mating where few positions differ.

    Examples
    --------
    >>> crossover_half_uniform([0, 0, 1, 0], [1, 1, 1, 0], rng=np.random.default_rng(0))
    ([0, 1, 1, 0], [1, 0, 1, 0])
    """
    size = min(len(a), len(b))
    different = as_mask(a)[:size] != as_mask(b)[:size]
    chosen = draw_bernoulli(size, 0.5, rng=rng) & different
    adjust_count(chosen, int(np.count_nonzero(different)) // 2, pool=different, rng=rng)
    swap_where(a, b, chosen)
    return a, b


def crossover_size_preserving(
    a: Mask, b: Mask, *, swap_probability: float = 0.5, rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Swap features between two masks, as many one way as the other.

    Parameters
    ----------
    a, b : list or numpy.ndarray, shape (n_features,)
        The parents; changed in place.
    swap_probability : float, default=0.5
        Chance of each feature that only one parent selects to be offered to the other; of the
        parent that offers more, the surplus stays, drawn at random.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves, each with as many selected features as before; what both parents
        select stays in both, what neither selects in neither.

    Raises
    ------
    InputError
        When `swap_probability` is no probability.

    Examples
    --------
    >>> crossover_size_preserving([1, 1, 0, 0], [1, 0, 1, 1], swap_probability=1.0,
    ...                           rng=np.random.default_rng(0))
    ([1, 0, 0, 1], [1, 1, 1, 0])
    """
    check_probability(swap_probability, "swap_probability", owner="crossover_size_preserving")
    size = min(len(a), len(b))
    x, y = as_mask(a)[:size], as_mask(b)[:size]
    coins = draw_bernoulli(size, swap_probability, rng=rng)
    leaving, coming = coins & (x > y), coins & (y > x)
    n_swaps = min(int(np.count_nonzero(leaving)), int(np.count_nonzero(coming)))
    for chosen in (leaving, coming):
        adjust_count(chosen, n_swaps, pool=chosen, rng=rng)
    swap_where(a, b, leaving | coming)
    return a, b
