"""Mutation of one mask, in place."""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.evolution.operators._masks import (
    as_mask,
    check_weights,
    draw_bernoulli,
    draw_distinct,
    draw_hits,
    draw_outside,
    draw_weighted,
    flip,
    flip_where,
)

Mask = TypeVar("Mask", list, np.ndarray)


def mutate_bitflip(
    individual: Mask, *, flip_probability: float, rng: np.random.Generator
) -> tuple[Mask]:
    """Flip each position with the same probability.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place.
    flip_probability : float
        Chance of each position to flip; 1 / n_features expects one flip.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `flip_probability` is no probability.

    Notes
    -----
    A sparse mask has far more features to gain than to lose, so this operator makes it grow; see
    `mutate_balanced_flip` for one that does not.

    Examples
    --------
    >>> mutate_bitflip([0, 0, 0, 1], flip_probability=1.0, rng=np.random.default_rng(0))
    ([1, 1, 1, 0],)
    """
    check_probability(flip_probability, "flip_probability", owner="mutate_bitflip")
    if flip_probability < 0.02:  # few flips: their positions are all that is needed
        flip(individual, draw_hits(len(individual), flip_probability, rng=rng))
    else:
        flip_where(individual, draw_bernoulli(len(individual), flip_probability, rng=rng))
    return (individual,)


def mutate_balanced_flip(
    individual: Mask, *, flip_probability: float, rng: np.random.Generator
) -> tuple[Mask]:
    """Drop selected features and add as many unselected ones, in expectation.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place.
    flip_probability : float
        Chance of each selected feature to be dropped. An unselected one is added with the chance
        that makes the expected number of selected features stay as it was, as far as there are
        enough unselected ones: a mask that selects nearly everything shrinks.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `flip_probability` is no probability.

    Examples
    --------
    >>> mask, = mutate_balanced_flip(np.arange(1000) < 100, flip_probability=0.2,
    ...                              rng=np.random.default_rng(0))
    >>> 70 < int(mask.sum()) < 130
    True
    """
    check_probability(flip_probability, "flip_probability", owner="mutate_balanced_flip")
    mask = as_mask(individual)
    selected = np.flatnonzero(mask)
    n_free = mask.size - selected.size
    add_probability = min(1.0, flip_probability * selected.size / max(n_free, 1))
    dropped = selected[draw_hits(selected.size, flip_probability, rng=rng)]
    added = draw_hits(mask.size, add_probability, rng=rng)
    flip(individual, np.concatenate([dropped, added[~mask[added]]]))
    return (individual,)


def mutate_swap(individual: Mask, *, n_swaps: int = 1, rng: np.random.Generator) -> tuple[Mask]:
    """Exchange selected features for unselected ones, so that the size stays as it is.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place.
    n_swaps : int, default=1
        How many features leave and how many come; fewer where there are not as many selected, or
        unselected, ones.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `n_swaps` is no whole number of at least 1.

    Examples
    --------
    >>> mutate_swap([1, 0], rng=np.random.default_rng(0))
    ([0, 1],)
    """
    check_count(n_swaps, "n_swaps", owner="mutate_swap")
    mask = as_mask(individual)
    selected = np.flatnonzero(mask)
    n_swaps = min(n_swaps, selected.size, mask.size - selected.size)
    leaving = selected[draw_distinct(selected.size, n_swaps, rng=rng)]
    coming = draw_outside(mask, n_swaps, rng=rng)
    flip(individual, np.concatenate([leaving, coming]))
    return (individual,)


def mutate_filter_guided(
    individual: Mask, *, weights: ArrayLike, flip_probability: float, rng: np.random.Generator
) -> tuple[Mask]:
    """Drop selected features at random and add unselected ones by their weight.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place.
    weights : array-like of float, shape (n_features,)
        How promising each feature is by itself, at least 0: F statistics, mutual information or
        any other filter, computed on the fit rows only. A feature of weight 0 is never added.
    flip_probability : float
        Chance of each selected feature to be dropped; as many are added in expectation, as far as
        there are unselected ones with a weight.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `flip_probability` is no probability or the weights do not fit the mask.

    Examples
    --------
    >>> mask, = mutate_filter_guided([1, 1, 0, 0], weights=[0, 0, 1, 0], flip_probability=0.5,
    ...                              rng=np.random.default_rng(4))
    >>> mask[3]
    0
    """
    check_probability(flip_probability, "flip_probability", owner="mutate_filter_guided")
    mask = as_mask(individual)
    weights = check_weights(weights, mask.size, owner="mutate_filter_guided")
    selected = np.flatnonzero(mask)
    dropped = selected[draw_hits(selected.size, flip_probability, rng=rng)]
    n_added = int(rng.binomial(selected.size, flip_probability))
    added = draw_weighted(weights, n_added, rng=rng, excluded=mask)
    flip(individual, np.concatenate([dropped, added]))
    return (individual,)
