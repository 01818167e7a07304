"""Checks of single values; each raises one sentence: the owner, the rule and the value."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from vaega.core.errors import InputError

_MOST_PARTS = 100_000  # of a model; lists as long are made


def check_probability(value: Any, name: str, *, owner: str) -> float:
    """Return `value` as a float when it lies in [0, 1]."""
    if not _is_real(value) or not 0.0 <= value <= 1.0:
        raise InputError.of(owner, name, "must be a probability in [0, 1]", value)
    return float(value)


def check_count(
    value: Any, name: str, *, owner: str, minimum: int = 1, maximum: int | None = None
) -> int:
    """Return `value` as an int when it is a whole number in [`minimum`, `maximum`]."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        rule = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise InputError.of(owner, name, f"must be a whole number, {rule}", value)
    return int(value)


def check_most(value: Any, name: str, maximum: int | None, *, owner: str) -> None:
    """Refuse a number above what no honest use comes near, before a list is made of so many."""
    if maximum is not None and value > maximum:
        raise InputError.of(owner, name, f"must be at most {maximum}", value)


def check_sizes(parameters: Mapping[str, Any], *, owner: str) -> None:
    """Refuse parameters that say how many trees, units, bins ... where no use comes near."""
    for name, value in parameters.items():
        last = name.rpartition("__")[2]
        if last.startswith("n_") or last in ("hidden_layer_sizes", "degree", "max_bins"):
            for number in value if isinstance(value, list | tuple) else [value]:
                if _is_real(number):
                    check_most(number, name, _MOST_PARTS, owner=owner)


def check_positive(value: Any, name: str, *, owner: str) -> float:
    """Return `value` as a float when it is a finite number above zero."""
    if not _is_real(value) or not 0.0 < value < float("inf"):
        raise InputError.of(owner, name, "must be a number above 0", value)
    return float(value)


def check_number(value: Any, name: str, *, owner: str) -> float:
    """Return `value` as a float when it is a finite number."""
    if not _is_real(value) or not float("-inf") < value < float("inf"):
        raise InputError.of(owner, name, "must be a finite number", value)
    return float(value)


def check_flag(value: Any, name: str, *, owner: str) -> bool:
    """Return `value` as a bool when it is one, of Python or numpy."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise InputError.of(owner, name, "must be True or False", value)
    return bool(value)


def check_choice(value: Any, name: str, choices: Collection[str], *, owner: str) -> str:
    """Return `value` when it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        rule = f"must be one of {', '.join(sorted(choices))}"
        sentence = f"{owner}: {name} {rule}; got {value!r}."
        raise InputError(sentence, owner=owner, key=name, rule=rule, value=value)
    return value


def did_you_mean(given: Any, known: Iterable[str]) -> str:
    """Return the end of a message that names what was meant, whatever its case; empty if unclear.

    >>> did_you_mean("tp35", ["BRCA1", "TP53"])
    "; did you mean 'TP53'?"
    """
    meant = nearest_name(given, known)
    return "" if meant is None else f"; did you mean {meant!r}?"


def nearest_name(given: Any, known: Iterable[str]) -> str | None:
    """Return the name that is most alike, whatever its case; None where none is."""
    by_letters = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(given).lower(), by_letters, n=1)
    return by_letters[close[0]] if close else None


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
