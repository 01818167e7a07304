"""The guide: how promising each feature is by itself, learned on fit rows alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_selection import mutual_info_classif

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.evolution.operators.weights import check_weights
from vaega.fitness.folds import Fold

GUIDES = ("f_classif", "mutual_info", "none")


def check_guide(guide: Any, *, owner: str) -> None:
    """Refuse a guide that is neither a known filter nor weights.

    Parameters
    ----------
    guide : {"f_classif", "mutual_info", "none"} or array-like of float
        What the user gave.
    owner : str
        Who asks.

    Raises
    ------
    InputError
        One sentence on what is wrong.

    Examples
    --------
    >>> check_guide("f_classif", owner="GeneticSelector")
    >>> check_guide([0.2, 0.8], owner="GeneticSelector")
    """
    if isinstance(guide, str):
        check_choice(guide, "guide", GUIDES, owner=owner)
    elif guide is None or np.ndim(guide) != 1 or np.asarray(guide).dtype.kind not in "fiub":
        raise InputError(
            f"{owner}: guide must be one of {', '.join(GUIDES)}, or weights, one a feature, "
            f"got {guide!r}."
        )


def guide_weights(
    folds: Sequence[Fold], n_features: int, guide: Any, *, share: float = 0.5, seed: int = 0
) -> np.ndarray:
    """Return the chance of each feature to be drawn into a mask.

    Parameters
    ----------
    folds : sequence of Fold
        Only their real fit rows are read.
    n_features : int
        Length of a mask.
    guide : {"f_classif", "mutual_info", "none"} or array-like of float, shape (n_features,)
        One-way F statistic or mutual information, averaged over the folds; an even chance; or
        weights of the user's own.
    share : float, default=0.5
        Share of the chance that follows the guide; the rest is spread evenly, so that features
        which matter only together with others, as in Madelon, can still come in.
    seed : int, default=0
        Of the noise that the estimate of the mutual information adds to break ties.

    Returns
    -------
    numpy.ndarray of float, shape (n_features,)
        Sums to 1.

    Raises
    ------
    InputError
        When weights of the user's own do not fit the features.

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [0.1, 2.0], [1.0, 1.0], [1.1, 2.0]])
    >>> y = np.array([0, 0, 1, 1])
    >>> fold = Fold(X, y, X[:1], y[:1], columns=np.arange(2), n_real=4)
    >>> guide_weights([fold], 2, "f_classif")
    array([0.75, 0.25])
    """
    even = np.full(n_features, 1.0 / n_features)
    if isinstance(guide, str) and guide == "none":
        return even
    if isinstance(guide, str):
        strength = _averaged(folds, n_features, guide, seed)
    else:
        strength = check_weights(guide, n_features, owner="guide")
    if strength.sum() == 0.0:
        return even
    return (1.0 - share) * even + share * strength / strength.sum()


def f_statistic(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the one-way F statistic of each feature.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_rows, n_features)
        May hold NaN, which counts as the feature's mean.
    y : numpy.ndarray, shape (n_rows,)
        Labels of at least two classes.

    Returns
    -------
    numpy.ndarray of float, shape (n_features,)
        Finite and at least 0; 0 for a constant feature. A feature that separates the classes
        without any spread inside them has the largest value of those that have one.

    Notes
    -----
    Sums of squares are taken around means, not as differences of large sums: for a column that is
    constant but for rounding, ``sklearn.feature_selection.f_classif`` can return minus infinity.

    Examples
    --------
    >>> X = np.array([[0.0, 5.0], [1.0, 5.0], [4.0, 5.0], [5.0, 5.0]])
    >>> f_statistic(X, np.array([0, 0, 1, 1]))
    array([32.,  0.])
    """
    X = np.asarray(X, dtype=float)
    classes, counts = np.unique(y, return_counts=True)
    scale = np.nanmax(np.abs(X), axis=0, initial=0.0)
    centred = np.nan_to_num(X - _nanmean(X))
    means = np.array([centred[y == label].mean(axis=0) for label in classes])
    between = (counts[:, None] * means**2).sum(axis=0)
    within = sum(
        ((centred[y == label] - mean) ** 2).sum(axis=0)
        for label, mean in zip(classes, means, strict=True)
    )
    rounding = len(X) * (8 * np.finfo(float).eps * scale) ** 2
    ratio = np.divide(between, within, out=np.full_like(scale, np.inf), where=within > rounding)
    ratio[between <= rounding] = 0.0
    freedom = max(len(X) - len(classes), 1) / max(len(classes) - 1, 1)
    finite = ratio[np.isfinite(ratio)]
    return np.minimum(ratio, max(finite.max(initial=0.0), 1.0)) * freedom


def _averaged(folds: Sequence[Fold], n_features: int, guide: str, seed: int) -> np.ndarray:
    total = np.zeros(n_features)
    for fold in folds:
        X, y = fold.X_fit[: fold.n_real], fold.y_fit[: fold.n_real]
        if len(np.unique(y)) < 2:
            continue  # a sampler dropped the real rows, and others say nothing of the features
        if guide == "f_classif":
            total[fold.columns] += f_statistic(X, y)
        else:
            total[fold.columns] += mutual_info_classif(np.nan_to_num(X), y, random_state=seed)
    return total


def _nanmean(X: np.ndarray) -> np.ndarray:
    known = ~np.isnan(X)
    return np.nansum(X, axis=0) / np.maximum(known.sum(axis=0), 1)
