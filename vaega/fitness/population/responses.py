"""What the classifiers of many masks answer, and what of it a metric needs."""

from dataclasses import dataclass, field

import numpy as np

LABELS, RANKING, PROBABILITIES = "labels", "ranking", "probabilities"
NEEDS = (LABELS, RANKING, PROBABILITIES)


@dataclass(frozen=True, eq=False)
class Responses:
    """The answers of the classifiers of many masks for the validate rows of one fold."""

    codes: np.ndarray  # Predicted classes, as positions in the sorted classes of the fit rows
    # False where rounding could turn an answer, so that scikit-learn has to decide
    decided: np.ndarray
    values: np.ndarray | None = None
    doubts: np.ndarray | None = None
    warned: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def undecided(cls, n_masks: int, n_validate: int) -> "Responses":
        """Return answers that leave everything to scikit-learn."""
        return cls(np.full((n_masks, n_validate), -1), np.zeros(n_masks, dtype=bool))
