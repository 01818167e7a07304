"""ReliefF: how much farther features lie from neighbours of other classes than of their own."""

import numpy as np
from scipy.spatial.distance import cdist

from vaega.core.randomness import derive_rng

# Hits and misses of a row, as in the paper.
N_NEAREST = 10
# Rows whose neighbours are asked, at most: the cost grows with rows times judges.
MOST_JUDGES = 1000


def relieff_statistic(X: np.ndarray, y: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the weight that ReliefF gives each feature."""
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
