"""Edits of masks in place, and random draws of their positions.

An individual is a list, an `array.array` or a numpy array of genes, of any type that is true where
a feature is selected; edits keep the genes' type. Draws take the quickest of several ways to one
distribution.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.errors import InputError

Mask = TypeVar("Mask", list, np.ndarray)


def as_mask(individual: list | np.ndarray) -> np.ndarray:
    """Return the selection as a plain boolean array, a view where it is one: not to be written."""
    return np.asarray(individual, dtype=bool)


def count_selected(masks: np.ndarray) -> np.ndarray:
    """Return how many features each mask of a population selects, (n_masks,)."""
    # Twenty times as fast as np.count_nonzero(masks, axis=1), which adds whole numbers.
    return np.fromiter(map(np.count_nonzero, masks), dtype=np.intp, count=len(masks))


def assign(individual: list | np.ndarray, indices: np.ndarray, selected: bool) -> None:
    """Select or drop the features at `indices`."""
    if isinstance(individual, np.ndarray):
        np.asarray(individual)[indices] = selected
        return
    for index in indices.tolist():
        individual[index] = type(individual[index])(selected)


def flip(individual: list | np.ndarray, indices: np.ndarray) -> None:
    """Flip the features at `indices`, no index twice."""
    if isinstance(individual, np.ndarray):
        plain = np.asarray(individual)
        plain[indices] = plain[indices] == 0
        return
    for index in indices.tolist():
        individual[index] = type(individual[index])(not individual[index])


def flip_where(individual: list | np.ndarray, chosen: np.ndarray) -> None:
    """Flip the features where `chosen`, bool, is true; for many quicker than `flip`."""
    if isinstance(individual, np.ndarray) and individual.dtype == bool:
        np.logical_xor(individual, chosen, out=np.asarray(individual))
    else:
        flip(individual, np.flatnonzero(chosen))


def swap(a: Mask, b: Mask, indices: np.ndarray) -> None:
    """Exchange the genes of two masks at `indices`."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        x, y = np.asarray(a), np.asarray(b)
        x[indices], y[indices] = y[indices], x[indices]  # fancy indexing copies
        return
    for index in indices.tolist():
        a[index], b[index] = b[index], a[index]


def swap_where(a: Mask, b: Mask, chosen: np.ndarray) -> None:
    """Exchange the genes where `chosen`, bool, is true; for many quicker than `swap`."""
    if _boolean(a) and _boolean(b):
        x, y = np.asarray(a)[: chosen.size], np.asarray(b)[: chosen.size]
        changed = x ^ y
        changed &= chosen
        x ^= changed
        y ^= changed
    else:
        swap(a, b, np.flatnonzero(chosen))


def swap_segment(a: Mask, b: Mask, start: int, stop: int) -> None:
    """Exchange the genes of two masks from `start` up to, without, `stop`."""
    x = np.asarray(a) if isinstance(a, np.ndarray) else a
    y = np.asarray(b) if isinstance(b, np.ndarray) else b
    segment = x[start:stop]
    if isinstance(segment, np.ndarray):
        segment = segment.copy()  # a view: it would change with `a`
    x[start:stop] = y[start:stop]
    y[start:stop] = segment


def _boolean(mask: list | np.ndarray) -> bool:
    return isinstance(mask, np.ndarray) and mask.dtype == bool


# Below this chance, jumping from hit to hit is quicker than a draw for every index.
_SPARSE = 0.02
# From so many on, it pays to save random bits, and to draw one Bernoulli number an index.
_MANY = 2000
_FEW_DRAWS = 8  # up to so many, another try is cheaper than a list of the free indices
_LEVELS = 1 << 16
_LARGEST_WORD = 2**64 - 1


def draw_bernoulli(n: int, probability: float, *, rng: np.random.Generator) -> np.ndarray:
    """Return `n` independent Bernoulli draws, bool (n,), exact to double precision.

    For long masks sixteen random bits decide, except in the one case of 65,536 in which they equal
    the leading bits of `probability`: there a further uniform number does.
    """
    if n < _MANY or probability >= 1.0:
        return rng.random(n) < probability
    if probability == 0.5:
        bits = _random_words(-(-n // 64), rng=rng).view(np.uint8)
        return np.unpackbits(bits, count=n).view(bool)
    level = int(probability * _LEVELS)
    draws = _random_words(-(-n // 4), rng=rng).view(np.uint16)[:n]
    hits = draws < level
    undecided = np.flatnonzero(draws == level)
    hits[undecided] = rng.random(undecided.size) < probability * _LEVELS - level
    return hits


def draw_hits(n: int, probability: float, *, rng: np.random.Generator) -> np.ndarray:
    """Return the indices, rising, of the successes among `n` Bernoulli draws.

    The gaps between successes are geometric: rare ones cost a few draws, whatever `n` is.
    """
    if probability > _SPARSE:
        return np.flatnonzero(draw_bernoulli(n, probability, rng=rng))
    if n == 0 or probability <= 0.0:
        return np.empty(0, dtype=np.intp)
    batch = int(1.5 * n * probability) + 8
    hits = _jumps(-1, n, probability, batch, rng=rng)
    while hits[-1] < n:
        hits = np.concatenate([hits, _jumps(hits[-1], n, probability, batch, rng=rng)])
    return hits[: hits.searchsorted(n)]


def draw_distinct(n: int, size: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw `size` different indices below `n`, every set with the same chance, in any order."""
    if size < _MANY:
        return rng.choice(n, size=size, replace=False, shuffle=False)
    hits = draw_bernoulli(n, size / n, rng=rng)
    adjust_count(hits, size, pool=np.ones(n, dtype=bool), rng=rng)
    return np.flatnonzero(hits)


def draw_outside(marked: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw `size` different indices where `marked` is false, every set with the same chance."""
    n_free = marked.size - int(np.count_nonzero(marked))
    if size > _FEW_DRAWS or 2 * n_free < marked.size:
        free = np.flatnonzero(~marked)
        return free[draw_distinct(free.size, size, rng=rng)]
    drawn: set[int] = set()
    while len(drawn) < size:  # most are free, so that nearly every draw counts
        index = draw_below(marked.size, rng=rng)
        if not marked[index]:
            drawn.add(index)
    return np.array(sorted(drawn), dtype=np.intp)


def adjust_count(
    marked: np.ndarray, size: int, *, pool: np.ndarray, rng: np.random.Generator
) -> None:
    """Mark or unmark indices of `pool` at random, in place, until exactly `size` are marked.

    If every set of as many marks was equally likely before, every set of `size` is afterwards.
    """
    surplus = int(np.count_nonzero(marked)) - size
    if surplus == 0:
        return
    indices = np.flatnonzero(marked if surplus > 0 else pool & ~marked)
    marked[indices[draw_distinct(indices.size, abs(surplus), rng=rng)]] = surplus < 0


def draw_below(n: int, *, rng: np.random.Generator) -> int:
    """Draw one whole number from 0 to `n` - 1, all as likely while `n` is far below 2**53."""
    return int(rng.random() * n)  # four times quicker than one call of rng.integers


def _random_words(size: int, *, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, _LARGEST_WORD, size=size, dtype=np.uint64, endpoint=True)


def _jumps(
    start: int, n: int, probability: float, size: int, *, rng: np.random.Generator
) -> np.ndarray:
    gaps = rng.geometric(probability, size=size)
    np.minimum(gaps, n + 1, out=gaps)  # a tiny chance gives gaps whose sum would overflow
    gaps[0] += start
    return gaps.cumsum()


_BLOCK = 64  # weights summed together
_FEW_WEIGHTS = 64  # up to so many draws, looking into their blocks beats a race of all features


def check_weights(weights: ArrayLike, n_features: int, *, owner: str) -> np.ndarray:
    """Return `weights` as floats when there is one, finite and at least 0, for each feature."""
    array = np.asarray(weights, dtype=float)
    if array.shape != (n_features,):
        raise InputError(
            f"{owner}: weights must hold one value a feature, shape ({n_features},), "
            f"got shape {array.shape}."
        )
    # Every comparison with NaN is false, so two extremes check all values in two passes.
    if n_features and not (array.min() >= 0.0 and array.max() < np.inf):
        wrong = array[~((array >= 0.0) & (array < np.inf))][0]
        raise InputError(f"{owner}: weights must be finite and at least 0, got {float(wrong)!r}.")
    return array


def draw_weighted(
    weights: np.ndarray,
    size: int,
    *,
    rng: np.random.Generator,
    excluded: np.ndarray | None = None,
) -> np.ndarray:
    """Draw up to `size` different indices, one after the other, by their weights.

    None of weight 0 or `excluded` is drawn, so fewer come where fewer can. A few are drawn with
    replacement and repetitions passed over, which equals drawing each from what remains; what is
    then missing comes from a race of exponential arrivals, a weighted sample without replacement
    too (Efraimidis and Spirakis, 2006).
    """
    if size <= 0:
        return np.empty(0, dtype=np.intp)
    chosen = np.empty(0, dtype=np.intp)
    if size <= _FEW_WEIGHTS:
        candidates = _with_replacement(weights, 2 * size + 2, rng=rng)
        fit = weights[candidates] > 0.0
        if excluded is not None:
            fit &= ~excluded[candidates]
        chosen = np.array(list(dict.fromkeys(candidates[fit].tolist()))[:size], dtype=np.intp)
        if chosen.size == size:
            return chosen
    remaining = weights.copy() if excluded is None else np.where(excluded, 0.0, weights)
    remaining[chosen] = 0.0
    return np.concatenate([chosen, draw_by_arrival(remaining, size - chosen.size, rng=rng)])


def _with_replacement(weights: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    # First the block, then the index in it: the long cumulative sum of all weights is never made.
    starts = np.arange(0, weights.size, _BLOCK)
    edges = np.add.reduceat(weights, starts).cumsum()
    targets = rng.random(size) * edges[-1]
    blocks = np.minimum(edges.searchsorted(targets, side="right"), starts.size - 1)
    targets -= np.concatenate([[0.0], edges])[blocks]
    indices = starts[blocks][:, None] + np.arange(_BLOCK)
    inside = indices < weights.size
    np.minimum(indices, weights.size - 1, out=indices)
    reached = (weights[indices] * inside).cumsum(axis=1) <= targets[:, None]
    return indices[np.arange(size), np.minimum(reached.sum(axis=1), _BLOCK - 1)]


def draw_by_arrival(weights: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw up to `size` different indices by their weights: those of the first arrivals."""
    size = min(size, int(np.count_nonzero(weights)))
    if size == 0:
        return np.empty(0, dtype=np.intp)
    with np.errstate(divide="ignore"):  # a weight of 0 never arrives
        arrivals = rng.standard_exponential(size=weights.size) / weights
    return np.argpartition(arrivals, size - 1)[:size]
