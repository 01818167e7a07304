"""One trial of a run under a protocol of the thesis: its fitness is computed on the test rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer

from vaega.core.randomness import derive_seed
from vaega.data.preprocess import Preprocessor
from vaega.evolution.callbacks import Callback
from vaega.evolution.state import EvolutionState
from vaega.experiments.arm_config import ArmConfig
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.open_fold import make_open_fold
from vaega.experiments.open_search import OpenSearch, breeding_of, mean_metric
from vaega.experiments.protocols import OpenTrial
from vaega.experiments.trial import TrialResult, classifier_of, objective_of
from vaega.fitness.cross_validated import CrossValidatedFitness
from vaega.fitness.folds import Fold
from vaega.fitness.objective import Objective
from vaega.fitness.score_store import ScoreStore
from vaega.selection.result import widened
from vaega.selection.scoring import SearchScores
from vaega.selection.select_generate_select import frequent_columns
from vaega.selection.settings import SearchSettings


@dataclass(frozen=True, eq=False)
class OpenMeans:
    """What a trial uses and does not depend on."""

    device: str = "cpu"  # Where autoencoders are trained
    cache: Any = None  # Where trained autoencoders are kept
    n_jobs: int = 1  # Processes
    callbacks: Iterable[Callback] = ()  # Called each generation
    checkpoint: Path | None = None  # Folder where searches keep their state
    store: ScoreStore | None = None  # Where scores are kept for other runs


def run_open_trial(
    config: ExperimentConfig,
    trial: OpenTrial,
    arm: ArmConfig,
    *,
    n_classes: int,
    means: OpenMeans | None = None,
) -> TrialResult:
    """Search for masks whose fitness is computed on the test rows, as the thesis did."""
    bench = _Bench(config, trial, n_classes, means or OpenMeans())
    columns, first = bench.preselected()
    fold = bench.fold(arm, columns)
    settings = bench.settings(config.search.settings(), len(columns))
    found = bench.search(fold, settings, len(columns), "second" if first else "search")
    extra = _figures(found, bench, fold)
    mask = widened(found.state.best_mask, columns, trial.X.shape[1])
    searches = [*first, found]
    return TrialResult(
        heldout_score=extra["elite_accuracy"],
        inner_score=extra["elite_accuracy"],
        selected=np.flatnonzero(mask),
        frequencies=widened(found.state.masks.mean(axis=0), columns, trial.X.shape[1], 0.0),
        history=_history(searches, bench.objective),
        n_asked=sum(one.scores.n_asked for one in searches),
        n_distinct=sum(one.scores.n_distinct for one in searches),
        n_scored=sum(one.scores.n_scored for one in searches),
        n_searches=1,
        agreement=None,
        warnings=dict(sum((one.scores.warnings_ for one in searches), Counter[str]())),
        extra=extra,
    )


@dataclass(frozen=True, eq=False)
class _Found:
    state: EvolutionState
    scores: SearchScores
    n_features: int


@dataclass(frozen=True, eq=False)
class _Bench:
    """Everything that the searches of a trial have in common."""

    config: ExperimentConfig
    trial: OpenTrial
    n_classes: int
    means: OpenMeans

    @property
    def objective(self) -> Objective:
        return objective_of(self.config.fitness)

    def settings(self, settings: SearchSettings, n_features: int) -> SearchSettings:
        return settings.resolved(n_rows=len(self.trial.y), n_features=n_features)

    def fold(self, arm: ArmConfig, columns: np.ndarray) -> Fold:
        return make_open_fold(
            self.trial,
            columns,
            Preprocessor(list(self.config.preprocess)),
            self.config.protocol,
            arm,
            n_classes=self.n_classes,
            device=self.means.device,
            cache=self.means.cache,
        )

    def fitness(self, fold: Fold) -> CrossValidatedFitness:
        fitness = self.config.fitness
        return CrossValidatedFitness(
            classifier_of(fitness),
            [fold],
            get_scorer(fitness.metric),
            seed=derive_seed(self.trial.seed, "fitness"),
            n_jobs=self.means.n_jobs,
            engine=fitness.engine,
            device=fitness.device,
        )

    def search(self, fold: Fold, settings: SearchSettings, n_features: int, name: str) -> _Found:
        folder = None if self.means.checkpoint is None else self.means.checkpoint / name
        search = OpenSearch(
            self.objective,
            settings,
            breeding_of(self.config.protocol.kind),
            derive_seed(self.trial.seed, name),
            self.means.callbacks,
            folder,
        )
        with self.fitness(fold) as fitness:
            scores = SearchScores(lambda _: fitness, n_features, store=self.means.store)
            state = search.run(scores, digest=fitness.digest)
            return _Found(state, scores, n_features)

    def preselected(self) -> tuple[np.ndarray, list[_Found]]:
        """Return the features that the first selection leaves, and its searches."""
        every, preselect = np.arange(self.trial.X.shape[1]), self.config.search.preselect
        if preselect is None:
            return every, []
        own = preselect.settings(self.config.search.settings())
        n_searches = 1 if own.n_searches == "auto" else int(own.n_searches)
        settings = self.settings(replace(own, n_searches=1), len(every))
        fold = self.fold(ArmConfig(), every)
        found = [
            self.search(fold, settings, len(every), f"first-{place}") for place in range(n_searches)
        ]
        frequencies = np.mean([one.state.masks.mean(axis=0) for one in found], axis=0)
        none = np.zeros(len(every), dtype=bool)
        return frequent_columns(frequencies, np.ones(len(every)), none, preselect.keep), found


def _figures(found: _Found, bench: _Bench, fold: Fold) -> dict[str, float]:
    state, n_real = found.state, len(bench.trial.y_test)
    known, metric = found.scores.recall()
    values = {mask.tobytes(): float(value) for mask, value in zip(known, metric, strict=True)}
    both = np.vstack([state.best_mask, np.ones(found.n_features, dtype=bool)])
    real = replace(fold, X_validate=fold.X_validate[:n_real], y_validate=fold.y_validate[:n_real])
    with bench.fitness(fold) as fitness, bench.fitness(real) as fitness_real:
        seen, alone = fitness(both), fitness_real(both)
    return {
        "population_accuracy": float(np.mean([values[mask.tobytes()] for mask in state.masks])),
        "population_n_features": float(state.masks.sum(axis=1).mean()),
        "elite_accuracy": values[state.best_mask.tobytes()],
        "elite_accuracy_real": float(alone[0]),
        "elite_n_features": float(state.best_mask.sum()),
        "all_features_accuracy": float(seen[1]),
        "all_features_accuracy_real": float(alone[1]),
    }


def _history(searches: Iterable[_Found], objective: Objective) -> pd.DataFrame:
    tables = []
    for place, found in enumerate(searches):
        table = pd.DataFrame(list(found.state.history))
        table["mean_accuracy"] = [
            mean_metric(mean, size, objective, found.n_features)
            for mean, size in zip(table["mean"], table["mean_n_features"], strict=True)
        ]
        tables.append(table.assign(selection=place))
    return pd.concat(tables, ignore_index=True)
