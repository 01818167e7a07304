"""In-place edits of masks that are lists or numpy arrays, of booleans or of zeros and ones."""

from typing import TypeVar

import numpy as np

Mask = TypeVar("Mask", list, np.ndarray)


def as_mask(individual: list | np.ndarray) -> np.ndarray:
    """Return the selection as a plain boolean array, to be read and not written."""
    return np.asarray(individual, dtype=bool)


def assign(individual: list | np.ndarray, positions: np.ndarray, selected: bool) -> None:
    """Select or drop the features at `positions`."""
    if isinstance(individual, np.ndarray):
        np.asarray(individual)[positions] = selected
        return
    for position in positions.tolist():
        individual[position] = type(individual[position])(selected)


def flip(individual: list | np.ndarray, positions: np.ndarray) -> None:
    """Drop the selected ones among the features at `positions` and select the others."""
    if isinstance(individual, np.ndarray):
        plain = np.asarray(individual)
        plain[positions] = plain[positions] == 0
        return
    for position in positions.tolist():
        individual[position] = type(individual[position])(not individual[position])


def flip_where(individual: list | np.ndarray, chosen: np.ndarray) -> None:
    """Flip the features that `chosen` marks; quicker than `flip` where they are many."""
    if isinstance(individual, np.ndarray) and individual.dtype == bool:
        np.logical_xor(individual, chosen, out=np.asarray(individual))
    else:
        flip(individual, np.flatnonzero(chosen))


def swap(a: Mask, b: Mask, positions: np.ndarray) -> None:
    """Exchange the genes of two masks at `positions`."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        x, y = np.asarray(a), np.asarray(b)
        x[positions], y[positions] = y[positions], x[positions]  # fancy indexing copies
        return
    for position in positions.tolist():
        a[position], b[position] = b[position], a[position]


def swap_where(a: Mask, b: Mask, chosen: np.ndarray) -> None:
    """Exchange the genes that `chosen` marks; quicker than `swap` where they are many."""
    if _boolean(a) and _boolean(b):
        x, y = np.asarray(a)[: chosen.size], np.asarray(b)[: chosen.size]
        changed = x ^ y
        changed &= chosen
        x ^= changed
        y ^= changed
    else:
        swap(a, b, np.flatnonzero(chosen))


def swap_segment(a: Mask, b: Mask, start: int, stop: int) -> None:
    """Exchange the genes of two masks from `start` up to `stop`."""
    x = np.asarray(a) if isinstance(a, np.ndarray) else a
    y = np.asarray(b) if isinstance(b, np.ndarray) else b
    segment = x[start:stop].copy()  # a slice of an array is a view: it would change with `a`
    x[start:stop] = y[start:stop]
    y[start:stop] = segment


def _boolean(mask: list | np.ndarray) -> bool:
    return isinstance(mask, np.ndarray) and mask.dtype == bool
