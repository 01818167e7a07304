"""The guide: how promising each feature is by itself, learned on fit rows alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_selection import RFE, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC, l1_min_c

from vaega.core.checks import check_choice
from vaega.core.errors import InputError, MissingExtraError
from vaega.core.randomness import derive_rng, derive_seed
from vaega.data._folds import Fold
from vaega.evolution.operators._masks import check_weights

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


# Of the strengths at which features enter an L1 model: from the first one on, a thousandfold.
_N_STRENGTHS, _STRONGEST = 16, 3.0
_N_TREES = 500
# Of Boruta: depth that its authors recommend, trees in a forest, and forests.
_DEPTH, _N_FOREST, _N_ROUNDS = 5, 100, 50


def rank_features(kind: str, X: np.ndarray, y: np.ndarray, *, seed: int) -> np.ndarray:
    """Order features by one of the classical criteria."""
    check_choice(kind, "kind", RANKINGS, owner="rank_features")
    seed = derive_seed(seed, "ranking", kind) % 2**32
    return np.argsort(-RANKINGS[kind](X, y, seed), kind="stable")


def _f_statistic(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(f_classif(X, y)[0], nan=-1.0)


def _mutual_information(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    information: np.ndarray = mutual_info_classif(X, y, random_state=seed)
    return information


def _neighbourhood(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return relieff_statistic(X, y, seed=seed)


def _entry(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return how early each feature enters; those that enter together by their weights."""
    strengths = l1_min_c(X, y, loss="squared_hinge") * np.logspace(0.05, _STRONGEST, _N_STRENGTHS)
    entered = np.zeros(X.shape[1])
    for place, strength in enumerate(strengths):
        model = LinearSVC(penalty="l1", dual=False, C=strength, random_state=seed, max_iter=2000)
        weights = np.abs(model.fit(X, y).coef_).max(axis=0)
        new = (entered == 0.0) & (weights > 0.0)
        entered[new] = _N_STRENGTHS - place + weights[new] / (1.0 + weights[new])
    return entered + _below_all(X, y, entered == 0.0)


def _impurity(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    trees = ExtraTreesClassifier(_N_TREES, random_state=seed).fit(X, y)
    importances: np.ndarray = trees.feature_importances_
    return importances


def find_boruta() -> Any:
    """Return boruta's selector."""
    try:
        from boruta import BorutaPy
    except ImportError as error:
        raise MissingExtraError(owner="boruta", package="boruta", extra="compare") from error
    return BorutaPy


def _confirmation(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    forest = RandomForestClassifier(max_depth=_DEPTH, class_weight="balanced")
    found = find_boruta()(
        forest, n_estimators=_N_FOREST, max_iter=_N_ROUNDS, random_state=seed
    ).fit(X, y)
    # Confirmed ones first, then doubtful ones, then the others by how they did.
    return -found.ranking_.astype(float) + _below_all(X, y, np.ones(X.shape[1], dtype=bool))


def _elimination(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    model = LogisticRegression(max_iter=1000)
    ranking = RFE(model, n_features_to_select=1, step=0.1).fit(X, y).ranking_
    # Those that went together are told apart by the F statistic, which moves nobody past another.
    return -ranking.astype(float) + _below_all(X, y, np.ones(len(ranking), dtype=bool))


def _below_all(X: np.ndarray, y: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return a tie-break from the F statistic, from 0 to below 1, for the chosen features."""
    statistic = np.maximum(_f_statistic(X, y, 0), 0.0)
    return np.where(chosen, np.minimum(statistic / (1.0 + statistic), 0.999), 0.0)


RANKINGS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "f_classif": _f_statistic,
    "mutual_info": _mutual_information,
    "relieff": _neighbourhood,
    "l1": _entry,
    "extra_trees": _impurity,
    "boruta": _confirmation,
    "rfe": _elimination,
}


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
