"""In-place edits of masks that are lists or numpy arrays, of booleans or of zeros and ones."""

from typing import TypeVar

import numpy as np

Mask = TypeVar("Mask", list, np.ndarray)


def as_mask(individual: list | np.ndarray) -> np.ndarray:
    """Return the selection as a plain boolean array, to be read and not written.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        A mask.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)
        A view where `individual` is a boolean array, without the cost of its subclass.

    Examples
    --------
    >>> as_mask([0, 1])
    array([False,  True])
    """
    return np.asarray(individual, dtype=bool)


def assign(individual: list | np.ndarray, positions: np.ndarray, selected: bool) -> None:
    """Select or drop the features at `positions`.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place, its genes keep their type.
    positions : numpy.ndarray of int
        Where.
    selected : bool
        Whether they are selected from now on.

    Examples
    --------
    >>> mask = [0, 0, 1]
    >>> assign(mask, np.array([0]), True)
    >>> mask
    [1, 0, 1]
    """
    if isinstance(individual, np.ndarray):
        np.asarray(individual)[positions] = selected
        return
    for position in positions.tolist():
        individual[position] = type(individual[position])(selected)


def flip(individual: list | np.ndarray, positions: np.ndarray) -> None:
    """Drop the selected ones among the features at `positions` and select the others.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place, its genes keep their type.
    positions : numpy.ndarray of int
        Where, without repetition.

    Examples
    --------
    >>> mask = [0, 0, 1]
    >>> flip(mask, np.array([0, 2]))
    >>> mask
    [1, 0, 0]
    """
    if isinstance(individual, np.ndarray):
        plain = np.asarray(individual)
        plain[positions] = plain[positions] == 0
        return
    for position in positions.tolist():
        individual[position] = type(individual[position])(not individual[position])


def flip_where(individual: list | np.ndarray, chosen: np.ndarray) -> None:
    """Flip the features that `chosen` marks; quicker than `flip` where they are many.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place, its genes keep their type.
    chosen : numpy.ndarray of bool, shape (n_features,)
        Where.

    Examples
    --------
    >>> mask = np.array([True, False])
    >>> flip_where(mask, np.array([True, True]))
    >>> mask
    array([False,  True])
    """
    if isinstance(individual, np.ndarray) and individual.dtype == bool:
        np.logical_xor(individual, chosen, out=np.asarray(individual))
    else:
        flip(individual, np.flatnonzero(chosen))


def swap(a: Mask, b: Mask, positions: np.ndarray) -> None:
    """Exchange the genes of two masks at `positions`.

    Parameters
    ----------
    a, b : list or numpy.ndarray, shape (n_features,)
        The masks; changed in place.
    positions : numpy.ndarray of int
        Where.

    Examples
    --------
    >>> a, b = [0, 0], [1, 1]
    >>> swap(a, b, np.array([1]))
    >>> a, b
    ([0, 1], [1, 0])
    """
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        x, y = np.asarray(a), np.asarray(b)
        x[positions], y[positions] = y[positions], x[positions]  # fancy indexing copies
        return
    for position in positions.tolist():
        a[position], b[position] = b[position], a[position]


def swap_where(a: Mask, b: Mask, chosen: np.ndarray) -> None:
    """Exchange the genes that `chosen` marks; quicker than `swap` where they are many.

    Parameters
    ----------
    a, b : list or numpy.ndarray, at least as long as `chosen`
        The masks; changed in place.
    chosen : numpy.ndarray of bool
        Where.

    Examples
    --------
    >>> a, b = np.array([False, False]), np.array([True, True])
    >>> swap_where(a, b, np.array([False, True]))
    >>> a, b
    (array([False,  True]), array([ True, False]))
    """
    if _boolean(a) and _boolean(b):
        x, y = np.asarray(a)[: chosen.size], np.asarray(b)[: chosen.size]
        changed = x ^ y
        changed &= chosen
        x ^= changed
        y ^= changed
    else:
        swap(a, b, np.flatnonzero(chosen))


def swap_segment(a: Mask, b: Mask, start: int, stop: int) -> None:
    """Exchange the genes of two masks from `start` up to `stop`.

    Parameters
    ----------
    a, b : list or numpy.ndarray, shape (n_features,)
        The masks; changed in place.
    start, stop : int
        First position, and the one behind the last.

    Examples
    --------
    >>> a, b = [0, 0, 0], [1, 1, 1]
    >>> swap_segment(a, b, 1, 3)
    >>> a, b
    ([0, 1, 1], [1, 0, 0])
    """
    x = np.asarray(a) if isinstance(a, np.ndarray) else a
    y = np.asarray(b) if isinstance(b, np.ndarray) else b
    segment = x[start:stop].copy()  # a slice of an array is a view: it would change with `a`
    x[start:stop] = y[start:stop]
    y[start:stop] = segment


def _boolean(mask: list | np.ndarray) -> bool:
    return isinstance(mask, np.ndarray) and mask.dtype == bool
