"""Which of the fit rows are held out to stop the training and to calibrate the noise."""

import numpy as np


def split_heldout(
    codes: np.ndarray, fraction: float, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into those that train and those held out, each class in proportion.

    Every class keeps at least one training row, and at least one row is held out. Only when every
    class has a single row are rows held out whatever their class.
    """
    if np.bincount(codes).max() < 2:
        codes = np.zeros_like(codes)
    counts = np.bincount(codes)
    most = len(codes) - max(2, int(np.count_nonzero(counts)))
    quotas = _quotas(counts, max(1, min(round(fraction * len(codes)), most)), rng)
    heldout = np.concatenate(
        [rng.permutation(np.flatnonzero(codes == code))[:n] for code, n in enumerate(quotas)]
    )
    return np.setdiff1d(np.arange(len(codes)), heldout), np.sort(heldout)


def choose_heldouts(
    codes: np.ndarray, fraction: float, *, crossed: bool, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split rows once, or twice with other rows held out."""
    training, heldout = split_heldout(codes, fraction, rng=rng)
    if not crossed:
        return [(training, heldout)]
    present, left = np.unique(codes[training], return_inverse=True)
    if len(training) <= max(2, len(present)):
        return [(training, heldout)] * 2
    own = split_heldout(left, len(heldout) / len(training), rng=rng)[1]
    second = training[own]
    return [(training, heldout), (np.setdiff1d(np.arange(len(codes)), second), second)]


def _quotas(counts: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """Share `total` among classes in proportion to `counts` (largest remainder), one row kept."""
    shares = total * counts / counts.sum()
    room = np.maximum(counts - 1, 0)
    quotas = np.minimum(shares.astype(int), room)
    order = rng.permutation(len(counts))  # ties fall to no class in particular
    while quotas.sum() < total:
        wanted = np.where(quotas < room, shares - quotas, -np.inf)
        quotas[order[np.argmax(wanted[order])]] += 1
    return quotas
