"""Stratified subsamples of training rows, on which several searches vote."""

from math import ceil

import numpy as np


def draw_subsample(
    y: np.ndarray, share: float, *, rng: np.random.Generator, groups: np.ndarray | None = None
) -> np.ndarray:
    """Draw a share of the rows of each class, or of the groups."""
    if groups is not None:
        return _draw_groups(y, groups, share, rng)
    drawn = []
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        size = round(share * rows.size)
        if share < 1.0 and rows.size >= 3:
            size = min(size, rows.size - 1)
        drawn.append(rng.permutation(rows)[: max(size, min(2, rows.size))])
    return np.sort(np.concatenate(drawn))


def _draw_groups(
    y: np.ndarray, groups: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    names = rng.permutation(np.unique(groups))
    size = ceil(share * len(names))
    drawn, rest = list(names[:size]), names[size:]
    for label in np.unique(y):
        holders = np.unique(groups[y == label])
        if not np.isin(holders, drawn).any():
            drawn.extend([name for name in rest if name in holders][:1])
    return np.flatnonzero(np.isin(groups, drawn))
