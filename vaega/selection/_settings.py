# ruff: noqa: RUF009 - _setting() makes the fields
"""The settings of a search, each in one place: default, kind, group and what it does.

`GeneticSelector` has them as flat parameters, the section ``search`` of a configuration as keys;
checks, the configuration's types and the tables of the docs are derived from the fields here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

import numpy as np

from vaega.core.checks import (
    check_choice,
    check_count,
    check_most,
    check_number,
    check_positive,
    check_probability,
    did_you_mean,
)
from vaega.core.errors import InputError
from vaega.core.registry import Registry, takes_argument
from vaega.data._dataset import quoted
from vaega.evolution.algorithms import ALGORITHMS
from vaega.evolution.operators import CROSSOVERS, MUTATIONS, SELECTIONS
from vaega.selection._choice import RULES
from vaega.selection._rankers import check_guide, is_weights
from vaega.selection._voting import VoteBounds

# With few rows one search finds whatever fits them; several short ones on subsamples vote.
FEW_ROWS = 300
_FEW_FEATURES = 10  # below it, one search sees nearly every mask
_SEARCHES = 10
_SINGLE = {"population_size": 100, "n_generations": 30}
_VOTING = {"population_size": 50, "n_generations": 12}
_DRAWS = 5  # of generated rows; ten searches on subsamples see ten draws as it is

_MOST_SHARE, _MOST_OF_FEW = 0.05, 150  # a vote tries a twentieth of the features, or 150
ERROR_CONTROL = "error_control"
SIZE_RULES = ("auto", "one_standard_error", ERROR_CONTROL)

Operator = Callable[..., Any]

# Groups of settings, in the order of the docs
BASIC, SEARCH, NOISE, RUNNING = "what everyone needs", "the search", "the noise", "running it"


def _setting(
    default: Any,
    kind: str,
    group: str,
    about: str,
    *,
    minimum: int = 1,
    maximum: int | None = None,
) -> Any:
    """Return a field; the bounds are those of a count, "auto" or None as default need no check.

    `maximum` stands where lists or arrays are made of so many, and is what no use comes near.
    """
    metadata: dict[str, Any] = {"kind": kind, "group": group, "about": about}
    metadata |= {"minimum": minimum, "maximum": maximum}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class SearchSettings:
    """How to search: the keys of the section ``search`` and parameters of `GeneticSelector`.

    Each field has ``metadata``: its ``kind`` (``"count"``, ``"share"``, ``"object"``, ...), its
    ``group`` and, in ``about``, one line on what it does.

    Examples
    --------
    >>> SearchSettings(n_searches=1, max_features=50).resolved(n_rows=2000, n_features=500).elite
    1
    """

    population_size: int | str = _setting(
        "auto",
        "count",
        BASIC,
        "masks in a generation; auto is 100 for a single search, 50 for each of several, and "
        "a twentieth of `max_evaluations` if that is less",
        minimum=2,
        maximum=1_000_000,
    )
    n_generations: int | str = _setting(
        "auto",
        "count",
        BASIC,
        "generations of each search; auto is 30 for a single search, 12 for each of several",
        maximum=1_000_000,
    )
    n_searches: int | str = _setting(
        "auto",
        "count",
        BASIC,
        "searches on subsamples of the rows, whose masks vote; auto is 10 below 300 rows, or "
        "groups of rows (with 10 features or more), otherwise 1, a single search on all rows",
        maximum=10_000,
    )
    max_features: int | None = _setting(None, "count", BASIC, "most features of a mask")
    guide: Any = _setting(
        "auto",
        "guide",
        BASIC,
        "what makes features likelier in the first masks and in guided mutation: auto (a stack of "
        "six rankers), none, a ranker, a list of them, or weights, one a feature",
    )
    algorithm: Any = _setting(
        "generational", "object", SEARCH, "the evolution; `nsga2` evolves score against size"
    )
    initial_fraction: float | str = _setting(
        "auto",
        "share",
        SEARCH,
        "expected share of selected features in the first masks; auto aims at 20 features, at"
        " 10 in each of several searches, at most half of all",
    )
    guide_share: float | str = _setting(
        "auto",
        "probability",
        SEARCH,
        "share of the chance that follows the guide; auto is 0.5, in each of several searches 0.8",
    )
    selection: Any = _setting("tournament", "object", SEARCH, "how parents are chosen")
    tournament_size: int = _setting(
        5, "count", SEARCH, "individuals that compete in a tournament, or in a window"
    )
    crossover: Any = _setting("uniform", "object", SEARCH, "how two masks mix")
    crossover_probability: float = _setting(
        0.75, "probability", SEARCH, "chance of two parents to be mated"
    )
    mutation: Any = _setting("auto", "object", SEARCH, "how a mask changes; auto is filter_guided")
    flip_probability: float | str = _setting(
        "auto",
        "share",
        SEARCH,
        "chance of each selected feature to be dropped (auto is 0.1) or, with bitflip, of "
        "each feature to flip (auto is one expected flip a mask)",
    )
    elite: int = _setting(1, "count", SEARCH, "best masks that survive unchanged", minimum=0)
    n_islands: int = _setting(
        4, "count", SEARCH, "populations side by side, with islands", minimum=2, maximum=10_000
    )
    migrate_every: int = _setting(
        5, "count", SEARCH, "generations between migrations, with islands"
    )
    min_features: int = _setting(1, "count", SEARCH, "fewest features of a mask")
    pinned: Sequence[int | str] = _setting(
        (), "features", SEARCH, "features that are always selected, by name or by position"
    )
    forbidden: Sequence[int | str] = _setting(
        (), "features", SEARCH, "features that are never selected, by name or by position"
    )
    subsample: float = _setting(
        0.8, "share", NOISE, "share of the rows that each of several searches sees"
    )
    consensus_size: int | str = _setting(
        "auto",
        "size",
        NOISE,
        "features that are selected after a vote; auto and one_standard_error ask the rows that "
        "the searches did not see, error_control is stability selection",
    )
    false_selections: float = _setting(
        1.0, "positive", NOISE, "with error_control: features expected to be selected by chance"
    )
    n_draws: int | str = _setting(
        "auto",
        "count",
        NOISE,
        "with a sampler: how often each split is a fold, with generated rows of its own; auto is "
        "5 for a single search below 300 rows, otherwise 1",
        maximum=10_000,
    )
    confirm: int = _setting(
        0,
        "count",
        NOISE,
        "best masks that are scored again on fresh folds, from which the final one is chosen;"
        " 0 takes the mask with the best score",
        minimum=0,
        maximum=1_000_000,
    )
    confirm_repeats: int = _setting(
        3, "count", NOISE, "fresh partitions that each of them is scored on", maximum=10_000
    )
    choice: Any = _setting(
        "one_standard_error",
        "object",
        NOISE,
        "rule of that choice, and of the choice from a front: one_standard_error, "
        "lower_bound, best, knee, or a callable",
    )
    patience: int | None = _setting(
        None, "count", RUNNING, "stop after so many generations without a better mask"
    )
    restart_after: int | None = _setting(
        None,
        "count",
        RUNNING,
        "draw a new population, but for the elite, after so many generations without a better mask",
    )
    max_evaluations: int | None = _setting(
        None,
        "count",
        RUNNING,
        "stop after the generation in which so many different masks were scored",
    )
    max_seconds: float | None = _setting(
        None,
        "positive",
        RUNNING,
        "stop after the generation in which so much time had passed; not repeatable",
    )
    target: float | None = _setting(
        None, "number", RUNNING, "stop when the objective of the best mask reaches it"
    )

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
        self._check_objects(owner)
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

    def on_names(self, names: Sequence[str], *, owner: str) -> "SearchSettings":
        """Return settings in which pinned and forbidden features are given by position.

        Parameters
        ----------
        names : sequence of str
            Of all features, in order. A whole number that is one of them is that feature; where
            most of them are whole numbers, as Entrez identifiers are, every whole number is a name.
        owner : str
            Who asks, for the message.

        Returns
        -------
        SearchSettings

        Raises
        ------
        InputError
            When a feature has no such name; the message has the nearest one.

        Examples
        --------
        >>> settings = SearchSettings(pinned=("TP53", 0), forbidden=("age",))
        >>> settings.on_names(["sex", "age", "TP53"], owner="search").pinned
        (2, 0)
        >>> SearchSettings(pinned=(207,)).on_names(["7157", "207"], owner="search").pinned
        (1,)
        """
        if not self.pinned and not self.forbidden:
            return self
        known, numbered = set(names), 2 * sum(map(str.isdecimal, names)) > len(names)

        def as_named(feature: int | str) -> int | str:
            is_name = numbered or str(feature) in known
            return str(feature) if is_name else feature

        changed: dict[str, Any] = {
            name: feature_positions(
                map(as_named, getattr(self, name)), names, name, where="the dataset", owner=owner
            )
            for name in ("pinned", "forbidden")
        }
        named = replace(self, **changed)
        named._check_bounds(owner)  # a name and a position may be one feature
        return named

    def resolved(self, *, n_rows: int, n_features: int) -> "SearchSettings":
        """Return settings in which "auto" is replaced by what it stands for.

        Parameters
        ----------
        n_rows, n_features : int
            Training rows that do not belong together (groups, where there are any), and features.

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
            "n_draws": _DRAWS if n_rows < FEW_ROWS and not voting else 1,
        }
        if self.max_evaluations is not None:  # twenty generations, so that a stop is near it
            size = max(10, self.max_evaluations // 20)
            automatic["population_size"] = min(int(automatic["population_size"]), size)
        values = {name: getattr(self, name) for name in automatic}
        chosen = {
            name: automatic[name] if value == "auto" else value for name, value in values.items()
        }
        return replace(self, n_searches=n_searches, **chosen)

    def bounds(self, n_features: int) -> VoteBounds:
        """Return what a vote among so many features may select."""
        allowed = n_features - len(set(self.forbidden))
        most = min(self.max_features or allowed, allowed)
        fewest = max(self.min_features, len(set(self.pinned)))
        tried = min(most, max(round(_MOST_SHARE * n_features), _MOST_OF_FEW, fewest))
        pinned, forbidden = (tuple(map(int, part)) for part in (self.pinned, self.forbidden))
        return VoteBounds(fewest, most, tried, pinned, forbidden)

    def on_columns(self, columns: np.ndarray) -> "SearchSettings":
        """Return the settings of a search among some of the features.

        Parameters
        ----------
        columns : numpy.ndarray of int
            Positions of these features, rising.

        Returns
        -------
        SearchSettings
            Pinned and forbidden features, which must be positions (see `on_names`), and weights of
            the user's own, are those that remain.

        Examples
        --------
        >>> SearchSettings(pinned=(7,), forbidden=(1,)).on_columns(np.array([2, 7])).pinned
        (1,)
        """
        indices = {int(column): index for index, column in enumerate(columns)}
        changed: dict[str, Any] = {
            name: tuple(indices[feature] for feature in getattr(self, name) if feature in indices)
            for name in ("pinned", "forbidden")
        }
        if is_weights(self.guide):
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

    def _check_objects(self, owner: str) -> None:
        for name, registry in _REGISTRIES.items():
            value = getattr(self, name)
            if name == "mutation" and isinstance(value, str):
                check_choice(value, name, (*MUTATIONS, "auto"), owner=owner)
            else:
                registry.check(value, name, owner=owner)
        check_guide(self.guide, owner=owner)

    def _check_numbers(self, owner: str) -> None:
        for spec in fields(self):
            value, check = getattr(self, spec.name), _CHECKS.get(spec.metadata["kind"])
            absent = spec.default in ("auto", None) and value == spec.default
            if check is not None and not absent:
                check(value, spec, owner)

    def _check_bounds(self, owner: str) -> None:
        if self.max_features is not None:
            check_count(self.max_features, "max_features", owner=owner, minimum=self.min_features)
        if self.population_size != "auto":
            most = int(self.population_size) - 1
            check_count(self.elite, "elite", owner=owner, minimum=0, maximum=most)
        for name in ("pinned", "forbidden"):
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
                if not isinstance(feature, str):
                    check_count(feature, f"each of {name}", owner=owner, minimum=0)
        both = sorted(set(self.pinned) & set(self.forbidden), key=str)
        if both:
            raise InputError(f"{owner}: a feature is pinned or forbidden, got both for {both[0]}.")

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


def feature_positions(
    features: Iterable[int | str], names: Sequence[str], key: str, *, where: str, owner: str
) -> tuple[int, ...]:
    """Return the positions of features that are given by position or by name."""
    position = {name: index for index, name in enumerate(names)}
    positions = []
    for feature in features:
        if isinstance(feature, str) and feature not in position:
            known = f"the columns of {where}" if names else f"{where}, which has no column names"
            hint = did_you_mean(feature, names) or (names and f"; they are {quoted(names)}.") or "."
            raise InputError(f"{owner}: each of {key} must be in {known}, got {feature!r}{hint}")
        positions.append(position[feature] if isinstance(feature, str) else feature)
    return tuple(positions)


def _check_bounded(value: Any, spec: "Field[Any]", owner: str) -> None:
    check_count(value, spec.name, owner=owner, minimum=spec.metadata["minimum"])
    check_most(value, spec.name, spec.metadata["maximum"], owner=owner)


def _check_share(value: Any, spec: "Field[Any]", owner: str) -> None:
    check_probability(value, spec.name, owner=owner)
    check_positive(value, spec.name, owner=owner)


def _check_size(value: Any, spec: "Field[Any]", owner: str) -> None:
    if value not in SIZE_RULES:
        check_count(value, spec.name, owner=owner)


_CHECKS: dict[str, Callable[[Any, "Field[Any]", str], Any]] = {
    "count": _check_bounded,
    "share": _check_share,
    "probability": lambda value, spec, owner: check_probability(value, spec.name, owner=owner),
    "positive": lambda value, spec, owner: check_positive(value, spec.name, owner=owner),
    "number": lambda value, spec, owner: check_number(value, spec.name, owner=owner),
    "size": _check_size,
}
_REGISTRIES: dict[str, Registry] = {
    "algorithm": ALGORITHMS,
    "selection": SELECTIONS,
    "crossover": CROSSOVERS,
    "mutation": MUTATIONS,
    "choice": RULES,
}
