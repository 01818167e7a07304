"""Types of the keys of a configuration, and the model that all of its sections are."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def plain_number(value: Any) -> Any:
    """Return a value that is no truth value; pydantic does the rest."""
    # YAML reads 1e-3 as text and true as a value that Python counts as 1.
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def as_number(value: Any) -> Any:
    """Return a value as a float, or say that it is none."""
    try:
        return float(plain_number(value))
    except (TypeError, ValueError):
        raise ValueError(f"must be a number, got {value!r}") from None


def _number_or_auto(value: Any) -> Any:
    # One type rather than a union of two, so that an error has one place and one sentence.
    if value == "auto":
        return value
    try:
        return float(plain_number(value))
    except (TypeError, ValueError):
        raise ValueError(f'must be a number or "auto", got {value!r}') from None


def _count_or_auto(value: Any) -> Any:
    if value == "auto":
        return value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f'must be a whole number of at least 1 or "auto", got {value!r}')
    return value


Count = Annotated[int, Field(strict=True, ge=1)]
CountOrAuto = Annotated[Any, BeforeValidator(_count_or_auto)]
Number = Annotated[float, BeforeValidator(plain_number), Field(allow_inf_nan=False)]
Fraction = Annotated[Number, Field(gt=0.0, lt=1.0)]
NumberOrAuto = Annotated[Any, BeforeValidator(_number_or_auto)]


class Section(BaseModel):
    """A section: it never changes, and knows all of its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
