"""What DEAP expects of an operator: that it knows its keywords and takes any mutable sequence.

`deap_operator` frames the operators of this package. A keyword of DEAP's, ``indpb`` say, goes on by
the name that the operator has for it; what is no list, array or the like of genes is refused.
"""

from array import array
from collections.abc import Callable, MutableSequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from vaega.core.errors import InputError

Operator = TypeVar("Operator", bound=Callable[..., Any])


def deap_operator(n_individuals: int, **own_names: str) -> Callable[[Operator], Operator]:
    """Make the frame of an operator whose first arguments are individuals that it changes.

    `own_names` are the operator's keywords by those of DEAP.
    """

    def frame(operator: Operator) -> Operator:
        owner = operator.__name__

        @wraps(operator)
        def framed(*args: Any, **kwargs: Any) -> Any:
            for individual in args[:n_individuals]:
                _check_individual(individual, owner=owner)
            for name in own_names.keys() & kwargs.keys():
                _rename(kwargs, name, own_names[name], owner=owner)
            return operator(*args, **kwargs)

        framed.own_names = own_names  # type: ignore[attr-defined]
        return framed  # type: ignore[return-value]

    return frame


def keywords_by_own_name(operator: Callable[..., Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Return keywords that a toolbox has bound to an operator by the operator's own names."""
    own_names, renamed = getattr(operator, "own_names", {}), dict(keywords)
    for name in own_names.keys() & renamed.keys():
        _rename(renamed, name, own_names[name], owner=operator.__name__)
    return renamed


def _rename(keywords: dict[str, Any], name: str, own_name: str, *, owner: str) -> None:
    if own_name in keywords:
        raise InputError(f"{owner}: {name} is DEAP's name of {own_name}; give one of them.")
    keywords[own_name] = keywords.pop(name)


def _check_individual(individual: Any, *, owner: str) -> None:
    if isinstance(individual, np.ndarray):
        if individual.ndim != 1:
            rule = "must be a sequence of genes"
            shape = f"an array of shape {individual.shape}"
            raise InputError(f"{owner}: individual {rule}, got {shape}.")
    elif not isinstance(individual, list | array | MutableSequence):
        raise InputError(
            f"{owner}: individual must be a list, an array.array or a numpy array of genes, which "
            f"can be changed in place, got a {type(individual).__name__}."
        )
