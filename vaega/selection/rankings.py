"""Classical rankings of features, the best first: by filters, linear models and trees."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_selection import RFE, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC, l1_min_c

from vaega.core.checks import check_choice
from vaega.core.errors import MissingExtraError
from vaega.core.randomness import derive_seed
from vaega.selection.relieff import relieff_statistic

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
