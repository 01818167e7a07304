"""Sizes and spans of time as people write them."""

import re
from typing import Any

from vaega.core.errors import InputError

_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_BYTES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_bytes(text: Any, name: str, *, owner: str) -> int:
    """Return the bytes that a text such as ``500MB`` or ``2GiB`` says."""
    found = _product(text, {"": 1, **_BYTES})
    if found is None:
        raise InputError(f"{owner}: {name} must be a size such as 500MB or 2GiB, got {text!r}.")
    return int(found)


def parse_seconds(text: Any, name: str, *, owner: str) -> float:
    """Return the seconds that a text such as ``12h`` or ``30d`` says."""
    found = _product(text, _SECONDS)
    if found is None:
        raise InputError(f"{owner}: {name} must be a time such as 12h or 30d, got {text!r}.")
    return found


def say_bytes(size: int) -> str:
    """Return a size as people read it."""
    if size < 2**10:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 4)
    return f"{size / 2 ** (10 * power):.1f} {' KMGT'[power]}iB"


def say_seconds(seconds: float) -> str:
    """Return a span of time in its largest whole unit."""
    whole = max(0, int(seconds))
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if whole >= unit:
            return f"{whole // unit} {name}"
    return f"{whole} s"


def _product(text: Any, units: dict[str, int]) -> float | None:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(text))
    unit = None if found is None else units.get(found[2].lower())
    return None if found is None or unit is None else float(found[1]) * unit
