"""The selector: a genetic search for a mask as a scikit-learn feature selector."""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_regressor
from sklearn.feature_selection import SelectorMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import Tags, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from vaega.core.checks import check_probability
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, derive_seed, draw_seed
from vaega.evolution.callbacks import Callback
from vaega.fitness.cross_validated import CrossValidatedFitness
from vaega.fitness.folds import Fold, prepare_folds
from vaega.fitness.objective import WeightedObjective
from vaega.selection.search import SearchResult, SearchSettings, guide_weights, run_search

_SETTINGS = tuple(SearchSettings.__dataclass_fields__)


class GeneticSelector(MetaEstimatorMixin, SelectorMixin, BaseEstimator):
    """Select features by a genetic search over masks, scored by cross-validation.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Scores a mask; a Pipeline is one too. Where its ``random_state`` is unset, each evaluation
        gets a seed of its own from `random_state`.
    cv : int, cross-validation generator or iterable of splits, default=5
        Inner splits, as in scikit-learn; an integer means stratified folds, shuffled with
        `random_state`.
    scoring : str or callable, optional
        Metric of a mask, as in scikit-learn; None is the classifier's own score, the accuracy.
    sampler : object with ``fit_resample``, optional
        Augments the fit part of each inner split, and nothing else: no synthetic row is ever
        scored on, and none leaves the selector. A `vaega.GenerativeSampler`, or any sampler of
        imbalanced-learn.
    alpha : float, default=0.9
        The search maximises ``alpha * score + (1 - alpha) * (1 - selected / all)``.
    algorithm : {"generational"}, default="generational"
        The evolution.
    population_size : int, default=100
        Masks in a generation.
    n_generations : int, default=30
        Generations.
    initial_fraction : float or "auto", default="auto"
        Expected share of selected features in the first masks; "auto" aims at about 20 features,
        at most half of all.
    guide : {"f_classif", "none"}, default="f_classif"
        Filter on the inner fit rows that makes promising features likelier in the first masks (and
        with the mutation ``filter_guided``).
    selection : {"tournament", "roulette"}, default="tournament"
        How parents are chosen.
    tournament_size : int, default=5
        Entrants of a tournament.
    crossover : {"one_point", "two_point", "uniform"}, default="uniform"
        How two masks mix.
    crossover_probability : float, default=0.75
        Chance of two parents to be mated.
    mutation : {"bitflip", "balanced_flip", "filter_guided"}, default="balanced_flip"
        How a mask changes.
    flip_probability : float or "auto", default="auto"
        Chance of each selected feature to be dropped (balanced_flip, filter_guided; "auto" is
        0.1) or of each feature to flip (bitflip; "auto" is one expected flip a mask).
    elite : int, default=1
        Best masks that survive unchanged.
    min_features : int, default=1
        Fewest features of a mask.
    max_features : int, optional
        Most features of a mask; None sets no bound.
    patience : int, optional
        Stop after so many generations without a better mask.
    callbacks : iterable of Callback, default=()
        Called each generation, see `vaega.evolution.callbacks`.
    n_jobs : int, optional
        Processes that score masks, as in joblib. The result does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Everything random in the search comes from it.

    Attributes
    ----------
    support_ : numpy.ndarray of bool, shape (n_features_in_,)
        The selected features.
    best_score_ : float
        Inner score of the selected mask. It was maximised, so it is optimistic: judge a selection
        on rows that `fit` never saw.
    frequencies_ : numpy.ndarray of float, shape (n_features_in_,)
        Share of the last population that selects each feature.
    history_ : pandas.DataFrame
        One row a generation: best, mean, sizes, diversity.
    pareto_front_ : pandas.DataFrame
        Masks that no smaller mask matches: ``n_features``, ``score``, ``mask``.
    n_evaluations_ : int
        Different masks scored.
    warnings_ : dict
        How often the classifier warned of what.
    n_features_in_ : int
        Features seen by `fit`.
    feature_names_in_ : numpy.ndarray of str, shape (n_features_in_,)
        Their names, where `fit` was given a DataFrame.

    See Also
    --------
    vaega.GenerativeSampler : Rows from a variational autoencoder, for `sampler`.
    sklearn.feature_selection.RFECV : Elimination one feature at a time.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_wine(return_X_y=True)
    >>> selector = GeneticSelector(
    ...     GaussianNB(), population_size=20, n_generations=5, random_state=0
    ... ).fit(X, y)
    >>> bool(selector.transform(X).shape[1] == selector.support_.sum() < 13)
    True
    """

    def __init__(
        self,
        estimator: Any,
        *,
        cv: Any = 5,
        scoring: Any = None,
        sampler: Any = None,
        alpha: float = 0.9,
        algorithm: str = "generational",
        population_size: int = 100,
        n_generations: int = 30,
        initial_fraction: float | str = "auto",
        guide: str = "f_classif",
        selection: str = "tournament",
        tournament_size: int = 5,
        crossover: str = "uniform",
        crossover_probability: float = 0.75,
        mutation: str = "balanced_flip",
        flip_probability: float | str = "auto",
        elite: int = 1,
        min_features: int = 1,
        max_features: int | None = None,
        patience: int | None = None,
        callbacks: Iterable[Callback] = (),
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.cv = cv
        self.scoring = scoring
        self.sampler = sampler
        self.alpha = alpha
        self.algorithm = algorithm
        self.population_size = population_size
        self.n_generations = n_generations
        self.initial_fraction = initial_fraction
        self.guide = guide
        self.selection = selection
        self.tournament_size = tournament_size
        self.crossover = crossover
        self.crossover_probability = crossover_probability
        self.mutation = mutation
        self.flip_probability = flip_probability
        self.elite = elite
        self.min_features = min_features
        self.max_features = max_features
        self.patience = patience
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> "GeneticSelector":
        """Search for the mask.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_features)
            Training rows.
        y : array-like, shape (n_rows,)
            Class labels.
        groups : array-like, shape (n_rows,), optional
            Rows that belong together, for a `cv` that keeps groups apart.

        Returns
        -------
        GeneticSelector
            Itself.

        Raises
        ------
        ValueError
            When a parameter breaks a rule, or the rows cannot be used.
        """
        self._check_estimator()
        settings = SearchSettings(**{name: getattr(self, name) for name in _SETTINGS})
        settings.check(owner=type(self).__name__)
        check_probability(self.alpha, "alpha", owner=type(self).__name__)
        X, y = validate_data(
            self, X, y, ensure_min_samples=2, ensure_all_finite=not self._allows_nan()
        )
        check_classification_targets(y)
        if len(np.unique(y)) < 2:
            raise InputError(
                f"{type(self).__name__}: y must hold at least two classes, got one class, "
                f"{y[0]!r}, in {len(y)} rows."
            )
        if y.dtype.hasobject:
            y = np.array(y.tolist())  # text as text: object arrays cannot be shared unpickled
        seed = draw_seed(self.random_state)
        folds = self._inner_folds(X, y, groups, seed)
        scorer = check_scoring(self.estimator, scoring=self.scoring)
        with CrossValidatedFitness(
            self.estimator, folds, scorer, seed=derive_seed(seed, "fitness"), n_jobs=self.n_jobs
        ) as fitness:
            result = run_search(
                fitness,
                WeightedObjective(self.alpha),
                settings,
                weights=guide_weights(folds, X.shape[1], self.guide),
                rng=derive_rng(seed, "search"),
                callbacks=self.callbacks,
                owner=type(self).__name__,
            )
        self._keep(result)
        self._summarise_warnings(fitness.warnings_)
        return self

    def _check_estimator(self) -> None:
        if not hasattr(self.estimator, "fit") or isinstance(self.estimator, type):
            raise InputError(
                f"{type(self).__name__}: estimator must be a scikit-learn classifier, an instance "
                f"with fit and predict, got {self.estimator!r}."
            )
        if is_regressor(self.estimator):
            raise InputError(
                f"{type(self).__name__}: estimator must be a classifier, regression is out of "
                f"scope, got {self.estimator!r}."
            )

    def _inner_folds(self, X: np.ndarray, y: np.ndarray, groups: Any, seed: int) -> list[Fold]:
        cv = check_cv(self.cv, y, classifier=True)
        if isinstance(cv, StratifiedKFold) and isinstance(self.cv, int | np.integer):
            shuffled = {"shuffle": True, "random_state": derive_seed(seed, "inner splits")}
            cv = StratifiedKFold(cv.n_splits, **shuffled)
        splits = list(cv.split(X, y, groups))
        if not splits:
            raise InputError(f"{type(self).__name__}: cv must give at least one split, got none.")
        seed = derive_seed(seed, "folds")
        return prepare_folds(X, y, splits, sampler=self.sampler, seed=seed, n_jobs=self.n_jobs)

    def _keep(self, result: SearchResult) -> None:
        self.support_ = result.mask
        self.best_score_ = result.score
        self.frequencies_ = result.frequencies
        self.history_ = result.history
        self.pareto_front_ = result.front
        self.n_evaluations_ = result.n_distinct

    def _summarise_warnings(self, counted: Counter[str]) -> None:
        self.warnings_ = dict(counted)
        if counted:
            (first, times), *others = counted.most_common()
            more = f" (and {len(others)} other kinds, see warnings_)" if others else ""
            name = type(self.estimator).__name__
            warnings.warn(f"{name} warned {times} times: {first}{more}", stacklevel=3)

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self, "support_")
        return self.support_

    def _allows_nan(self) -> bool:
        if not hasattr(self.estimator, "fit") or isinstance(self.estimator, type):
            return False  # fit says what is wrong with it
        return bool(get_tags(self.estimator).input_tags.allow_nan)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = self._allows_nan()
        return tags
