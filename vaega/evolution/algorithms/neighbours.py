"""Neighbours of a mask: one feature fewer, one more, one exchanged."""

import hashlib

import numpy as np

from vaega.evolution.operators.weights import draw_weighted

MOVES = ("drop", "add", "swap")


def draw_neighbour(
    mask: np.ndarray, *, move: str, weights: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return a mask that is one move away."""
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
    """Return one number a mask, different for different masks except by a rare chance."""
    packed = np.packbits(masks, axis=1)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in packed]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
