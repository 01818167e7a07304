"""What a search found, as plain data."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search, or several that voted, found."""

    mask: np.ndarray  # The final mask
    score: float
    frequencies: np.ndarray
    # One row a generation, and ``search``, its number, where there were several
    history: pd.DataFrame
    # The masks that no other beats in both metric and size: ``n_features``, ``score``, ``mask``
    front: pd.DataFrame
    n_asked: int  # Masks asked for, and different masks among them
    n_distinct: int  # Masks asked for, and different masks among them
    n_scored: int  # Masks that were computed now, not found in a store
    n_fits: int  # Fits of the classifier: pairs of a different mask and a fold
    warnings: Counter[str]  # How often the classifier warned of what
    masks: np.ndarray  # The best mask of each search
    # Chances of the features to be drawn, from the guide; their mean after a vote
    weights: np.ndarray
    sizes: pd.DataFrame = field(default_factory=pd.DataFrame)
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)


def pareto_front(masks: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Return the sizes and scores that no smaller mask reaches."""
    sizes = masks.sum(axis=1)
    rows, best = [], -np.inf
    for place in np.lexsort((-scores, sizes)):
        if scores[place] > best:
            best = float(scores[place])
            selected = np.flatnonzero(masks[place])
            rows.append({"n_features": int(sizes[place]), "score": best, "mask": selected})
    return pd.DataFrame(rows, columns=["n_features", "score", "mask"])


def front_masks(front: pd.DataFrame, n_features: int) -> np.ndarray:
    """Return the masks of a front."""
    masks = np.zeros((len(front), n_features), dtype=bool)
    for mask, selected in zip(masks, front["mask"], strict=True):
        mask[selected] = True
    return masks


def widen_result(found: SearchResult, columns: np.ndarray, n_features: int) -> SearchResult:
    """Return what was found among some features as a result over all of them."""
    front = front_masks(found.front, len(columns))
    return replace(
        found,
        mask=widened(found.mask, columns, n_features),
        masks=widened(found.masks, columns, n_features),
        frequencies=widened(found.frequencies, columns, n_features, 0.0),
        weights=widened(found.weights, columns, n_features, 0.0),
        front=pareto_front(
            widened(front, columns, n_features), found.front["score"].to_numpy(dtype=float)
        ),
    )


def widened(mask: np.ndarray, columns: np.ndarray, n_features: int, fill: Any = False) -> Any:
    """Return values of some features as values of all."""
    wide = np.full((*mask.shape[:-1], n_features), fill, dtype=mask.dtype)
    wide[..., columns] = mask
    return wide
