"""Configurations: one YAML file is one experiment.

The sections are frozen pydantic models that know all of their keys; `load_config` reads a file,
and says in one sentence what is wrong with it: the file, the key, the rule and the value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from vaega.core.checks import check_count, check_most, check_number
from vaega.core.errors import ConfigError, InputError
from vaega.core.files import is_too_long, path_beside, plain
from vaega.core.yaml import MOST_DEPTH, parse_yaml, read_yaml
from vaega.data._columns import Progress, silent
from vaega.data._dataset import Dataset
from vaega.data._sources import load_dataset
from vaega.data._steps import check_steps
from vaega.experiments.controls import arms_by_a_word, check_regulariser
from vaega.experiments.intervals import LEAVING_OUT
from vaega.experiments.old_names import OF_ARM, OF_EXPERIMENT, OF_PROTOCOL, with_new_names
from vaega.experiments.protocols import PROTOCOLS, make_protocol
from vaega.experiments.registry import (
    KINDS,
    check_classifier,
    check_generator,
    check_generator_class,
    check_metric,
    classifier_of,
    key_hint,
)
from vaega.experiments.runs import FROZEN
from vaega.selection._settings import SearchSettings


def plain_number(value: Any) -> Any:
    """Return a value that is no truth value; pydantic does the rest."""
    # YAML reads 1e-3 as text and true as a value that Python counts as 1.
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def as_number(value: Any, rule: str = "a number") -> Any:
    """Return a value as a float, or say that it is none."""
    try:
        return float(plain_number(value))
    except (TypeError, ValueError):
        raise ValueError(f"must be {rule}, got {value!r}") from None


def _number_or_auto(value: Any) -> Any:
    # One type rather than a union of two, so that an error has one location and one sentence.
    return value if value == "auto" else as_number(value, 'a number or "auto"')


def _count_or_auto(value: Any) -> Any:
    if value == "auto":
        return value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f'must be a whole number of at least 1 or "auto", got {value!r}')
    if value > _MOST_ROWS:
        raise ValueError(f"must be at most {_MOST_ROWS}, got {value!r}")
    return value


def _count_or_name(value: Any) -> Any:
    return value if isinstance(value, str) else _count_or_auto(value)


def _name_or_position(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    # YAML reads the name NO as false.
    raise ValueError(
        "must be a feature's name, in quotes where YAML would read something else, or its "
        f"position, got {value!r}"
    )


# What no experiment comes near: lists as long are made of these numbers.
_MOST_COUNT, _MOST_ROWS, _MOST_RUNS = 1_000_000, 10_000_000, 200_000
Count = Annotated[int, Field(strict=True, ge=1, le=_MOST_COUNT)]
FoldCount = Annotated[int, Field(strict=True, ge=2, le=_MOST_COUNT)]
CountOrAuto = Annotated[Any, BeforeValidator(_count_or_auto)]
CountOrName = Annotated[Any, BeforeValidator(_count_or_name)]
Number = Annotated[float, BeforeValidator(plain_number), Field(allow_inf_nan=False)]
Fraction = Annotated[Number, Field(gt=0.0, lt=1.0)]
NumberOrAuto = Annotated[Any, BeforeValidator(_number_or_auto)]


def _known(kind: Any, kinds: Iterable[str]) -> Any:
    if kind not in kinds:
        raise ValueError(f"must be one of {', '.join(kinds)}, got {kind!r}")
    return kind


class Section(BaseModel):
    """A section: it never changes, and knows all of its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GeneratorConfig(BaseModel):
    """What makes the synthetic rows.

    A kind, and beside it what its constructor takes; or a class, and under ``params`` the same.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    kind: str | None = None
    class_: str | None = Field(default=None, alias="class")
    params: dict[str, Any] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str | None) -> str | None:
        return None if kind is None else _known(kind, KINDS)

    @model_validator(mode="after")
    def _valid_parameters(self) -> "GeneratorConfig":
        if (self.kind is None) == (self.class_ is None):
            raise ValueError("needs the key kind, or class: package.Name with params: {...}")
        content = {**(self.model_extra or {}), **({"params": self.params} if self.params else {})}
        try:
            if self.class_ is not None:
                for key in self.model_extra or {}:
                    raise InputError("is no known key beside class; set it in params", key=key)
                check_generator_class(self.class_, self.params)
            else:
                check_generator(str(self.kind), content)
        except InputError as error:
            known = {**content, "class": self.class_}
            location, value = ((error.key,), known.get(error.key)) if error.key else ((), content)
            detail = InitErrorDetails(
                type=PydanticCustomError("value_error", "{error}", {"error": str(error)}),
                loc=location,
                input=value,
            )
            raise ValidationError.from_exception_data("generator", [detail]) from error
        return self

    @model_serializer(mode="wrap")
    def _either_kind_or_class(self, serialise: Any) -> dict[str, Any]:
        idle = {"class", "class_", "params"} if self.class_ is None else {"kind"}
        return {key: value for key, value in serialise(self).items() if key not in idle}

    @property
    def name(self) -> str:
        """The kind, or the path of the class."""
        return self.kind or str(self.class_)

    def parameters(self) -> dict[str, Any]:
        """Return what the file sets; everything else keeps the generator's own default."""
        return dict(self.params if self.class_ is not None else self.model_extra or {})

    @property
    def is_auto(self) -> bool:
        """Whether it is one of several, chosen trial by trial."""
        return self.kind == "auto"


class SelectorConfig(Section):
    """A classical selection in place of the search."""

    kind: str
    size: CountOrName = "auto"
    n_masks: Count | None = None

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        from vaega.selection._classical import KINDS  # pulls in what most configurations do not use

        return _known(kind, KINDS)

    @model_validator(mode="after")
    def _only_what_the_kind_reads(self) -> "SelectorConfig":
        if self.kind == "all" and self.size != "auto":
            raise ValueError(f"size has no effect with kind: all, got {self.size!r}; remove it")
        if self.kind != "random" and self.n_masks is not None:
            raise ValueError(f"n_masks has no effect with kind: {self.kind}; remove it")
        return self

    @property
    def size_of(self) -> str | None:
        """The arm whose size it takes, seed by seed and trial by trial."""
        return self.size if isinstance(self.size, str) and self.size != "auto" else None


class ArmConfig(Section):
    """One way of fitting: what is added to the real rows, and what selects the features."""

    generator: GeneratorConfig | None = None
    n_synthetic: CountOrAuto | None = None
    candidates: tuple[GeneratorConfig, ...] | None = None
    selector: SelectorConfig | None = None
    regularised: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="before")
    @classmethod
    def _names_of_now(cls, content: Any) -> Any:
        return with_new_names(content, OF_ARM)

    @property
    def gated(self) -> bool:
        """Whether the generator, or how many rows it adds, is chosen trial by trial."""
        return self.n_synthetic == "auto" or (self.generator is not None and self.generator.is_auto)

    @model_validator(mode="after")
    def _generator_and_number_go_together(self) -> "ArmConfig":
        if (self.generator is None) != (self.n_synthetic is None):
            missing = "generator" if self.generator is None else "n_synthetic"
            raise ValueError(
                f"an arm has both generator and n_synthetic, or neither; {missing} is missing"
            )
        if self.regularised and (self.generator is not None or self.selector is not None):
            raise ValueError("regularised has no generator and no selector beside it")
        if self.candidates is not None and not self.gated:
            raise ValueError(
                "candidates has no effect without n_synthetic: auto or generator: {kind: auto}; "
                "remove it"
            )
        if any(one.is_auto for one in self.candidates or ()):
            raise ValueError("candidates must be generators of other kinds than auto")
        return self

    def settings(self) -> dict[str, Any]:
        """Return what the file sets, as plain data."""
        content: dict[str, Any] = plain(self.model_dump(by_alias=True, exclude_unset=True))
        return content


def _column_name(value: Any) -> Any:
    # A heading of digits is a number to YAML.
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole else value


ColumnName = Annotated[str, BeforeValidator(_column_name)]


class LabelsConfig(Section):
    """The file with the classes, where the measurements have one of their own."""

    file: Annotated[str, Field(min_length=1)]
    column: ColumnName | None = None
    id: ColumnName | None = None


class DatasetConfig(Section):
    """Where the rows come from; see `vaega.load_dataset`."""

    source: Annotated[str, Field(min_length=1)]
    target: ColumnName | None = None
    groups: ColumnName | None = None
    categorical: Literal["error", "one_hot", "drop"] = "error"
    ignore: tuple[ColumnName, ...] = ()
    below_limit: Literal["error", "missing", "half"] = "error"
    transpose: Annotated[bool, Field(strict=True)] | None = None
    labels: LabelsConfig | None = None
    sheet: str | None = None

    @field_validator("labels", mode="before")
    @classmethod
    def _path_or_section(cls, labels: Any) -> Any:
        return {"file": labels} if isinstance(labels, str) else labels

    def load(self, *, beside: Path, progress: Progress = silent) -> Dataset:
        """Load the data; a relative path may be one from the folder `beside`."""
        labels = None if self.labels is None else self.labels.model_dump()
        if labels is not None:
            labels["file"] = self._found("labels.file", labels["file"], beside)
        return load_dataset(
            self._found("source", self.source, beside),
            target=self.target,
            groups=self.groups,
            categorical=self.categorical,
            below_limit=self.below_limit,
            ignore=self.ignore,
            transpose=self.transpose,
            labels=labels,
            sheet=self.sheet,
            progress=progress,
        )

    @staticmethod
    def _found(key: str, path: str, beside: Path) -> str:
        if is_too_long(path):
            raise ConfigError(f"dataset.{key}: {path[:40]}... is too long for a name or a path.")
        return path_beside(path, beside)


class ProtocolConfig(Section):
    """Which rows fitness and test are computed on; see `vaega.experiments.protocols`."""

    kind: str = "honest"
    outer: Literal["official", "holdout", "kfold", "leave-one-out", "leave-one-group-out"] = (
        "holdout"
    )
    inner_folds: FoldCount = 5
    test_size: Fraction = 0.3
    n_splits: FoldCount = 5
    n_repeats: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1
    final: Annotated[bool, Field(strict=True)] = True
    final_rows: Literal["both", "augmented", "real"] = "both"
    synthetic_test_share: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0
    exchange_labels: Annotated[bool, Field(strict=True)] = False
    generators: Count | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_of_now(cls, content: Any) -> Any:
        if isinstance(content, Mapping) and content.get("final") in ("both", "augmented", "real"):
            return with_new_names(content, OF_PROTOCOL)
        return content

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        return _known(kind, PROTOCOLS)

    @model_validator(mode="after")
    def _only_what_the_split_reads(self) -> "ProtocolConfig":
        reads = {"holdout": {"test_size"}, "kfold": {"n_splits", "n_repeats"}}
        idle = {"test_size", "n_splits", "n_repeats"} - reads.get(self.outer, set())
        for key in sorted(idle & self.model_fields_set):
            raise ValueError(f"{key} has no effect with outer: {self.outer}; remove it")
        for key in sorted(self.idle_keys() & self.model_fields_set):
            raise ValueError(f"{key} has no effect with kind: {self.kind}; remove it")
        if self.outer in LEAVING_OUT and self.is_transductive:
            raise ValueError(f"outer: {self.outer} needs kind: honest, got kind: {self.kind}")
        return self

    def idle_keys(self) -> set[str]:
        """Return the keys that other kinds read, and this one does not."""
        shared = {"kind", "outer", "test_size", "n_splits", "n_repeats"}
        return set(type(self).model_fields) - shared - PROTOCOLS[self.kind].keys

    @property
    def has_final_runs(self) -> bool:
        """Whether each arm runs on all rows too, once."""
        return self.final and "final" not in self.idle_keys()

    @property
    def is_transductive(self) -> bool:
        """Whether the search sees the test rows."""
        return bool(PROTOCOLS[self.kind].is_transductive)

    @model_serializer(mode="wrap")
    def _what_the_kind_reads(self, serialise: Any) -> dict[str, Any]:
        return {key: value for key, value in serialise(self).items() if key not in self.idle_keys()}


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
        from vaega.selection._voting import check_keep  # as above

        check_keep(keep, owner="preselect")
        return keep

    def settings(self, search: SearchSettings) -> SearchSettings:
        """Return the settings of the first selection: those of the second but for what is set."""
        given = self.model_dump(exclude={"keep"}, exclude_none=True)
        return replace(search, **given)


def _search_type(spec: Any) -> Any:
    """Return the type of a key of the section search, from the kind of its setting."""
    kind, automatic = spec.metadata["kind"], spec.default == "auto"
    if kind == "count":
        annotation: Any = Annotated[int, Field(strict=True, ge=spec.metadata["minimum"])]
        annotation = CountOrAuto if automatic else annotation
    elif kind in ("share", "probability", "positive", "number"):
        annotation = NumberOrAuto if automatic else Number
    elif kind == "features":
        annotation = tuple[Annotated[Any, BeforeValidator(_name_or_position)], ...]
    else:
        annotation = Any
    return annotation | None if spec.default is None else annotation


_KEYS: dict[str, Any] = {
    spec.name: (_search_type(spec), spec.default) for spec in fields(SearchSettings)
}


# Where a key that is no more was compared with doing without it.
_COMPARED_IN = dict.fromkeys(("fresh_folds", "racing"), "noise_removed.md")
_COMPARED_IN |= {"feedback": "joint.md"} | dict.fromkeys(
    ("local_search", "stages"), "algorithms.md"
)


class SearchConfig(create_model("SearchKeys", __base__=Section, **_KEYS)):  # type: ignore[misc]
    """The search; the keys are the fields of `vaega.selection.SearchSettings`."""

    preselect: PreselectConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_removed(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        removed = FROZEN["search"].keys() - cls.model_fields.keys()  # which earlier results hold
        for key in sorted(removed & content.keys()):
            if content[key] != FROZEN["search"][key]:
                raise ValueError(
                    f"{key} was removed, it made no result better "
                    f"(results/benchmarks/{_COMPARED_IN[key]}), got {content[key]!r}"
                )
        return {key: value for key, value in content.items() if key not in removed}

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
    points: Annotated[int, Field(strict=True, ge=2, le=10_000)] = 3

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
            check_number(as_number(v), "an end", owner="tune") for v in (self.low, self.high)
        )
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return (int(low), int(high)) if whole else (low, high)


def _range_or_choices(value: Any) -> Any:
    # One type rather than a union of two, as above.
    if isinstance(value, RangeConfig):
        return value
    if isinstance(value, dict):
        return RangeConfig.model_validate(value)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"must be a list of values, or low and high, got {value!r}")
    return tuple(value)


RangeOrChoices = Annotated[Any, BeforeValidator(_range_or_choices)]


class TuneConfig(Section):
    """What ``vaega tune`` searches; the command's options override all but the space."""

    arm: str | None = None
    trials: Count = 30
    sampler: Literal["tpe", "grid"] = "tpe"
    objective: Literal["elbo", "score"] = "elbo"
    seed: Annotated[int, Field(strict=True, ge=0)] = 0
    space: dict[str, RangeOrChoices] | None = None


class PermutationsConfig(Section):
    """How often rows get each other's labels; a number alone is the first key."""

    number: Count
    # The first so many seeds run each permutation; their mean is compared with that of the same
    # seeds with the labels as given.
    seeds: Count = 3


class PlannedRun(NamedTuple):
    """What sets a run apart from the others of its experiment."""

    arm: str
    seed: int
    permutation: int | None = None  # Of the labels
    final: bool = False  # Whether it is on all rows, and has no score of its own


class _Runs(Section):
    """What says which runs there are, of an experiment that is looked at whole or not."""

    if TYPE_CHECKING:
        protocol: ProtocolConfig
        arms: Mapping[str, Any]
        seeds: Any
        permutations: PermutationsConfig | None

    @model_validator(mode="before")
    @classmethod
    def _words_are_written_out(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        # YAML reads the key null, the old name of permutations, as nothing at all.
        content = {"null" if key is None else key: value for key, value in content.items()}
        content = with_new_names(content, OF_EXPERIMENT)
        if isinstance(content.get("arms"), dict):
            arms = {name: with_new_names(arm, OF_ARM) for name, arm in content["arms"].items()}
            content["arms"] = arms_by_a_word(arms)
        return content

    @field_validator("permutations", mode="before", check_fields=False)
    @classmethod
    def _number_alone(cls, permutations: Any) -> Any:
        if permutations is None or isinstance(permutations, PermutationsConfig):
            return permutations
        if permutations == 0 and not isinstance(permutations, bool):
            return None
        if isinstance(permutations, Mapping):
            return with_new_names(permutations, {"permutations": "number"})
        number = check_count(permutations, "it", owner="permutations")
        check_most(number, "it", _MOST_COUNT, owner="permutations")
        return {"number": number}

    @field_validator("seeds", check_fields=False)
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
    def _as_many_runs_as_are_listed(self) -> "_Runs":
        n_seeds = self.seeds if isinstance(self.seeds, int) else len(self.seeds)
        permuted = self.permutations
        n_permuted = 0 if permuted is None else permuted.number * min(permuted.seeds, n_seeds)
        n_runs = len(self.arms) * (n_seeds + n_permuted)
        if n_runs > _MOST_RUNS:
            raise ValueError(
                f"arms, seeds and permutations must make at most {_MOST_RUNS} runs, got {n_runs}"
            )
        return self

    def seed_list(self) -> list[int]:
        """Return the seeds, one a run; a number n means 0 to n - 1."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    def run_list(self) -> list[PlannedRun]:
        """Return every run: arms in order, seeds in order.

        Permutations come behind them, each with the same seeds; last the final run of each arm.
        """
        seeds = self.seed_list()
        permuted: list[tuple[int, int]] = []
        if self.permutations is not None:
            numbers = range(self.permutations.number)
            permuted = list(product(numbers, seeds[: self.permutations.seeds]))
        final_arms = list(self.arms) if self.protocol.has_final_runs else []
        return [
            *(PlannedRun(arm, seed) for arm in self.arms for seed in seeds),
            *(PlannedRun(arm, seed, number) for arm in self.arms for number, seed in permuted),
            *(PlannedRun(arm, seeds[0], final=True) for arm in final_arms),
        ]


ExperimentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class ScoredBy(BaseModel):
    """Of the section ``fitness`` what its scores are of."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    metric: str = FitnessConfig.model_fields["metric"].default


class PlannedRuns(_Runs):
    """The runs of an experiment; nothing that its other sections name is imported."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: ExperimentName
    protocol: ProtocolConfig = ProtocolConfig()
    arms: Annotated[dict[str, Any], Field(min_length=1)] = Field(
        default_factory=lambda: {"original": {}}
    )
    fitness: ScoredBy = ScoredBy()
    seeds: Any = 10
    permutations: PermutationsConfig | None = None


class ExperimentConfig(_Runs):
    """One experiment: a dataset, a protocol, arms that share splits and seeds."""

    name: ExperimentName
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
    permutations: PermutationsConfig | None = None
    # Says nothing about a run, so that it is no part of a run's identity.
    tune: Annotated[TuneConfig, Field(exclude=True)] = TuneConfig()

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
            if arm.gated and self.protocol.is_transductive:
                raise ValueError(f"arms.{name}: auto needs protocol.kind honest")
            if arm.selector is None:
                continue
            if self.protocol.is_transductive:
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

    @model_validator(mode="after")
    def _what_the_protocol_allows(self) -> "ExperimentConfig":
        for name, arm in self.arms.items():
            if arm.regularised and self.protocol.is_transductive:
                raise ValueError(f"arms.{name}: regularised needs protocol.kind honest")
            if arm.regularised:
                check_regulariser(classifier_of(self.fitness))
        PROTOCOLS[self.protocol.kind].check_search(self.search)
        if self.permutations is not None and self.protocol.is_transductive:
            raise ValueError("permutations: needs protocol.kind honest; remove it")
        return self

    def on_features(self, names: Sequence[str]) -> "ExperimentConfig":
        """Return the configuration for data with these features: those it names have positions."""
        settings = self.search.settings().on_names(names, owner="search")
        found = {"pinned": tuple(settings.pinned), "forbidden": tuple(settings.forbidden)}
        return self.model_copy(update={"search": self.search.model_copy(update=found)})


def load_config(path: Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read a configuration file.

    Parameters
    ----------
    path : pathlib.Path
        YAML; loaded safely, no key may come twice.
    overrides : sequence of str
        Keys that replace those of the file: ``"search.n_generations=5"``.

    Returns
    -------
    ExperimentConfig

    Raises
    ------
    ConfigError
        One sentence: the file, the key, the rule, the value.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> text = "{name: wine, dataset: {source: 'sklearn:wine'}, fitness: {classifier: knn}}"
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "wine.yaml"
    ...     _ = path.write_text(text)
    ...     load_config(path, ["search.n_generations=5"]).search.n_generations
    5
    """
    return make_config(read_content(path, overrides), origin=str(path))


def read_content(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return the sections of a configuration file as they stand there, not checked."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}: must hold keys such as name, dataset and fitness, got {_short(content)}."
        )
    for override in overrides:
        _apply(content, override)
    return content


def read_planned_runs(path: Path) -> PlannedRuns:
    """Read which runs a configuration file has; what else it says is not looked at."""
    try:
        return PlannedRuns.model_validate(read_content(path))
    except ValidationError as error:
        raise _refusal(error, str(path)) from error


def statement_of(content: Mapping[str, Any]) -> str:
    """Return the line on the protocol that the outputs of an experiment carry."""
    return make_protocol(ProtocolConfig.model_construct(**content.get("protocol", {}))).statement


def make_config(content: dict[str, Any], *, origin: str = "configuration") -> ExperimentConfig:
    """Check the content of a configuration file.

    Parameters
    ----------
    content : dict
        Its sections, as they stand in the file.
    origin : str, default="configuration"
        What error messages begin with.

    Returns
    -------
    ExperimentConfig

    Raises
    ------
    ConfigError
        One sentence: the origin, the key, the rule, the value.

    Examples
    --------
    >>> config = make_config({
    ...     "name": "wine",
    ...     "dataset": {"source": "sklearn:wine"},
    ...     "fitness": {"classifier": "knn"},
    ... })
    >>> config.protocol.kind, config.fitness.metric
    ('honest', 'balanced_accuracy')
    """
    try:
        return ExperimentConfig.model_validate(content)
    except ValidationError as error:
        raise _refusal(error, origin) from error


def make_dataset_section(content: Mapping[str, Any], *, origin: str) -> DatasetConfig:
    """Check the content of a section ``dataset`` alone; a fault is an error as `make_config`'s."""
    try:
        return DatasetConfig.model_validate(content)
    except ValidationError as error:
        raise _refusal(error, origin) from error


def _refusal(error: ValidationError, origin: str) -> ConfigError:
    faults = tuple(f"{origin}: {sentence}" for sentence in _sentences(error))
    rest = "" if len(faults) == 1 else f" ({len(faults) - 1} more to mend: vaega check)"
    refusal = ConfigError(f"{faults[0]}{rest}")
    refusal.faults = faults
    return refusal


def _apply(content: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    keys = path.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(f"--set {override}: must have the form key=value, e.g. search.elite=2.")
    if len(keys) > MOST_DEPTH:
        raise ConfigError(f"--set {override[:40]}...: must name a key, got {len(keys)} levels.")
    value = parse_yaml(text, origin=f"--set {override[:80]}", what="the value is")
    section = content
    for depth, key in enumerate(keys[:-1], start=1):
        inner = section.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(
                f"--set {override}: {'.'.join(keys[:depth])} is {_short(inner)} and has no keys."
            )
        section = inner
    section[keys[-1]] = value


def _sentences(error: ValidationError) -> list[str]:
    # A key that is there and wrong explains one that is missing more often than the other way.
    details = sorted(
        error.errors(include_url=False), key=lambda detail: detail["type"] == "missing"
    )
    return list(dict.fromkeys(map(_sentence, details)))


def _sentence(detail: ErrorDetails) -> str:
    where, rule = _key(detail["loc"]), _rule(detail)
    stop = "" if rule.endswith("?") else "."
    # Checks that other callers share name their owner, which is the key again.
    rule = rule.removeprefix(f"{where.split('.')[0]}: ")
    return f"{where}: {rule}{stop}" if where else f"{rule}{stop}"


def _key(location: Sequence[Any]) -> str:
    # Behind an objective stands the kind that was chosen, which is no key of the file.
    parts = [str(part) for part in location]
    return ".".join(
        part
        for index, part in enumerate(parts)
        if index == 0 or parts[index - 1] != "objective" or part not in _KINDS
    )


_KINDS = ("weighted", "penalty")


_RULES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda detail: "is missing",
    "extra_forbidden": lambda detail: f"is no known key{_did_you_mean(detail['loc'])}",
    "value_error": lambda detail: str(detail["ctx"]["error"]).rstrip("."),
    "union_tag_not_found": lambda detail: f"needs the key kind, got {_short(detail['input'])}",
    "union_tag_invalid": lambda detail: (
        f"kind must be one of {detail['ctx']['expected_tags']}, got {detail['ctx']['tag']!r}"
    ),
    "model_type": lambda detail: f"must hold keys, got {_short(detail['input'])}",
    "model_attributes_type": lambda detail: f"must hold keys, got {_short(detail['input'])}",
    "dict_type": lambda detail: f"must hold keys, got {_short(detail['input'])}",
    "too_short": lambda detail: f"must hold at least 1 item, got {_short(detail['input'])}",
    "string_too_short": lambda detail: "must hold at least 1 character, got ''",
    "tuple_type": lambda detail: f"must be a list, got {_short(detail['input'])}",
    "string_pattern_mismatch": lambda detail: (
        "must begin with a letter or digit and hold letters, digits, _ . - alone, "
        f"got {_short(detail['input'])}"
    ),
}


def _rule(detail: ErrorDetails) -> str:
    if detail["type"] in _RULES:
        return _RULES[detail["type"]](detail)
    rule = detail["msg"].removeprefix("Input ").removeprefix("should ").strip()
    return f"must {rule}, got {_short(detail['input'])}"


def _did_you_mean(location: Sequence[Any]) -> str:
    fields: dict[str, Any] = dict(ExperimentConfig.model_fields)
    for part in location[:-1]:
        annotation = getattr(fields.get(str(part)), "annotation", None)
        sections = (a for a in (annotation, *get_args(annotation)) if hasattr(a, "model_fields"))
        fields = dict(getattr(next(sections, None), "model_fields", {}))
    return key_hint(location[-1], fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
