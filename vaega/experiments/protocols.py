"""Protocols: which rows a search may see, and which are read once, after it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from vaega.core.errors import ConfigError
from vaega.core.randomness import derive_seed
from vaega.data._dataset import Dataset
from vaega.data._splits import Split, holdout_split, kfold_splits, official_split
from vaega.experiments.config import ProtocolConfig


@dataclass(frozen=True, eq=False)
class InnerSplits:
    """Inner folds of some of the training rows: stratified, groups kept together."""

    y: np.ndarray  # Class codes of all training rows
    groups: np.ndarray | None  # Rows that belong together
    class_names: Sequence[str]  # For messages
    n_folds: int  # Folds; fewer on a subsample where a class has fewer rows or groups

    def __call__(self, rows: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (fit, validate) pairs of positions within `rows`."""
        n_folds = self.n_folds
        if len(rows) < len(self.y):
            n_folds = max(2, min(n_folds, self._fewest(rows)))
        splits = kfold_splits(
            self.y[rows],
            n_splits=n_folds,
            seed=seed,
            groups=None if self.groups is None else self.groups[rows],
            class_names=self.class_names,
            owner="protocol.inner_folds",
        )
        return [(split.train, split.test) for split in splits]

    def _fewest(self, rows: np.ndarray) -> int:
        members = rows if self.groups is None else self.groups[rows]
        y = self.y[rows]
        return min(len(np.unique(members[y == label])) for label in np.unique(y))


def outer_splits(config: ProtocolConfig, dataset: Dataset, rows: Dataset, seed: int) -> list[Split]:
    """Return the outer splits of a run."""
    if config.outer == "official":
        if dataset.X_test is None:
            raise ConfigError(
                f"protocol.outer: dataset {dataset.name!r} has no official test part; "
                "use holdout or kfold."
            )
        return [official_split(len(dataset.X), len(dataset.X_test))]
    drawn: dict[str, Any] = {
        "seed": derive_seed(seed, "outer splits"),
        "groups": rows.groups,
        "class_names": rows.class_names,
    }
    if config.outer == "holdout":
        size = config.test_size
        return [holdout_split(rows.y, test_size=size, owner="protocol.test_size", **drawn)]
    return kfold_splits(
        rows.y,
        n_splits=config.n_splits,
        n_repeats=config.n_repeats,
        owner="protocol.n_splits",
        **drawn,
    )


class SealedRows:
    """Test rows that can be read once, and say so when somebody tries again."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self._rows: tuple[np.ndarray, np.ndarray] | None = (X, y)

    def open(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and forget them."""
        if self._rows is None:
            raise RuntimeError("test rows were read already; a held-out score is computed once")
        rows, self._rows = self._rows, None
        return rows


@dataclass(frozen=True, eq=False)
class Trial:
    """One outer split: training rows in the open, test rows sealed."""

    X: np.ndarray  # Training rows
    y: np.ndarray  # Their class codes
    split: Callable[[np.ndarray, int], list[tuple[np.ndarray, np.ndarray]]]
    groups: np.ndarray | None  # Training rows that belong together
    test: SealedRows  # The other rows
    seed: int  # Of everything random in this trial, the same for all arms

    @property
    def inner(self) -> list[Split]:
        """Fit and validate rows of a single search, as indices into the training rows."""
        pairs = self.split(np.arange(len(self.y)), derive_seed(self.seed, "inner splits"))
        return [Split(fit, validate) for fit, validate in pairs]


@dataclass(frozen=True)
class HonestProtocol:
    """Fitness on inner folds of the training rows; test rows read once, after the search."""

    config: ProtocolConfig  # The section ``protocol`` of a configuration
    name = "honest"
    fitness_rows = "inner folds of the training rows"
    statement = (
        "Protocol honest: fitness is computed on inner folds of the training rows; "
        "test rows are read once, after the mask is final."
    )

    def trials(self, dataset: Dataset, seed: int) -> Iterator[Trial]:
        """Yield the outer splits of a run, one after the other."""
        rows = dataset.pooled()
        for place, split in enumerate(outer_splits(self.config, dataset, rows, seed)):
            trial_seed = derive_seed(seed, "trial", place)
            X, y = rows.X[split.train], rows.y[split.train]
            groups = None if rows.groups is None else rows.groups[split.train]
            inner = InnerSplits(y, groups, rows.class_names, self.config.inner_folds)
            test = SealedRows(rows.X[split.test], rows.y[split.test])
            trial = Trial(X, y, inner, groups, test, trial_seed)
            trial.inner  # noqa: B018  making the splits says what is wrong with them
            yield trial


@dataclass(frozen=True, eq=False)
class OpenTrial:
    """One outer split of a protocol whose search sees the test rows."""

    X: np.ndarray  # Training rows and test rows
    y: np.ndarray  # Their labels
    X_test: np.ndarray  # Training rows and test rows
    y_test: np.ndarray  # Their labels
    seed: int  # Of everything random in this trial, the same for all arms
    generator_seed: int  # Of the generator, which several runs may share


@dataclass(frozen=True)
class AsDescribedProtocol:
    """The thesis as its text describes it: the fitness of a mask is computed on the test rows.

    Mutation works, no synthetic row is in the test part, and the generator never sees a test row.
    """

    config: ProtocolConfig  # The section ``protocol`` of a configuration
    name = "as-described"
    _generator = ""

    @property
    def fitness_rows(self) -> str:
        """On which rows fitness is computed."""
        return "the test rows"

    @property
    def statement(self) -> str:
        """The line that every output carries."""
        return (
            f"Protocol {self.name}: fitness is computed on {self.fitness_rows}, and the accuracies "
            f"shown are those of the same rows{self._generator}: optimistic, nothing is held out."
        )

    def trials(self, dataset: Dataset, seed: int) -> Iterator[OpenTrial]:
        """Yield the outer splits of a run, one after the other."""
        rows = dataset.pooled()
        for place, split in enumerate(outer_splits(self.config, dataset, rows, seed)):
            trial_seed = derive_seed(seed, "trial", place)
            yield OpenTrial(
                rows.X[split.train],
                rows.y[split.train],
                rows.X[split.test],
                rows.y[split.test],
                trial_seed,
                self._generator_seed(seed, trial_seed),
            )

    def _generator_seed(self, seed: int, trial_seed: int) -> int:
        return derive_seed(trial_seed, "generator")


@dataclass(frozen=True)
class AsRunProtocol(AsDescribedProtocol):
    """The thesis as its public code did it.

    Fitness is computed on the test rows, with `synthetic_test_share` of the synthetic rows among
    them; the generator is stopped on the test rows and drawn around them; mutated masks are
    dropped, see `vaega.experiments.open_search.Breeding`.
    """

    name = "as-run"
    _generator = ", which the generator saw too"

    @property
    def fitness_rows(self) -> str:
        """On which rows fitness is computed."""
        share = self.config.synthetic_test_share
        more = f" and {100 * share:g} % of the synthetic rows" if share else ""
        return f"the test rows{more}"

    def _generator_seed(self, seed: int, trial_seed: int) -> int:
        if self.config.generators is None:
            return super()._generator_seed(seed, trial_seed)
        return derive_seed(seed % self.config.generators, "generator")


class EvaluationProtocol(Protocol):
    """What every protocol offers."""

    @property
    def name(self) -> str:
        """As in a configuration."""

    @property
    def fitness_rows(self) -> str:
        """On which rows fitness is computed."""

    @property
    def statement(self) -> str:
        """The line that every output carries."""

    def trials(self, dataset: Dataset, seed: int) -> Iterator[Trial | OpenTrial]:
        """Yield the outer splits of a run."""


PROTOCOLS: dict[str, Callable[[ProtocolConfig], EvaluationProtocol]] = {
    "honest": HonestProtocol,
    "as-described": AsDescribedProtocol,
    "as-run": AsRunProtocol,
}


def make_protocol(config: ProtocolConfig) -> EvaluationProtocol:
    """Return the protocol that a configuration names."""
    return PROTOCOLS[config.kind](config)


def statement_of(config: Mapping[str, Any]) -> str:
    """Return the line that the outputs of an experiment carry."""
    return make_protocol(ProtocolConfig.model_construct(**config.get("protocol", {}))).statement
