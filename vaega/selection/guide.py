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
    """Refuse a guide that is neither a known filter nor weights."""
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
    """Return the chance of each feature to be drawn into a mask."""
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
    """Return the one-way F statistic of each feature."""
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
