"""Neighbours of a mask: one feature fewer, one more, one exchanged."""

import hashlib

import numpy as np

from vaega.evolution.operators.weights import draw_weighted

MOVES = ("drop", "add", "swap")


def draw_neighbour(
    mask: np.ndarray, *, move: str, weights: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return a mask that is one move away.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (n_features,)
        Where to start; not changed.
    move : {"drop", "add", "swap"}
        Drop a selected feature, each with the same chance; add an unselected one by its weight;
        or both.
    weights : numpy.ndarray of float, shape (n_features,)
        How promising each feature is by itself, at least 0; one of weight 0 is never added.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)
        Equal to `mask` where it leaves nothing to drop or to add.

    Examples
    --------
    >>> mask = np.array([True, False, False])
    >>> draw_neighbour(mask, move="swap", weights=np.array([1.0, 0.0, 1.0]),
    ...                rng=np.random.default_rng(0))
    array([False, False,  True])
    """
    neighbour = mask.copy()
    selected = np.flatnonzero(mask)
    added = np.empty(0, dtype=np.intp)
    if move != "drop":
        added = draw_weighted(np.where(mask, 0.0, weights), 1, rng=rng)
    possible = move == "drop" or added.size
    if move != "add" and possible and selected.size:
        neighbour[selected[rng.integers(selected.size)]] = False
    if move == "add" or selected.size:
        neighbour[added] = True
    return neighbour


def digest_masks(masks: np.ndarray) -> np.ndarray:
    """Return one number a mask, different for different masks except by a rare chance.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_features)
        Any masks.

    Returns
    -------
    numpy.ndarray of uint64, shape (n_masks,)
        64 bits of BLAKE2b: among a million masks two agree with a chance of 3e-8.

    Examples
    --------
    >>> a, b = digest_masks(np.array([[True, False], [False, True]]))
    >>> bool(a == b)
    False
    """
    packed = np.packbits(masks, axis=1)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in packed]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
