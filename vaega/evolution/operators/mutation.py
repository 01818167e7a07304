"""Mutation of one mask, in place."""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_probability
from vaega.evolution.operators.weights import check_weights, draw_weighted

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
    _flip(individual, np.flatnonzero(rng.random(len(individual)) < flip_probability))
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
    mask = np.asarray(individual, dtype=bool)
    n_selected, n_free = int(mask.sum()), int((~mask).sum())
    add_probability = min(1.0, flip_probability * n_selected / max(n_free, 1))
    chance = np.where(mask, flip_probability, add_probability)
    _flip(individual, np.flatnonzero(rng.random(mask.size) < chance))
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
        How promising each feature is by itself, at least 0: an F statistic, say, computed on the
        fit rows only. A feature of weight 0 is never added.
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
    mask = np.asarray(individual, dtype=bool)
    weights = check_weights(weights, mask.size, owner="mutate_filter_guided")
    dropped = np.flatnonzero(mask & (rng.random(mask.size) < flip_probability))
    n_added = int(rng.binomial(mask.sum(), flip_probability))
    added = draw_weighted(np.where(mask, 0.0, weights), n_added, rng=rng)
    _flip(individual, np.concatenate([dropped, added]))
    return (individual,)


def _flip(individual: Mask, positions: np.ndarray) -> None:
    if isinstance(individual, np.ndarray):
        individual[positions] = 1 - individual[positions].astype(int)
        return
    for position in positions.tolist():
        individual[position] = type(individual[position])(not individual[position])
