"""Checks of single values; each raises one sentence: the owner, the rule and the value."""

from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

from vaega.core.errors import InputError


def check_probability(value: Any, name: str, *, owner: str) -> float:
    """Return `value` as a float when it lies in [0, 1].

    Parameters
    ----------
    value : Any
        What the user gave.
    name : str
        The parameter's name.
    owner : str
        Who asks: a class, a function or a configuration key.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When `value` is no real number in [0, 1].

    Examples
    --------
    >>> check_probability(0.75, "crossover_probability", owner="Generational")
    0.75
    """
    if not _is_real(value) or not 0.0 <= value <= 1.0:
        raise InputError(f"{owner}: {name} must be a probability in [0, 1], got {value!r}.")
    return float(value)


def check_count(
    value: Any, name: str, *, owner: str, minimum: int = 1, maximum: int | None = None
) -> int:
    """Return `value` as an int when it is a whole number in [`minimum`, `maximum`].

    Parameters
    ----------
    value : Any
        What the user gave; booleans are refused.
    name, owner : str
        The parameter's name and who asks.
    minimum : int, default=1
        The smallest value allowed.
    maximum : int, optional
        The largest value allowed; none when absent.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When `value` is no whole number in the range.

    Examples
    --------
    >>> check_count(100, "population_size", owner="Generational", minimum=2)
    100
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        rule = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise InputError(f"{owner}: {name} must be a whole number, {rule}, got {value!r}.")
    return int(value)


def check_positive(value: Any, name: str, *, owner: str) -> float:
    """Return `value` as a float when it is a finite number above zero.

    Parameters
    ----------
    value : Any
        What the user gave.
    name, owner : str
        The parameter's name and who asks.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When `value` is no finite number above zero.

    Examples
    --------
    >>> check_positive(1e-3, "learning_rate", owner="VAE")
    0.001
    """
    if not _is_real(value) or not 0.0 < value < float("inf"):
        raise InputError(f"{owner}: {name} must be a number above 0, got {value!r}.")
    return float(value)


def check_number(value: Any, name: str, *, owner: str) -> float:
    """Return `value` as a float when it is a finite number.

    Parameters
    ----------
    value : Any
        What the user gave.
    name, owner : str
        The parameter's name and who asks.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When `value` is no finite number.

    Examples
    --------
    >>> check_number(-0.5, "target", owner="GeneticSelector")
    -0.5
    """
    if not _is_real(value) or not float("-inf") < value < float("inf"):
        raise InputError(f"{owner}: {name} must be a finite number, got {value!r}.")
    return float(value)


def check_choice(value: Any, name: str, choices: Collection[str], *, owner: str) -> str:
    """Return `value` when it is one of `choices`.

    Parameters
    ----------
    value : Any
        What the user gave.
    name : str
        The parameter's name.
    choices : collection of str
        The allowed values, named in the error.
    owner : str
        Who asks.

    Returns
    -------
    str

    Raises
    ------
    InputError
        When `value` is not among `choices`.

    Examples
    --------
    >>> check_choice("auto", "engine", ["auto", "sklearn"], owner="GeneticSelector")
    'auto'
    """
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(sorted(choices))
        raise InputError(f"{owner}: {name} must be one of {known}; got {value!r}.")
    return value


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
