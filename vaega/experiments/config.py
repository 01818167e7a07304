"""The configuration of an experiment: one YAML file, read here and nowhere else."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_serializer,
    model_validator,
)

from vaega.core.checks import check_count, check_number
from vaega.data.steps import check_steps
from vaega.experiments.arm_config import ArmConfig
from vaega.experiments.classifiers import check_classifier, check_metric
from vaega.experiments.config_types import (
    Count,
    CountOrAuto,
    Fraction,
    Number,
    NumberOrAuto,
    Section,
    as_number,
)
from vaega.experiments.open_search import check_open_search
from vaega.selection.select_generate_select import check_keep
from vaega.selection.settings import SearchSettings

# What one kind of protocol alone reads.
PROTOCOL_KEYS: dict[str, set[str]] = {
    "honest": {"inner_folds"},
    "as-run": {"synthetic_test_share", "exchange_labels", "generators"},
}


class DatasetConfig(Section):
    """Where the rows come from; see `vaega.load_dataset`."""

    source: Annotated[str, Field(min_length=1)]
    target: str | None = None
    groups: str | None = None
    categorical: Literal["error", "one_hot", "drop"] = "error"
    ignore: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _what_is_set(self, serialise: Any) -> dict[str, Any]:
        # Later than the others: runs without it keep their identity.
        content: dict[str, Any] = serialise(self)
        return content if self.ignore else {k: v for k, v in content.items() if k != "ignore"}


class ProtocolConfig(Section):
    """Which rows fitness and test are computed on; see `vaega.experiments.protocols`."""

    kind: Literal["honest", "as-described", "as-run"] = "honest"
    outer: Literal["official", "holdout", "kfold"] = "holdout"
    inner_folds: Annotated[int, Field(strict=True, ge=2)] = 5
    test_size: Fraction = 0.3
    n_splits: Annotated[int, Field(strict=True, ge=2)] = 5
    n_repeats: Count = 1
    synthetic_test_share: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0
    exchange_labels: Annotated[bool, Field(strict=True)] = False
    generators: Count | None = None

    @model_validator(mode="after")
    def _only_what_the_split_reads(self) -> "ProtocolConfig":
        reads = {"holdout": {"test_size"}, "kfold": {"n_splits", "n_repeats"}}
        idle = {"test_size", "n_splits", "n_repeats"} - reads.get(self.outer, set())
        for key in sorted(idle & self.model_fields_set):
            raise ValueError(f"{key} has no effect with outer: {self.outer}; remove it")
        for key in sorted(self._idle() & self.model_fields_set):
            raise ValueError(f"{key} has no effect with kind: {self.kind}; remove it")
        return self

    def _idle(self) -> set[str]:
        return set().union(*(keys for kind, keys in PROTOCOL_KEYS.items() if kind != self.kind))

    @model_serializer(mode="wrap")
    def _what_the_kind_reads(self, serialise: Any) -> dict[str, Any]:
        return {key: value for key, value in serialise(self).items() if key not in self._idle()}


class WeightedConfig(Section):
    """``alpha * metric + (1 - alpha) * (1 - selected / all)``."""

    kind: Literal["weighted"]
    alpha: Annotated[Number, Field(ge=0.0, le=1.0)] = 0.9


class PenaltyConfig(Section):
    """``metric - per_feature * selected``."""

    kind: Literal["penalty"]
    per_feature: Annotated[Number, Field(ge=0.0)] = 0.001


ObjectiveConfig = Annotated[WeightedConfig | PenaltyConfig, Field(discriminator="kind")]


class FitnessConfig(BaseModel):
    """The classifier, with its own parameters beside it, its metric and the objective."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    classifier: str | None = None
    class_: str | None = Field(default=None, alias="class")
    metric: str = "balanced_accuracy"
    engine: Literal["auto", "population", "sklearn"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    objective: ObjectiveConfig = WeightedConfig(kind="weighted")
    parameters: dict[str, Any] = Field(default_factory=dict)

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, metric: str) -> str:
        check_metric(metric)
        return metric

    @model_validator(mode="after")
    def _known_classifier(self) -> "FitnessConfig":
        if (self.classifier is None) == (self.class_ is None):
            raise ValueError("give either classifier, a short name, or class, a dotted path")
        parameters = self.classifier_parameters()
        check_classifier(self.classifier, self.class_, parameters, metric=self.metric)
        return self

    def classifier_parameters(self) -> dict[str, Any]:
        """Return the classifier's own parameters.

        They stand beside the other keys, or under ``parameters`` where their name is taken there:
        the ``metric`` of nearest neighbours, say.
        """
        return {**(self.model_extra or {}), **self.parameters}


class PreselectConfig(Section):
    """A first selection on real rows; the arm's generator is fitted on what it leaves."""

    keep: Any = "auto"
    n_searches: CountOrAuto | None = None
    population_size: CountOrAuto | None = None
    n_generations: CountOrAuto | None = None
    initial_fraction: NumberOrAuto | None = None

    @field_validator("keep")
    @classmethod
    def _valid_keep(cls, keep: Any) -> Any:
        check_keep(keep, owner="preselect")
        return keep

    def settings(self, search: SearchSettings) -> SearchSettings:
        """Return the settings of the first selection: those of the second but for what is set."""
        given = self.model_dump(exclude={"keep"}, exclude_none=True)
        return replace(search, **given)


class SearchConfig(Section):
    """The search; the keys are those of `vaega.selection.settings.SearchSettings`."""

    algorithm: str = "generational"
    population_size: CountOrAuto = "auto"
    n_generations: CountOrAuto = "auto"
    n_searches: CountOrAuto = "auto"
    subsample: Number = 0.8
    consensus_size: Any = "auto"
    false_selections: Number = 1.0
    initial_fraction: NumberOrAuto = "auto"
    guide: Any = "f_classif"
    guide_share: NumberOrAuto = "auto"
    selection: str = "tournament"
    tournament_size: Count = 5
    crossover: str = "uniform"
    crossover_probability: Number = 0.75
    mutation: str = "auto"
    flip_probability: NumberOrAuto = "auto"
    elite: Annotated[int, Field(strict=True, ge=0)] = 1
    n_islands: Annotated[int, Field(strict=True, ge=2)] = 4
    migrate_every: Count = 5
    local_search: Count | None = None
    stages: tuple[tuple[Count, Any], ...] = ()
    min_features: Count = 1
    max_features: Count | None = None
    pinned: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = ()
    forbidden: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = ()
    fresh_folds: Annotated[bool, Field(strict=True)] = False
    racing: Number | None = None
    confirm: Annotated[int, Field(strict=True, ge=0)] = 0
    confirm_repeats: Count = 3
    choice: str = "one_standard_error"
    feedback: Count | None = None
    patience: Count | None = None
    restart_after: Count | None = None
    max_evaluations: Count | None = None
    max_seconds: Annotated[Number, Field(gt=0.0)] | None = None
    target: Number | None = None
    preselect: PreselectConfig | None = None

    @model_validator(mode="after")
    def _valid_settings(self) -> "SearchConfig":
        self.settings().check(owner="search")
        if self.preselect is not None:
            self.preselect.settings(self.settings()).check(owner="search.preselect")
        return self

    def settings(self) -> SearchSettings:
        """Return the settings that the search takes."""
        return SearchSettings(**self.model_dump(exclude={"preselect"}))


class RangeConfig(Section):
    """Values from low to high: whole numbers where both are."""

    low: Any
    high: Any
    log: Annotated[bool, Field(strict=True)] = False
    points: Annotated[int, Field(strict=True, ge=2)] = 3

    @model_validator(mode="after")
    def _is_a_range(self) -> "RangeConfig":
        low, high = self.ends()
        if not low < high:
            raise ValueError(f"low must be below high, got {self.low!r} and {self.high!r}")
        if self.log and low <= 0:
            raise ValueError(f"low must be above 0 where log is true, got {self.low!r}")
        return self

    def ends(self) -> tuple[float, float]:
        """Return low and high, as int where both are whole numbers."""
        low, high = (
            check_number(as_number(v), "an end", owner="it") for v in (self.low, self.high)
        )
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return (int(low), int(high)) if whole else (low, high)


class TuneConfig(Section):
    """What ``vaega tune`` searches; the command's options override all but the space."""

    arm: str | None = None
    trials: Count = 30
    sampler: Literal["tpe", "grid"] = "tpe"
    objective: Literal["elbo", "score"] = "elbo"
    seed: Annotated[int, Field(strict=True, ge=0)] = 0
    space: dict[str, RangeConfig | Annotated[tuple[Any, ...], Field(min_length=1)]] | None = None

    @field_validator("space", mode="before")
    @classmethod
    def _ranges_and_choices(cls, space: Any) -> Any:
        for key, value in space.items() if isinstance(space, dict) else ():
            if not isinstance(value, dict | list | tuple | RangeConfig):
                raise ValueError(f"{key} must be a list of values, or low and high, got {value!r}")
        return space


class ExperimentConfig(Section):
    """One experiment: a dataset, a protocol, arms that share splits and seeds."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
    description: str = ""
    dataset: DatasetConfig
    preprocess: tuple[Any, ...] = ()
    protocol: ProtocolConfig = ProtocolConfig()
    arms: Annotated[dict[str, ArmConfig], Field(min_length=1)] = Field(
        default_factory=lambda: {"original": ArmConfig()}
    )
    fitness: FitnessConfig
    search: SearchConfig = SearchConfig()
    seeds: Any = 10
    null: Count | None = None
    # Says nothing about a run, so that it is no part of a run's identity.
    tune: Annotated[TuneConfig, Field(exclude=True)] = TuneConfig()

    @model_validator(mode="before")
    @classmethod
    def _null_is_a_word(cls, content: Any) -> Any:
        # YAML reads the key null as nothing at all.
        if isinstance(content, dict) and None in content:
            return {"null" if key is None else key: value for key, value in content.items()}
        return content

    @field_validator("preprocess")
    @classmethod
    def _valid_steps(cls, steps: tuple[Any, ...]) -> tuple[Any, ...]:
        check_steps(list(steps), owner="preprocess")
        return steps

    @field_validator("arms")
    @classmethod
    def _plain_arm_names(cls, arms: dict[str, ArmConfig]) -> dict[str, ArmConfig]:
        for name in arms:
            if not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
                raise ValueError(f"an arm's name has letters, digits, - and _ alone, got {name!r}")
        return arms

    @model_validator(mode="after")
    def _sizes_of_arms_that_search(self) -> "ExperimentConfig":
        for name, arm in self.arms.items():
            if arm.gated and self.protocol.kind != "honest":
                raise ValueError(f"arms.{name}: auto needs protocol.kind honest")
            if arm.selector is None:
                continue
            if self.protocol.kind != "honest":
                raise ValueError(f"arms.{name}: a selector needs protocol.kind honest")
            other = arm.selector.size_of
            if other is not None and (other not in self.arms or other == name):
                arms = [arm for arm in self.arms if arm != name]
                raise ValueError(
                    f"arms.{name}.selector.size must be auto, a number, or another arm "
                    f"({', '.join(arms) or 'there is none'}), got {other!r}"
                )
            if other is not None and (theirs := self.arms[other].selector) and theirs.size_of:
                raise ValueError(
                    f"arms.{name}.selector.size: {other} takes its size of an arm itself"
                )
        return self

    @field_validator("seeds")
    @classmethod
    def _valid_seeds(cls, seeds: Any) -> int | tuple[int, ...]:
        if not isinstance(seeds, list | tuple):
            return check_count(seeds, "their number", owner="seeds", maximum=100_000)
        if not seeds:
            raise ValueError("a list of seeds must hold at least 1, got []")
        for seed in seeds:
            check_count(seed, "each", owner="seeds", minimum=0)
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must differ from each other, got {list(seeds)}")
        return tuple(seeds)

    @model_validator(mode="after")
    def _search_of_an_open_protocol(self) -> "ExperimentConfig":
        if self.protocol.kind != "honest":
            check_open_search(self.protocol.kind, self.search)
            if self.null is not None:
                raise ValueError("null: needs protocol.kind honest; remove it")
        return self

    @model_serializer(mode="wrap")
    def _without_null_where_none_is_set(self, serialise: Any) -> dict[str, Any]:
        content: dict[str, Any] = serialise(self)
        if self.null is None:
            content.pop("null", None)
        return content

    def seed_list(self) -> list[int]:
        """Return the seeds, one a run; a number n means 0 to n - 1."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    def run_list(self) -> list[tuple[str, int, int | None]]:
        """Return arm, seed and permutation of every run; None where labels are not permuted.

        Permutations come last, and take the seeds in turn.
        """
        seeds = self.seed_list()
        permuted = [(place, seeds[place % len(seeds)]) for place in range(self.null or 0)]
        return [
            *((arm, seed, None) for arm in self.arms for seed in seeds),
            *((arm, seed, place) for arm in self.arms for place, seed in permuted),
        ]
