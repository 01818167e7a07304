"""Nearest neighbours: all distances of a mask from one matrix product."""

from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from vaega.fitness.folds import Fold
from vaega.fitness.population.responses import LABELS, Responses

NEEDS: tuple[str, ...] = (LABELS,)
WEIGHTS = False
EXACT = True
RANDOM = False

# Two distances closer than this, relative to their terms, may be in either order after rounding.
_DOUBT = 1e-10


def accepts(estimator: Any) -> str | None:
    """Return which setting of a nearest-neighbour classifier is not computed here, if any.

    Parameters
    ----------
    estimator : sklearn.neighbors.KNeighborsClassifier

    Returns
    -------
    str or None

    Examples
    --------
    >>> accepts(KNeighborsClassifier(3))
    >>> accepts(KNeighborsClassifier(weights="distance"))
    "weights='distance'"
    """
    euclidean = estimator.metric == "euclidean" or (
        estimator.metric == "minkowski" and estimator.p == 2
    )
    if not euclidean:
        name = "p" if estimator.metric == "minkowski" else "metric"
        return f"{name}={getattr(estimator, name)!r}"
    if estimator.metric_params:
        return f"metric_params={estimator.metric_params!r}"
    return None if estimator.weights == "uniform" else f"weights={estimator.weights!r}"


def respond(
    estimator: KNeighborsClassifier,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
) -> Responses:
    """Return the answers of nearest neighbours for each mask.

    Parameters
    ----------
    estimator : sklearn.neighbors.KNeighborsClassifier
        Not fitted.
    fold : Fold
    masks : numpy.ndarray of bool, shape (n_masks, n_columns)
        Over the columns of the fold; each selects one at least.
    need : {"labels"}
    seeds : None
        Nothing here is random.

    Returns
    -------
    Responses
        A mask is undecided where a row has a neighbour in doubt: two fit rows at the border that
        are equally far, up to rounding.
    """
    classes, codes = np.unique(fold.y_fit, return_inverse=True)
    n_neighbors, n_fit = estimator.n_neighbors, len(codes)
    predicted = np.full((len(masks), len(fold.y_validate)), -1)
    if not 1 <= n_neighbors <= n_fit:
        return Responses.undecided(*predicted.shape)  # scikit-learn says what is wrong
    for row, mask in enumerate(masks):
        columns = np.flatnonzero(mask)
        fit = np.asarray(fold.X_fit.take(columns, axis=1), dtype=float)
        validate = np.asarray(fold.X_validate.take(columns, axis=1), dtype=float)
        nearest = _nearest(fit, validate, n_neighbors)
        if nearest is not None:
            votes = np.stack([(codes[nearest] == code).sum(axis=1) for code in range(len(classes))])
            predicted[row] = votes.argmax(axis=0)  # the first of equals, as scikit-learn's mode
    return Responses(predicted, np.all(predicted >= 0, axis=1))


def _nearest(fit: np.ndarray, validate: np.ndarray, n_neighbors: int) -> np.ndarray | None:
    lengths, others = np.einsum("ij,ij->i", fit, fit), np.einsum("ij,ij->i", validate, validate)
    distances = lengths - 2.0 * (validate @ fit.T)
    if n_neighbors == len(fit):
        return np.tile(np.arange(n_neighbors), (len(validate), 1))
    order = np.argpartition(distances, [n_neighbors - 1, n_neighbors], axis=1)
    border = np.take_along_axis(distances, order[:, n_neighbors - 1 : n_neighbors + 1], axis=1)
    terms = lengths.max() + others
    if not (border[:, 1] - border[:, 0] > _DOUBT * terms).all():
        return None
    return order[:, :n_neighbors]
