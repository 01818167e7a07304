"""The values that a statistic takes."""

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.errors import InputError


def as_values(values: ArrayLike, *, owner: str, least: int = 1) -> np.ndarray:
    """Return values as a vector of finite floats."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or len(found) < least:
        raise InputError(f"{owner}: takes a vector of at least {least}, got shape {found.shape}.")
    if not np.isfinite(found).all():
        place = int(np.flatnonzero(~np.isfinite(found))[0])
        raise InputError(f"{owner}: values must be finite, got {found[place]} at {place}.")
    return found
