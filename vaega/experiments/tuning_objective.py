"""How good one set of a generator's parameters is, by inner folds of the training rows alone."""

import math
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import get_scorer
from threadpoolctl import threadpool_limits

from vaega.core.errors import ConfigError, InputError
from vaega.core.randomness import derive_seed
from vaega.data.preprocess import Preprocessor
from vaega.experiments.arm_config import ArmConfig
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.generators import MODELS
from vaega.experiments.protocols import Trial
from vaega.experiments.samplers import make_arm_model, make_sampler
from vaega.experiments.trial import classifier_of
from vaega.fitness.folds import prepare_fold
from vaega.fitness.seeding import seed_unset
from vaega.fitness.warned import counted_warnings

# A plain autoencoder has no prior, and the samplers without a model know no density at all.
DENSITIES = tuple(kind for kind in MODELS if kind != "autoencoder")


@dataclass(frozen=True)
class Measured:
    """What the inner folds say about one set of parameters."""

    value: float  # Mean over folds: nats per row, or the metric
    folds: tuple[float, ...]  # One value a fold
    seconds: float  # Of the wall clock
    warnings: int  # How often a generator or a classifier warned


@dataclass(frozen=True, eq=False)
class Objective:
    """Measures generators on the inner folds of one trial of an experiment; see `Measured`."""

    config: ExperimentConfig  # Preprocessing, classifier and metric
    trial: Trial  # Training rows and their inner splits; its test rows stay sealed
    kind: str
    n_classes: int  # Of the dataset
    device: str = "cpu"  # Where autoencoders are trained
    n_jobs: int = 1  # Processes among which the folds are shared; the results are the same

    @property
    def label(self) -> str:
        """What the values are."""
        return "nats per row" if self.kind == "elbo" else self.config.fitness.metric

    def check(self, arm: ArmConfig) -> None:
        """Refuse an arm that this objective cannot judge."""
        kind = None if arm.generator is None else arm.generator.kind
        if self.kind == "elbo" and kind not in DENSITIES:
            raise ConfigError(f"tune.objective: generator {kind} has no density; use score.")

    def measure(self, arm: ArmConfig) -> Measured:
        """Return what the inner folds say about the generator of `arm`."""
        started = time.perf_counter()
        tasks = [delayed(self._fold)(arm, place) for place in range(len(self.trial.inner))]
        results = Parallel(n_jobs=self.n_jobs)(tasks)
        values = tuple(value for value, _ in results)
        if not all(math.isfinite(value) for value in values):
            raise InputError(f"tune: a fold's value must be a number, got {list(values)}.")
        warned = sum((counted for _, counted in results), Counter[str]())
        return Measured(
            float(np.mean(values)), values, time.perf_counter() - started, warned.total()
        )

    def _fold(self, arm: ArmConfig, place: int) -> tuple[float, Counter[str]]:
        seed, split = derive_seed(self.trial.seed, "tune", place), self.trial.inner[place]
        with threadpool_limits(limits=1), counted_warnings() as counted:
            measure = self._density if self.kind == "elbo" else self._score
            value = measure(arm, split, seed)
        return value, counted

    def _density(self, arm: ArmConfig, split: Any, seed: int) -> float:
        fold = self._prepared(None, split, seed)
        model = seed_unset(make_arm_model(arm, device=self.device), derive_seed(seed, "model"))
        model.fit(fold.X_fit, fold.y_fit)
        return float(model.score(fold.X_validate, fold.y_validate))

    def _score(self, arm: ArmConfig, split: Any, seed: int) -> float:
        sampler = make_sampler(arm, self.n_classes, device=self.device, cache=None)
        fold = self._prepared(sampler, split, seed)
        classifier = clone(classifier_of(self.config.fitness))
        seed_unset(classifier, derive_seed(seed, "classifier"))
        classifier.fit(fold.X_fit, fold.y_fit)
        scorer = get_scorer(self.config.fitness.metric)
        return float(scorer(classifier, fold.X_validate, fold.y_validate))

    def _prepared(self, sampler: Any, split: Any, seed: int) -> Any:
        return prepare_fold(
            self.trial.X,
            self.trial.y,
            split.train,
            split.test,
            preparation=Preprocessor(list(self.config.preprocess)),
            sampler=sampler,
            seed=seed,
        )
