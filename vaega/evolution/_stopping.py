"""Early stopping and restarts: callbacks that end an evolution, or begin its population anew."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vaega.core.checks import check_count, check_number, check_positive
from vaega.evolution._evolution import Callback, EvolutionState, count_asked, restarts


class StopByState(Callback):
    """A stop that the state of a resumed run may call for before its first generation."""

    def on_start(self, algorithm: Any) -> bool | None:
        """Return True when a resumed run had come to its end already."""
        return self.on_generation(algorithm)


class StopWhenStagnant(StopByState):
    """Stop when the best score has not risen for a number of generations.

    Parameters
    ----------
    patience : int, default=10
        Generations without a better best score.

    Notes
    -----
    It reads the history of the state, keeps nothing itself, and so stops a resumed run in the
    same generation as one that was never interrupted.

    Examples
    --------
    >>> StopWhenStagnant(patience=20).patience
    20
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = check_count(patience, "patience", owner="StopWhenStagnant")

    def on_generation(self, algorithm: Any) -> bool:
        """Return True when the last `patience` generations brought nothing."""
        return _is_stagnant(algorithm.state.history, self.patience)


class StopAtTarget(StopByState):
    """Stop when the best score has reached a target.

    Parameters
    ----------
    score : float
        The target; with several objectives, of the first.

    Examples
    --------
    >>> StopAtTarget(0.95).score
    0.95
    """

    def __init__(self, score: float) -> None:
        self.score = check_number(score, "score", owner="StopAtTarget")

    def on_generation(self, algorithm: Any) -> bool:
        """Return True when the target is reached."""
        return bool(algorithm.state.best_score >= self.score)


class StopAfterEvaluations(StopByState):
    """Stop after the generation in which a number of masks is reached.

    Parameters
    ----------
    n_evaluations : int
        Masks; the generation in which the number is reached is finished, so a few more are asked.
    counter : callable, optional
        Returns how many count so far: ``lambda: memory.n_distinct`` for different masks, say.
        All masks asked for, by the history's ``n_asked``, when absent.

    Notes
    -----
    Without a counter it reads the state alone, and stops a resumed run in the same generation as
    one that was never interrupted. With one, that holds when what it counts is restored too.

    Examples
    --------
    >>> StopAfterEvaluations(3000).n_evaluations
    3000
    """

    def __init__(self, n_evaluations: int, *, counter: Callable[[], int] | None = None) -> None:
        owner = "StopAfterEvaluations"
        self.n_evaluations = check_count(n_evaluations, "n_evaluations", owner=owner)
        self.counter = counter

    def on_generation(self, algorithm: Any) -> bool:
        """Return True when they are used up."""
        used = count_asked(algorithm.state) if self.counter is None else self.counter()
        return used >= self.n_evaluations


class StopAfterSeconds(Callback):
    """Stop after the generation in which a number of seconds has passed.

    Parameters
    ----------
    seconds : float
        Wall time from the loop's start.
    already : float, default=0.0
        Seconds that count as passed before it: those of the former part of a resumed run, unless
        a checkpoint kept them.

    Notes
    -----
    A run that time ends is not repeatable: a slower or busier machine stops it earlier.

    Examples
    --------
    >>> StopAfterSeconds(3600.0).seconds
    3600.0
    """

    def __init__(self, seconds: float, *, already: float = 0.0) -> None:
        self.seconds = check_positive(seconds, "seconds", owner="StopAfterSeconds")
        if already != 0.0:
            check_positive(already, "already", owner="StopAfterSeconds")
        self.already = float(already)
        self._before = self.already
        self._restored: float | None = None
        self._started: float | None = None

    def on_start(self, algorithm: Any) -> bool:
        """Start the clock; True when a resumed run had no time left."""
        self._before = self.already if self._restored is None else self._restored
        self._restored, self._started = None, time.monotonic()
        return self._before >= self.seconds

    def on_generation(self, algorithm: Any) -> bool:
        """Return True when the time is over."""
        return self._passed() >= self.seconds

    def on_end(self, algorithm: Any) -> None:
        """Stop the clock."""
        self._before, self._started = self._passed(), None

    def state_arrays(self) -> dict[str, np.ndarray]:
        """Return the seconds passed."""
        return {"seconds": np.array(self._passed())}

    def restore_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Count the seconds of the former part as passed."""
        self._restored = float(arrays["seconds"]) if "seconds" in arrays else None

    def _passed(self) -> float:
        return self._before + (0.0 if self._started is None else time.monotonic() - self._started)


class RestartWhenStagnant(Callback):
    """Start again from random masks and the elite when the best score has not risen for long.

    Parameters
    ----------
    patience : int, default=10
        Generations without a better best score, counted from the last restart on.
    max_restarts : int, optional
        No more than so many; then the run goes on without. No limit when absent.

    Notes
    -----
    It reads the state alone, where the algorithm records its restarts, and keeps nothing itself. A
    `StopWhenStagnant` beside it needs more patience, since it doesn't know of restarts.

    Examples
    --------
    >>> RestartWhenStagnant(patience=15, max_restarts=3).max_restarts
    3
    """

    def __init__(self, patience: int = 10, *, max_restarts: int | None = None) -> None:
        self.patience = check_count(patience, "patience", owner="RestartWhenStagnant")
        if max_restarts is not None:
            check_count(max_restarts, "max_restarts", owner="RestartWhenStagnant")
        self.max_restarts = max_restarts

    def on_start(self, algorithm: Any) -> None:
        """Restart where a checkpoint was written before this callback had its turn."""
        self.on_generation(algorithm)

    def on_generation(self, algorithm: Any) -> None:
        """Restart when the last `patience` generations brought nothing."""
        if self._is_due(algorithm.state):
            algorithm.restart()

    def _is_due(self, state: EvolutionState) -> bool:
        generations = restarts(state)
        if self.max_restarts is not None and generations.size >= self.max_restarts:
            return False
        # The generation before the restart is the first to compare with.
        begin = int(generations[-1]) - 1 if generations.size else 0
        return _is_stagnant(state.history[begin:], self.patience)


def _is_stagnant(history: Sequence[Mapping[str, float]], patience: int) -> bool:
    best = np.maximum.accumulate([record["best"] for record in history])
    return len(best) > patience and bool(best[-1] <= best[-1 - patience])
