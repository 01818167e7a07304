"""Callbacks of the loop: three hooks, empty by default; one stops the loop by returning True."""

from typing import Any

import numpy as np

from vaega.core.checks import check_count


class Callback:
    """Base of all callbacks; override what you need.

    Examples
    --------
    >>> class StopAt(Callback):
    ...     def __init__(self, score):
    ...         self.score = score
    ...     def on_generation(self, algorithm):
    ...         return algorithm.state.best_score >= self.score
    """

    def on_start(self, algorithm: Any) -> bool | None:
        """Before the first generation, or the next of a resumed run; True ends the loop at once.

        State of a former run is reset here.
        """

    def on_generation(self, algorithm: Any) -> bool | None:
        """After each generation; True ends the loop."""

    def on_end(self, algorithm: Any) -> None:
        """After the last generation."""


class StopWhenStagnant(Callback):
    """Stop when the best score has not risen for a number of generations.

    Parameters
    ----------
    patience : int, default=10
        Generations without a better best score.

    Notes
    -----
    It reads the history of the state, keeps nothing itself, and so stops a resumed run in the
    same generation as one that was never interrupted.
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = check_count(patience, "patience", owner="StopWhenStagnant")

    def on_start(self, algorithm: Any) -> bool:
        """Return True when a resumed run had come to its end already."""
        return self.on_generation(algorithm)

    def on_generation(self, algorithm: Any) -> bool:
        """Return True when the last `patience` generations brought nothing."""
        best = np.maximum.accumulate([record["best"] for record in algorithm.state.history])
        return len(best) > self.patience and bool(best[-1] <= best[-1 - self.patience])
