"""An evolution between two generations: plain, frozen data, all that a checkpoint holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class EvolutionState:
    """An evolution between two generations.

    Parameters
    ----------
    generation : int
        Generations told so far; 0 before the first.
    masks : numpy.ndarray of bool, shape (population_size, n_features)
        The population, empty before the first generation.
    scores : numpy.ndarray of float, shape (population_size,)
        Their scores, higher is better.
    best_mask : numpy.ndarray of bool, shape (n_features,)
        The best mask ever told; the first of equals.
    best_score : float
        Its score; minus infinity before the first generation.
    rng_state : mapping
        State of the algorithm's numpy bit generator.
    history : tuple of mapping
        One record a generation, see `describe_population`.
    """

    generation: int
    masks: np.ndarray
    scores: np.ndarray
    best_mask: np.ndarray
    best_score: float
    rng_state: Mapping[str, Any]
    history: tuple[Mapping[str, float], ...] = field(default=())


def describe_population(masks: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return the figures of one generation.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (population_size, n_features)
        The population.
    scores : numpy.ndarray of float, shape (population_size,)
        Their scores.

    Returns
    -------
    dict
        ``best`` and ``mean`` score, ``best_n_features`` and ``mean_n_features``, and
        ``diversity``: in how many features two random members differ, on average.

    Examples
    --------
    >>> import numpy as np
    >>> masks = np.array([[True, False], [False, True]])
    >>> describe_population(masks, np.array([0.5, 0.7]))["diversity"]
    2.0
    """
    n_masks = len(masks)
    share = masks.mean(axis=0)
    pairs = n_masks / max(n_masks - 1, 1)
    best = int(np.argmax(scores))
    return {
        "best": float(scores[best]),
        "mean": float(scores.mean()),
        "best_n_features": int(masks[best].sum()),
        "mean_n_features": float(masks.sum(axis=1).mean()),
        "diversity": float(2.0 * (share * (1.0 - share)).sum() * pairs),
    }
