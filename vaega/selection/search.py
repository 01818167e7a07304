"""One search for a mask: settings turned into operators, the evolution run, the result gathered."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from deap import base
from sklearn.feature_selection import f_classif

from vaega.core.checks import check_choice, check_count, check_positive, check_probability
from vaega.core.errors import InputError, ResultsError
from vaega.evolution import operators
from vaega.evolution.algorithms import Generational
from vaega.evolution.callbacks import Callback, StopWhenStagnant
from vaega.evolution.checkpoint import SaveCheckpoint, load_checkpoint
from vaega.evolution.loop import evolve
from vaega.evolution.state import EvolutionState
from vaega.fitness.folds import Fold
from vaega.fitness.memory import FitnessMemory
from vaega.fitness.objective import Objective, ObjectiveFitness

CROSSOVERS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "one_point": operators.crossover_one_point,
    "two_point": operators.crossover_two_point,
    "uniform": operators.crossover_uniform,
}
MUTATIONS: dict[str, Callable[..., tuple[Any]]] = {
    "bitflip": operators.mutate_bitflip,
    "balanced_flip": operators.mutate_balanced_flip,
    "filter_guided": operators.mutate_filter_guided,
}
SELECTIONS = ("tournament", "roulette")
GUIDES = ("f_classif", "none")
ALGORITHMS = ("generational",)

# Start with some 20 features whatever their number: sparse starts find small masks, dense ones
# end where they began, with half of all features at chance stability.
_AUTO_SIZE = 20
# Half of the chance follows the filter, half is even, so that features which matter only together
# with others, as in Madelon, can still come in.
_EVEN_SHARE = 0.5


@dataclass(frozen=True)
class SearchSettings:
    """How to search; names are those of the configuration and of `GeneticSelector`.

    Parameters
    ----------
    algorithm : {"generational"}
    population_size, n_generations : int
    initial_fraction : float or "auto"
        Expected share of selected features in the first masks; "auto" aims at about 20 features.
    guide : {"f_classif", "none"}
        Filter that makes promising features more likely in the first masks (and in the mutation
        ``filter_guided``).
    selection : {"tournament", "roulette"}
    tournament_size : int
    crossover : {"one_point", "two_point", "uniform"}
    crossover_probability : float
    mutation : {"bitflip", "balanced_flip", "filter_guided"}
    flip_probability : float or "auto"
        For ``bitflip`` the chance of each feature, "auto" is 1 / n_features; for the two others
        the chance of each selected feature to be dropped, "auto" is 0.1.
    elite : int
    min_features : int
    max_features : int or None
    patience : int or None
        Stop after so many generations without a better mask; None never stops early.
    """

    algorithm: str = "generational"
    population_size: int = 100
    n_generations: int = 30
    initial_fraction: float | str = "auto"
    guide: str = "f_classif"
    selection: str = "tournament"
    tournament_size: int = 5
    crossover: str = "uniform"
    crossover_probability: float = 0.75
    mutation: str = "balanced_flip"
    flip_probability: float | str = "auto"
    elite: int = 1
    min_features: int = 1
    max_features: int | None = None
    patience: int | None = None

    def check(self, *, owner: str) -> None:
        """Check every value that needs no data.

        Parameters
        ----------
        owner : str
            Who asks, for the message.

        Raises
        ------
        InputError
            One sentence on the first value that breaks a rule.
        """
        check_choice(self.algorithm, "algorithm", ALGORITHMS, owner=owner)
        check_count(self.population_size, "population_size", owner=owner, minimum=2)
        check_count(self.n_generations, "n_generations", owner=owner)
        check_choice(self.guide, "guide", GUIDES, owner=owner)
        check_choice(self.selection, "selection", SELECTIONS, owner=owner)
        check_count(self.tournament_size, "tournament_size", owner=owner)
        check_choice(self.crossover, "crossover", CROSSOVERS, owner=owner)
        check_probability(self.crossover_probability, "crossover_probability", owner=owner)
        check_choice(self.mutation, "mutation", MUTATIONS, owner=owner)
        check_count(self.elite, "elite", owner=owner, minimum=0, maximum=self.population_size - 1)
        check_count(self.min_features, "min_features", owner=owner)
        if self.max_features is not None:
            check_count(self.max_features, "max_features", owner=owner, minimum=self.min_features)
        if self.patience is not None:
            check_count(self.patience, "patience", owner=owner)
        for name in ("initial_fraction", "flip_probability"):
            if getattr(self, name) != "auto":
                check_probability(getattr(self, name), name, owner=owner)
                check_positive(getattr(self, name), name, owner=owner)


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (n_features,)
        The best mask by the objective.
    score : float
        Its metric on the validate rows of the inner folds: optimistic, since it was maximised.
    frequencies : numpy.ndarray of float, shape (n_features,)
        Share of the last population that selects each feature.
    history : pandas.DataFrame
        One row a generation.
    front : pandas.DataFrame
        The masks that no other beats in both metric and size: ``n_features`` and ``score``.
    n_asked, n_distinct : int
        Masks asked for, and different masks scored.
    """

    mask: np.ndarray
    score: float
    frequencies: np.ndarray
    history: pd.DataFrame
    front: pd.DataFrame
    n_asked: int
    n_distinct: int


def run_search(
    fitness: Callable[[np.ndarray], np.ndarray],
    objective: Objective,
    settings: SearchSettings,
    *,
    weights: np.ndarray,
    rng: np.random.Generator,
    callbacks: Iterable[Callback] = (),
    checkpoint: Path | None = None,
    owner: str = "search",
) -> SearchResult:
    """Search for the mask with the highest objective.

    Parameters
    ----------
    fitness : callable
        From masks (n_masks, n_features) to the metric (n_masks,).
    objective : Objective
        What is maximised.
    settings : SearchSettings
        How.
    weights : numpy.ndarray of float, shape (n_features,)
        Chances of the features to be drawn, see `guide_weights`.
    rng : numpy.random.Generator
        The search's own; advanced.
    callbacks : iterable of Callback
        Called each generation.
    checkpoint : pathlib.Path, optional
        Where to keep the state; a search that finds a state there goes on from it.
    owner : str, default="search"
        Who searches, for messages.

    Returns
    -------
    SearchResult

    Raises
    ------
    InputError
        When a setting breaks a rule or does not fit the number of features.
    """
    settings.check(owner=owner)
    n_features = len(weights)
    if settings.min_features > n_features:
        raise InputError(
            f"{owner}: min_features must be at most the number of features, {n_features}, "
            f"got {settings.min_features}."
        )
    memory = FitnessMemory(fitness, n_features=n_features)
    algorithm = Generational(
        build_toolbox(settings, weights, rng),
        rng=rng,
        population_size=settings.population_size,
        crossover_probability=settings.crossover_probability,
        elite=settings.elite,
    )
    hooks = list(callbacks)
    if settings.patience is not None:
        hooks.append(StopWhenStagnant(settings.patience))
    if checkpoint is not None:
        _resume(algorithm, memory, checkpoint)
        hooks.append(SaveCheckpoint(checkpoint, extra=memory.to_arrays))
    state = evolve(
        algorithm,
        ObjectiveFitness(memory, objective),
        n_generations=settings.n_generations,
        callbacks=hooks,
    )
    return _gather(state, memory)


def build_toolbox(
    settings: SearchSettings, weights: np.ndarray, rng: np.random.Generator
) -> base.Toolbox:
    """Return a DEAP toolbox with the operators that `settings` name, bound to `rng`.

    Parameters
    ----------
    settings : SearchSettings
        Checked already.
    weights : numpy.ndarray of float, shape (n_features,)
        Chances of the features to be drawn.
    rng : numpy.random.Generator
        Bound to every operator.

    Returns
    -------
    deap.base.Toolbox
        With ``initialize``, ``select``, ``mate``, ``mutate`` and ``repair``.

    Examples
    --------
    >>> toolbox = build_toolbox(SearchSettings(), np.ones(40), np.random.default_rng(0))
    >>> toolbox.initialize().shape
    (40,)
    """
    toolbox = base.Toolbox()
    toolbox.register("initialize", _first_mask, weights, _first_share(settings, len(weights)), rng)
    if settings.selection == "tournament":
        size = settings.tournament_size
        toolbox.register("select", operators.select_tournament, tournament_size=size, rng=rng)
    else:
        toolbox.register("select", operators.select_roulette, rng=rng)
    toolbox.register("mate", CROSSOVERS[settings.crossover], rng=rng)
    flip = _flip_probability(settings, len(weights))
    mutate: dict[str, Any] = {"flip_probability": flip, "rng": rng}
    if settings.mutation == "filter_guided":
        mutate["weights"] = weights
    toolbox.register("mutate", MUTATIONS[settings.mutation], **mutate)
    bounds = {"min_features": settings.min_features, "max_features": settings.max_features}
    toolbox.register("repair", operators.repair_size, **bounds, rng=rng)
    return toolbox


def guide_weights(folds: Sequence[Fold], n_features: int, guide: str) -> np.ndarray:
    """Return the chance of each feature to be drawn into a mask.

    Parameters
    ----------
    folds : sequence of Fold
        Only their real fit rows are read.
    n_features : int
        Length of a mask.
    guide : {"f_classif", "none"}
        One-way F statistic, averaged over the folds, or an even chance.

    Returns
    -------
    numpy.ndarray of float, shape (n_features,)
        Sums to 1; half of it is spread evenly, so that every feature has a chance.

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [0.1, 2.0], [1.0, 1.0], [1.1, 2.0]])
    >>> y = np.array([0, 0, 1, 1])
    >>> fold = Fold(X, y, X[:1], y[:1], columns=np.arange(2), n_real=4)
    >>> guide_weights([fold], 2, "f_classif")
    array([0.75, 0.25])
    """
    even = np.full(n_features, 1.0 / n_features)
    if guide == "none":
        return even
    statistic = np.zeros(n_features)
    for fold in folds:
        real = slice(fold.n_real)
        statistic[fold.columns] += _f_statistic(fold.X_fit[real], fold.y_fit[real])
    if statistic.sum() == 0.0:
        return even
    return _EVEN_SHARE * even + (1.0 - _EVEN_SHARE) * statistic / statistic.sum()


def _f_statistic(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    X = np.nan_to_num(X)  # classifiers that take missing values get masks guided by the rest
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # constant columns: 0 / 0, handled below
        statistic, _ = f_classif(X, y)
    # A column that separates the classes exactly is infinite: it gets the largest finite value,
    # so that it stands in front and leaves something to the others.
    finite = statistic[np.isfinite(statistic)]
    return np.nan_to_num(statistic, nan=0.0, posinf=max(finite.max(initial=0.0), 1.0))


def _first_share(settings: SearchSettings, n_features: int) -> float:
    if settings.initial_fraction == "auto":
        return min(0.5, _AUTO_SIZE / n_features)
    return float(settings.initial_fraction)


def _flip_probability(settings: SearchSettings, n_features: int) -> float:
    if settings.flip_probability != "auto":
        return float(settings.flip_probability)
    return 1.0 / n_features if settings.mutation == "bitflip" else 0.1


def _first_mask(weights: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    size = int(rng.binomial(len(weights), share))
    return operators.init_filter_guided(len(weights), weights=weights, size=size, rng=rng)


def _resume(algorithm: Generational, memory: FitnessMemory, checkpoint: Path) -> None:
    if not checkpoint.exists():
        return
    try:
        state, arrays = load_checkpoint(checkpoint)
    except ResultsError as error:
        warnings.warn(f"{error} The search starts anew.", stacklevel=3)
        return
    algorithm.restore(state)
    memory.restore(arrays)


def _gather(state: EvolutionState, memory: FitnessMemory) -> SearchResult:
    n_asked, n_distinct = memory.n_asked, memory.n_distinct
    return SearchResult(
        mask=state.best_mask,
        score=float(memory(state.best_mask[None])[0]),
        frequencies=state.masks.mean(axis=0),
        history=pd.DataFrame(list(state.history)),
        front=pareto_front(*memory.recall()),
        n_asked=n_asked,
        n_distinct=n_distinct,
    )


def pareto_front(masks: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Return the sizes and scores that no smaller mask reaches.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_features)
        Masks scored.
    scores : numpy.ndarray of float, shape (n_masks,)
        Their scores, higher is better.

    Returns
    -------
    pandas.DataFrame
        Columns ``n_features`` and ``score``, both rising, and ``mask``, the selected features'
        positions.

    Examples
    --------
    >>> masks = np.array([[True, False], [True, True], [False, True]])
    >>> pareto_front(masks, np.array([0.7, 0.8, 0.6]))[["n_features", "score"]].values.tolist()
    [[1.0, 0.7], [2.0, 0.8]]
    """
    sizes = masks.sum(axis=1)
    rows, best = [], -np.inf
    for place in np.lexsort((-scores, sizes)):
        if scores[place] > best:
            best = float(scores[place])
            selected = np.flatnonzero(masks[place])
            rows.append({"n_features": int(sizes[place]), "score": best, "mask": selected})
    return pd.DataFrame(rows, columns=["n_features", "score", "mask"])
