"""The selector: a genetic search for a mask as a scikit-learn feature selector."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from vaega.core.checks import check_choice, check_probability
from vaega.core.errors import InputError
from vaega.core.randomness import draw_seed
from vaega.evolution._evolution import Callback
from vaega.fitness._cross_validated import ENGINES
from vaega.fitness._memory import WeightedObjective
from vaega.fitness._score_store import ScoreStore
from vaega.selection._base import MaskSelector
from vaega.selection._search import Search, SearchResult
from vaega.selection._settings import SearchSettings
from vaega.selection._stability import nogueira_interval

_BEST, _MEAN = "#0072b2", "#d55e00"  # told apart by colour-blind readers too
_MOST_BARS = 25


def draw_selector(selector: Any, kind: str, ax: Any = None) -> Any:
    """Draw one figure of a fitted selector."""
    check_choice(kind, "kind", _FIGURES, owner=f"{type(selector).__name__}.plot")
    if kind == "sizes" and not len(selector.sizes_):
        raise InputError(
            f"{type(selector).__name__}.plot: kind must be one of history, frequencies, front "
            "after a single search, got 'sizes'."
        )
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(6.0, 4.0), layout="constrained").add_subplot()
    _FIGURES[kind](selector, ax)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def frequent_features(
    frequencies: np.ndarray, support: np.ndarray, names: Any, *, most: int = _MOST_BARS
) -> pd.DataFrame:
    """Return the features that are selected most often, as they are drawn."""
    order = np.argsort(-frequencies, kind="stable")[:most]
    order = order[frequencies[order] > 0.0]
    return pd.DataFrame(
        {
            "name": [str(names[place]) for place in order],
            "frequency": frequencies[order],
            "selected": support[order],
        }
    )


def _draw_history(selector: Any, ax: Any) -> None:
    history = selector.history_
    several = "search" in history
    for _, part in history.groupby("search") if several else [(0, history)]:
        shade = 0.35 if several else 1.0
        best = part["best"].cummax()
        ax.plot(part["generation"], best, color=_BEST, alpha=shade, linewidth=1.5)
        ax.plot(part["generation"], part["mean"], color=_MEAN, alpha=shade, linewidth=1.0)
    ax.plot([], [], color=_BEST, label="best so far")
    ax.plot([], [], color=_MEAN, label="mean of the generation")
    ax.set(xlabel="generation", ylabel="objective (inner)")
    ax.legend(frameon=False, loc="lower right")


def _draw_frequencies(selector: Any, ax: Any) -> None:
    table = frequent_features(selector.frequencies_, selector.support_, _names(selector))[::-1]
    colours = np.where(table["selected"], _BEST, "#bbbbbb")
    ax.barh(table["name"], table["frequency"], color=colours)
    of = "searches that select" if selector.n_searches_ > 1 else "last population that selects"
    ax.set(xlabel=f"share of the {of} the feature", xlim=(0.0, 1.0))
    ax.tick_params(axis="y", labelsize=7)


def _draw_front(selector: Any, ax: Any) -> None:
    front = selector.pareto_front_
    ax.step(front["n_features"], front["score"], where="post", color=_BEST, linewidth=1.0)
    ax.plot(front["n_features"], front["score"], "o", color=_BEST, markersize=4)
    ax.plot([selector.support_.sum()], [selector.best_score_], "D", color=_MEAN, label="selected")
    ax.set(xlabel="features", ylabel="inner score")
    ax.legend(frameon=False, loc="lower right")


def _draw_sizes(selector: Any, ax: Any) -> None:
    table = selector.sizes_
    ax.errorbar(
        table["n_features"],
        table["score"],
        yerr=table["standard_error"],
        color=_BEST,
        marker="o",
        markersize=4,
        capsize=2,
    )
    ax.axvline(selector.support_.sum(), color=_MEAN, linewidth=1.0, label="selected")
    ax.set(xlabel="features", ylabel="score on unseen rows", xscale="log")
    ax.legend(frameon=False, loc="lower right")


def _names(selector: Any) -> np.ndarray:
    unnamed = np.array([f"x{place}" for place in range(selector.n_features_in_)])
    return getattr(selector, "feature_names_in_", unnamed)


_FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "history": _draw_history,
    "frequencies": _draw_frequencies,
    "front": _draw_front,
    "sizes": _draw_sizes,
}


_SETTINGS = tuple(SearchSettings.__dataclass_fields__)


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
    algorithm : {"generational", "steady_state", "mu_plus_lambda", "nsga2", "islands", \
"self_adaptive"} or class or callable, default="generational"
        The evolution, see `vaega.evolution.algorithms`. "nsga2" evolves the front of score against
        size and takes a mask from it by `choice`. An algorithm of your own is made as
        ``algorithm(toolbox, rng=rng)``, with what it names of ``population_size``,
        ``crossover_probability`` and ``elite``.
    population_size, n_generations : int or "auto", default="auto"
        Masks in a generation, and generations, of each search; "auto" is 100 and 30 for a single
        search, 50 and 12 for each of several; with `max_evaluations` a twentieth of it, if that
        is smaller.
    n_searches : int or "auto", default="auto"
        Searches on stratified subsamples of the rows, whose masks vote; "auto" is 10 where rows
        are few (below 300, with 10 features or more), otherwise 1, a single search on all rows.
    subsample : float, default=0.8
        Share of the rows that each of several searches sees.
    consensus_size : int, "auto" or "error_control", default="auto"
        How many features are selected after a vote; "auto" asks the rows that the searches did
        not see, within what the votes allow; "error_control" is stability selection.
    false_selections : float, default=1.0
        With "error_control": the expected number of features selected by chance.
    initial_fraction : float or "auto", default="auto"
        Expected share of selected features in the first masks; "auto" aims at about 20 features,
        10 in each of several searches, at most half of all.
    guide : {"f_classif", "mutual_info", "none"} or array-like of float, default="f_classif"
        What makes features likelier in the first masks, in guided mutation and in the local
        search: a filter on the inner fit rows, or weights of your own, one a feature.
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
    n_islands, migrate_every : int, default=4 and 5
        Populations side by side and generations between migrations, with "islands".
    local_search : int, optional
        Try neighbours of the best mask (one feature dropped, added, swapped) after every so many
        generations; None never does.
    stages : sequence of (int, float), default=()
        Generations of each early stage, and the share or number of features that go on from it.
    min_features : int, default=1
        Fewest features of a mask.
    max_features : int, optional
        Most features of a mask; None sets no bound.
    pinned, forbidden : sequence of int or str, default=()
        Features that are always, or never, selected, by position or by name.
    confirm : int, default=0
        Best masks of a single search that are scored again on fresh folds, from which the final
        one is chosen; 0 takes the mask with the best score.
    confirm_repeats : int, default=3
        Fresh partitions that each of them is scored on.
    choice : {"one_standard_error", "lower_bound", "best", "knee"}, default="one_standard_error"
        Rule of that choice, and of the choice from the front of "nsga2".
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
    callbacks : iterable of Callback, default=()
        Called each generation of each search, see `vaega.evolution.Callback`.
    checkpoint : path, optional
        Folder where the search keeps its state and its scores; a `fit` with the same data,
        settings and `random_state` (an integer) that was interrupted goes on from there.
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
        Inner score of the selected mask. It was maximised, so it is optimistic: judge a selection
        on rows that `fit` never saw. After a vote it is the mean score that the searches' own
        features had, at the size selected, on rows that their search did not see.
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
        Masks that no smaller mask matches: ``n_features``, ``score``, ``mask``.
    sizes_ : pandas.DataFrame
        After a vote: score on rows unseen by each search, by number of features.
    candidates_ : pandas.DataFrame
        After a confirmation: the masks scored again, and which was chosen.
    n_evaluations_ : int
        Different masks scored.
    n_fits_ : int
        Fits of the classifier that were asked for: a mask on a fold.
    warnings_ : dict
        How often the classifier warned of what.
    n_features_in_ : int
        Features seen by `fit`.
    feature_names_in_ : numpy.ndarray of str, shape (n_features,)
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
        algorithm: Any = "generational",
        population_size: int | str = "auto",
        n_generations: int | str = "auto",
        n_searches: int | str = "auto",
        subsample: float = 0.8,
        consensus_size: int | str = "auto",
        false_selections: float = 1.0,
        initial_fraction: float | str = "auto",
        guide: Any = "f_classif",
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
        local_search: int | None = None,
        stages: Sequence[tuple[int, float]] = (),
        min_features: int = 1,
        max_features: int | None = None,
        pinned: Sequence[int | str] = (),
        forbidden: Sequence[int | str] = (),
        confirm: int = 0,
        confirm_repeats: int = 3,
        choice: str = "one_standard_error",
        patience: int | None = None,
        restart_after: int | None = None,
        max_evaluations: int | None = None,
        max_seconds: float | None = None,
        target: float | None = None,
        engine: str = "auto",
        device: str = "cpu",
        callbacks: Iterable[Callback] = (),
        checkpoint: Any = None,
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
        self.n_searches = n_searches
        self.subsample = subsample
        self.consensus_size = consensus_size
        self.false_selections = false_selections
        self.initial_fraction = initial_fraction
        self.guide = guide
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
        self.local_search = local_search
        self.stages = stages
        self.min_features = min_features
        self.max_features = max_features
        self.pinned = pinned
        self.forbidden = forbidden
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
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **fit_params: Any) -> "GeneticSelector":
        """Search for the mask.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_features)
            Training rows.
        y : array-like, shape (n_rows,)
            Class labels.
        **fit_params : array-like, shape (n_rows,)
            ``groups``: rows that belong together, for a `cv` that keeps groups apart; subsamples
            keep them together as well. ``sample_weight``: weights of the rows in the fits of the
            classifier and in its scores; the guide does not read them.

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
        check_choice(self.engine, "engine", ENGINES, owner=owner)
        self._settings(named=False).check(owner=owner)
        X, y = self._read(X, y)
        settings = self._settings(named=True)
        seed = draw_seed(self.random_state)
        inner = replace(self._inner(X, y, fit_params, seed), engine=self.engine, device=self.device)
        folder = None if self.checkpoint is None else Path(self.checkpoint)
        with nullcontext() if folder is None else ScoreStore(folder / "scores.sqlite3") as store:
            search = Search(
                WeightedObjective(self.alpha), settings, self.callbacks, folder, store, owner
            )
            result = search.run(inner)
        self._set_fitted(result)
        return self

    def plot(self, kind: str = "history", *, ax: Any = None) -> Any:
        """Draw what `fit` found.

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
        values = {name: getattr(self, name) for name in _SETTINGS}
        for name in ("pinned", "forbidden"):
            given = values[name]
            values[name] = (
                self._positions(given, name)
                if named
                else [one for one in given if not isinstance(one, str)]
            )
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
        self.pareto_front_ = result.front
        self.sizes_ = result.sizes
        self.candidates_ = result.candidates
        self.n_evaluations_ = result.evaluations.n_distinct
        self.n_fits_ = result.evaluations.n_fits
        self.warnings_ = self._summarise_warnings(result.evaluations.warnings)
