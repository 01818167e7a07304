"""The budget of a call: how long it may compute and how many masks it may ask for.

A budget ends the call, never a search: what it cuts short goes on from its checkpoint in the next
call, so that results depend on the configuration alone.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from vaega.core.checks import check_count, check_positive
from vaega.evolution.callbacks import Callback
from vaega.evolution.state import count_asked


class BudgetSpentError(Exception):
    """Raised within a run to leave it where it stands, as an interrupt would."""


@dataclass(frozen=True)
class Allowance:
    """What one run may use of what is left; None is no limit."""

    seconds: float | None = None
    n_asked: int | None = None  # Masks

    def after(self, seconds: float) -> "Allowance":
        """Return what is left of it some time later."""
        return self if self.seconds is None else replace(self, seconds=self.seconds - seconds)


class Budget:
    """What a call may use; the clock starts when it is made."""

    def __init__(
        self, max_seconds: float | None = None, max_evaluations: int | None = None
    ) -> None:
        if max_seconds is not None:
            check_positive(max_seconds, "max_seconds", owner="budget")
        if max_evaluations is not None:
            check_count(max_evaluations, "max_evaluations", owner="budget")
        self.max_seconds = max_seconds
        self.max_evaluations = max_evaluations
        self.n_asked = 0
        self._started = time.monotonic()

    def use(self, n_asked: int) -> None:
        """Count masks that a run has asked for."""
        self.n_asked += n_asked

    def allowance(self) -> Allowance:
        """Return what a run that starts now may use."""
        seconds = n_asked = None
        if self.max_seconds is not None:
            seconds = max(0.0, self.max_seconds - (time.monotonic() - self._started))
        if self.max_evaluations is not None:
            n_asked = max(0, self.max_evaluations - self.n_asked)
        return Allowance(seconds, n_asked)

    @property
    def is_spent(self) -> bool:
        """Whether no further run may start."""
        left = self.allowance()
        return 0 in (left.seconds, left.n_asked)


class Meter(Callback):
    """Counts the masks that the searches of a run ask for, and leaves the run when it must."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.n_restored = 0  # asked for before, in searches that were resumed
        self._n_before = 0  # in searches that are over
        self._n_here = 0
        self._started = time.monotonic()

    @property
    def n_asked(self) -> int:
        """Masks asked for since this was made."""
        return self._n_before + self._n_here

    def on_start(self, algorithm: Any) -> None:
        """Take note of where the search stands."""
        self._n_before += self._n_here
        self._n_here, self._n_start = 0, count_asked(algorithm.state)
        self.n_restored += self._n_start

    def on_generation(self, algorithm: Any) -> None:
        """Count what the generation asked for."""
        self._n_here = count_asked(algorithm.state) - self._n_start

    def on_decision(self, algorithm: Any, *, stopped: bool) -> None:
        """Leave when the allowance is used up.

        Checkpoints are written before, the first generation's always: each call gets further.
        """
        limit, seconds = self.allowance.n_asked, self.allowance.seconds
        if limit is not None and self.n_asked >= limit:
            raise BudgetSpentError
        if seconds is not None and time.monotonic() - self._started >= seconds:
            raise BudgetSpentError
