"""Filters: how much each feature says about the classes by itself, to rank features or to guide.

A filter is a function of X, (n_rows, n_features), and y, (n_rows,), that returns one score a
feature, higher is better; it may name ``seed``. A new one is a function here and a line in
`RANKINGS` (for the classical arms) or in `GUIDES` (for the search).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_selection import RFE, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC, l1_min_c

from vaega.core.checks import check_choice
from vaega.core.errors import InputError, MissingExtraError
from vaega.core.randomness import derive_rng, derive_seed, seed_unset
from vaega.core.registry import Registry, matching_arguments
from vaega.core.threads import one_thread
from vaega.data._splits import Fold
from vaega.evolution.operators._masks import check_weights

_SCORES = ("scores_", "feature_importances_", "coef_")  # of a fitted ranker, the first it has

N_NEAREST = 10  # hits and misses of a row in ReliefF, as in the paper
MOST_REFERENCES = 1000  # rows whose neighbours are searched: the cost grows with rows times these
# Of the strengths at which features enter an L1 model: from the first one on, a thousandfold.
_N_STRENGTHS, _STRONGEST = 16, 3.0
_N_TREES = 500
# Of Boruta: depth that its authors recommend, trees in a forest, and forests.
_DEPTH, _N_FOREST, _N_ROUNDS = 5, 100, 50


def guide_weights(
    folds: Sequence[Fold], n_features: int, guide: Any, *, share: float = 0.5, seed: int = 0
) -> np.ndarray:
    """Return the chance of each feature to be drawn into a mask, (n_features,), summing to 1.

    Filters see the real fit rows of the folds and nothing else, and are averaged over the folds.
    What `share` leaves is spread evenly, so that features that matter only together with others,
    as in Madelon, can still come in.
    """
    even = np.full(n_features, 1.0 / n_features)
    if isinstance(guide, str) and guide == "none":
        return even
    if is_weights(guide):
        strength = check_weights(guide, n_features, owner="guide")
    else:
        strength = _average(folds, n_features, guide, seed)
    if strength.sum() == 0.0:
        return even
    return (1.0 - share) * even + share * strength / strength.sum()


def is_weights(guide: Any) -> bool:
    """Return whether a guide is an array of weights, one a feature."""
    if guide is None or isinstance(guide, str) or callable(guide) or hasattr(guide, "fit"):
        return False
    return np.ndim(guide) == 1 and np.asarray(guide).dtype.kind in "fiub"


def _average(folds: Sequence[Fold], n_features: int, guide: Any, seed: int) -> np.ndarray:
    ranker, total = GUIDES.resolve(guide, "guide", owner="search"), np.zeros(n_features)
    for fold in folds:
        X, y = fold.X_fit[: fold.n_real], fold.y_fit[: fold.n_real]
        if len(np.unique(y)) < 2:
            continue  # a sampler dropped the real rows, and others say nothing of the features
        total[fold.columns] += _strengths(ranker, X, y, seed)
    return total


def _strengths(ranker: Any, X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return one finite number of at least 0 a feature."""
    try:
        with one_thread():
            scores = _score_features(ranker, X, y, seed)
    except InputError:
        raise
    except ValueError as error:
        reason = str(error).strip().split("\n", 1)[0].rstrip(".")
        raise InputError(
            f"guide: {_name_of(ranker)} cannot score the features: {reason}."
        ) from error
    if scores.shape != (X.shape[1],):
        raise InputError(
            f"guide: {_name_of(ranker)} must give one score a feature, shape ({X.shape[1]},), got "
            f"{scores.shape}."
        )
    highest = max(scores[np.isfinite(scores)].max(initial=0.0), 1.0)
    return np.maximum(np.nan_to_num(scores, nan=0.0, posinf=highest, neginf=0.0), 0.0)


def _score_features(ranker: Any, X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    if not hasattr(ranker, "fit"):
        scores = ranker(
            X, y, **matching_arguments(ranker, {"seed": seed, "random_state": seed % 2**32})
        )
        # scikit-learn's score functions return p-values beside the scores.
        return np.asarray(scores[0] if isinstance(scores, tuple) else scores, dtype=float)
    fitted = seed_unset(clone(ranker), seed % 2**32).fit(X, y)
    for name in _SCORES:
        if hasattr(fitted, name):
            scores = np.asarray(getattr(fitted, name), dtype=float)
            return np.abs(scores).reshape(-1, X.shape[1]).max(axis=0) if name == "coef_" else scores
    raise InputError(
        f"guide: {_name_of(ranker)} must have one of {', '.join(_SCORES)} when fitted."
    )


def _name_of(ranker: Any) -> str:
    ranker = getattr(ranker, "func", ranker)
    return getattr(ranker, "__name__", type(ranker).__name__)


def f_statistic(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the one-way F statistic of each feature; NaN counts as the feature's mean.

    Finite and at least 0; 0 for a constant feature. A feature that separates the classes without
    any spread inside them has the largest value of those that have one. Sums of squares are taken
    around means, not as differences of large sums: for a column that is constant but for rounding
    ``sklearn.feature_selection.f_classif`` can return minus infinity.
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
    # Of a column that is constant but for rounding: n deviations of a few units in the last place.
    rounding = len(X) * (8 * np.finfo(float).eps * scale) ** 2
    ratio = np.divide(between, within, out=np.full_like(scale, np.inf), where=within > rounding)
    ratio[between <= rounding] = 0.0
    freedom = max(len(X) - len(classes), 1) / max(len(classes) - 1, 1)
    finite = ratio[np.isfinite(ratio)]
    return np.minimum(ratio, max(finite.max(initial=0.0), 1.0)) * freedom


def _nanmean(X: np.ndarray) -> np.ndarray:
    known = ~np.isnan(X)
    return np.nansum(X, axis=0) / np.maximum(known.sum(axis=0), 1)


def mutual_information(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return the mutual information of each feature with the class; NaN counts as 0."""
    information: np.ndarray = mutual_info_classif(np.nan_to_num(X), y, random_state=seed)
    return information


def _no_guide(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.zeros(X.shape[1])


def rank_features(kind: str, X: np.ndarray, y: np.ndarray, *, seed: int) -> np.ndarray:
    """Order features by a filter.

    Parameters
    ----------
    kind : {"f_classif", "mutual_info", "relieff", "l1", "extra_trees", "boruta", "rfe"}
        One-way F statistic; mutual information with the class; ReliefF with ten neighbours; the
        order in which an L1-penalised linear support vector machine takes features in as the
        penalty falls; mean decrease of impurity in 500 extremely randomised trees; Boruta with
        random forests, those it confirms first; recursive elimination by a logistic regression, a
        tenth of the features a step.
    X : numpy.ndarray of float, shape (n_rows, n_features)
        Fit rows, on one scale.
    y : numpy.ndarray, shape (n_rows,)
        Their labels.
    seed : int
        For the filters that draw.

    Returns
    -------
    numpy.ndarray of int, shape (n_features,)
        Indices, the best first; ties in favour of the earlier one.

    Raises
    ------
    InputError
        When there is no such filter, or the package of "boruta" is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> rank_features("f_classif", X, y, seed=0).tolist()
    [2, 3, 0, 1]
    """
    check_choice(kind, "kind", RANKINGS, owner="rank_features")
    seed = derive_seed(seed, "ranking", kind) % 2**32
    ranking = RANKINGS[kind]
    return np.argsort(-ranking(X, y, **matching_arguments(ranking, {"seed": seed})), kind="stable")


def _f_statistic(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    # scikit-learn's own, so that the arm is SelectKBest to the last tie.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(f_classif(X, y)[0], nan=-1.0)


def _mutual_information(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    information: np.ndarray = mutual_info_classif(X, y, random_state=seed)
    return information


def relieff_statistic(X: np.ndarray, y: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the weight that ReliefF gives each feature, from -1 to 1.

    Kononenko (1994), Estimating attributes: analysis and extensions of RELIEF, ECML. Columns are
    scaled to a range of 1, distances are sums of absolute differences; where there are more than
    1000 rows, so many are drawn as reference instances.
    """
    spread = np.ptp(X, axis=0)
    X = (X - X.min(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    references = np.arange(len(X))
    if len(X) > MOST_REFERENCES:
        references = np.sort(derive_rng(seed, "judges").permutation(len(X))[:MOST_REFERENCES])
    distances = cdist(X[references], X, "cityblock")
    distances[np.arange(len(references)), references] = np.inf  # a row is no neighbour of itself
    classes, counts = np.unique(y, return_counts=True)
    total = np.zeros(X.shape[1])
    for label, n_label in zip(classes, counts, strict=True):
        members = np.flatnonzero(y[references] == label)
        for other, n_other in zip(classes, counts, strict=True):
            share = -1.0 if label == other else n_other / (len(y) - n_label)
            candidates = np.flatnonzero(y == other)
            nearest = _nearest(distances[np.ix_(members, candidates)], n_other - (label == other))
            for column in candidates[nearest].T:
                differences = np.abs(X[references[members]] - X[column])
                total += share / nearest.shape[1] * differences.sum(axis=0)
    return total / len(references)


def _nearest(distances: np.ndarray, n_others: int) -> np.ndarray:
    """Return the columns of the nearest rows, (n_references, at most `N_NEAREST`)."""
    return np.argsort(distances, axis=1, kind="stable")[:, : min(N_NEAREST, int(n_others))]


def _l1_entry(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return how early each feature enters; those that enter together by their weights."""
    strengths = l1_min_c(X, y, loss="squared_hinge") * np.logspace(0.05, _STRONGEST, _N_STRENGTHS)
    entered = np.zeros(X.shape[1])
    for step, strength in enumerate(strengths):
        model = LinearSVC(penalty="l1", dual=False, C=strength, random_state=seed, max_iter=2000)
        weights = np.abs(model.fit(X, y).coef_).max(axis=0)
        new = (entered == 0.0) & (weights > 0.0)
        entered[new] = _N_STRENGTHS - step + weights[new] / (1.0 + weights[new])
    return entered + _tie_break(X, y, entered == 0.0)


def _impurity(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    trees = ExtraTreesClassifier(_N_TREES, random_state=seed).fit(X, y)
    importances: np.ndarray = trees.feature_importances_
    return importances


def _boruta(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    forest = RandomForestClassifier(max_depth=_DEPTH, class_weight="balanced")
    fitted = find_boruta()(
        forest, n_estimators=_N_FOREST, max_iter=_N_ROUNDS, random_state=seed
    ).fit(X, y)
    # Confirmed ones first, then doubtful ones, then the others by how they did.
    return -fitted.ranking_.astype(float) + _tie_break(X, y, np.ones(X.shape[1], dtype=bool))


def find_boruta() -> Any:
    """Return boruta's selector."""
    try:
        from boruta import BorutaPy
    except ImportError as error:
        raise MissingExtraError(owner="boruta", package="boruta", extra="compare") from error
    return BorutaPy


def _elimination(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    model = LogisticRegression(max_iter=1000)
    ranking = RFE(model, n_features_to_select=1, step=0.1).fit(X, y).ranking_
    # Those that went together are told apart by the F statistic, which moves none past another.
    return -ranking.astype(float) + _tie_break(X, y, np.ones(len(ranking), dtype=bool))


def _tie_break(X: np.ndarray, y: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the F statistic mapped to [0, 1) for the chosen features, 0 for the others."""
    statistic = np.maximum(_f_statistic(X, y), 0.0)
    return np.where(chosen, np.minimum(statistic / (1.0 + statistic), 0.999), 0.0)


RANKINGS = Registry(
    expected="a function (X, y) that returns one score a feature",
    accepts=callable,
    entries={
        "f_classif": _f_statistic,
        "mutual_info": _mutual_information,
        "relieff": relieff_statistic,
        "l1": _l1_entry,
        "extra_trees": _impurity,
        "boruta": _boruta,
        "rfe": _elimination,
    },
)
GUIDES = Registry(
    expected="a function (X, y) that returns one score a feature, an estimator that has "
    f"{', '.join(_SCORES)} when fitted, or weights, one a feature",
    accepts=lambda ranker: callable(ranker) or hasattr(ranker, "fit"),
    entries={
        "f_classif": f_statistic,
        "mutual_info": mutual_information,
        "none": _no_guide,
    },
)
