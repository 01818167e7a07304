"""The loop: ask, score, tell, until the generations are over or a callback says stop."""

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from vaega.evolution.callbacks import Callback
from vaega.evolution.state import EvolutionState

Fitness = Callable[[np.ndarray], np.ndarray]


class Algorithm(Protocol):
    """What the loop needs of an algorithm."""

    state: EvolutionState

    def ask(self) -> np.ndarray:
        """Return masks to score, shape (n_masks, n_features)."""

    def tell(self, scores: np.ndarray) -> None:
        """Take their scores, shape (n_masks,) or (n_masks, n_objectives)."""


def evolve(
    algorithm: Algorithm,
    fitness: Fitness,
    *,
    n_generations: int,
    callbacks: Iterable[Callback] = (),
) -> EvolutionState:
    """Run an algorithm until it has seen `n_generations` generations.

    Parameters
    ----------
    algorithm : Algorithm
        Anything with ``ask``, ``tell`` and ``state``; one that was restored goes on from there.
    fitness : callable
        From masks, bool of shape (n_masks, n_features), to scores, float of shape (n_masks,), or
        (n_masks, n_objectives) where the algorithm takes several.
    n_generations : int
        Generations in all, those before a restore included.
    callbacks : iterable of Callback
        Called in order; all are called even when one says stop.

    Returns
    -------
    EvolutionState
        The last state.
    """
    callbacks = tuple(callbacks)
    # Lists, not generators: every callback is called, also behind one that says stop.
    stopped = any([callback.on_start(algorithm) for callback in callbacks])  # noqa: C419
    while not stopped and algorithm.state.generation < n_generations:
        algorithm.tell(fitness(algorithm.ask()))
        stopped = any([callback.on_generation(algorithm) for callback in callbacks])  # noqa: C419
        for callback in reversed(callbacks):  # one that raises does so behind the checkpoint
            callback.on_decision(algorithm, stopped=stopped)
    for callback in callbacks:
        callback.on_end(algorithm)
    return algorithm.state
