"""Bounds on a mask: how many features it selects, and which always or never."""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.evolution.operators.draws import draw_outside
from vaega.evolution.operators.edits import as_mask, assign
from vaega.evolution.operators.weights import check_weights, draw_weighted

Mask = TypeVar("Mask", list, np.ndarray)
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
