"""Variation of masks: crossover, mutation, initialisation, and repair to bounds on the size.

Operators have DEAP's signatures, change their arguments in place and return them. DEAP's keyword
``indpb`` is taken for the chance that an operator calls `flip_probability` or `swap_probability`.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.core.errors import InputError
from vaega.evolution.operators._deap import deap_operator
from vaega.evolution.operators._masks import (
    Mask,
    adjust_count,
    as_mask,
    assign,
    check_weights,
    draw_below,
    draw_bernoulli,
    draw_distinct,
    draw_hits,
    draw_outside,
    draw_weighted,
    flip,
    flip_where,
    swap_segment,
    swap_where,
)


@deap_operator(2)
def crossover_one_point(a: Mask, b: Mask, *, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Swap everything behind one random point.

    Parameters
    ----------
    a, b : list, array.array or numpy.ndarray, shape (n_features,)
        The parents; changed in place.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves.

    Examples
    --------
    >>> crossover_one_point([0, 0, 0], [1, 1, 1], rng=np.random.default_rng(0))
    ([0, 0, 1], [1, 1, 0])
    """
    size = min(len(a), len(b))
    if size > 1:
        swap_segment(a, b, 1 + draw_below(size - 1, rng=rng), size)
    return a, b


@deap_operator(2)
def crossover_two_point(a: Mask, b: Mask, *, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Swap everything between two random points.

    Parameters
    ----------
    a, b, rng
        As `crossover_one_point` has them.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves. The segment is neither empty nor the whole.

    Examples
    --------
    >>> crossover_two_point([0, 0, 0, 0], [1, 1, 1, 1], rng=np.random.default_rng(0))
    ([0, 1, 1, 0], [1, 0, 0, 1])
    """
    size = min(len(a), len(b))
    if size > 1:
        # Two different points out of 0 .. size.
        first, second = draw_below(size + 1, rng=rng), draw_below(size, rng=rng)
        start, stop = (second, first) if second < first else (first, second + 1)
        if stop - start == size:  # the whole would only exchange the parents' names
            start = 1 + draw_below(size - 1, rng=rng)
        swap_segment(a, b, start, stop)
    return a, b


@deap_operator(2, indpb="swap_probability")
def crossover_uniform(
    a: Mask, b: Mask, *, swap_probability: float = 0.5, rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Swap each position with the same probability.

    Parameters
    ----------
    a, b, rng
        As `crossover_one_point` has them.
    swap_probability : float, default=0.5
        Chance of each position to be swapped; DEAP's `indpb`.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves.

    Raises
    ------
    InputError
        When `swap_probability` is no probability.

    Examples
    --------
    >>> crossover_uniform([0, 0, 0], [1, 1, 1], rng=np.random.default_rng(0))
    ([0, 1, 1], [1, 0, 0])
    """
    check_probability(swap_probability, "swap_probability", owner="crossover_uniform")
    swap_where(a, b, draw_bernoulli(min(len(a), len(b)), swap_probability, rng=rng))
    return a, b


@deap_operator(2)
def crossover_half_uniform(a: Mask, b: Mask, *, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Swap exactly half of the positions in which the parents differ.

    Parameters
    ----------
    a, b, rng
        As `crossover_one_point` has them.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves, as far from their parents as children can be from both; of an odd
        number of differences the smaller half is swapped.

    Notes
    -----
    HUX, the crossover of CHC (Eshelman, 1991), which forbids mating where few positions differ.

    Examples
    --------
    >>> crossover_half_uniform([0, 0, 1, 0], [1, 1, 1, 0], rng=np.random.default_rng(0))
    ([0, 1, 1, 0], [1, 0, 1, 0])
    """
    size = min(len(a), len(b))
    different = as_mask(a)[:size] != as_mask(b)[:size]
    swapped = draw_bernoulli(size, 0.5, rng=rng) & different
    adjust_count(swapped, int(np.count_nonzero(different)) // 2, pool=different, rng=rng)
    swap_where(a, b, swapped)
    return a, b


@deap_operator(2, indpb="swap_probability")
def crossover_size_preserving(
    a: Mask, b: Mask, *, swap_probability: float = 0.5, rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Swap features between two masks, as many one way as the other.

    Parameters
    ----------
    a, b, rng
        As `crossover_one_point` has them.
    swap_probability : float, default=0.5
        Chance of each feature that only one parent selects to be offered to the other; of the
        parent that offers more, the surplus stays, drawn at random.

    Returns
    -------
    tuple of two masks
        `a` and `b` themselves, each with as many selected features as before; what both parents
        select stays in both, what neither selects in neither.

    Raises
    ------
    InputError
        When `swap_probability` is no probability.

    Examples
    --------
    >>> crossover_size_preserving([1, 1, 0, 0], [1, 0, 1, 1], swap_probability=1.0,
    ...                           rng=np.random.default_rng(0))
    ([1, 0, 0, 1], [1, 1, 1, 0])
    """
    check_probability(swap_probability, "swap_probability", owner="crossover_size_preserving")
    size = min(len(a), len(b))
    x, y = as_mask(a)[:size], as_mask(b)[:size]
    offered = draw_bernoulli(size, swap_probability, rng=rng)
    leaving, coming = offered & (x > y), offered & (y > x)
    n_swaps = min(int(np.count_nonzero(leaving)), int(np.count_nonzero(coming)))
    for moved in (leaving, coming):
        adjust_count(moved, n_swaps, pool=moved, rng=rng)
    swap_where(a, b, leaving | coming)
    return a, b


@deap_operator(1, indpb="flip_probability")
def mutate_bitflip(
    individual: Mask, *, flip_probability: float, rng: np.random.Generator
) -> tuple[Mask]:
    """Flip each position with the same probability.

    Parameters
    ----------
    individual : list, array.array or numpy.ndarray, shape (n_features,)
        The mask; changed in place.
    flip_probability : float
        Chance of each position to flip, DEAP's `indpb`; 1 / n_features expects one flip.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `flip_probability` is no probability.

    Notes
    -----
    A sparse mask has far more features to gain than to lose, so this operator makes it grow; see
    `mutate_balanced_flip` for one that does not.

    Examples
    --------
    >>> mutate_bitflip([0, 0, 0, 1], flip_probability=1.0, rng=np.random.default_rng(0))
    ([1, 1, 1, 0],)
    """
    check_probability(flip_probability, "flip_probability", owner="mutate_bitflip")
    if flip_probability < 0.02:  # few flips: their indices are all that is needed
        flip(individual, draw_hits(len(individual), flip_probability, rng=rng))
    else:
        flip_where(individual, draw_bernoulli(len(individual), flip_probability, rng=rng))
    return (individual,)


@deap_operator(1, indpb="flip_probability")
def mutate_balanced_flip(
    individual: Mask, *, flip_probability: float, rng: np.random.Generator
) -> tuple[Mask]:
    """Drop selected features and add as many unselected ones, in expectation.

    Parameters
    ----------
    individual, rng
        As `mutate_bitflip` has them.
    flip_probability : float
        Chance of each selected feature to be dropped. An unselected one is added with the chance
        that makes the expected number of selected features stay as it was, as far as there are
        enough unselected ones: a mask that selects nearly everything shrinks.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `flip_probability` is no probability.

    Examples
    --------
    >>> mask, = mutate_balanced_flip(np.arange(1000) < 100, flip_probability=0.2,
    ...                              rng=np.random.default_rng(0))
    >>> 70 < int(mask.sum()) < 130
    True
    """
    check_probability(flip_probability, "flip_probability", owner="mutate_balanced_flip")
    mask = as_mask(individual)
    selected = np.flatnonzero(mask)
    n_free = mask.size - selected.size
    add_probability = min(1.0, flip_probability * selected.size / max(n_free, 1))
    dropped = selected[draw_hits(selected.size, flip_probability, rng=rng)]
    added = draw_hits(mask.size, add_probability, rng=rng)
    flip(individual, np.concatenate([dropped, added[~mask[added]]]))
    return (individual,)


@deap_operator(1)
def mutate_swap(individual: Mask, *, n_swaps: int = 1, rng: np.random.Generator) -> tuple[Mask]:
    """Exchange selected features for unselected ones, so that the size stays as it is.

    Parameters
    ----------
    individual, rng
        As `mutate_bitflip` has them.
    n_swaps : int, default=1
        How many features leave and how many come; fewer where there are not as many selected, or
        unselected, ones.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `n_swaps` is no whole number of at least 1.

    Examples
    --------
    >>> mutate_swap([1, 0], rng=np.random.default_rng(0))
    ([0, 1],)
    """
    check_count(n_swaps, "n_swaps", owner="mutate_swap")
    mask = as_mask(individual)
    selected = np.flatnonzero(mask)
    n_swaps = min(n_swaps, selected.size, mask.size - selected.size)
    leaving = selected[draw_distinct(selected.size, n_swaps, rng=rng)]
    coming = draw_outside(mask, n_swaps, rng=rng)
    flip(individual, np.concatenate([leaving, coming]))
    return (individual,)


@deap_operator(1, indpb="flip_probability")
def mutate_filter_guided(
    individual: Mask, *, weights: ArrayLike, flip_probability: float, rng: np.random.Generator
) -> tuple[Mask]:
    """Drop selected features at random and add unselected ones by their weight.

    Parameters
    ----------
    individual, rng
        As `mutate_bitflip` has them.
    weights : array-like of float, shape (n_features,)
        How promising each feature is by itself, at least 0: F statistics, mutual information or
        any other filter, computed on the fit rows only. A feature of weight 0 is never added.
    flip_probability : float
        Chance of each selected feature to be dropped; as many are added in expectation, as far as
        there are unselected ones with a weight.

    Returns
    -------
    tuple of one mask
        `individual` itself.

    Raises
    ------
    InputError
        When `flip_probability` is no probability or the weights do not fit the mask.

    Examples
    --------
    >>> mask, = mutate_filter_guided([1, 1, 0, 0], weights=[0, 0, 1, 0], flip_probability=0.5,
    ...                              rng=np.random.default_rng(4))
    >>> mask[3]
    0
    """
    check_probability(flip_probability, "flip_probability", owner="mutate_filter_guided")
    mask = as_mask(individual)
    weights = check_weights(weights, mask.size, owner="mutate_filter_guided")
    selected = np.flatnonzero(mask)
    dropped = selected[draw_hits(selected.size, flip_probability, rng=rng)]
    n_added = int(rng.binomial(selected.size, flip_probability))
    added = draw_weighted(weights, n_added, rng=rng, excluded=mask)
    flip(individual, np.concatenate([dropped, added]))
    return (individual,)


@deap_operator(0)
def init_bernoulli(
    n_features: int, *, fraction: float, min_features: int = 1, rng: np.random.Generator
) -> np.ndarray:
    """Select each feature with the same probability.

    Parameters
    ----------
    n_features : int
        Length of the mask.
    fraction : float
        Expected share of selected features; with 0 none is.
    min_features : int, default=1
        Where fewer are selected, chance selects more, each with the same probability: no first mask
        is empty, unless 0 allows it.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)

    Raises
    ------
    InputError
        When `n_features` is no whole number of at least 1, `fraction` no probability, or
        `min_features` none from 0 to `n_features`.

    Examples
    --------
    >>> int(init_bernoulli(10, fraction=1.0, rng=np.random.default_rng(0)).sum())
    10
    """
    check_count(n_features, "n_features", owner="init_bernoulli")
    check_probability(fraction, "fraction", owner="init_bernoulli")
    check_count(min_features, "min_features", owner="init_bernoulli", minimum=0, maximum=n_features)
    mask = draw_bernoulli(n_features, fraction, rng=rng)
    missing = min_features - int(np.count_nonzero(mask))
    if missing > 0 and fraction > 0.0:
        mask[draw_outside(mask, missing, rng=rng)] = True
    return mask


@deap_operator(0)
def init_fixed_size(n_features: int, *, size: int, rng: np.random.Generator) -> np.ndarray:
    """Select exactly `size` features, each set with the same probability.

    Parameters
    ----------
    n_features, rng
        As `init_bernoulli` has them.
    size : int
        How many to select, at most `n_features`.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)

    Raises
    ------
    InputError
        When `n_features` is no whole number of at least 1, or `size` none from 0 to `n_features`.

    Examples
    --------
    >>> int(init_fixed_size(10, size=3, rng=np.random.default_rng(0)).sum())
    3
    """
    check_count(n_features, "n_features", owner="init_fixed_size")
    check_count(size, "size", owner="init_fixed_size", minimum=0, maximum=n_features)
    mask = np.zeros(n_features, dtype=bool)
    mask[draw_distinct(n_features, size, rng=rng)] = True
    return mask


@deap_operator(0)
def init_filter_guided(
    n_features: int, *, weights: ArrayLike, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Select `size` features, the heavy ones more often.

    Parameters
    ----------
    n_features, rng
        As `init_bernoulli` has them.
    weights : array-like of float, shape (n_features,)
        As `mutate_filter_guided` has them; a feature of weight 0 is never selected.
    size : int
        How many to select, at most `n_features`; fewer where fewer have a weight.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)

    Raises
    ------
    InputError
        When `n_features` or `size` is no whole number in its range, or the weights do not fit.

    Examples
    --------
    >>> init_filter_guided(4, weights=[0, 1, 1, 0], size=2, rng=np.random.default_rng(0))
    array([False,  True,  True, False])
    """
    check_count(n_features, "n_features", owner="init_filter_guided")
    check_count(size, "size", owner="init_filter_guided", minimum=0, maximum=n_features)
    weights = check_weights(weights, n_features, owner="init_filter_guided")
    mask = np.zeros(n_features, dtype=bool)
    mask[draw_weighted(weights, size, rng=rng)] = True
    return mask


Indices = Sequence[int] | np.ndarray


@deap_operator(1)
def repair_bounds(
    individual: Mask,
    *,
    min_features: int = 1,
    max_features: int | None = None,
    pinned: Indices | None = None,
    forbidden: Indices | None = None,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
) -> tuple[Mask]:
    """Change as little of a mask as its bounds ask for.

    Parameters
    ----------
    individual : list, array.array or numpy.ndarray, shape (n_features,)
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
    owner = "repair_bounds"
    always, never = read_bounds(
        min_features, max_features, pinned, forbidden, len(individual), owner=owner
    )
    assign(individual, always, True)
    assign(individual, never, False)
    mask = as_mask(individual)
    size = int(np.count_nonzero(mask))
    if size < min_features:
        taken = mask.copy()
        taken[never] = True
        assign(individual, _draw_free(taken, min_features - size, weights, rng), True)
    elif max_features is not None and size > max_features:
        loose = mask.copy()
        loose[always] = False
        surplus = _draw_free(~loose, size - max_features, None, rng)
        assign(individual, surplus, False)
    return (individual,)


@deap_operator(1)
def repair_size(
    individual: Mask, *, min_features: int, max_features: int | None, rng: np.random.Generator
) -> tuple[Mask]:
    """Add or drop features at random until the number of selected ones is within bounds.

    Parameters
    ----------
    individual, rng
        As `repair_bounds` has them.
    min_features : int
        At least so many are selected (all of them where the mask is shorter).
    max_features : int or None
        At most so many are selected; None sets no bound.

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
    pinned: Indices | None = None,
    forbidden: Indices | None = None,
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
    owner = "keep_bounds"
    always, never = read_bounds(min_features, max_features, pinned, forbidden, owner=owner)
    repair: Callable[..., Any] = partial(
        repair_bounds,
        min_features=min_features,
        max_features=max_features,
        pinned=always,
        forbidden=never,
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


def read_bounds(
    min_features: int,
    max_features: int | None,
    pinned: Indices | None,
    forbidden: Indices | None,
    n_features: int | None = None,
    *,
    owner: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pinned and the forbidden indices, sorted, of bounds that do not contradict.

    Nor does the length of a mask contradict them, where it is known.
    """
    always = _read_indices(pinned, "pinned", owner=owner)
    never = _read_indices(forbidden, "forbidden", owner=owner)
    check_count(min_features, "min_features", owner=owner, minimum=0)
    if max_features is not None:
        check_count(max_features, "max_features", owner=owner, minimum=min_features)
        if always.size > max_features:
            rule = f"must hold at most max_features = {max_features} features"
            raise InputError.of(owner, "pinned", rule, always.size)
    if always.size and (both := np.intersect1d(always, never)).size:
        raise InputError(f"{owner}: pinned and forbidden must be disjoint, got {both[0]} in both.")
    if n_features is not None:
        _check_length(n_features, min_features, always, never, owner=owner)
    return always, never


def _read_indices(indices: Indices | None, name: str, *, owner: str) -> np.ndarray:
    if indices is None or len(indices) == 0:
        return np.empty(0, dtype=np.intp)
    array = np.asarray(indices)
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0:
        rule = "must be a sequence of feature positions from 0 on"
        raise InputError.of(owner, name, rule, indices)
    return np.unique(array)


def _check_length(
    n_features: int, min_features: int, always: np.ndarray, never: np.ndarray, *, owner: str
) -> None:
    for indices, name in ((always, "pinned"), (never, "forbidden")):
        if indices.size and indices[-1] >= n_features:
            rule = f"must hold positions from 0 to {n_features - 1}"
            raise InputError.of(owner, name, rule, int(indices[-1]))
    n_allowed = n_features - never.size
    if n_allowed < min_features:
        rule = f"must be at most the number of features that are not forbidden, {n_allowed}"
        raise InputError.of(owner, "min_features", rule, min_features)


def _draw_free(
    taken: np.ndarray, size: int, weights: ArrayLike | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw indices that are not taken: by weight first, evenly where no weighted one is left."""
    drawn = np.empty(0, dtype=np.intp)
    if weights is not None:
        weights = check_weights(weights, taken.size, owner="repair_bounds")
        drawn = draw_weighted(weights, size, rng=rng, excluded=taken)
    occupied = taken.copy()
    occupied[drawn] = True
    return np.concatenate([drawn, draw_outside(occupied, size - drawn.size, rng=rng)])
