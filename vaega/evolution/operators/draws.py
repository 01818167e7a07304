"""Random positions of a mask, drawn with the exact distribution but few random numbers.

A mask of thousands of features rarely needs one uniform number a feature: few hits are reached by
geometric gaps, even chances take one bit each, other chances 16 bits and, rarely, some more.
"""

import numpy as np

# Below this chance, jumping from hit to hit is quicker than a draw for every position.
_SPARSE = 0.02
# From so many on, it pays to save random bits, and to toss coins rather than to draw one by one.
_MANY = 2000
_FEW = 8  # up to so many, another try is cheaper than a list of the free positions
_LEVELS = 1 << 16
_WORDS_END = 2**64 - 1


def draw_bernoulli(n: int, probability: float, *, rng: np.random.Generator) -> np.ndarray:
    """Toss one coin for each of `n` positions."""
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
    """Toss one coin for each of `n` positions and return where it fell well."""
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
    """Draw `size` different positions out of `n`, every set of them with the same chance."""
    if size < _MANY:
        return rng.choice(n, size=size, replace=False, shuffle=False)
    hits = draw_bernoulli(n, size / n, rng=rng)
    adjust_count(hits, size, pool=np.ones(n, dtype=bool), rng=rng)
    return np.flatnonzero(hits)


def draw_outside(marked: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw `size` different positions that are not marked, every set with the same chance."""
    n_free = marked.size - int(np.count_nonzero(marked))
    if size > _FEW or 2 * n_free < marked.size:
        free = np.flatnonzero(~marked)
        return free[draw_distinct(free.size, size, rng=rng)]
    drawn: set[int] = set()
    while len(drawn) < size:  # most positions are free, so that nearly every draw counts
        position = draw_below(marked.size, rng=rng)
        if not marked[position]:
            drawn.add(position)
    return np.array(sorted(drawn), dtype=np.intp)


def adjust_count(
    marked: np.ndarray, size: int, *, pool: np.ndarray, rng: np.random.Generator
) -> None:
    """Mark or unmark positions at random until exactly `size` are marked."""
    surplus = int(np.count_nonzero(marked)) - size
    if surplus == 0:
        return
    places = np.flatnonzero(marked if surplus > 0 else pool & ~marked)
    marked[places[draw_distinct(places.size, abs(surplus), rng=rng)]] = surplus < 0


def draw_below(n: int, *, rng: np.random.Generator) -> int:
    """Draw one whole number from 0 to `n` - 1."""
    return int(rng.random() * n)  # four times quicker than one call of rng.integers


def _random_words(size: int, *, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, _WORDS_END, size=size, dtype=np.uint64, endpoint=True)


def _jumps(
    start: int, n: int, probability: float, size: int, *, rng: np.random.Generator
) -> np.ndarray:
    gaps = rng.geometric(probability, size=size)
    np.minimum(gaps, n + 1, out=gaps)  # a tiny chance gives gaps whose sum would overflow
    gaps[0] += start
    return gaps.cumsum()
