"""Feature selectors for scikit-learn that score masks by inner cross-validation."""

import warnings
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.feature_selection import SelectorMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import Tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from vaega.core.checks import check_choice, check_count, check_probability
from vaega.core.errors import InputError
from vaega.core.randomness import draw_seed
from vaega.evolution._evolution import Callback
from vaega.fitness._cross_validated import ENGINE_CHOICES
from vaega.fitness._memory import Evaluations, WeightedObjective
from vaega.fitness._score_store import ScoreStore
from vaega.selection._estimators import allows_nan, check_classifier
from vaega.selection._frames import check_labels, check_numeric, is_polars
from vaega.selection._metadata import FitMetadata, read_metadata
from vaega.selection._plots import draw_selector
from vaega.selection._search import InnerValidation, Search, SearchResult, Splits
from vaega.selection._settings import SearchSettings, feature_positions
from vaega.selection._stability import nogueira_interval

_ROUTED = ("fit", "score", "split")  # methods that get metadata of fit


class MaskSelector(MetaEstimatorMixin, SelectorMixin, BaseEstimator):
    """Base of selectors that score masks with a classifier on inner splits.

    A subclass has the parameters ``estimator``, ``cv``, ``scoring``, ``sampler`` and ``n_jobs``,
    and sets ``support_`` in its ``fit``.
    """

    estimator: Any
    cv: Any
    scoring: Any
    sampler: Any
    n_jobs: int | None
    support_: np.ndarray

    # Not in the signature of fit: a weight of two is not the same as a row that is there twice,
    # which may fall on both sides of a split. Asked for without being told to: subsamples and
    # folds keep groups together, and who reads the weights says the router.
    __metadata_request__fit = {"sample_weight": True, "groups": True}  # noqa: RUF012

    def _validated(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        owner, given = type(self).__name__, X
        check_classifier(self.estimator, owner)
        try:
            X, y = validate_data(
                self,
                given,
                y,
                accept_sparse="csr",
                order="C",
                ensure_min_samples=2,
                ensure_all_finite="allow-nan" if allows_nan(self.estimator) else True,
            )
        except (ValueError, TypeError) as error:
            check_labels(y, owner)
            check_numeric(given, owner)  # scikit-learn names no column
            raise error
        if X.dtype.kind in "OSU":  # as it comes of a polars DataFrame with text
            check_numeric(given, owner)
        if y.dtype.hasobject:
            check_labels(y, owner)  # NaN is refused above, None is not
        check_classification_targets(y)
        if len(np.unique(y)) < 2:
            raise InputError(
                f"{type(self).__name__}: y must hold at least two classes, got one class, "
                f"{y.tolist()[0]!r}, in {len(y)} rows."
            )
        if sparse.issparse(X):
            size = X.shape[0] * X.shape[1] * X.dtype.itemsize / 2**20
            warnings.warn(
                f"{type(self).__name__}: sparse rows are made dense, {size:.0f} MiB.",
                stacklevel=3,
            )
            X = X.toarray()
        if y.dtype.hasobject:
            y = np.array(y.tolist())  # text as text: object arrays cannot be shared unpickled
        return X, y

    def _inner_validation(
        self, X: np.ndarray, y: np.ndarray, fit_params: dict[str, Any], seed: int
    ) -> InnerValidation:
        scorer = check_scoring(self.estimator, scoring=self.scoring)
        metadata = read_metadata(self, X, scorer, fit_params)
        return InnerValidation(
            X,
            y,
            split=self._splitter(X, y, metadata),
            estimator=self.estimator,
            scorer=scorer,
            seed=seed,
            sampler=self.sampler,
            groups=metadata.groups,
            sample_weight=metadata.weights,
            weighs_fit=metadata.weighs_fit,
            weighs_score=metadata.weighs_score,
            is_routed=metadata.is_routed,
            feature_names=getattr(self, "feature_names_in_", None),
            n_jobs=self.n_jobs,
        )

    def _splitter(self, X: np.ndarray, y: np.ndarray, metadata: FitMetadata) -> Any:
        """Return a function from rows and a seed to inner splits of these rows."""
        groups = metadata.split_groups
        if self.cv is None or isinstance(self.cv, int | np.integer):
            n_splits = check_cv(self.cv, y, classifier=True).n_splits
            members = metadata.groups
            return lambda rows, seed: _stratified(
                y[rows], n_splits, seed, None if members is None else members[rows]
            )
        cv = check_cv(self.cv, y, classifier=True)
        if getattr(cv, "random_state", 0) is None:
            return self._reseeded(cv, X, y, groups)
        whole = [
            (np.asarray(fit), np.asarray(validate)) for fit, validate in cv.split(X, y, groups)
        ]
        if not whole:
            raise InputError(f"{type(self).__name__}: cv must give at least one split, got none.")

        def split(rows: np.ndarray, seed: int) -> Splits:
            # Splits of the user's own are kept on every subsample: each row stays on its side.
            indices = np.full(len(y), -1)
            indices[rows] = np.arange(len(rows))
            splits = [(_within(indices, fit), _within(indices, test)) for fit, test in whole]
            splits = [(fit, test) for fit, test in splits if fit.size and test.size]
            if not splits:
                raise InputError(
                    f"{type(self).__name__}: cv must leave fit and validate rows in every "
                    "subsample, got splits that do not; n_searches=1 searches on all rows."
                )
            return splits

        return split

    def _reseeded(self, cv: Any, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> Any:
        # A splitter whose user set no seed gets one each time: fresh folds are fresh, and nothing
        # is drawn from numpy's global generator.
        def split(rows: np.ndarray, seed: int) -> Splits:
            seeded = deepcopy(cv)
            if not hasattr(seeded, "shuffle") or seeded.shuffle:
                seeded.random_state = seed % 2**32
            members = None if groups is None else groups[rows]
            return list(seeded.split(X[rows], y[rows], members))

        return split

    def _summarise_warnings(self, evaluations: Evaluations) -> dict[str, int]:
        name = type(self.estimator).__name__
        if evaluations.n_failed:
            warnings.warn(
                f"{name} failed on {evaluations.n_failed} masks, which count as the worst (see "
                f"error_score); the first time: {evaluations.first_failure}",
                stacklevel=4,
            )
        if evaluations.warnings:
            (first, times), *others = evaluations.warnings.most_common()
            more = f" (and {len(others)} other kinds, see warnings_)" if others else ""
            warnings.warn(f"{name} warned {times} times: {first}{more}", stacklevel=4)
        return dict(evaluations.complaints)

    def _indices(self, features: Sequence[int | str], name: str) -> tuple[int, ...]:
        """Return the indices of features that are given by index or by name."""
        owner, names = type(self).__name__, list(getattr(self, "feature_names_in_", ()))
        position = {column: index for index, column in enumerate(names)}
        for index in features:
            # Where names are numbers, as Entrez identifiers are, a position is another's name.
            if isinstance(index, Integral) and position.get(str(index), index) != index:
                raise InputError(
                    f"{owner}: each of {name} must be one feature, got {index!r}, which is the "
                    f"position of one and the name of another; give names as text, {str(index)!r}."
                )
        return feature_positions(features, names, name, where="X", owner=owner)

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self, "support_")
        return self.support_

    def transform(self, X: Any) -> Any:
        """Keep the selected columns.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_features)
            Rows with the columns that `fit` saw.

        Returns
        -------
        array-like, shape (n_rows, n_selected)

        Raises
        ------
        InputError
            When error control selected nothing: there is no column to keep.
        """
        check_is_fitted(self, "support_")
        if not self.support_.any():
            raise InputError(
                f"{type(self).__name__}: transform needs a selected feature, got none of "
                f"{len(self.support_)}: no feature passed the error control; allow more "
                "false_selections, or let consensus_size be 'auto'."
            )
        selected = super().transform(X)
        if isinstance(selected, np.ndarray) and is_polars(X):  # no container was set
            return X[:, np.flatnonzero(self.support_).tolist()]
        return selected

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = allows_nan(self.estimator)
        tags.input_tags.sparse = True
        return tags


class GeneticSelector(MaskSelector):
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
    population_size, n_generations : int or "auto", default="auto"
        Masks in a generation, and generations, of each search; "auto" is 100 and 30 for a single
        search, 50 and 12 for each of several; with `max_evaluations` a twentieth of it, if that
        is smaller.
    n_searches : int or "auto", default="auto"
        Searches on stratified subsamples of the rows, whose masks vote; "auto" is 10 where rows
        are few (below 300, with 10 features or more), otherwise 1, a single search on all rows;
        where `fit` gets groups, these are counted, not their rows.
    max_features : int, optional
        Most features of a mask; None sets no bound.
    guide : "auto", "none", str, callable, estimator, list of these or array-like of float, \
default="auto"
        What makes features likelier in the first masks and in guided mutation, and competes with
        the votes: a ranker by name (see `vaega.selection.rank_features`) or several, which are
        stacked; "auto" stacks six. Or weights of your own, one a feature. A ranker of your own is a
        function of X and y that returns one score a feature, as those of
        `sklearn.feature_selection`, or an estimator with ``scores_``, ``feature_importances_`` or
        ``coef_``; what is below 0 or not finite counts nothing. Rankers see real fit rows alone.
    n_jobs : int, optional
        Processes that score masks, as in joblib; threads where an engine computes them. The result
        does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Everything random in the search comes from it.

    Attributes
    ----------
    support_ : numpy.ndarray of bool, shape (n_features,)
        The selected features.
    best_score_ : float
        Inner score of the selected mask. It was maximised, so it is optimistic: evaluate a
        selection on rows that `fit` never saw. After a vote it is the mean score on rows that a
        search did not see, of the candidate and the size chosen by searches that left other rows
        out.
    frequencies_ : numpy.ndarray of float, shape (n_features,)
        Share of the searches that select each feature; of the last population, for a single one.
    weights_ : numpy.ndarray of float, shape (n_features,)
        Chance of each feature to be drawn, from the guide.
    stability_ : StabilityEstimate or None
        Nogueira's measure over the searches' masks, with interval; None for a single search.
    masks_ : numpy.ndarray of bool, shape (n_searches, n_features)
        The best mask of each search.
    n_searches_ : int
        How many searches there were.
    history_ : pandas.DataFrame
        One row a generation: best, mean, sizes, diversity, and ``search`` where there are several.
    pareto_front_ : pandas.DataFrame
        Masks that no smaller mask matches: ``n_features``, ``score``, ``mask`` (positions) and
        ``names`` of the features.
    sizes_ : pandas.DataFrame
        After a vote: score on rows unseen by each search, by number of features.
    led_by_ : str
        After a vote: the ranking that the selected features come from: ``"stack"`` (the rankers of
        the guide together) or one ranker, ``"votes"`` of the searches, ``"votes and guide"``, or
        ``"error_control"``.
    candidates_ : pandas.DataFrame
        After a vote: the rankings that competed on rows unseen by each search, ``candidate``, with
        ``n_features``, ``score``, ``standard_error``, ``gain`` over the first, ``gain_error`` and
        ``leads``; after a confirmation: the masks scored again, and which was chosen.
    ranking_ : numpy.ndarray of int, shape (n_features,)
        1 for the selected features, as in scikit-learn's RFE; the others follow in the order of
        the ranking that led, or of the last population.
    ranks_ : pandas.DataFrame
        The rank of each feature, from 1, by each ranker of the guide and, after a vote, by each
        candidate; one row a feature.
    n_evaluations_ : int
        Different masks scored.
    n_fits_ : int
        Fits of the classifier that were asked for: a mask on a fold.
    warnings_ : dict
        How often the classifier warned of what; one entry says on how many masks it failed, and
        why on the first.
    n_features_in_ : int
        Features seen by `fit`.
    feature_names_in_ : numpy.ndarray of str, shape (n_features,)
        Their names, where `fit` was given a DataFrame.

    Other Parameters
    ----------------
    algorithm : {"generational", "steady_state", "nsga2", "islands", \
"self_adaptive"} or class or callable, default="generational"
        The evolution, see `vaega.evolution.algorithms`. "nsga2" evolves the front of score against
        size and takes a mask from it by `choice`. An algorithm of your own is made as
        ``algorithm(toolbox, rng=rng)``, with what it names of ``population_size``,
        ``crossover_probability`` and ``elite``.
    initial_fraction : float or "auto", default="auto"
        Expected share of selected features in the first masks; "auto" aims at about 20 features,
        10 in each of several searches, at most half of all.
    guide_share : float or "auto", default="auto"
        Share of the chance that follows the guide; "auto" is 0.5, and 0.8 in each of several
        searches.
    selection : {"tournament", "roulette", "window", "rank", "stochastic_universal"} or callable, \
default="tournament"
        How parents are chosen. An operator of your own has DEAP's signature and takes ``rng``, see
        `vaega.operators`; so in `crossover` and `mutation`.
    tournament_size : int, default=5
        Individuals that compete in a tournament.
    crossover : {"one_point", "two_point", "uniform", "half_uniform", "size_preserving"} or \
callable, default="uniform"
        How two masks mix.
    crossover_probability : float, default=0.75
        Chance of two parents to be mated.
    mutation : {"bitflip", "balanced_flip", "swap", "filter_guided", "auto"} or callable, \
default="auto"
        How a mask changes; "auto" is "filter_guided".
    flip_probability : float or "auto", default="auto"
        Chance of each selected feature to be dropped (balanced_flip, filter_guided; "auto" is
        0.1) or of each feature to flip (bitflip; "auto" is one expected flip a mask).
    elite : int, default=1
        Best masks that survive unchanged.
    n_islands : int, default=4
        Populations side by side, with "islands".
    migrate_every : int, default=5
        Generations between migrations, with "islands".
    min_features : int, default=1
        Fewest features of a mask.
    pinned, forbidden : sequence of int or str, default=()
        Features that are always, or never, selected, by index or by name. A whole number that is
        the name of another column than the one in its place is refused.
    subsample : float, default=0.8
        Share of the rows that each of several searches sees. What they leave out is disjoint, until
        all rows were left out once.
    consensus_size : int, "auto", "one_standard_error" or "error_control", default="auto"
        How many features are selected after a vote. "auto" asks the rows that the searches did not
        see, at sizes up to a twentieth of all features (or 150): the geometric mean of all sizes,
        each weighted by how close its score comes to the best; "one_standard_error" is the smallest
        within a standard error of the best. "error_control" selects what the guide (without one,
        the searches) finds on so many of 50 pairs of complementary halves that few are there by
        chance, perhaps nothing.
    false_selections : float, default=1.0
        With "error_control": the number of features selected by chance, at most so many in
        expectation (Shah and Samworth 2013).
    n_draws : int or "auto", default="auto"
        With a sampler: how often each inner split is a fold, with generated rows of its own, so
        that a mask's score is a mean over draws. "auto" is 5 for a single search on fewer than 300
        rows, otherwise 1: several searches see several draws as it is.
    confirm : int, default=0
        Best masks of a single search that are scored again on fresh folds, from which the final
        one is chosen; 0 takes the mask with the best score.
    confirm_repeats : int, default=3
        Fresh partitions that each of them is scored on.
    choice : {"one_standard_error", "lower_bound", "best", "knee"} or callable, \
default="one_standard_error"
        Rule of that choice, and of the choice from the front of "nsga2": a callable takes sizes,
        (n_masks,), and the objective in each fold, (n_masks, n_folds), and returns an index.
    patience : int, optional
        Stop after so many generations without a better mask.
    restart_after : int, optional
        Draw a new population, but for the elite, after so many generations without a better mask.
    max_evaluations : int, optional
        Stop a search after the generation in which so many different masks were scored.
    max_seconds : float, optional
        Stop a search after the generation in which so much time had passed; not repeatable.
    target : float, optional
        Stop a search when the objective of its best mask reaches it.
    engine : {"auto", "population", "sklearn"}, default="auto"
        "population" computes the classifiers of many masks together (perceptrons, linear models,
        naive Bayes, neighbours; also after scalers in a pipeline), with scikit-learn's scores;
        "sklearn" fits one after the other; "auto" takes the first where every setting is computed.
    device : str, default="cpu"
        "cuda" lets the engines that can compute with torch on a GPU, "auto" where there is one.
    error_score : float or "raise", default=nan
        Score of a mask in a fold where the classifier cannot be fitted or scored, as in
        scikit-learn's searches. Not-a-number makes the mask the worst of all; "raise" ends the
        search with an error, as it does by itself when every mask fails.
    callbacks : iterable of Callback, default=()
        Called each generation of each search, see `vaega.evolution.Callback`.
    checkpoint : path, optional
        Folder where the search keeps its state and its scores; a `fit` with the same data,
        settings and `random_state` (an integer) that was interrupted goes on from there.
    verbose : int, default=0
        1 shows how far the search is, see `vaega.evolution.ProgressBar`. It changes no result.

    See Also
    --------
    vaega.GenerativeSampler : Rows from a variational autoencoder, for `sampler`.
    sklearn.feature_selection.RFECV : Elimination one feature at a time.

    Notes
    -----
    The other parameters come in three groups: the search (`algorithm` to `forbidden`), the noise of
    its scores (`subsample` to `choice`), and running it (`patience` to `checkpoint`).

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
        population_size: int | str = "auto",
        n_generations: int | str = "auto",
        n_searches: int | str = "auto",
        max_features: int | None = None,
        guide: Any = "auto",
        n_jobs: int | None = None,
        random_state: Any = None,
        algorithm: Any = "generational",
        initial_fraction: float | str = "auto",
        guide_share: float | str = "auto",
        selection: Any = "tournament",
        tournament_size: int = 5,
        crossover: Any = "uniform",
        crossover_probability: float = 0.75,
        mutation: Any = "auto",
        flip_probability: float | str = "auto",
        elite: int = 1,
        n_islands: int = 4,
        migrate_every: int = 5,
        min_features: int = 1,
        pinned: Sequence[int | str] = (),
        forbidden: Sequence[int | str] = (),
        subsample: float = 0.8,
        consensus_size: int | str = "auto",
        false_selections: float = 1.0,
        n_draws: int | str = "auto",
        confirm: int = 0,
        confirm_repeats: int = 3,
        choice: Any = "one_standard_error",
        patience: int | None = None,
        restart_after: int | None = None,
        max_evaluations: int | None = None,
        max_seconds: float | None = None,
        target: float | None = None,
        engine: str = "auto",
        device: str = "cpu",
        error_score: float | str = np.nan,
        callbacks: Iterable[Callback] = (),
        checkpoint: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.cv = cv
        self.scoring = scoring
        self.sampler = sampler
        self.alpha = alpha
        self.population_size = population_size
        self.n_generations = n_generations
        self.n_searches = n_searches
        self.max_features = max_features
        self.guide = guide
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.algorithm = algorithm
        self.initial_fraction = initial_fraction
        self.guide_share = guide_share
        self.selection = selection
        self.tournament_size = tournament_size
        self.crossover = crossover
        self.crossover_probability = crossover_probability
        self.mutation = mutation
        self.flip_probability = flip_probability
        self.elite = elite
        self.n_islands = n_islands
        self.migrate_every = migrate_every
        self.min_features = min_features
        self.pinned = pinned
        self.forbidden = forbidden
        self.subsample = subsample
        self.consensus_size = consensus_size
        self.false_selections = false_selections
        self.n_draws = n_draws
        self.confirm = confirm
        self.confirm_repeats = confirm_repeats
        self.choice = choice
        self.patience = patience
        self.restart_after = restart_after
        self.max_evaluations = max_evaluations
        self.max_seconds = max_seconds
        self.target = target
        self.engine = engine
        self.device = device
        self.error_score = error_score
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.verbose = verbose

    def fit(self, X: Any, y: Any, **fit_params: Any) -> "GeneticSelector":
        """Search for the mask.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_features)
            Training rows.
        y : array-like, shape (n_rows,)
            Class labels.
        **fit_params : array-like, shape (n_rows,)
            ``groups``: rows that belong together, as the spectra of a patient; folds, subsamples
            and what a generator holds out keep them together, and few groups count as few rows.
            ``sample_weight``: weights of the rows in the fits of the classifier and, where it
            takes them, in the metric; the guide does not read them. With scikit-learn's metadata
            routing the classifier, the scorer and `cv` get what they request.

        Returns
        -------
        GeneticSelector
            Itself.

        Raises
        ------
        ValueError
            When a parameter breaks a rule, or the rows cannot be used.
        """
        owner = type(self).__name__
        check_probability(self.alpha, "alpha", owner=owner)
        check_choice(self.engine, "engine", ENGINE_CHOICES, owner=owner)
        if not isinstance(self.verbose, bool):
            check_count(self.verbose, "verbose", owner=owner, minimum=0)
        if not (isinstance(self.error_score, Real) or self.error_score == "raise"):
            raise InputError.of(
                owner, "error_score", "must be a number or 'raise'", self.error_score
            )
        self._settings(named=False).check(owner=owner)
        X, y = self._validated(X, y)
        settings = self._settings(named=True)
        seed = draw_seed(self.random_state)
        inner = replace(
            self._inner_validation(X, y, fit_params, seed),
            engine=self.engine,
            device=self.device,
            error_score=self.error_score,
        )
        folder = None if self.checkpoint is None else Path(self.checkpoint)
        with nullcontext() if folder is None else ScoreStore(folder / "scores.sqlite3") as store:
            search = Search(
                WeightedObjective(self.alpha),
                settings,
                self.callbacks,
                folder,
                store,
                owner,
                verbose=bool(self.verbose),
            )
            result = search.run(inner)
        self._set_fitted(result)
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who gets the metadata of `fit`: the estimator, the scorer and the splitter.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        fit = {method: MethodMapping().add(caller="fit", callee=method) for method in _ROUTED}
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(estimator=self.estimator, method_mapping=fit["fit"])
        scorer = check_scoring(self.estimator, scoring=self.scoring)
        router.add(scorer=scorer, method_mapping=fit["score"])
        if self.cv is None or isinstance(self.cv, int | np.integer) or hasattr(self.cv, "split"):
            splitter = check_cv(self.cv, classifier=True)
            router.add(splitter=splitter, method_mapping=fit["split"])
        return router

    def summary(self) -> pd.DataFrame:
        """Return what the search says of each feature, the selected ones first.

        Returns
        -------
        pandas.DataFrame
            One row a feature, by `ranking_`: ``name``, ``selected``, ``ranking``, ``votes`` (see
            `frequencies_`), and ``rank_...`` by each ranker of the guide and each candidate.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.naive_bayes import GaussianNB
        >>> X, y = load_wine(return_X_y=True, as_frame=True)
        >>> selector = GeneticSelector(
        ...     GaussianNB(), n_searches=2, n_generations=3, random_state=0
        ... ).fit(X, y)
        >>> table = selector.summary()
        >>> len(table), bool(table["selected"].iloc[0]), "rank_f_classif" in table
        (13, True, True)
        """
        check_is_fitted(self, "support_")
        table = pd.DataFrame(
            {
                "name": self._names(),
                "selected": self.support_,
                "ranking": self.ranking_,
                "votes": self.frequencies_,
            }
        )
        table = table.join(self.ranks_.add_prefix("rank_"))
        return table.sort_values("ranking", kind="stable", ignore_index=True)

    def _names(self) -> np.ndarray:
        unnamed = [f"x{index}" for index in range(self.n_features_in_)]  # as scikit-learn has them
        names: np.ndarray = getattr(self, "feature_names_in_", np.array(unnamed, dtype=object))
        return names

    def plot(self, kind: str = "history", *, ax: Any = None) -> Any:
        """Draw the result of `fit`.

        Parameters
        ----------
        kind : {"history", "frequencies", "front", "sizes"}, default="history"
            Scores by generation; the most frequent features; score against size of the best
            masks; score on unseen rows by number of features (after a vote).
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure's when absent.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InputError
            When `kind` is none of these, or there was no vote for "sizes".

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.naive_bayes import GaussianNB
        >>> selector = GeneticSelector(GaussianNB(), n_searches=2, n_generations=3, random_state=0)
        >>> selector.fit(*load_wine(return_X_y=True)).plot("frequencies").get_xlabel()
        'share of the searches that select the feature'
        """
        check_is_fitted(self, "support_")
        return draw_selector(self, kind, ax)

    def _settings(self, *, named: bool) -> SearchSettings:
        values = {name: getattr(self, name) for name in SearchSettings.__dataclass_fields__}
        for name in ("pinned", "forbidden"):
            if named:
                values[name] = self._indices(values[name], name)
            elif isinstance(values[name], Iterable):  # what is none, the settings refuse
                values[name] = [one for one in values[name] if not isinstance(one, str)]
        return SearchSettings(**values)

    def _set_fitted(self, result: SearchResult) -> None:
        self.support_ = result.mask
        self.best_score_ = result.score
        self.frequencies_ = result.frequencies
        self.weights_ = result.weights
        self.masks_ = result.masks
        self.n_searches_ = len(result.masks)
        self.stability_ = nogueira_interval(result.masks) if len(result.masks) > 1 else None
        self.history_ = result.history
        names = self._names()
        self.pareto_front_ = result.front.assign(
            names=[names[indices].tolist() for indices in result.front["mask"]]
        )
        self.sizes_ = result.sizes
        self.candidates_ = result.candidates
        self.led_by_ = result.led_by
        self.ranks_ = result.ranks
        self.ranking_ = _ranking(result)
        self.n_evaluations_ = result.evaluations.n_distinct
        self.n_fits_ = result.evaluations.n_fits
        self.warnings_ = self._summarise_warnings(result.evaluations)


def _ranking(result: SearchResult) -> np.ndarray:
    """Return 1 for selected features, the others from 2 in the order of what led, (n_features,)."""
    order = np.lexsort((-result.weights, -result.frequencies))
    if result.led_by in result.ranks:
        order = np.argsort(result.ranks[result.led_by].to_numpy(), kind="stable")
    others = order[~result.mask[order]]
    ranking = np.ones(len(result.mask), dtype=int)
    ranking[others] = np.arange(2, len(others) + 2)
    return ranking


def _stratified(
    y: np.ndarray, n_splits: int, seed: int, groups: np.ndarray | None = None
) -> Splits:
    # A subsample may hold fewer rows of a class than there are folds; two folds are the least.
    members = np.arange(len(y)) if groups is None else groups
    smallest = min(len(np.unique(members[y == label])) for label in np.unique(y))
    n_splits = min(n_splits, max(smallest, 2))
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(n_splits, shuffle=True, random_state=seed % 2**32)
    return list(folds.split(np.zeros(len(y)), y, groups))


def _within(indices: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return the new indices of those rows of a part that have one."""
    rows = np.flatnonzero(part) if part.dtype == bool else part
    return indices[rows][indices[rows] >= 0]
