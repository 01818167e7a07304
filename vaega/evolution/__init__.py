"""Evolution of binary masks on DEAP: operators, algorithms behind ask and tell, loop, callbacks."""

from typing import TYPE_CHECKING

from vaega.core.lazy import attach

if TYPE_CHECKING:
    from vaega.evolution._checkpoint import SaveCheckpoint, load_checkpoint, restore_callbacks
    from vaega.evolution._evolution import Callback, EvolutionState, Individual, evolve, logbook
    from vaega.evolution._logs import KeepHistory, LogToCSV, LogToMLflow
    from vaega.evolution._progress import ProgressBar
    from vaega.evolution._stopping import (
        RestartWhenStagnant,
        StopAfterEvaluations,
        StopAfterSeconds,
        StopAtTarget,
        StopWhenStagnant,
    )

__getattr__, __all__ = attach(
    __name__,
    {
        "_checkpoint": ["SaveCheckpoint", "load_checkpoint", "restore_callbacks"],
        "_evolution": ["Callback", "EvolutionState", "Individual", "evolve", "logbook"],
        "_logs": ["KeepHistory", "LogToCSV", "LogToMLflow"],
        "_progress": ["ProgressBar"],
        "_stopping": [
            "RestartWhenStagnant",
            "StopAfterEvaluations",
            "StopAfterSeconds",
            "StopAtTarget",
            "StopWhenStagnant",
        ],
    },
)
