"""Sizes and spans of time as people write them."""

import re
from typing import Any

from vaega.core.errors import InputError

_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BYTES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_bytes(text: Any, name: str, *, owner: str) -> int:
    """Return the bytes that a text such as ``500MB`` or ``2GiB`` says.

    Parameters
    ----------
    text : str
        A number at least 0 and a unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, in any case; bytes
        without one.
    name, owner : str
        What it is called and who asks, for messages.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When it says no size.

    Examples
    --------
    >>> parse_bytes("1.5 KiB", "VAEGA_CACHE_SIZE", owner="ModelCache")
    1536
    """
    found = _product(text, {"": 1, **_BYTES})
    if found is None:
        raise InputError(f"{owner}: {name} must be a size such as 500MB or 2GiB, got {text!r}.")
    return int(found)


def parse_seconds(text: Any, name: str, *, owner: str) -> float:
    """Return the seconds that a text such as ``12h`` or ``30d`` says.

    Parameters
    ----------
    text : str
        A number at least 0 and a unit: s, m (minutes), h, d or w.
    name, owner : str
        What it is called and who asks, for messages.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When it says no span of time.

    Examples
    --------
    >>> parse_seconds("2h", "--older-than", owner="vaega cache clear")
    7200.0
    """
    found = _product(text, _SECONDS)
    if found is None:
        raise InputError(f"{owner}: {name} must be a time such as 12h or 30d, got {text!r}.")
    return found


def say_bytes(size: int) -> str:
    """Return a size as people read it.

    Examples
    --------
    >>> say_bytes(21_048_261), say_bytes(900)
    ('20.1 MiB', '900 B')
    """
    if size < 2**10:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 4)
    return f"{size / 2 ** (10 * power):.1f} {' KMGT'[power]}iB"


def say_seconds(seconds: float) -> str:
    """Return a span of time in its largest whole unit.

    Examples
    --------
    >>> say_seconds(7300.0), say_seconds(3 * 86400), say_seconds(0.2)
    ('2 h', '3 d', '0 s')
    """
    whole = max(0, int(seconds))
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if whole >= unit:
            return f"{whole // unit} {name}"
    return f"{whole} s"


def _product(text: Any, units: dict[str, int]) -> float | None:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(text))
    unit = None if found is None else units.get(found[2].lower())
    return None if found is None or unit is None else float(found[1]) * unit
