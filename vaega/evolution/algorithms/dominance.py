"""Pareto dominance between scores: who beats whom, fronts, crowding. All is maximised."""

import numpy as np
from numpy.typing import ArrayLike


def dominates(score: ArrayLike, other: ArrayLike) -> bool:
    """Return whether `score` is nowhere worse than `other` and somewhere better."""
    score, other = np.asarray(score), np.asarray(other)
    return bool((score >= other).all() and (score > other).any())


def dominance(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of `scores` dominates which of `others`."""
    no_worse = np.ones((len(scores), len(others)), dtype=bool)
    better = np.zeros_like(no_worse)
    for mine, theirs in zip(scores.T, others.T, strict=True):  # n_objectives is small
        no_worse &= mine[:, None] >= theirs
        better |= mine[:, None] > theirs
    return no_worse & better


def sort_fronts(scores: np.ndarray) -> np.ndarray:
    """Return the front of each score: 0 for those nobody dominates, 1 behind them, and so on."""
    beats = dominance(scores, scores)
    n_above = beats.sum(axis=0)
    fronts = np.full(len(scores), -1)
    front = 0
    while (fronts < 0).any():
        present = (fronts < 0) & (n_above == 0)
        fronts[present] = front
        n_above = n_above - beats[present].sum(axis=0)
        front += 1
    return fronts


def crowding_distance(scores: np.ndarray) -> np.ndarray:
    """Return how far from its neighbours each score of one front lies."""
    distance = np.zeros(len(scores))
    for values in scores.T:
        order = np.argsort(values, kind="stable")
        spread = values[order[-1]] - values[order[0]] if len(order) else 0.0
        if spread > 0.0:
            distance[order[[0, -1]]] = np.inf
            distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / spread
    return distance


def rank_crowded(scores: np.ndarray) -> np.ndarray:
    """Return positions from best to worst: by front, in a front the least crowded first."""
    fronts = sort_fronts(scores)
    crowding = np.zeros(len(scores))
    for front in range(int(fronts.max(initial=-1)) + 1):
        members = fronts == front
        crowding[members] = crowding_distance(scores[members])
    return np.lexsort((-crowding, fronts))
