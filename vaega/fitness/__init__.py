"""Fitness of masks: whole populations in, scores out, higher is better.

`CrossValidatedFitness` scores masks on prepared folds, through an engine or scikit-learn;
`FitnessMemory` remembers them, by mask, and gives the objective that a search maximises.
"""

from typing import TYPE_CHECKING

from vaega.core.lazy import attach

if TYPE_CHECKING:
    from vaega.fitness._cross_validated import (
        CrossValidatedFitness,
        prepare_fold,
        prepare_folds,
    )
    from vaega.fitness._memory import (
        Evaluations,
        FitnessMemory,
        PenaltyObjective,
        WeightedObjective,
    )
    from vaega.fitness._score_store import ScoreStore

__getattr__, __all__ = attach(
    __name__,
    {
        "_cross_validated": ["CrossValidatedFitness", "prepare_fold", "prepare_folds"],
        "_memory": ["Evaluations", "FitnessMemory", "PenaltyObjective", "WeightedObjective"],
        "_score_store": ["ScoreStore"],
    },
)
