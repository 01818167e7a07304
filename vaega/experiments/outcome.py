"""How the computation of a run ended, before and after it is recorded."""

from dataclasses import dataclass, field
from typing import Any

from vaega.experiments.trial import TrialResult


@dataclass(frozen=True)
class Completion:
    """How a call of `Worker.complete` ended."""

    held: bool = False  # Another process holds the run: nothing was done
    stopped: bool = False  # The allowance was spent: the run is left where it stands
    n_asked: int = 0  # Masks that it asked for now


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of the computation of a run."""

    seconds: float  # It took
    n_asked: int  # Masks that it asked for now, not before a resume
    results: list[TrialResult] | None = None  # One a trial; absent when it failed or was stopped
    error: str = ""  # Why it failed: the sentence, and the traceback
    trace: str = ""  # Why it failed: the sentence, and the traceback
    stopped: bool = False  # The allowance was spent
    # Versions and machine, where they are not those of the process that records
    environment: dict[str, Any] = field(default_factory=dict)
    # The most memory, in megabytes, that its process held meanwhile; absent where unknown
    peak_memory: float | None = None
