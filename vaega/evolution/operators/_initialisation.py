"""First masks of a population."""

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.evolution.operators._masks import (
    check_weights,
    draw_bernoulli,
    draw_distinct,
    draw_weighted,
)


def init_bernoulli(n_features: int, *, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Select each feature with the same probability.

    Parameters
    ----------
    n_features : int
        Length of the mask.
    fraction : float
        Expected share of selected features.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)

    Raises
    ------
    InputError
        When `n_features` is no whole number of at least 1, or `fraction` no probability.

    Examples
    --------
    >>> int(init_bernoulli(10, fraction=1.0, rng=np.random.default_rng(0)).sum())
    10
    """
    check_count(n_features, "n_features", owner="init_bernoulli")
    check_probability(fraction, "fraction", owner="init_bernoulli")
    return draw_bernoulli(n_features, fraction, rng=rng)


def init_fixed_size(n_features: int, *, size: int, rng: np.random.Generator) -> np.ndarray:
    """Select exactly `size` features, each set with the same probability.

    Parameters
    ----------
    n_features : int
        Length of the mask.
    size : int
        How many to select, at most `n_features`.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)

    Raises
    ------
    InputError
        When `n_features` is no whole number of at least 1, or `size` none from 0 to `n_features`.

    Examples
    --------
    >>> int(init_fixed_size(10, size=3, rng=np.random.default_rng(0)).sum())
    3
    """
    check_count(n_features, "n_features", owner="init_fixed_size")
    check_count(size, "size", owner="init_fixed_size", minimum=0, maximum=n_features)
    mask = np.zeros(n_features, dtype=bool)
    mask[draw_distinct(n_features, size, rng=rng)] = True
    return mask


def init_filter_guided(
    n_features: int, *, weights: ArrayLike, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Select `size` features, the heavy ones more often.

    Parameters
    ----------
    n_features : int
        Length of the mask.
    weights : array-like of float, shape (n_features,)
        How promising each feature is by itself, at least 0: F statistics, mutual information or
        any other filter, computed on the fit rows only. Of weight 0, it is never selected.
    size : int
        How many to select, at most `n_features`; fewer where fewer have a weight.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)

    Raises
    ------
    InputError
        When `n_features` or `size` is no whole number in its range, or the weights do not fit.

    Examples
    --------
    >>> init_filter_guided(4, weights=[0, 1, 1, 0], size=2, rng=np.random.default_rng(0))
    array([False,  True,  True, False])
    """
    check_count(n_features, "n_features", owner="init_filter_guided")
    check_count(size, "size", owner="init_filter_guided", minimum=0, maximum=n_features)
    weights = check_weights(weights, n_features, owner="init_filter_guided")
    mask = np.zeros(n_features, dtype=bool)
    mask[draw_weighted(weights, size, rng=rng)] = True
    return mask
