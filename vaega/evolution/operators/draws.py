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
    """Toss one coin for each of `n` positions.

    Parameters
    ----------
    n : int
        Number of positions.
    probability : float
        Chance of each, in [0, 1].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)

    Notes
    -----
    For long masks sixteen random bits decide, except in the one case of 65,536 where they equal
    the leading bits of `probability`: there a further uniform number does. The chance is exact to
    double precision.

    Examples
    --------
    >>> int(draw_bernoulli(5, 1.0, rng=np.random.default_rng(0)).sum())
    5
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
    """Toss one coin for each of `n` positions and return where it fell well.

    Parameters
    ----------
    n : int
        Number of positions.
    probability : float
        Chance of each, in [0, 1].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of int
        The hits, rising; as many as a binomial draw gives.

    Notes
    -----
    The gaps between the hits of independent coins are geometric, so that rare hits cost a few
    draws whatever `n` is.

    Examples
    --------
    >>> draw_hits(4, 1.0, rng=np.random.default_rng(0))
    array([0, 1, 2, 3])
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
    """Draw `size` different positions out of `n`, every set of them with the same chance.

    Parameters
    ----------
    n : int
        Number of positions.
    size : int
        How many, at most `n`.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of int
        Positions without repetition, in no particular order.

    Notes
    -----
    Many are drawn by tossing a coin for each position; then chance adds what is missing or takes
    away what is too much, see `adjust_count`.

    Examples
    --------
    >>> sorted(draw_distinct(3, 3, rng=np.random.default_rng(0)).tolist())
    [0, 1, 2]
    """
    if size < _MANY:
        return rng.choice(n, size=size, replace=False, shuffle=False)
    hits = draw_bernoulli(n, size / n, rng=rng)
    adjust_count(hits, size, pool=np.ones(n, dtype=bool), rng=rng)
    return np.flatnonzero(hits)


def draw_outside(marked: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw `size` different positions that are not marked, every set with the same chance.

    Parameters
    ----------
    marked : numpy.ndarray of bool, shape (n,)
        Where nothing may be drawn.
    size : int
        How many, at most those that are not marked.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of int
        Positions without repetition, in no particular order.

    Examples
    --------
    >>> draw_outside(np.array([True, False, True]), 1, rng=np.random.default_rng(0))
    array([1])
    """
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
    """Mark or unmark positions at random until exactly `size` are marked.

    Parameters
    ----------
    marked : numpy.ndarray of bool, shape (n,)
        Changed in place.
    size : int
        How many shall be marked, at most those in `pool`.
    pool : numpy.ndarray of bool, shape (n,)
        Which positions may be marked; all that are marked belong to it.
    rng : numpy.random.Generator
        Source of randomness.

    Notes
    -----
    Where every set of as many marks was equally likely before, every set of `size` is afterwards.

    Examples
    --------
    >>> marked, pool = np.array([True, True, False]), np.array([True, True, False])
    >>> adjust_count(marked, 1, pool=pool, rng=np.random.default_rng(0))
    >>> int(marked.sum()), bool(marked[2])
    (1, False)
    """
    surplus = int(np.count_nonzero(marked)) - size
    if surplus == 0:
        return
    places = np.flatnonzero(marked if surplus > 0 else pool & ~marked)
    marked[places[draw_distinct(places.size, abs(surplus), rng=rng)]] = surplus < 0


def draw_below(n: int, *, rng: np.random.Generator) -> int:
    """Draw one whole number from 0 to `n` - 1.

    Parameters
    ----------
    n : int
        At least 1 and far below 2**53, so that a scaled double reaches every number evenly.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    int

    Examples
    --------
    >>> draw_below(1, rng=np.random.default_rng(0))
    0
    """
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
