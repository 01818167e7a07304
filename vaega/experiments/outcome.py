"""How the computation of a run ended, before and after it is recorded."""

from dataclasses import dataclass, field
from typing import Any

from vaega.experiments.trial import TrialResult


@dataclass(frozen=True)
class Completion:
    """How a call of `Worker.complete` ended.

    Parameters
    ----------
    held : bool, default=False
        Another process holds the run: nothing was done.
    stopped : bool, default=False
        The allowance was spent: the run is left where it stands.
    n_asked : int, default=0
        Masks that it asked for now.
    """

    held: bool = False
    stopped: bool = False
    n_asked: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of the computation of a run.

    Parameters
    ----------
    seconds : float
        It took.
    n_asked : int
        Masks that it asked for now, not before a resume.
    results : list of TrialResult, optional
        One a trial; absent when it failed or was stopped.
    error, trace : str, default=""
        Why it failed: the sentence, and the traceback.
    stopped : bool, default=False
        The allowance was spent.
    environment : dict, default={}
        Versions and machine, where they are not those of the process that records.
    peak_memory : float, optional
        The most memory, in megabytes, that its process held meanwhile; absent where unknown.
    """

    seconds: float
    n_asked: int
    results: list[TrialResult] | None = None
    error: str = ""
    trace: str = ""
    stopped: bool = False
    environment: dict[str, Any] = field(default_factory=dict)
    peak_memory: float | None = None
