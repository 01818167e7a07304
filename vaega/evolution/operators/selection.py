"""Selection of parents by fitness."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaega.core.checks import check_count


def select_tournament(
    individuals: Sequence[Any], k: int, *, tournament_size: int, rng: np.random.Generator
) -> list[Any]:
    """Select the best of `tournament_size` random individuals, `k` times.

    Parameters
    ----------
    individuals : sequence
        Individuals with an evaluated DEAP fitness.
    k : int
        How many to select; one individual may be selected many times.
    tournament_size : int
        Draws (with replacement) a tournament; 1 is no pressure at all.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list
        References to the selected individuals, not copies.

    Raises
    ------
    InputError
        When `tournament_size` is below 1.

    Notes
    -----
    The best of n is selected with probability ``1 - (1 - 1/n)**tournament_size`` (Goldberg and
    Deb, 1991).

    Examples
    --------
    >>> from vaega.evolution.individual import Individual
    >>> weak, strong = Individual([True, False]), Individual([False, True])
    >>> weak.fitness.values, strong.fitness.values = (0.5,), (0.9,)
    >>> chosen = select_tournament([weak, strong], 2, tournament_size=9,
    ...                            rng=np.random.default_rng(0))
    >>> [one is strong for one in chosen]
    [True, True]
    """
    check_count(tournament_size, "tournament_size", owner="select_tournament")
    scores = _scores(individuals)
    entrants = rng.integers(len(individuals), size=(k, tournament_size))
    winners = entrants[np.arange(k), scores[entrants].argmax(axis=1)]
    return [individuals[winner] for winner in winners]


def select_roulette(individuals: Sequence[Any], k: int, *, rng: np.random.Generator) -> list[Any]:
    """Select with probability proportional to the score, `k` times.

    Parameters
    ----------
    individuals : sequence
        Individuals with an evaluated DEAP fitness.
    k : int
        How many to select.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list
        References to the selected individuals, not copies.

    Notes
    -----
    Where a score is negative, all are shifted so that the worst has none; where all are equal,
    everybody has the same chance (DEAP's ``selRoulette`` fails in both cases).

    Examples
    --------
    >>> from vaega.evolution.individual import Individual
    >>> pair = [Individual([True]), Individual([True])]
    >>> pair[0].fitness.values, pair[1].fitness.values = (-1.0,), (2.0,)
    >>> chosen = select_roulette(pair, 3, rng=np.random.default_rng(0))
    >>> [one is pair[1] for one in chosen]
    [True, True, True]
    """
    scores = _scores(individuals)
    weights = scores - min(scores.min(), 0.0)
    chances = weights / weights.sum() if weights.sum() > 0 else None
    winners = rng.choice(len(individuals), size=k, p=chances)
    return [individuals[winner] for winner in winners]


def _scores(individuals: Sequence[Any]) -> np.ndarray:
    return np.array([individual.fitness.wvalues[0] for individual in individuals])
