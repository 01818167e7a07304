"""Rankers: what each feature promises by itself or beside others, to rank, to guide and to rival.

A ranker is a function of X, (n_rows, n_features), and y, (n_rows,), that returns one score a
feature, higher is better; it may name ``seed``, and ``f``, the F statistic of the features. A new
one is a function here and a line in `RANKERS`: the guide of a search, the candidates of a vote and
the arms of an experiment know it then. Several rankers make a stack: the mean of what a feature's
ranks are worth. What a ranker fits, it imports when it is called: a command that only names one, as
``vaega status``, starts in half the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from vaega.core.checks import check_choice
from vaega.core.errors import InputError, MissingExtraError
from vaega.core.randomness import derive_rng, derive_seed, global_seed, seed_unset
from vaega.core.registry import Registry, matching_arguments, takes_argument
from vaega.core.threads import one_thread
from vaega.evolution.operators._masks import check_weights

STACK = "stack"  # name of several rankers taken together
GIVEN = "weights"  # of the user: the name of these in place of rankers
# What "auto" stacks: two that look at each feature alone, three that weigh it beside the others,
# and one that looks at neighbours. Each costs milliseconds where rows are few.
AUTO = ("f_classif", "one_vs_rest", "f_ridge", "rfe", "mrmr", "relieff")

_SCORES = ("scores_", "feature_importances_", "coef_")  # of a fitted ranker, the first it has
_SORTED = ("orders", "ranks", "_shares")  # what views keep, and no weight changes
_DECAY = 50.0  # ranks over which a feature's worth in a stack falls by e

N_NEAREST = 10  # hits and misses of a row in ReliefF, as in the paper
MOST_REFERENCES = 1000  # rows whose neighbours are searched: the cost grows with rows times these
MOST_ROWS = 1000  # that a stack looks at, drawn by class where there are more
_POOL, _LARGEST_RANKED = 1000, 256  # of mRMR: candidates by F, and features that it orders
_LEAST, _REMAINING = 8, 0.5  # of the elimination: features left one by one, share left a step
# Of the strengths at which features enter an L1 model: from the first one on, a thousandfold.
_N_STRENGTHS, _STRONGEST = 16, 3.0
_N_TREES = 500
# Of Boruta: depth that its authors recommend, trees in a forest, and forests.
_DEPTH, _N_FOREST, _N_ROUNDS = 5, 100, 50


@dataclass(frozen=True, eq=False)
class Views:
    """What the rankers of a guide say of the features, all on the same rows."""

    names: tuple[str, ...]
    scores: np.ndarray  # (n_rankers, n_features), finite, higher is better
    weights: np.ndarray | None = None  # (n_rankers,): how much each counts in a stack; None: equal

    @classmethod
    def none(cls, n_features: int) -> "Views":
        """Return the views where there is no guide."""
        return cls((), np.zeros((0, n_features)))

    @property
    def is_ranked(self) -> bool:
        """Whether rankers say it, not the user's own weights, in which many features may tie."""
        return self.names not in ((), (GIVEN,))

    @property
    def worth(self) -> np.ndarray:
        """What each feature is worth, (n_features,), at least 0: a ranker's scores, or a stack's.

        In a stack a feature of rank r counts exp(-r / 50), averaged over the rankers by their
        weights, so that no ranker's scale matters and what one of them ranks first is not lost.
        """
        if not self.names:
            return np.zeros(self.scores.shape[1])
        if len(self.names) == 1:
            worth: np.ndarray = np.maximum(self.scores[0], 0.0)
            return worth
        return np.asarray(np.average(self._shares, axis=0, weights=self.weights))

    @cached_property
    def _shares(self) -> np.ndarray:
        """What each ranker adds to a stack."""
        return np.asarray(np.exp(-self.ranks / _DECAY))

    @cached_property
    def ranks(self) -> np.ndarray:
        """The rank of each feature by each ranker, from 0, (n_rankers, n_features)."""
        ranks = np.empty(self.orders.shape, dtype=np.intp)
        np.put_along_axis(ranks, self.orders, np.arange(self.scores.shape[1])[None], axis=1)
        return ranks

    @cached_property
    def orders(self) -> np.ndarray:
        """The features from best to worst by each ranker, ties by index."""
        return np.argsort(-self.scores, axis=1, kind="stable")

    def weighted(self, weights: np.ndarray | None) -> "Views":
        """Return the same views in a stack with other weights."""
        views = replace(self, weights=weights)
        vars(views).update({name: vars(self)[name] for name in _SORTED if name in vars(self)})
        return views

    def chances(self, share: float) -> np.ndarray:
        """Return the chance of each feature to be drawn into a mask, (n_features,), summing to 1.

        What `share` leaves is spread evenly, so that features that matter only together with
        others, as in Madelon, can still come in.
        """
        n_features = self.scores.shape[1]
        even, worth = np.full(n_features, 1.0 / n_features), self.worth
        if worth.sum() == 0.0:
            return even
        return (1.0 - share) * even + share * worth / worth.sum()


def average_views(views: Sequence[Views]) -> Views:
    """Return views of the mean scores over several sets of rows."""
    return Views(views[0].names, np.mean([one.scores for one in views], axis=0))


def rank_views(X: np.ndarray, y: np.ndarray, guide: Any, *, seed: int = 0) -> Views:
    """Return what the rankers of a guide say on these rows; NaN counts as a column's mean."""
    n_features = X.shape[1]
    if isinstance(guide, str) and guide == "none":
        return Views.none(n_features)
    if is_weights(guide):
        weights = check_weights(guide, n_features, owner="guide")
        return Views((GIVEN,), weights[None])
    rankers = named_rankers(guide, n_classes=len(np.unique(y)))
    if len(rankers) > 1:
        X, y = _drawn_rows(X, y, seed)
    rows = _Rows(_filled(X), y, seed)
    scores = [_checked_scores(ranker, rows) for ranker in rankers.values()]
    return Views(tuple(rankers), np.array(scores))


def named_rankers(guide: Any, *, n_classes: int) -> dict[str, Any]:
    """Return the rankers of a guide by name."""
    if isinstance(guide, str) and guide == "auto":
        # With two classes one against the rest is the F test again.
        guide = [name for name in AUTO if n_classes > 2 or name != "one_vs_rest"]
    given = list(guide) if isinstance(guide, list | tuple) else [guide]
    rankers = {}
    for ranker in given:
        resolved = RANKERS.resolve(ranker, "guide", owner="search")
        rankers[ranker if isinstance(ranker, str) else _name_of(resolved)] = resolved
    return rankers


def check_guide(guide: Any, *, owner: str) -> None:
    """Refuse what is no guide: "auto", "none", a ranker, several of them, or weights."""
    if is_weights(guide) or (isinstance(guide, str) and guide in ("auto", "none")):
        return
    if isinstance(guide, list | tuple) and guide and np.ndim(guide[0]) == 0:
        for ranker in guide:
            RANKERS.check(ranker, "each of guide", owner=owner)
    elif isinstance(guide, str):
        check_choice(guide, "guide", ("auto", "none", *RANKERS), owner=owner)
    else:
        RANKERS.check(guide, "guide", owner=owner)


def is_weights(guide: Any) -> bool:
    """Return whether a guide is an array of weights, one a feature."""
    if guide is None or isinstance(guide, str) or callable(guide) or hasattr(guide, "fit"):
        return False
    if isinstance(guide, list | tuple) and not all(np.isscalar(weight) for weight in guide):
        return False
    return np.ndim(guide) == 1 and len(guide) > 0 and np.asarray(guide).dtype.kind in "fiub"


def _filled(X: np.ndarray) -> np.ndarray:
    X = np.asarray(X, dtype=float)
    missing = np.isnan(X)
    if not missing.any():
        return X
    return np.where(missing, np.nansum(X, axis=0) / np.maximum((~missing).sum(axis=0), 1), X)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows that several rankers see."""

    X: np.ndarray
    y: np.ndarray
    seed: int

    @cached_property
    def f(self) -> np.ndarray:
        return f_statistic(self.X, self.y)


def _checked_scores(ranker: Any, rows: _Rows) -> np.ndarray:
    """Return one finite number a feature; what is not finite is the best or the worst there is."""
    try:
        with one_thread():
            scores = _score_features(ranker, rows)
    except InputError:
        raise
    except ValueError as error:
        reason = str(error).strip().split("\n", 1)[0].rstrip(".")
        raise InputError(
            f"guide: {_name_of(ranker)} cannot score the features: {reason}."
        ) from error
    n_features = rows.X.shape[1]
    if scores.shape != (n_features,):
        raise InputError(
            f"guide: {_name_of(ranker)} must give one score a feature, shape ({n_features},), got "
            f"{scores.shape}."
        )
    finite = scores[np.isfinite(scores)]
    lowest, highest = finite.min(initial=0.0), max(finite.max(initial=0.0), 1.0)
    return np.nan_to_num(scores, nan=lowest, posinf=highest, neginf=lowest)


def _score_features(ranker: Any, rows: _Rows) -> np.ndarray:
    if ranker is f_statistic:
        return rows.f
    if getattr(getattr(ranker, "func", ranker), "__module__", "") == __name__:
        return _scores_of(ranker, rows)
    with global_seed(rows.seed % 2**32, ranker):
        return _scores_of(ranker, rows)


def _scores_of(ranker: Any, rows: _Rows) -> np.ndarray:
    seed = rows.seed % 2**32
    if not hasattr(ranker, "fit"):
        offered: dict[str, Any] = {"seed": rows.seed, "random_state": seed}
        if takes_argument(ranker, "f"):
            offered["f"] = rows.f
        scores = ranker(rows.X, rows.y, **matching_arguments(ranker, offered))
        # scikit-learn's score functions return p-values beside the scores.
        return np.asarray(scores[0] if isinstance(scores, tuple) else scores, dtype=float)
    from sklearn.base import clone

    fitted = seed_unset(clone(ranker), seed).fit(rows.X, rows.y)
    for name in _SCORES:
        if hasattr(fitted, name):
            scores = np.asarray(getattr(fitted, name), dtype=float)
            if name == "coef_":
                scores = np.abs(scores).reshape(-1, rows.X.shape[1]).max(axis=0)
            return scores
    raise InputError(
        f"guide: {_name_of(ranker)} must have one of {', '.join(_SCORES)} when fitted."
    )


def _name_of(ranker: Any) -> str:
    ranker = getattr(ranker, "func", ranker)
    return getattr(ranker, "__name__", type(ranker).__name__)


def rank_features(kind: str, X: np.ndarray, y: np.ndarray, *, seed: int) -> np.ndarray:
    """Order features by a ranker.

    Parameters
    ----------
    kind : {"f_classif", "one_vs_rest", "mutual_info", "ridge", "f_ridge", "linear_svm", "rfe", \
"mrmr", "relieff", "l1", "extra_trees", "boruta"}
        One-way F statistic; F of one class against the others, each class in turn; mutual
        information with the class; squared weights of a ridge classifier, alone or times F; of a
        linear support vector machine; recursive elimination by ridge weights, half of the features
        a step; F over the mean correlation with what is ranked already (mRMR); ReliefF with ten
        neighbours; the order in which an L1-penalised linear support vector machine takes features
        in as the penalty falls; mean decrease of impurity in 500 extremely randomised trees;
        Boruta with random forests, those it confirms first.
    X : numpy.ndarray of float, shape (n_rows, n_features)
        Fit rows, on one scale.
    y : numpy.ndarray, shape (n_rows,)
        Their labels.
    seed : int
        For the rankers that draw.

    Returns
    -------
    numpy.ndarray of int, shape (n_features,)
        Indices, the best first; ties in favour of the earlier one.

    Raises
    ------
    InputError
        When there is no such ranker, or the package of "boruta" is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> rank_features("f_classif", X, y, seed=0).tolist()
    [2, 3, 0, 1]
    """
    check_choice(kind, "kind", RANKERS, owner="rank_features")
    seed = derive_seed(seed, "ranking", kind) % 2**32
    with one_thread():
        scores = _score_features(RANKERS[kind], _Rows(_filled(X), y, seed))
    return np.argsort(-scores, kind="stable")


def f_statistic(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the one-way F statistic of each feature.

    Finite and at least 0; 0 for a constant feature. A feature that separates the classes without
    any spread inside them has the largest value of those that have one. Sums of squares are taken
    around means, not as differences of large sums: for a column that is constant but for rounding
    ``sklearn.feature_selection.f_classif`` can return minus infinity.
    """
    X = _filled(X)
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    centred = X - X.mean(axis=0)
    means = _class_means(centred, codes, counts)
    between = counts @ means**2
    centred -= means[codes]
    within = np.einsum("ij,ij->j", centred, centred)
    return _f_of_squares(between, within, len(classes), X)


def _class_means(X: np.ndarray, codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    means: np.ndarray = ((codes == np.arange(len(counts))[:, None]) / counts[:, None]) @ X
    return means


def _f_of_squares(
    between: np.ndarray, within: np.ndarray, n_classes: int, X: np.ndarray
) -> np.ndarray:
    """Return F from sums of squares, (..., n_features), of centred columns."""
    scale = np.abs(X).max(axis=0, initial=0.0)
    # Of a column that is constant but for rounding: n deviations of a few units in the last place.
    rounding = len(X) * (8 * np.finfo(float).eps * scale) ** 2
    ratio = np.divide(between, within, out=np.full(between.shape, np.inf), where=within > rounding)
    ratio[between <= rounding] = 0.0
    highest = np.where(np.isfinite(ratio), ratio, 1.0).max(axis=-1, keepdims=True, initial=1.0)
    return np.minimum(ratio, highest) * max(len(X) - n_classes, 1) / max(n_classes - 1, 1)


def one_vs_rest(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a score by which each class has its best features in turn, by F against the rest.

    The F statistic over all classes is led by those that are easy to tell.
    """
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) == 2:
        return f_statistic(X, y)
    centred = X - X.mean(axis=0)
    # A class of share s whose mean is m around the grand one, against the rest at -m s / (1 - s)
    factors = counts / (1.0 - counts / len(y))
    between = factors[:, None] * _class_means(centred, codes, counts) ** 2
    within = np.einsum("ij,ij->j", centred, centred) - between
    statistics = _f_of_squares(between, within, 2, X)
    ranks = np.argsort(np.argsort(-statistics, axis=1, kind="stable"), axis=1).min(axis=0)
    return _scores_of_order(np.lexsort((-statistics.max(axis=0), ranks)))


def mutual_information(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return the mutual information of each feature with the class."""
    from sklearn.feature_selection import mutual_info_classif

    information: np.ndarray = mutual_info_classif(X, y, random_state=seed)
    return information


def ridge_weights(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the squared weights of a ridge classifier, summed over the classes."""
    squares: np.ndarray = (_ridge(_standardised(X), _targets(y)) ** 2).sum(axis=1)
    return squares


def f_times_ridge(X: np.ndarray, y: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Return F times the squared ridge weights: good alone and beside the others."""
    return f * ridge_weights(X, y)


def svm_weights(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return the squared weights of a linear support vector machine, summed over the classes."""
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=1.0 / X.shape[1], random_state=seed, max_iter=5000)
    model.fit(_standardised(X), y)
    squares: np.ndarray = (model.coef_**2).sum(axis=0)
    return squares


def recursive_elimination(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a score by how long a feature survives when the lighter half goes again and again.

    Guyon, Weston, Barnhill and Vapnik (2002), Gene selection for cancer classification using
    support vector machines, Machine Learning 46, with ridge weights (a least-squares support vector
    machine) of all classes, whose system has the size of the rows where they are fewer.
    """
    X, targets = _standardised(X), _targets(y)
    remaining, gone = np.arange(X.shape[1]), []
    while len(remaining) > 1:
        weights = (_ridge(X[:, remaining], targets) ** 2).sum(axis=1)
        order = np.argsort(-weights, kind="stable")
        size = max(int(_REMAINING * len(remaining)), min(_LEAST, len(remaining) - 1))
        gone.append(remaining[order[size:]])
        remaining = remaining[order[:size]]
    return _scores_of_order(np.concatenate([remaining, *gone[::-1]]))


def _drawn_rows(X: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows or, of too many, a share of each class."""
    if len(y) <= MOST_ROWS:
        return X, y
    rng = derive_rng(seed, "rows of a ranker")
    order = rng.permutation(len(y))
    # The k-th row of a class of m stands at (k + 1/2) / m: cut anywhere, each class has its share.
    codes = np.unique(y[order], return_inverse=True)[1]
    quantile = np.empty(len(y))
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        quantile[members] = (np.arange(members.size) + 0.5) / members.size
    rows = np.sort(order[np.argsort(quantile, kind="stable")[:MOST_ROWS]])
    return X[rows], y[rows]


def _standardised(X: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1; a constant one stays 0."""
    X = X - X.mean(axis=0)
    spread = np.sqrt(np.einsum("ij,ij->j", X, X) / len(X))
    X /= np.where(spread > 0.0, spread, 1.0)
    return X


def _targets(y: np.ndarray) -> np.ndarray:
    """Return 1 for the row's class and -1 for others, (n_rows, n_classes); one column for two."""
    classes, codes = np.unique(y, return_inverse=True)
    targets = np.where(codes[:, None] == np.arange(len(classes)), 1.0, -1.0)
    return targets[:, 1:] if len(classes) == 2 else targets


def _ridge(X: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the weights, (n_features, n_targets), of a ridge regression on centred columns.

    The penalty is the mean eigenvalue of the smaller Gram matrix, so that half of a typical
    direction is shrunk away at any number of rows and features.
    """
    targets = targets - targets.mean(axis=0)
    n_rows, n_features = X.shape
    gram = X @ X.T if n_rows <= n_features else X.T @ X
    penalty = np.trace(gram) / len(gram)
    if penalty <= 0.0:
        return np.zeros((n_features, targets.shape[1]))
    gram.flat[:: len(gram) + 1] += penalty
    if n_rows <= n_features:
        return np.asarray(X.T @ np.linalg.solve(gram, targets))
    return np.asarray(np.linalg.solve(gram, X.T @ targets))


def least_redundant(X: np.ndarray, y: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Return a score by which the next feature has the highest F over its mean correlation.

    Ding and Peng (2005), Minimum redundancy feature selection from microarray gene expression
    data, J. Bioinform. Comput. Biol. 3 (the quotient of F and correlation, FCQ); the 256 first of
    the 1000 best by F are ordered so, the others follow by F.
    """
    by_relevance = np.argsort(-f, kind="stable")
    pool = by_relevance[:_POOL]
    columns = np.ascontiguousarray(X[:, pool].T)
    columns -= columns.mean(axis=1, keepdims=True)
    lengths = np.sqrt(np.einsum("ij,ij->i", columns, columns))[:, None]
    columns /= np.where(lengths > 0.0, lengths, 1.0)
    chosen, redundancy = [0], np.zeros(len(pool))
    for n_chosen in range(1, min(_LARGEST_RANKED, len(pool))):
        redundancy += np.abs(columns @ columns[chosen[-1]])
        score = f[pool] / np.maximum(redundancy / n_chosen, 1e-3)
        score[chosen] = -1.0
        chosen.append(int(score.argmax()))
    others = np.delete(by_relevance, chosen)
    return _scores_of_order(np.concatenate([pool[chosen], others]))


def relieff_statistic(X: np.ndarray, y: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the weight that ReliefF gives each feature, from -1 to 1.

    Kononenko (1994), Estimating attributes: analysis and extensions of RELIEF, ECML. Columns are
    scaled to a range of 1, distances are sums of absolute differences; where there are more than
    1000 rows, so many are drawn as reference instances.
    """
    from scipy.spatial.distance import cdist, pdist, squareform

    from vaega.core.kernels import add_differences

    spread = np.ptp(X, axis=0)
    X = (X - X.min(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    references = np.arange(len(X))
    if len(X) > MOST_REFERENCES:
        references = np.sort(derive_rng(seed, "judges").permutation(len(X))[:MOST_REFERENCES])
    if len(references) == len(X):  # half of the work
        distances = squareform(pdist(X, "cityblock"))
    else:
        distances = cdist(X[references], X, "cityblock")
    distances[np.arange(len(references)), references] = np.inf  # a row is no neighbour of itself
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    members = [np.flatnonzero(codes == code) for code in range(len(classes))]
    rows, neighbours, weights = [], [], []
    for row, near in zip(references, distances, strict=True):
        for code, candidates in enumerate(members):
            n_near = min(N_NEAREST, len(candidates) - (code == codes[row]))
            if n_near == 0:
                continue
            share = counts[code] / (len(y) - counts[codes[row]])
            nearest = np.argsort(near[candidates], kind="stable")[:n_near]
            rows.append(np.full(n_near, row))
            neighbours.append(candidates[nearest])
            weights.append(np.full(n_near, (-1.0 if code == codes[row] else share) / n_near))
    total = np.zeros(X.shape[1])
    pairs = np.concatenate(rows), np.concatenate(neighbours)
    add_differences(X, *pairs, np.concatenate(weights), total)
    return total / len(references)


def _l1_entry(X: np.ndarray, y: np.ndarray, f: np.ndarray, seed: int) -> np.ndarray:
    """Return how early each feature enters; those that enter together by their weights."""
    from sklearn.svm import LinearSVC, l1_min_c

    strengths = l1_min_c(X, y, loss="squared_hinge") * np.logspace(0.05, _STRONGEST, _N_STRENGTHS)
    entered = np.zeros(X.shape[1])
    for step, strength in enumerate(strengths):
        model = LinearSVC(penalty="l1", dual=False, C=strength, random_state=seed, max_iter=2000)
        weights = np.abs(model.fit(X, y).coef_).max(axis=0)
        new = (entered == 0.0) & (weights > 0.0)
        entered[new] = _N_STRENGTHS - step + weights[new] / (1.0 + weights[new])
    return entered + np.where(entered == 0.0, _below_one(f), 0.0)


def _impurity(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesClassifier

    trees = ExtraTreesClassifier(_N_TREES, random_state=seed).fit(X, y)
    importances: np.ndarray = trees.feature_importances_
    return importances


def _boruta(X: np.ndarray, y: np.ndarray, f: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(max_depth=_DEPTH, class_weight="balanced")
    fitted = find_boruta()(
        forest, n_estimators=_N_FOREST, max_iter=_N_ROUNDS, random_state=seed
    ).fit(X, y)
    # Confirmed ones first, then doubtful ones, then the others by how they did.
    return -fitted.ranking_.astype(float) + _below_one(f)


def find_boruta() -> Any:
    """Return boruta's selector."""
    try:
        from boruta import BorutaPy
    except ImportError as error:
        raise MissingExtraError.of_import(
            error, owner="boruta", package="boruta", extra="compare"
        ) from error
    return BorutaPy


def _below_one(f: np.ndarray) -> np.ndarray:
    """Return the F statistic mapped to [0, 1), to order what a ranker ties."""
    return np.minimum(f / (1.0 + f), 0.999)


def _scores_of_order(order: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return scores in (0, 1] by which features stand in this order; rank r has 1 / (1 + r)."""
    scores = np.empty(len(order))
    scores[order] = 1.0 / np.arange(1.0, len(order) + 1.0)
    return scores


RANKERS = Registry(
    expected="a function (X, y) that returns one score a feature, an estimator that has "
    f"{', '.join(_SCORES)} when fitted, or weights, one a feature",
    accepts=lambda ranker: callable(ranker) or hasattr(ranker, "fit"),
    entries={
        "f_classif": f_statistic,
        "one_vs_rest": one_vs_rest,
        "mutual_info": mutual_information,
        "ridge": ridge_weights,
        "f_ridge": f_times_ridge,
        "linear_svm": svm_weights,
        "rfe": recursive_elimination,
        "mrmr": least_redundant,
        "relieff": relieff_statistic,
        "l1": _l1_entry,
        "extra_trees": _impurity,
        "boruta": _boruta,
    },
)
