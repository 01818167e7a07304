"""Bounds on a mask: how many features it selects, and which always or never."""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count
from vaega.core.errors import InputError

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
    """Draw up to `size` different positions, one after the other, the heavy ones more often."""
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
    left = weights.copy() if excluded is None else np.where(excluded, 0.0, weights)
    left[chosen] = 0.0
    return np.concatenate([chosen, _race(left, size - chosen.size, rng=rng)])


def _race(weights: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    size = min(size, int(np.count_nonzero(weights)))
    if size == 0:
        return np.empty(0, dtype=np.intp)
    with np.errstate(divide="ignore"):  # a weight of 0 never arrives
        arrivals = rng.standard_exponential(size=weights.size) / weights
    return np.argpartition(arrivals, size - 1)[:size]


def _with_replacement(weights: np.ndarray, size: int, *, rng: np.random.Generator) -> np.ndarray:
    # First the block, then the place in it: the long cumulative sum of all weights is never made.
    starts = np.arange(0, weights.size, _BLOCK)
    edges = np.add.reduceat(weights, starts).cumsum()
    targets = rng.random(size) * edges[-1]
    blocks = np.minimum(edges.searchsorted(targets, side="right"), starts.size - 1)
    targets -= np.concatenate([[0.0], edges])[blocks]
    places = starts[blocks][:, None] + np.arange(_BLOCK)
    inside = places < weights.size
    np.minimum(places, weights.size - 1, out=places)
    reached = (weights[places] * inside).cumsum(axis=1) <= targets[:, None]
    return places[np.arange(size), np.minimum(reached.sum(axis=1), _BLOCK - 1)]


# Below this chance, jumping from hit to hit is quicker than a draw for every position.
_SPARSE = 0.02
# From so many on, it pays to save random bits, and to toss coins rather than to draw one by one.
_MANY = 2000
_FEW_DRAWS = 8  # up to so many, another try is cheaper than a list of the free positions
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
    if size > _FEW_DRAWS or 2 * n_free < marked.size:
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


Positions = Sequence[int] | np.ndarray


def repair_bounds(
    individual: Mask,
    *,
    min_features: int = 1,
    max_features: int | None = None,
    pinned: Positions | None = None,
    forbidden: Positions | None = None,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
) -> tuple[Mask]:
    """Change as little of a mask as its bounds ask for.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place, and only where a bound is broken.
    min_features : int, default=1
        At least so many are selected, the pinned ones among them.
    max_features : int, optional
        At most so many are selected; None sets no bound.
    pinned, forbidden : sequence of int, optional
        Positions of the features that are always, or never, selected.
    rng : numpy.random.Generator
        Source of randomness.
    weights : array-like of float, shape (n_features,), optional
        Chances of the features to be added where too few are selected, at least 0; even chances
        when absent, and among features of weight 0 when no other is left.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When a bound is no whole number in its range, a position is outside the mask, a feature is
        pinned and forbidden, or no mask fulfils all bounds.

    Examples
    --------
    >>> mask, = repair_bounds([0, 0, 0, 1], max_features=2, pinned=[0], forbidden=[3],
    ...                       rng=np.random.default_rng(0))
    >>> mask
    [1, 0, 0, 0]
    """
    kept = _read_positions(pinned, "pinned", owner="repair_bounds")
    barred = _read_positions(forbidden, "forbidden", owner="repair_bounds")
    _check_consistent(min_features, max_features, kept, barred, owner="repair_bounds")
    _check_length(len(individual), min_features, kept, barred, owner="repair_bounds")
    assign(individual, kept, True)
    assign(individual, barred, False)
    mask = as_mask(individual)
    size = int(np.count_nonzero(mask))
    if size < min_features:
        taken = mask.copy()
        taken[barred] = True
        assign(individual, _draw_free(taken, min_features - size, weights, rng), True)
    elif max_features is not None and size > max_features:
        loose = mask.copy()
        loose[kept] = False
        surplus = _draw_free(~loose, size - max_features, None, rng)
        assign(individual, surplus, False)
    return (individual,)


def repair_size(
    individual: Mask, *, min_features: int, max_features: int | None, rng: np.random.Generator
) -> tuple[Mask]:
    """Add or drop features at random until the number of selected ones is within bounds.

    Parameters
    ----------
    individual : list or numpy.ndarray, shape (n_features,)
        The mask; changed in place, and only where a bound is broken.
    min_features : int
        At least so many are selected (all of them where the mask is shorter).
    max_features : int or None
        At most so many are selected; None sets no bound.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When a bound is no whole number in its range.

    See Also
    --------
    repair_bounds : Pinned and forbidden features too.

    Examples
    --------
    >>> mask, = repair_size([0, 0, 0], min_features=1, max_features=2,
    ...                     rng=np.random.default_rng(0))
    >>> sum(mask)
    1
    """
    reachable = min(min_features, len(individual))
    return repair_bounds(individual, min_features=reachable, max_features=max_features, rng=rng)


def keep_bounds(
    *,
    min_features: int = 1,
    max_features: int | None = None,
    pinned: Positions | None = None,
    forbidden: Positions | None = None,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a decorator that repairs every mask an operator returns.

    Parameters
    ----------
    min_features, max_features, pinned, forbidden, rng, weights
        As in `repair_bounds`.

    Returns
    -------
    callable
        For DEAP's ``toolbox.decorate``, around crossover and mutation, which return tuples of
        masks, and around initialisation, which returns one mask.

    Raises
    ------
    InputError
        When the bounds contradict each other whatever the mask; what depends on its length is
        checked when the operator is called.

    Examples
    --------
    >>> from deap import base
    >>> from vaega.evolution.operators import mutate_bitflip
    >>> rng, toolbox = np.random.default_rng(0), base.Toolbox()
    >>> toolbox.register("mutate", mutate_bitflip, flip_probability=0.5, rng=rng)
    >>> toolbox.decorate("mutate", keep_bounds(max_features=3, pinned=[7], rng=rng))
    >>> mask, = toolbox.mutate([0] * 50)
    >>> sum(mask), mask[7]
    (3, 1)
    """
    kept = _read_positions(pinned, "pinned", owner="keep_bounds")
    barred = _read_positions(forbidden, "forbidden", owner="keep_bounds")
    _check_consistent(min_features, max_features, kept, barred, owner="keep_bounds")
    repair: Callable[..., Any] = partial(
        repair_bounds,
        min_features=min_features,
        max_features=max_features,
        pinned=kept,
        forbidden=barred,
        rng=rng,
        weights=weights,
    )

    def decorate(operator: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operator)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            result = operator(*args, **kwargs)
            if isinstance(result, tuple):
                return tuple(repair(mask)[0] for mask in result)
            return repair(result)[0]

        return bounded

    return decorate


def _read_positions(positions: Positions | None, name: str, *, owner: str) -> np.ndarray:
    if positions is None or len(positions) == 0:
        return np.empty(0, dtype=np.intp)
    array = np.asarray(positions)
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0:
        raise InputError(
            f"{owner}: {name} must be a sequence of feature positions from 0 on, got {positions!r}."
        )
    return np.unique(array)


def _check_consistent(
    min_features: int,
    max_features: int | None,
    kept: np.ndarray,
    barred: np.ndarray,
    *,
    owner: str,
) -> None:
    check_count(min_features, "min_features", owner=owner, minimum=0)
    if max_features is not None:
        check_count(max_features, "max_features", owner=owner, minimum=min_features)
        if kept.size > max_features:
            raise InputError(
                f"{owner}: pinned must hold at most max_features = {max_features} features, "
                f"got {kept.size}."
            )
    if kept.size and barred.size and np.isin(kept, barred).any():
        both = kept[np.isin(kept, barred)][0]
        raise InputError(f"{owner}: pinned and forbidden must be disjoint, got {both} in both.")


def _check_length(
    n_features: int, min_features: int, kept: np.ndarray, barred: np.ndarray, *, owner: str
) -> None:
    for positions, name in ((kept, "pinned"), (barred, "forbidden")):
        if positions.size and positions[-1] >= n_features:
            raise InputError(
                f"{owner}: {name} must hold positions from 0 to {n_features - 1}, "
                f"got {positions[-1]}."
            )
    if n_features - barred.size < min_features:
        raise InputError(
            f"{owner}: min_features must be at most the number of features that are not "
            f"forbidden, {n_features - barred.size}, got {min_features}."
        )


def _draw_free(
    taken: np.ndarray, size: int, weights: ArrayLike | None, rng: np.random.Generator
) -> np.ndarray:
    drawn = np.empty(0, dtype=np.intp)
    if weights is not None:
        weights = check_weights(weights, taken.size, owner="repair_bounds")
        drawn = draw_weighted(weights, size, rng=rng, excluded=taken)
    occupied = taken.copy()
    occupied[drawn] = True
    return np.concatenate([drawn, draw_outside(occupied, size - drawn.size, rng=rng)])
