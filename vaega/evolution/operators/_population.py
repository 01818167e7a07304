"""The operators on whole populations: what those on one individual do, many masks a call.

A population is a boolean array (n_masks, n_features), changed in place; random numbers are drawn
for all its masks together, so that the bits are not those of as many single calls.
"""

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vaega.core.checks import check_count, check_probability
from vaega.evolution.operators import _selection as selection
from vaega.evolution.operators import _variation as variation
from vaega.evolution.operators._deap import resolve_aliases
from vaega.evolution.operators._masks import (
    check_weights,
    count_selected,
    draw_bernoulli,
    draw_by_arrival,
    draw_hits,
)

# Draws of positions -------------------------------------------------------------------------------

_ROUNDS = 8  # of draws with replacement, after which the rest is drawn row by row
_PARTS = 8  # of a wheel for each of its columns


def draw_free(
    taken: np.ndarray,
    counts: np.ndarray,
    *,
    rng: np.random.Generator,
    weights: "np.ndarray | _Wheel | None" = None,
) -> np.ndarray:
    """Draw so many different positions of each row that are not taken, and take them.

    By their weights, one after the other, as `draw_weighted` does; with even chances where there
    are no weights. Fewer come where fewer have a weight. Returns positions in ``taken.ravel()``.
    """
    n_rows, n_columns = taken.shape
    if weights is None:
        weights = np.ones(n_columns)
    wheel = weights if isinstance(weights, _Wheel) else _Wheel(weights)
    occupied, left, drawn = taken.reshape(-1), counts.copy(), [np.empty(0, dtype=np.intp)]
    if wheel.total == 0.0:
        return drawn[0]
    latest = np.empty(occupied.size, dtype=np.int32)
    for _ in range(_ROUNDS):
        rows = np.repeat(np.arange(n_rows), left)
        if not rows.size:
            break
        # As many as are missing: none is drawn that would have to be passed over for being late.
        positions = rows * n_columns + wheel.spin(rng.random(rows.size))
        positions = positions[~occupied[positions]]
        numbers = np.arange(positions.size, dtype=np.int32)
        latest[positions] = numbers
        positions = positions[latest[positions] == numbers]  # repetitions are passed over
        occupied[positions] = True
        left -= np.bincount(positions // n_columns, minlength=n_rows)
        drawn.append(positions)
    for row in np.flatnonzero(left):  # what is free is rare, or of small weight
        free = np.where(taken[row], 0.0, wheel.weights)
        columns = draw_by_arrival(free, int(left[row]), rng=rng)
        taken[row, columns] = True
        drawn.append(row * n_columns + columns)
    return np.concatenate(drawn)


class _Wheel:
    """Weights as a wheel of fortune: columns by where a pointer, from 0 to 1, stops."""

    def __init__(self, weights: np.ndarray, *, n_spins: int = 0) -> None:
        self.weights, self.edges = weights, weights.cumsum()
        self.total = float(self.edges[-1])
        self._columns: np.ndarray | None = None
        n_parts = _PARTS * len(weights)
        if n_spins > n_parts and self.total > 0.0:
            # Of equal parts of the wheel most lie within one column, and need no search.
            ends = self._search(np.arange(n_parts + 1) / n_parts)
            within = ends[:-1] == ends[1:]
            self._columns = np.where(within, ends[:-1], -1)

    def spin(self, pointers: np.ndarray) -> np.ndarray:
        """Return the columns to which pointers point."""
        if self._columns is None:
            return self._search(pointers)
        columns = self._columns[(pointers * len(self._columns)).astype(np.intp)]
        undecided = np.flatnonzero(columns < 0)
        columns[undecided] = self._search(pointers[undecided])
        return columns

    def _search(self, pointers: np.ndarray) -> np.ndarray:
        columns = self.edges.searchsorted(pointers * self.total, side="right")
        return np.minimum(columns, len(self.edges) - 1)  # rounding may carry the last beyond


def _random_ranks(rows: np.ndarray, n_rows: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return the place, from 0 on, that chance gives each of some elements within its row."""
    order = np.argsort(rows + rng.random(rows.size))
    starts = np.cumsum(np.bincount(rows, minlength=n_rows)) - np.bincount(rows, minlength=n_rows)
    ranks = np.empty(rows.size, dtype=np.intp)
    ranks[order] = np.arange(rows.size) - starts[rows[order]]
    return ranks


def keep_some(chosen: np.ndarray, counts: np.ndarray, *, rng: np.random.Generator) -> None:
    """Leave at most `counts` of the marks of each row, drawn at random, in place."""
    positions = np.flatnonzero(chosen)
    rows = positions // chosen.shape[1]
    surplus = _random_ranks(rows, len(chosen), rng=rng) >= counts[rows]
    chosen.reshape(-1)[positions[surplus]] = False


def _draw_marks(shape: tuple[int, ...], probability: float, rng: np.random.Generator) -> np.ndarray:
    return draw_bernoulli(int(np.prod(shape)), probability, rng=rng).reshape(shape)


def _swap(a: np.ndarray, b: np.ndarray, chosen: np.ndarray) -> None:
    changed = (a ^ b) & chosen
    a ^= changed
    b ^= changed


# Crossover of pairs: row i of `a` with row i of `b` -----------------------------------------------


def _crossover_one_point(a: np.ndarray, b: np.ndarray, *, rng: np.random.Generator) -> None:
    n_pairs, size = a.shape
    if size > 1:
        points = rng.integers(1, size, size=(n_pairs, 1))
        _swap(a, b, np.arange(size) >= points)


def _crossover_two_point(a: np.ndarray, b: np.ndarray, *, rng: np.random.Generator) -> None:
    n_pairs, size = a.shape
    if size < 2:
        return
    first, second = rng.integers(size + 1, size=n_pairs), rng.integers(size, size=n_pairs)
    start, stop = np.minimum(first, second), np.where(second < first, first, second + 1)
    whole = stop - start == size  # would only exchange the parents' names
    start[whole] = rng.integers(1, size, size=np.count_nonzero(whole))
    columns = np.arange(size)
    _swap(a, b, (columns >= start[:, None]) & (columns < stop[:, None]))


def _crossover_uniform(
    a: np.ndarray, b: np.ndarray, *, swap_probability: float = 0.5, rng: np.random.Generator
) -> None:
    check_probability(swap_probability, "swap_probability", owner="crossover_uniform")
    _swap(a, b, _draw_marks(a.shape, swap_probability, rng))


def _crossover_half_uniform(a: np.ndarray, b: np.ndarray, *, rng: np.random.Generator) -> None:
    different = a ^ b
    halves = count_selected(different) // 2
    keep_some(different, halves, rng=rng)
    _swap(a, b, different)


def _crossover_size_preserving(
    a: np.ndarray, b: np.ndarray, *, swap_probability: float = 0.5, rng: np.random.Generator
) -> None:
    check_probability(swap_probability, "swap_probability", owner="crossover_size_preserving")
    offered = _draw_marks(a.shape, swap_probability, rng)
    leaving, coming = offered & (a > b), offered & (b > a)
    n_swaps = np.minimum(count_selected(leaving), count_selected(coming))
    for moved in (leaving, coming):
        keep_some(moved, n_swaps, rng=rng)
    _swap(a, b, leaving | coming)


# Mutation; a rate is one number, or one a mask ----------------------------------------------------

Rate = float | np.ndarray


def _rates_of(rate: Rate, n_masks: int, *, owner: str) -> np.ndarray:
    rates = np.broadcast_to(np.asarray(rate, dtype=float), (n_masks,))
    wrong = rates[~((rates >= 0.0) & (rates <= 1.0))]
    if wrong.size:
        check_probability(float(wrong[0]), "flip_probability", owner=owner)
    return rates


def _mutate_bitflip(masks: np.ndarray, *, flip_probability: Rate, rng: np.random.Generator) -> None:
    rates = _rates_of(flip_probability, len(masks), owner="mutate_bitflip")
    positions, n_features = masks.reshape(-1), masks.shape[1]
    if np.ndim(flip_probability) == 0:
        hits = draw_hits(masks.size, float(rates[0]) if len(rates) else 0.0, rng=rng)
    else:
        of_rows = [draw_hits(n_features, rate, rng=rng) for rate in rates.tolist()]
        hits = np.concatenate([row * n_features + hit for row, hit in enumerate(of_rows)])
    positions[hits] ^= True


def _mutate_balanced_flip(
    masks: np.ndarray, *, flip_probability: Rate, rng: np.random.Generator
) -> None:
    rates = _rates_of(flip_probability, len(masks), owner="mutate_balanced_flip")
    sizes, dropped = _draw_dropped(masks, rates, rng=rng)
    n_free = masks.shape[1] - sizes
    chances = np.minimum(1.0, rates * sizes / np.maximum(n_free, 1))
    _exchange(masks, dropped, rng.binomial(n_free, chances), None, rng=rng)


def _mutate_swap(masks: np.ndarray, *, n_swaps: int = 1, rng: np.random.Generator) -> None:
    check_count(n_swaps, "n_swaps", owner="mutate_swap")
    sizes = count_selected(masks)
    counts = np.minimum(np.minimum(sizes, masks.shape[1] - sizes), n_swaps)
    leaving = masks.copy()
    keep_some(leaving, counts, rng=rng)
    _exchange(masks, np.flatnonzero(leaving), counts, None, rng=rng)


def _mutate_filter_guided(
    masks: np.ndarray, *, weights: ArrayLike, flip_probability: Rate, rng: np.random.Generator
) -> None:
    owner = "mutate_filter_guided"
    rates = _rates_of(flip_probability, len(masks), owner=owner)
    weights = check_weights(weights, masks.shape[1], owner=owner)
    sizes, dropped = _draw_dropped(masks, rates, rng=rng)
    _exchange(masks, dropped, rng.binomial(sizes, rates), weights, rng=rng)


def _draw_dropped(
    masks: np.ndarray, rates: np.ndarray, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sizes of masks, and the selected positions that go, each with its mask's rate."""
    selected = np.flatnonzero(masks)
    rows = selected // masks.shape[1]
    dropped = selected[rng.random(selected.size) < rates[rows]]
    return np.bincount(rows, minlength=len(masks)), dropped


def _exchange(
    masks: np.ndarray,
    dropped: np.ndarray,
    n_added: np.ndarray,
    weights: np.ndarray | None,
    *,
    rng: np.random.Generator,
) -> None:
    draw_free(masks, n_added, rng=rng, weights=weights)  # none that goes: all are still taken
    masks.reshape(-1)[dropped] = False


def init_guided(weights: np.ndarray, sizes: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return masks of these sizes whose features are drawn by their weights."""
    masks = np.zeros((len(sizes), len(weights)), dtype=bool)
    wheel = _Wheel(weights, n_spins=int(sizes.sum()))
    for rows in blocks(masks):
        draw_free(masks[rows], sizes[rows], rng=rng, weights=wheel)
    return masks


def _repair_bounds(
    masks: np.ndarray,
    *,
    min_features: int = 1,
    max_features: int | None = None,
    pinned: variation.Indices | None = None,
    forbidden: variation.Indices | None = None,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
) -> None:
    owner, n_features = "repair_bounds", masks.shape[1]
    always, never = variation.read_bounds(
        min_features, max_features, pinned, forbidden, n_features, owner=owner
    )
    masks[:, always] = True
    masks[:, never] = False
    sizes = count_selected(masks)
    for row in np.flatnonzero(sizes < min_features):
        variation.repair_bounds(
            masks[row], min_features=min_features, forbidden=never, rng=rng, weights=weights
        )
    if max_features is not None and (large := np.flatnonzero(sizes > max_features)).size:
        loose = masks[large]
        loose[:, always] = False
        keep_some(loose, np.full(large.size, max_features - always.size), rng=rng)
        loose[:, always] = True
        masks[large] = loose


# Forms of what a toolbox holds --------------------------------------------------------------------

_FORMS: dict[Any, Callable[..., Any]] = {
    selection.select_tournament: selection.pick_tournament,
    selection.select_roulette: selection.pick_roulette,
    selection.select_stochastic_universal: selection.pick_stochastic_universal,
    selection.select_rank: selection.pick_rank,
    selection.select_window: selection.pick_window,
    variation.crossover_one_point: _crossover_one_point,
    variation.crossover_two_point: _crossover_two_point,
    variation.crossover_uniform: _crossover_uniform,
    variation.crossover_half_uniform: _crossover_half_uniform,
    variation.crossover_size_preserving: _crossover_size_preserving,
    variation.mutate_bitflip: _mutate_bitflip,
    variation.mutate_balanced_flip: _mutate_balanced_flip,
    variation.mutate_swap: _mutate_swap,
    variation.mutate_filter_guided: _mutate_filter_guided,
    variation.repair_bounds: _repair_bounds,
}
_BLOCK_BYTES = 2**20  # of masks that are varied at once: they stay in the processor's cache


def population_form(tool: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the form for whole populations of what a toolbox has registered; None without one.

    An operator of vaega has one as long as nothing decorates it; so has an object with a method
    ``on_population``. Arguments that were bound to it are bound to the form.
    """
    bound = tool if isinstance(tool, partial) else partial(tool)
    function = bound.func
    if isinstance(function, FunctionType):
        form = _FORMS.get(function)
    else:
        form = getattr(function, "on_population", None)
    if form is None or bound.args:
        return None
    keywords = resolve_aliases(function, bound.keywords)
    keywords.pop("fit_attr", None)  # scores come beside the masks
    return partial(form, **keywords)


def blocks(masks: np.ndarray) -> list[slice]:
    """Return slices of rows of a population, each of about a megabyte of genes."""
    size = max(1, _BLOCK_BYTES // max(masks.shape[1], 1))
    return [slice(start, start + size) for start in range(0, len(masks), size)]
