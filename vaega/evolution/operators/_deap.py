"""What DEAP expects of an operator: that it knows its keywords and takes any mutable sequence.

`deap_operator` frames the operators of this package. A keyword of DEAP's, ``indpb`` say, goes on by
the name that the operator has for it; what is no list, array or the like of genes is refused, and
so is what is no generator of NumPy.
"""

from collections.abc import Callable, Mapping, MutableSequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from vaega.core.errors import InputError

Operator = TypeVar("Operator", bound=Callable[..., Any])


def deap_operator(n_individuals: int, **aliases: str) -> Callable[[Operator], Operator]:
    """Make the frame of an operator whose first arguments are individuals that it changes.

    `aliases` are the operator's keywords by DEAP's names of them.
    """

    def frame(operator: Operator) -> Operator:
        @wraps(operator)
        def framed(*args: Any, **kwargs: Any) -> Any:
            for individual in args[:n_individuals]:
                _check_individual(individual, owner=operator.__name__)
            if not aliases.keys().isdisjoint(kwargs):
                kwargs = resolve_aliases(framed, kwargs)
            if "rng" in kwargs and not isinstance(kwargs["rng"], np.random.Generator):
                rule = "must be a generator, numpy.random.default_rng(seed)"
                raise InputError.of(operator.__name__, "rng", rule, kwargs["rng"])
            return operator(*args, **kwargs)

        framed.aliases = aliases  # type: ignore[attr-defined]
        return framed  # type: ignore[return-value]

    return frame


def resolve_aliases(operator: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords of an operator by the names that it has for them, not by DEAP's."""
    aliases, resolved = getattr(operator, "aliases", {}), dict(keywords)
    for alias in aliases.keys() & resolved.keys():
        if aliases[alias] in resolved:
            raise InputError(
                f"{operator.__name__}: {alias} is DEAP's name of {aliases[alias]}; give one of "
                "them."
            )
        resolved[aliases[alias]] = resolved.pop(alias)
    return resolved


def _check_individual(individual: Any, *, owner: str) -> None:
    if isinstance(individual, np.ndarray):
        if individual.ndim != 1:
            raise InputError(
                f"{owner}: individual must be one mask, got an array of shape {individual.shape}."
            )
    elif not isinstance(individual, list | MutableSequence):  # most are lists: the quick way
        raise InputError(
            f"{owner}: individual must be a list, an array.array or a numpy array of genes, which "
            f"can be changed in place, got a {type(individual).__name__}."
        )
