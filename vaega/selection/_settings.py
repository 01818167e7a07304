"""How to search: one frozen set of settings for the selector and for configurations."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vaega.core.checks import (
    check_choice,
    check_count,
    check_number,
    check_positive,
    check_probability,
)
from vaega.core.errors import InputError
from vaega.core.registry import takes_argument
from vaega.evolution.algorithms import ALGORITHMS
from vaega.evolution.operators import CROSSOVERS, MUTATIONS, SELECTIONS
from vaega.selection._choice import RULES
from vaega.selection._filters import check_guide

# With few rows one search finds whatever fits them; several short ones on subsamples vote.
FEW_ROWS = 300
_FEW_FEATURES = 10  # below it, one search sees nearly every mask
_SEARCHES = 10
_SINGLE = {"population_size": 100, "n_generations": 30}
_VOTING = {"population_size": 50, "n_generations": 12}

Operator = Callable[..., Any]


@dataclass(frozen=True)
class SearchSettings:
    """How to search; names are those of the configuration and of `GeneticSelector`.

    Parameters
    ----------
    algorithm : {"generational", "steady_state", "mu_plus_lambda", "nsga2", "islands", \
"self_adaptive"}
        The evolution, see `vaega.evolution.algorithms`.
    population_size, n_generations : int or "auto"
        Masks in a generation, and generations, of each search; "auto" is 100 and 30 for a single
        search, 50 and 12 for each of several; with `max_evaluations` a twentieth of it, if that
        is smaller.
    n_searches : int or "auto"
        Searches on stratified subsamples of the rows, whose masks vote; "auto" is 10 where rows
        are few (below 300, with 10 features or more), otherwise 1, a single search on all rows.
    subsample : float
        Share of the rows that each of several searches sees.
    consensus_size : int or "auto" or "error_control"
        How many of the features with most votes are selected, see `vaega.selection._voting`.
    false_selections : float
        With ``error_control``: the expected number of features selected by chance.
    initial_fraction : float or "auto"
        Expected share of selected features in the first masks; "auto" aims at about 20 features,
        10 in each of several searches, at most half of all.
    guide : {"f_classif", "mutual_info", "none"} or sequence of float
        What makes promising features more likely in the first masks, in guided mutation and in
        the local search.
    guide_share : float or "auto"
        Share of the chance that follows the guide, the rest is even; "auto" is 0.5 for a single
        search and 0.8 for each of several.
    selection : {"tournament", "roulette", "window", "rank", "stochastic_universal"}
    tournament_size : int
    crossover : {"one_point", "two_point", "uniform", "half_uniform", "size_preserving"}
    crossover_probability : float
    mutation : {"bitflip", "balanced_flip", "swap", "filter_guided", "auto"}
        "auto" is ``filter_guided``.
    flip_probability : float or "auto"
        For ``bitflip`` the chance of each feature, "auto" is 1 / n_features; for ``balanced_flip``
        and ``filter_guided`` the chance of each selected feature to be dropped, "auto" is 0.1.
    elite : int
        Best masks that survive unchanged.
    n_islands, migrate_every : int
        Populations side by side and generations between two migrations, with ``islands``.
    local_search : int or None
        Try neighbours of the best mask after every so many generations; None never does.
    stages : sequence of (int, float or int)
        Generations of each early stage, and the share or number of features that go on from it.
    min_features : int
    max_features : int or None
    pinned, forbidden : sequence of int
        Features that every mask, and no mask, selects.
    confirm : int
        Best masks that are scored again on fresh folds, from which the final one is chosen; 0
        takes the mask with the best score.
    confirm_repeats : int
        Fresh partitions that each of them is scored on.
    choice : {"one_standard_error", "lower_bound", "best", "knee"}
        Rule of that choice, and of the choice from the front of ``nsga2``.
    patience : int or None
        Stop after so many generations without a better mask; None never stops early.
    restart_after : int or None
        Draw a new population, but for the elite, after so many generations without a better mask.
    max_evaluations : int or None
        Stop after the generation in which so many different masks were scored.
    max_seconds : float or None
        Stop after the generation in which so much time had passed; not repeatable.
    target : float or None
        Stop when the objective of the best mask reaches it.
    """

    algorithm: Any = "generational"
    population_size: int | str = "auto"
    n_generations: int | str = "auto"
    n_searches: int | str = "auto"
    subsample: float = 0.8
    consensus_size: int | str = "auto"
    false_selections: float = 1.0
    initial_fraction: float | str = "auto"
    guide: Any = "f_classif"
    guide_share: float | str = "auto"
    selection: Any = "tournament"
    tournament_size: int = 5
    crossover: Any = "uniform"
    crossover_probability: float = 0.75
    mutation: Any = "auto"
    flip_probability: float | str = "auto"
    elite: int = 1
    n_islands: int = 4
    migrate_every: int = 5
    local_search: int | None = None
    stages: Sequence[tuple[int, float]] = ()
    min_features: int = 1
    max_features: int | None = None
    pinned: Sequence[int] = ()
    forbidden: Sequence[int] = ()
    confirm: int = 0
    confirm_repeats: int = 3
    choice: str = "one_standard_error"
    patience: int | None = None
    restart_after: int | None = None
    max_evaluations: int | None = None
    max_seconds: float | None = None
    target: float | None = None

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
        self._check_names(owner)
        self._check_numbers(owner)
        self._check_bounds(owner)
        self._check_combination(owner)

    def check_fits(self, n_features: int, *, owner: str) -> None:
        """Refuse settings that no mask of `n_features` features fulfils."""
        if self.min_features > n_features:
            raise InputError(
                f"{owner}: min_features must be at most the number of features, {n_features}, "
                f"got {self.min_features}."
            )
        for name in ("pinned", "forbidden"):
            beyond = [feature for feature in getattr(self, name) if feature >= n_features]
            if beyond:
                raise InputError(
                    f"{owner}: {name} must hold positions below {n_features}, the number of "
                    f"features, got {beyond[0]}."
                )

    def resolved(self, *, n_rows: int, n_features: int) -> "SearchSettings":
        """Return settings in which "auto" is replaced by what it stands for.

        Parameters
        ----------
        n_rows, n_features : int
            Of the training rows.

        Returns
        -------
        SearchSettings
            ``initial_fraction``, ``flip_probability`` and ``consensus_size`` may stay "auto":
            they depend on the search itself.

        Examples
        --------
        >>> SearchSettings().resolved(n_rows=38, n_features=7129).n_searches
        10
        >>> SearchSettings().resolved(n_rows=2000, n_features=500).n_searches
        1
        """
        few = n_rows < FEW_ROWS and n_features >= _FEW_FEATURES
        n_searches = self.n_searches
        if n_searches == "auto":
            n_searches = _SEARCHES if few and not self.multi_objective else 1
        voting = n_searches != 1
        automatic: dict[str, Any] = {
            **(_VOTING if voting else _SINGLE),
            "guide_share": 0.8 if voting else 0.5,
            "mutation": "filter_guided",
        }
        if self.max_evaluations is not None:  # twenty generations, so that a stop is near it
            size = max(10, self.max_evaluations // 20)
            automatic["population_size"] = min(int(automatic["population_size"]), size)
        given = {name: getattr(self, name) for name in automatic}
        chosen = {
            name: automatic[name] if value == "auto" else value for name, value in given.items()
        }
        return replace(self, n_searches=n_searches, **chosen)

    def on_columns(self, columns: np.ndarray) -> "SearchSettings":
        """Return the settings of a search among some of the features.

        Parameters
        ----------
        columns : numpy.ndarray of int
            Positions of these features, rising.

        Returns
        -------
        SearchSettings
            Pinned and forbidden features, and weights of the user's own, are those that remain.

        Examples
        --------
        >>> SearchSettings(pinned=(7,), forbidden=(1,)).on_columns(np.array([2, 7])).pinned
        (1,)
        """
        places = {int(column): place for place, column in enumerate(columns)}
        changed: dict[str, Any] = {
            name: tuple(places[one] for one in getattr(self, name) if one in places)
            for name in ("pinned", "forbidden")
        }
        if not isinstance(self.guide, str):
            changed["guide"] = np.asarray(self.guide, dtype=float)[columns]
        if self.min_features > len(columns):
            changed["min_features"] = len(columns)
        return replace(self, **changed)

    @property
    def multi_objective(self) -> bool:
        """Whether the algorithm evolves a front, of score against size."""
        return getattr(self._algorithm("search"), "multi_objective", False)

    def operators(self, *, owner: str) -> tuple[Operator, Operator, Operator]:
        """Return the operators of selection, crossover and mutation."""
        mutation = "filter_guided" if self.mutation == "auto" else self.mutation
        return (
            SELECTIONS.resolve(self.selection, "selection", owner=owner),
            CROSSOVERS.resolve(self.crossover, "crossover", owner=owner),
            MUTATIONS.resolve(mutation, "mutation", owner=owner),
        )

    def _algorithm(self, owner: str) -> Any:
        """Return the algorithm's class, or a callable that makes one, without its parameters."""
        algorithm = ALGORITHMS.resolve(self.algorithm, "algorithm", owner=owner)
        return getattr(algorithm, "func", algorithm)

    def _check_names(self, owner: str) -> None:
        ALGORITHMS.check(self.algorithm, "algorithm", owner=owner)
        SELECTIONS.check(self.selection, "selection", owner=owner)
        CROSSOVERS.check(self.crossover, "crossover", owner=owner)
        if isinstance(self.mutation, str):
            check_choice(self.mutation, "mutation", (*MUTATIONS, "auto"), owner=owner)
        else:
            MUTATIONS.check(self.mutation, "mutation", owner=owner)
        check_choice(self.choice, "choice", RULES, owner=owner)
        check_guide(self.guide, owner=owner)

    def _check_numbers(self, owner: str) -> None:
        counts: dict[str, int] = {
            "population_size": 2,
            "n_generations": 1,
            "n_searches": 1,
            "tournament_size": 1,
            "elite": 0,
            "n_islands": 2,
            "migrate_every": 1,
            "local_search": 1,
            "confirm": 0,
            "confirm_repeats": 1,
            "patience": 1,
            "restart_after": 1,
            "max_evaluations": 1,
        }
        for name, minimum in counts.items():
            if not self._may_be_absent(name):
                check_count(getattr(self, name), name, owner=owner, minimum=minimum)
        if self.consensus_size not in ("auto", "error_control"):
            check_count(self.consensus_size, "consensus_size", owner=owner)
        for name in ("initial_fraction", "flip_probability"):
            if getattr(self, name) != "auto":
                check_probability(getattr(self, name), name, owner=owner)
                check_positive(getattr(self, name), name, owner=owner)
        for name in ("crossover_probability", "subsample", "guide_share"):
            if not self._may_be_absent(name):
                check_probability(getattr(self, name), name, owner=owner)
        for name in ("subsample", "false_selections", "max_seconds"):
            if not self._may_be_absent(name):
                check_positive(getattr(self, name), name, owner=owner)

        if self.target is not None:
            check_number(self.target, "target", owner=owner)

    def _may_be_absent(self, name: str) -> bool:
        """Return whether a value is the "auto" or the None that is its default."""
        default = type(self).__dataclass_fields__[name].default
        return default in ("auto", None) and getattr(self, name) == default

    def _check_bounds(self, owner: str) -> None:
        check_count(self.min_features, "min_features", owner=owner)
        if self.max_features is not None:
            check_count(self.max_features, "max_features", owner=owner, minimum=self.min_features)
        if self.population_size != "auto":
            most = int(self.population_size) - 1
            check_count(self.elite, "elite", owner=owner, minimum=0, maximum=most)
        for name in ("pinned", "forbidden", "stages"):
            if isinstance(getattr(self, name), str) or not isinstance(
                getattr(self, name), Iterable
            ):
                raise InputError(
                    f"{owner}: {name} must be a sequence, got {getattr(self, name)!r}."
                )
        if self.max_features is not None and len(set(self.pinned)) > self.max_features:
            raise InputError(
                f"{owner}: max_features must be at least the number of pinned features, "
                f"{len(set(self.pinned))}, got {self.max_features}."
            )
        for name in ("pinned", "forbidden"):
            for feature in getattr(self, name):
                check_count(feature, f"each of {name}", owner=owner, minimum=0)
        both = sorted(set(self.pinned) & set(self.forbidden))
        if both:
            raise InputError(f"{owner}: a feature is pinned or forbidden, got both for {both[0]}.")
        for stage in self.stages:
            if not isinstance(stage, list | tuple) or len(stage) != 2:
                raise InputError(
                    f"{owner}: each of stages must be [generations, features to keep], "
                    f"got {stage!r}."
                )
            check_count(stage[0], "generations of a stage", owner=owner)
            if isinstance(stage[1], float) and stage[1] < 1.0:
                check_positive(stage[1], "features to keep of a stage", owner=owner)
            else:
                check_count(stage[1], "features to keep of a stage", owner=owner)

    def _check_combination(self, owner: str) -> None:
        algorithm = self._algorithm(owner)
        if hasattr(algorithm, "check_settings"):
            algorithm.check_settings(self, owner=owner)
        *_, mutate = self.operators(owner=owner)
        for name in getattr(algorithm, "mutation_arguments", ()):
            if not takes_argument(mutate, name):
                raise InputError(
                    f"{owner}: mutation must have a rate, {name}, that algorithm "
                    f"{self.algorithm} can set, got {self.mutation}."
                )
