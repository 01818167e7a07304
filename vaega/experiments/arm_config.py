"""The section ``arms``: what is added to the real rows, and what selects the features."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from vaega.experiments.config_types import Count, CountOrAuto, Section
from vaega.experiments.generators import GeneratorError, check_generator
from vaega.selection.classical import ClassicalSelection


class GeneratorConfig(BaseModel):
    """What makes the synthetic rows: a kind, and beside it what its constructor takes."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: Literal[
        "vae",
        "conditional_vae",
        "hierarchical_vae",
        "autoencoder",
        "ppca",
        "class_gaussian",
        "jitter",
        "bootstrap",
        "smote",
        "auto",
    ]

    @model_validator(mode="after")
    def _valid_parameters(self) -> "GeneratorConfig":
        given = self.parameters()
        try:
            check_generator(self.kind, given)
        except GeneratorError as error:
            location, value = ((error.key,), given[error.key]) if error.key else ((), given)
            detail = InitErrorDetails(
                type=PydanticCustomError("value_error", "{error}", {"error": str(error)}),
                loc=location,
                input=value,
            )
            raise ValidationError.from_exception_data("generator", [detail]) from error
        return self

    def parameters(self) -> dict[str, Any]:
        """Return what the file sets; everything else keeps the generator's own default."""
        return dict(self.model_extra or {})

    @property
    def is_auto(self) -> bool:
        """Whether it is one of several, chosen trial by trial."""
        return self.kind == "auto"


class SelectorConfig(Section):
    """A classical selection in place of the search; see `vaega.selection.classical`."""

    kind: Literal[
        "f_classif",
        "mutual_info",
        "relieff",
        "l1",
        "extra_trees",
        "boruta",
        "rfe",
        "forward",
        "random",
        "all",
    ]
    size: Count | str = "auto"
    n_masks: Count | None = None

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

    def selection(self, size: int | None = None) -> ClassicalSelection:
        """Return the selection, of `size` features where another arm says how many."""
        own = self.size if isinstance(self.size, int) else size
        given = {} if self.n_masks is None else {"n_masks": self.n_masks}
        return ClassicalSelection(self.kind, own, **given)


class ArmConfig(Section):
    """One way of fitting: what is added to the real rows, and what selects the features."""

    generator: GeneratorConfig | None = None
    amount: CountOrAuto | None = None
    candidates: tuple[GeneratorConfig, ...] | None = None
    selector: SelectorConfig | None = None

    @property
    def gated(self) -> bool:
        """Whether generator and amount are chosen trial by trial; see `vaega.experiments.gate`."""
        return self.amount == "auto" or (self.generator is not None and self.generator.is_auto)

    @model_validator(mode="after")
    def _generator_and_amount_go_together(self) -> "ArmConfig":
        if (self.generator is None) != (self.amount is None):
            missing = "generator" if self.generator is None else "amount"
            raise ValueError(
                f"an arm has both generator and amount, or neither; {missing} is missing"
            )
        if self.candidates is not None and not self.gated:
            raise ValueError(
                "candidates has no effect without amount: auto or generator: {kind: auto}; "
                "remove it"
            )
        if any(one.is_auto for one in self.candidates or ()):
            raise ValueError("candidates must be generators of other kinds than auto")
        return self

    @model_serializer(mode="wrap")
    def _without_candidates_where_none_are_set(self, serialise: Any) -> dict[str, Any]:
        # A run's identity is what its arm says: a key that says nothing is no part of it.
        content: dict[str, Any] = serialise(self)
        if self.candidates is None:
            content.pop("candidates", None)
        return content
