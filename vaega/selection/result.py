"""What a search found, as plain data."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search, or several that voted, found.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (n_features,)
        The final mask.
    score : float
        Its metric on validate rows of inner folds: optimistic, since it was maximised. After a
        vote, the mean metric that the searches' own features had on rows which their search did
        not see, at the size chosen; where no unseen rows could judge, the mean of the searches'
        own scores.
    frequencies : numpy.ndarray of float, shape (n_features,)
        Share of the last population that selects each feature; after a vote, share of the
        searches.
    history : pandas.DataFrame
        One row a generation, and ``search``, its number, where there were several.
    front : pandas.DataFrame
        The masks that no other beats in both metric and size: ``n_features``, ``score``, ``mask``.
    n_asked, n_distinct : int
        Masks asked for, and different masks among them.
    n_scored : int
        Masks that were computed now, not found in a store.
    n_fits : int
        Fits of the classifier: pairs of a different mask and a fold.
    warnings : collections.Counter
        How often the classifier warned of what.
    masks : numpy.ndarray of bool, shape (n_searches, n_features)
        The best mask of each search.
    weights : numpy.ndarray of float, shape (n_features,)
        Chances of the features to be drawn, from the guide; their mean after a vote.
    sizes : pandas.DataFrame
        After a vote: metric on rows that each search did not see, by number of features
        (``n_features``, ``score``, ``standard_error``); otherwise empty.
    candidates : pandas.DataFrame
        After a confirmation: the masks that were scored again on fresh folds (``n_features``,
        ``score``, ``standard_error``, ``inner_score``, ``chosen``); otherwise empty.
    """

    mask: np.ndarray
    score: float
    frequencies: np.ndarray
    history: pd.DataFrame
    front: pd.DataFrame
    n_asked: int
    n_distinct: int
    n_scored: int
    n_fits: int
    warnings: Counter[str]
    masks: np.ndarray
    weights: np.ndarray
    sizes: pd.DataFrame = field(default_factory=pd.DataFrame)
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)


def pareto_front(masks: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Return the sizes and scores that no smaller mask reaches.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_features)
        Masks scored.
    scores : numpy.ndarray of float, shape (n_masks,)
        Their scores, higher is better.

    Returns
    -------
    pandas.DataFrame
        Columns ``n_features`` and ``score``, both rising, and ``mask``, the selected features'
        positions.

    Examples
    --------
    >>> masks = np.array([[True, False], [True, True], [False, True]])
    >>> pareto_front(masks, np.array([0.7, 0.8, 0.6]))[["n_features", "score"]].values.tolist()
    [[1.0, 0.7], [2.0, 0.8]]
    """
    sizes = masks.sum(axis=1)
    rows, best = [], -np.inf
    for place in np.lexsort((-scores, sizes)):
        if scores[place] > best:
            best = float(scores[place])
            selected = np.flatnonzero(masks[place])
            rows.append({"n_features": int(sizes[place]), "score": best, "mask": selected})
    return pd.DataFrame(rows, columns=["n_features", "score", "mask"])


def front_masks(front: pd.DataFrame, n_features: int) -> np.ndarray:
    """Return the masks of a front.

    Parameters
    ----------
    front : pandas.DataFrame
        As `pareto_front` returns it.
    n_features : int
        Length of a mask.

    Returns
    -------
    numpy.ndarray of bool, shape (n_masks, n_features)

    Examples
    --------
    >>> front_masks(pareto_front(np.array([[True, False]]), np.array([0.7])), 2)
    array([[ True, False]])
    """
    masks = np.zeros((len(front), n_features), dtype=bool)
    for mask, selected in zip(masks, front["mask"], strict=True):
        mask[selected] = True
    return masks


def widen_result(found: SearchResult, columns: np.ndarray, n_features: int) -> SearchResult:
    """Return what was found among some features as a result over all of them.

    Parameters
    ----------
    found : SearchResult
        Of a search among `columns`.
    columns : numpy.ndarray of int, shape (n_columns,)
        Positions of these features.
    n_features : int
        How many there are in all.

    Returns
    -------
    SearchResult
        The other features are in no mask, and have no frequency and no weight.
    """
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
    """Return values of some features as values of all.

    Parameters
    ----------
    mask : numpy.ndarray, shape (..., n_columns)
        A mask, masks, or other values, one a column.
    columns : numpy.ndarray of int, shape (n_columns,)
        The features that they belong to.
    n_features : int
        How many features there are in all.
    fill : default=False
        Of the other features.

    Returns
    -------
    numpy.ndarray, shape (..., n_features)

    Examples
    --------
    >>> widened(np.array([True]), np.array([1]), 3)
    array([False,  True, False])
    """
    wide = np.full((*mask.shape[:-1], n_features), fill, dtype=mask.dtype)
    wide[..., columns] = mask
    return wide
