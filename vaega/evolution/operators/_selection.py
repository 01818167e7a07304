"""Selection of parents by their fitness.

Of several objectives, in the order and with the signs of DEAP's weights, the first counts; where it
is equal, and the operator looks at the order alone, the next one does, as DEAP compares fitnesses.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.evolution.operators._deap import deap_operator
from vaega.evolution.operators._masks import as_mask


@deap_operator(0, tournsize="tournament_size")
def select_tournament(
    individuals: Sequence[Any],
    k: int,
    *,
    tournament_size: int,
    rng: np.random.Generator,
    fit_attr: str = "fitness",
) -> list[Any]:
    """Select the best of `tournament_size` random individuals, `k` times.

    Individuals that are equal by the first objective are compared by the next one.

    Parameters
    ----------
    individuals : sequence
        Individuals with an evaluated DEAP fitness.
    k : int
        How many to select; one individual may be selected many times.
    tournament_size : int
        Draws (with replacement) a tournament, DEAP's `tournsize`; 1 is no selection pressure at
        all.
    rng : numpy.random.Generator
        Source of randomness.
    fit_attr : str, default="fitness"
        The attribute of individuals that holds their fitness.

    Returns
    -------
    list
        References to the selected individuals, not copies.

    Raises
    ------
    InputError
        When `tournament_size` is below 1, or the individuals are not evaluated.

    Notes
    -----
    The best of n is selected with probability ``1 - (1 - 1/n)**tournament_size`` (Goldberg and
    Deb, 1991).

    Examples
    --------
    >>> from vaega.evolution import Individual
    >>> weak, strong = Individual([True, False]), Individual([False, True])
    >>> weak.fitness.values, strong.fitness.values = (0.5,), (0.9,)
    >>> selected = select_tournament([weak, strong], 2, tournament_size=9,
    ...                              rng=np.random.default_rng(0))
    >>> [individual is strong for individual in selected]
    [True, True]
    """
    scores = _in_order(_objectives(individuals, k, fit_attr, owner="select_tournament"))
    winners = pick_tournament(None, scores, k, tournament_size=tournament_size, rng=rng)
    return [individuals[winner] for winner in winners.tolist()]


@deap_operator(0)
def select_roulette(
    individuals: Sequence[Any], k: int, *, rng: np.random.Generator, fit_attr: str = "fitness"
) -> list[Any]:
    """Select with probability proportional to the score, `k` times.

    Of several objectives the first one counts, as in DEAP.

    Parameters
    ----------
    individuals, k, rng, fit_attr
        As `select_tournament` has them.

    Returns
    -------
    list
        References to the selected individuals, not copies.

    Raises
    ------
    InputError
        When the individuals are not evaluated, or a score is infinite.

    Notes
    -----
    Where a score is negative, all are shifted so that the worst has none; where all are equal,
    all have the same chance (DEAP's ``selRoulette`` fails in both cases).

    Examples
    --------
    >>> from vaega.evolution import Individual
    >>> pair = [Individual([True]), Individual([True])]
    >>> pair[0].fitness.values, pair[1].fitness.values = (-1.0,), (2.0,)
    >>> selected = select_roulette(pair, 3, rng=np.random.default_rng(0))
    >>> [individual is pair[1] for individual in selected]
    [True, True, True]
    """
    scores = _objectives(individuals, k, fit_attr, owner="select_roulette")[:, 0]
    winners = pick_roulette(None, scores, k, rng=rng)
    return [individuals[winner] for winner in winners.tolist()]


@deap_operator(0)
def select_stochastic_universal(
    individuals: Sequence[Any], k: int, *, rng: np.random.Generator, fit_attr: str = "fitness"
) -> list[Any]:
    """Select as often as the score expects, rounded up or down, by one spin with `k` pointers.

    Of several objectives the first one counts, as in DEAP.

    Parameters
    ----------
    individuals, k, rng, fit_attr
        As `select_tournament` has them.

    Returns
    -------
    list
        References to the selected individuals, not copies, in random order, so that neighbours,
        which are mated, are not copies of one another more often than by chance.

    Raises
    ------
    InputError
        When the individuals are not evaluated, or a score is infinite.

    Notes
    -----
    Stochastic universal sampling (Baker, 1987): expectations are those of `select_roulette`,
    negative and equal scores treated alike, without its spread.

    Examples
    --------
    >>> from vaega.evolution import Individual
    >>> pair = [Individual([True]), Individual([True])]
    >>> pair[0].fitness.values, pair[1].fitness.values = (1.0,), (3.0,)
    >>> selected = select_stochastic_universal(pair, 8, rng=np.random.default_rng(0))
    >>> sum(individual is pair[1] for individual in selected)
    6
    """
    scores = _objectives(individuals, k, fit_attr, owner="select_stochastic_universal")[:, 0]
    winners = pick_stochastic_universal(None, scores, k, rng=rng)
    return [individuals[winner] for winner in winners.tolist()]


@deap_operator(0)
def select_rank(
    individuals: Sequence[Any],
    k: int,
    *,
    pressure: float = 1.5,
    rng: np.random.Generator,
    fit_attr: str = "fitness",
) -> list[Any]:
    """Select with probability linear in the rank, `k` times, whatever the scores' scale.

    Individuals that are equal by the first objective are ranked by the next one.

    Parameters
    ----------
    individuals, k, rng, fit_attr
        As `select_tournament` has them.
    pressure : float, default=1.5
        Selection pressure: how often the best is expected among as many selections as there are
        individuals, from 1 (all alike) to 2 (the worst is never selected).

    Returns
    -------
    list
        References to the selected individuals, not copies.

    Raises
    ------
    InputError
        When `pressure` is outside [1, 2], or the individuals are not evaluated.

    Notes
    -----
    Linear ranking (Baker, 1985). Individuals with the same score share the mean of their ranks.

    Examples
    --------
    >>> from vaega.evolution import Individual
    >>> pair = [Individual([True]), Individual([True])]
    >>> pair[0].fitness.values, pair[1].fitness.values = (0.900,), (0.901,)
    >>> selected = select_rank(pair, 3, pressure=2.0, rng=np.random.default_rng(0))
    >>> [individual is pair[1] for individual in selected]
    [True, True, True]
    """
    scores = _in_order(_objectives(individuals, k, fit_attr, owner="select_rank"))
    winners = pick_rank(None, scores, k, pressure=pressure, rng=rng)
    return [individuals[winner] for winner in winners.tolist()]


@deap_operator(0)
def select_window(
    individuals: Sequence[Any],
    k: int,
    *,
    window_size: int = 5,
    rng: np.random.Generator,
    fit_attr: str = "fitness",
) -> list[Any]:
    """Divide the population into windows of alike masks and select the best of each.

    Individuals that are equal by the first objective are compared by the next one.

    Parameters
    ----------
    individuals : sequence
        Masks of one length with an evaluated DEAP fitness.
    k : int
        How many to select. Where there are fewer windows, the population is divided anew as
        often as needed; where there are more, chance decides which windows count.
    window_size : int, default=5
        Masks a window; some windows hold one more where the population is no multiple. The
        selection pressure is close to that of a tournament of this size; 1 is none.
    rng, fit_attr
        As `select_tournament` has them.

    Returns
    -------
    list
        References to the selected individuals, not copies.

    Raises
    ------
    InputError
        When `window_size` is below 1, the individuals are not evaluated or differ in length.

    Notes
    -----
    Castillo's thesis (UTN Paraná) describes window selection as dividing the population into
    homogeneous groups and selecting the fittest within each, so that every region of the search
    space is represented. Here a window is a random mask and those, among the masks not yet in a
    window, that differ from it in the fewest features.

    Examples
    --------
    >>> from vaega.evolution import Individual
    >>> masks = [[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 1, 1]]
    >>> population = [Individual(mask) for mask in masks]
    >>> for individual, score in zip(population, [0.9, 0.8, 0.2, 0.3]):
    ...     individual.fitness.values = (score,)
    >>> selected = select_window(population, 2, window_size=2, rng=np.random.default_rng(0))
    >>> sorted(individual.fitness.values[0] for individual in selected)  # the best of either half
    [0.3, 0.9]
    """
    scores = _in_order(_objectives(individuals, k, fit_attr, owner="select_window"))
    masks = _masks_of(individuals)
    winners = pick_window(masks, scores, k, window_size=window_size, rng=rng)
    return [individuals[winner] for winner in winners.tolist()]


# The same on whole populations: indices of the selected ones. ``masks`` (n_masks, n_features) are
# read by windows alone, ``scores`` (n_masks,) are finite.


def pick_tournament(
    masks: object, scores: np.ndarray, k: int, *, tournament_size: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the indices that `select_tournament` selects."""
    check_count(tournament_size, "tournament_size", owner="select_tournament")
    drawn = rng.integers(scores.size, size=(k, tournament_size))
    winners: np.ndarray = drawn[np.arange(k), scores[drawn].argmax(axis=1)]
    return winners


def pick_roulette(
    masks: object, scores: np.ndarray, k: int, *, rng: np.random.Generator
) -> np.ndarray:
    """Return the indices that `select_roulette` selects."""
    return _spin(_shares(scores, owner="select_roulette"), rng.random(k))


def pick_stochastic_universal(
    masks: object, scores: np.ndarray, k: int, *, rng: np.random.Generator
) -> np.ndarray:
    """Return the indices that `select_stochastic_universal` selects."""
    shares = _shares(scores, owner="select_stochastic_universal")
    winners = _spin(shares, (rng.random() + np.arange(k)) / max(k, 1))
    return winners[rng.permutation(k)]


def pick_rank(
    masks: object, scores: np.ndarray, k: int, *, pressure: float = 1.5, rng: np.random.Generator
) -> np.ndarray:
    """Return the indices that `select_rank` selects."""
    real = isinstance(pressure, Real) and not isinstance(pressure, bool)
    if not real or not 1.0 <= pressure <= 2.0:
        raise InputError.of("select_rank", "pressure", "must be a number from 1 to 2", pressure)
    ordered = np.sort(scores)
    ranks = (ordered.searchsorted(scores) + ordered.searchsorted(scores, side="right") - 1) / 2
    heights = ranks / max(scores.size - 1, 1)  # 0 for the worst, 1 for the best
    shares = 2.0 - pressure + 2.0 * (pressure - 1.0) * heights
    if scores.size == 1:
        shares = np.ones(1)
    return _spin(shares, rng.random(k))


def pick_window(
    masks: np.ndarray,
    scores: np.ndarray,
    k: int,
    *,
    window_size: int = 5,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the indices that `select_window` selects."""
    check_count(window_size, "window_size", owner="select_window")
    distances = _distances(masks)
    n_windows = max(1, scores.size // window_size)
    winners: list[int] = []
    while len(winners) < k:
        windows = _windows(distances, n_windows, rng=rng)
        winners.extend(int(window[scores[window].argmax()]) for window in windows)
    return np.array(winners[:k], dtype=np.intp)


def _windows(
    distances: np.ndarray, n_windows: int, *, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the indices of each window, which is a random mask and those nearest to it."""
    remaining = rng.permutation(len(distances))  # in random order: ties are broken at random
    sizes = np.full(n_windows, remaining.size // n_windows)
    sizes[: remaining.size % n_windows] += 1
    windows = []
    for size in rng.permutation(sizes):
        order = distances[remaining[0], remaining].argsort(kind="stable")
        windows.append(remaining[np.sort(order[:size])])
        remaining = remaining[np.sort(order[size:])]
    return [windows[index] for index in rng.permutation(n_windows)]


def _masks_of(individuals: Sequence[Any]) -> np.ndarray:
    """Return individuals of one length as masks, bool (n_individuals, n_features)."""
    lengths = {len(individual) for individual in individuals}
    if len(lengths) > 1:
        raise InputError(f"select_window: individuals must have one length, got {sorted(lengths)}.")
    return np.array([as_mask(individual) for individual in individuals])


def _distances(masks: np.ndarray) -> np.ndarray:
    """Return in how many features two masks differ, shape (n_masks, n_masks)."""
    genes = masks[:, masks.any(axis=0)].astype(np.float32)  # exact below 2**24 features
    sizes = genes.sum(axis=1)
    return sizes[:, None] + sizes - 2.0 * (genes @ genes.T)


def _shares(scores: np.ndarray, *, owner: str) -> np.ndarray:
    """Return the sectors of a roulette wheel, shape (n_individuals,), in any unit."""
    if not np.isfinite(scores).all():
        raise InputError(f"{owner}: scores must be finite, got {scores[~np.isfinite(scores)][0]}.")
    shares = scores - min(scores.min(), 0.0)
    return shares / shares.max() if shares.any() else np.ones(scores.size)


def _spin(shares: np.ndarray, pointers: np.ndarray) -> np.ndarray:
    """Return the sectors that pointers, from 0 to 1, point to."""
    edges = shares.cumsum()
    # Rounding may carry the last pointer to the end of the wheel: it belongs to the last sector.
    last = np.flatnonzero(shares)[-1]
    return np.minimum(edges.searchsorted(pointers * edges[-1], side="right"), last)


def _in_order(objectives: np.ndarray) -> np.ndarray:
    """Return scores (n_individuals,) with the order of DEAP's fitnesses (n_individuals, n)."""
    if objectives.shape[1] == 1:
        return objectives[:, 0]
    return np.unique(objectives, axis=0, return_inverse=True)[1].reshape(-1).astype(float)


def _objectives(individuals: Sequence[Any], k: int, fit_attr: str, *, owner: str) -> np.ndarray:
    """Return the weighted objectives of evaluated individuals, (n_individuals, n_objectives)."""
    check_count(k, "k", owner=owner, minimum=0)
    if not len(individuals):
        raise InputError(f"{owner}: individuals must hold at least one, got none.")
    fitnesses = [getattr(individual, fit_attr) for individual in individuals]
    n_missing = sum(not fitness.valid for fitness in fitnesses)
    if n_missing:
        raise InputError(
            f"{owner}: individuals must be evaluated, got {n_missing} without a fitness value."
        )
    objectives = np.array([fitness.wvalues for fitness in fitnesses], dtype=float)
    missing = np.isnan(objectives).any(axis=1)
    if missing.any():
        raise InputError(
            f"{owner}: scores must be numbers, got nan of individual {missing.argmax()}."
        )
    return objectives
