"""ReliefF: how much farther features lie from neighbours of other classes than of their own."""

import numpy as np
from scipy.spatial.distance import cdist

from vaega.core.randomness import derive_rng

# Hits and misses of a row, as in the paper.
N_NEAREST = 10
# Rows whose neighbours are asked, at most: the cost grows with rows times judges.
MOST_JUDGES = 1000


def relieff_statistic(X: np.ndarray, y: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the weight that ReliefF gives each feature.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_rows, n_features)
        Rows. Columns are scaled to a range of 1; distances are sums of absolute differences.
    y : numpy.ndarray, shape (n_rows,)
        Their labels. A class with fewer than 11 rows has as many neighbours as it can.
    seed : int, default=0
        Draws the judges where there are more than 1000 rows.

    Returns
    -------
    numpy.ndarray of float, shape (n_features,)
        Between -1 and 1; 0 and below for features that do not tell classes apart.

    References
    ----------
    Kononenko (1994), Estimating attributes: analysis and extensions of RELIEF, ECML.

    Examples
    --------
    >>> X = np.array([[0.0, 0.5], [0.1, 0.1], [0.9, 0.4], [1.0, 0.2]])
    >>> relieff_statistic(X, np.array([0, 0, 1, 1])).round(2).tolist()
    [0.8, -0.25]
    """
    spread = np.ptp(X, axis=0)
    X = (X - X.min(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    judges = np.arange(len(X))
    if len(X) > MOST_JUDGES:
        judges = np.sort(derive_rng(seed, "judges").permutation(len(X))[:MOST_JUDGES])
    distances = cdist(X[judges], X, "cityblock")
    distances[np.arange(len(judges)), judges] = np.inf  # nobody is their own neighbour
    classes, counts = np.unique(y, return_counts=True)
    total = np.zeros(X.shape[1])
    for own, own_count in zip(classes, counts, strict=True):
        asking = np.flatnonzero(y[judges] == own)
        for other, count in zip(classes, counts, strict=True):
            share = -1.0 if own == other else count / (len(y) - own_count)
            members = np.flatnonzero(y == other)
            near = _nearest(distances[np.ix_(asking, members)], count - (own == other))
            for column in members[near].T:
                total += share / near.shape[1] * np.abs(X[judges[asking]] - X[column]).sum(axis=0)
    return total / len(judges)


def _nearest(distances: np.ndarray, n_others: int) -> np.ndarray:
    """Return the columns of the nearest rows, (n_asking, at most `N_NEAREST`)."""
    return np.argsort(distances, axis=1, kind="stable")[:, : min(N_NEAREST, int(n_others))]
