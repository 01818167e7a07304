"""Inner validation: from training rows to prepared folds and to the fitness of masks on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vaega.core.randomness import derive_seed
from vaega.fitness.cross_validated import CrossValidatedFitness
from vaega.fitness.folds import Fold, Preparation, prepare_fold, prepare_folds

Splits = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class InnerValidation:
    """The rows that a search may see, and how masks are scored on them."""

    X: np.ndarray  # Training rows
    y: np.ndarray  # Their labels
    # ``split(rows, seed)`` gives (fit, validate) pairs of positions within ``X[rows]``
    split: Callable[[np.ndarray, int], Splits]
    estimator: Any  # Scores a mask
    scorer: Any  # A scikit-learn scorer
    seed: int  # Everything random in folds and evaluations comes from it
    preparation: Preparation | None = None  # Fitted on the fit rows of each fold
    sampler: Any = None  # Augments the fit rows of each fold
    groups: np.ndarray | None = None  # Rows that belong together
    sample_weight: np.ndarray | None = None  # Weights of the rows, in fits and in scores
    n_jobs: int | None = None  # Processes, as in joblib
    engine: str = "auto"  # See `CrossValidatedFitness`
    device: str = "cpu"  # See `CrossValidatedFitness`

    @property
    def n_features(self) -> int:
        """Length of a mask."""
        return self.X.shape[1]

    def restricted(self, rows: np.ndarray, *labels: Any) -> "InnerValidation":
        """Return the same on some of the rows, with a seed of its own."""

        def split(positions: np.ndarray, seed: int) -> Splits:
            return self.split(rows[positions], seed)

        return replace(
            self,
            X=self.X[rows],
            y=self.y[rows],
            split=split,
            seed=derive_seed(self.seed, *labels),
            groups=None if self.groups is None else self.groups[rows],
            sample_weight=None if self.sample_weight is None else self.sample_weight[rows],
        )

    def with_columns(self, columns: np.ndarray, *labels: Any) -> "InnerValidation":
        """Return the same on some of the features, with a seed of its own."""
        return replace(self, X=self.X[:, columns], seed=derive_seed(self.seed, *labels))

    def folds(self, repeat: int = 0) -> list[Fold]:
        """Return the prepared folds of one partition."""
        labels = [repeat] if repeat else []
        splits = self.split(np.arange(len(self.y)), derive_seed(self.seed, "inner splits", *labels))
        return prepare_folds(
            self.X,
            self.y,
            splits,
            preparation=self.preparation,
            sampler=self.sampler,
            seed=derive_seed(self.seed, "folds", *labels),
            n_jobs=self.n_jobs,
            sample_weight=self.sample_weight,
        )

    def fitness(self, folds: Sequence[Fold], repeat: int = 0) -> CrossValidatedFitness:
        """Return the fitness of masks on prepared folds."""
        labels = [repeat] if repeat else []
        return CrossValidatedFitness(
            self.estimator,
            folds,
            self.scorer,
            seed=derive_seed(self.seed, "fitness", *labels),
            n_jobs=self.n_jobs,
            engine=self.engine,
            device=self.device,
        )

    def fitness_on(
        self, fit: np.ndarray, validate: np.ndarray, *labels: Any
    ) -> CrossValidatedFitness:
        """Return the fitness of masks on one fold of one's own."""
        seed = derive_seed(self.seed, *labels)
        fold = prepare_fold(
            self.X,
            self.y,
            fit,
            validate,
            preparation=self.preparation,
            sampler=self.sampler,
            seed=seed,
            sample_weight=self.sample_weight,
        )
        return CrossValidatedFitness(
            self.estimator,
            [fold],
            self.scorer,
            seed=seed,
            n_jobs=self.n_jobs,
            engine=self.engine,
            device=self.device,
        )
