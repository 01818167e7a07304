"""How large a difference is, whatever its unit."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from vaega.analysis.statistics.values import as_values

# Romano, Kromrey, Coraggio and Skowronek (2006), from Cohen's conventions for d.
_CLIFF = ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"), (np.inf, "large"))


def superiority(a: ArrayLike, b: ArrayLike) -> float:
    """Return the chance that a value of `a` is above one of `b`, ties counted by half: A12.

    Parameters
    ----------
    a, b : array-like of float, shape (n_a,) and (n_b,)
        Values of two groups.

    Returns
    -------
    float
        From 0 to 1; 0.5 where neither tends to be above the other.

    Raises
    ------
    InputError
        When a group is empty or holds a value that is not finite.

    References
    ----------
    Vargha and Delaney (2000), A critique and improvement of the CL common language effect size
    statistics, Journal of Educational and Behavioral Statistics 25.

    Examples
    --------
    >>> superiority([3, 4, 5], [1, 2, 3])
    0.9444444444444444
    """
    a, b = as_values(a, owner="superiority"), as_values(b, owner="superiority")
    ranks = rankdata(np.concatenate([a, b]))[: len(a)].sum()
    return float((ranks - len(a) * (len(a) + 1) / 2) / (len(a) * len(b)))


def cliffs_delta(a: ArrayLike, b: ArrayLike) -> float:
    """Return how much more often a value of `a` is above one of `b` than below: Cliff's delta.

    Parameters
    ----------
    a, b : array-like of float, shape (n_a,) and (n_b,)
        Values of two groups.

    Returns
    -------
    float
        From -1 to 1: twice `superiority` less one.

    References
    ----------
    Cliff (1993), Dominance statistics, Psychological Bulletin 114.

    Examples
    --------
    >>> cliffs_delta([3, 4, 5], [1, 2, 3])
    0.8888888888888888
    """
    return 2.0 * superiority(a, b) - 1.0


def magnitude(delta: float) -> str:
    """Return the usual word for a Cliff's delta.

    Parameters
    ----------
    delta : float

    Returns
    -------
    {"negligible", "small", "medium", "large"}
        Thresholds 0.147, 0.33 and 0.474 (Romano et al. 2006).

    Examples
    --------
    >>> magnitude(-0.4)
    'medium'
    """
    return next(word for bound, word in _CLIFF if abs(delta) < bound)
