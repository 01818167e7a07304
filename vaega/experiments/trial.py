"""One trial of a run: search on training rows, final model, one look at the test rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer
from threadpoolctl import threadpool_limits

from vaega.core.randomness import derive_seed
from vaega.data.preprocess import Preprocessor
from vaega.evolution.callbacks import Callback
from vaega.experiments.classifiers import make_classifier
from vaega.experiments.config import ExperimentConfig, FitnessConfig, PreselectConfig
from vaega.experiments.generator_record import describe_generator
from vaega.experiments.heldout_figures import AnsweredOnce, brier_score, class_figures
from vaega.experiments.protocols import Trial
from vaega.fitness.folds import Preparation, augment
from vaega.fitness.objective import Objective, PenaltyObjective, WeightedObjective
from vaega.fitness.score_store import ScoreStore
from vaega.fitness.seeding import seed_unset
from vaega.fitness.warned import counted_warnings
from vaega.selection.classical import ClassicalSelection
from vaega.selection.finding import Search
from vaega.selection.inner import InnerValidation
from vaega.selection.result import SearchResult, widen_result
from vaega.selection.select_generate_select import frequent_columns
from vaega.selection.stability import nogueira


@dataclass(frozen=True, eq=False)
class TrialResult:
    """What one trial gave."""

    heldout_score: float  # Metric of the final model on the test rows
    # Metric of the same mask on inner folds of the training rows, see `SearchResult`
    inner_score: float
    # Features of the final model: the mask's, less those that its preparation dropped
    selected: np.ndarray
    frequencies: np.ndarray  # Share of the last population that selects each feature
    history: pd.DataFrame  # One row a generation
    n_asked: int  # Evaluations asked for, and different masks among them
    n_distinct: int  # Evaluations asked for, and different masks among them
    n_scored: int  # Masks that were computed now: a resumed run finds the others in its memory
    n_searches: int  # Searches that voted; 1 where a single one decided
    # Nogueira's stability over the masks of the searches, where there were several
    agreement: float | None
    warnings: dict[str, int]  # How often the classifier warned of what
    # Further figures, that only some protocols have
    extra: dict[str, float] = field(default_factory=dict)
    brier: float | None = None
    # Precision, recall and F1 of the final model on the test rows, class by class
    classes: list[dict[str, Any]] = field(default_factory=list)
    # What was chosen where generator or amount is "auto", see `vaega.experiments.gate`
    gate: dict[str, Any] | None = None
    generator: dict[str, Any] | None = None


def run_trial(
    config: ExperimentConfig,
    trial: Trial,
    sampler: Any,
    *,
    n_jobs: int = 1,
    callbacks: Iterable[Callback] = (),
    checkpoint: Path | None = None,
    store: ScoreStore | None = None,
    selection: ClassicalSelection | None = None,
    describe: bool = False,
) -> TrialResult:
    """Search, fit the final model on the mask, and read the test rows once."""
    classifier = classifier_of(config.fitness)
    scorer = get_scorer(config.fitness.metric)
    preparation = Preprocessor(list(config.preprocess))
    inner = InnerValidation(
        trial.X,
        trial.y,
        split=trial.split,
        estimator=classifier,
        scorer=scorer,
        seed=trial.seed,
        preparation=preparation,
        sampler=sampler,
        groups=trial.groups,
        n_jobs=n_jobs,
        engine=config.fitness.engine,
        device=config.fitness.device,
    )
    search = Search(
        objective_of(config.fitness), config.search.settings(), tuple(callbacks), checkpoint, store
    )
    columns = np.arange(trial.X.shape[1])
    if selection is not None:
        found = selection.run(inner, search.objective, store)
    elif config.search.preselect is None:
        found = search.run(inner)
    else:
        first = _preselect(search, config.search.preselect, inner)
        keep = config.search.preselect.keep
        found_first = (first.frequencies, first.weights, first.mask)
        columns = frequent_columns(*found_first, keep, search.settings)
        found = _select_among(search, columns, inner, first)
    described = None
    if describe and sampler is not None:
        described = describe_generator(trial, sampler, preparation)
    final = score_heldout(trial, found.mask, classifier, scorer, preparation, sampler, columns)
    return replace(_result(found, final), generator=described)


def _preselect(search: Search, preselect: PreselectConfig, inner: InnerValidation) -> SearchResult:
    first = replace(
        search,
        settings=preselect.settings(search.settings),
        folder=None if search.folder is None else search.folder / "first",
    )
    seed = derive_seed(inner.seed, "first")
    return first.run(replace(inner, sampler=None, seed=seed))


def _select_among(
    search: Search, columns: np.ndarray, inner: InnerValidation, first: SearchResult
) -> SearchResult:
    second = replace(search, settings=search.settings.on_columns(columns))
    found = second.run(inner.with_columns(columns, "second"))
    histories = [
        result.history.assign(selection=place) for place, result in enumerate((first, found))
    ]
    return replace(
        widen_result(found, columns, inner.n_features),
        history=pd.concat(histories, ignore_index=True),
        n_asked=first.n_asked + found.n_asked,
        n_distinct=first.n_distinct + found.n_distinct,
        n_scored=first.n_scored + found.n_scored,
        n_fits=first.n_fits + found.n_fits,
        warnings=first.warnings + found.warnings,
    )


@dataclass(frozen=True, eq=False)
class FinalModel:
    """What the final model, fitted on all training rows, came to."""

    score: float  # Metric on the test rows
    selected: np.ndarray  # Features it was fitted on: those of the mask that its preparation kept
    warnings: Counter[str]  # How often its classifier warned of what
    # See `vaega.experiments.heldout_figures.class_figures`
    classes: list[dict[str, Any]] = field(default_factory=list)
    brier: float | None = None  # See `vaega.experiments.heldout_figures.brier_score`


def score_heldout(
    trial: Trial,
    mask: np.ndarray,
    classifier: Any,
    scorer: Any,
    preparation: Preparation,
    sampler: Any,
    columns: np.ndarray | None = None,
) -> FinalModel:
    """Fit the final model on all training rows and score it on the test rows, which it opens."""
    columns = np.arange(trial.X.shape[1]) if columns is None else columns
    fitted = seed_unset(clone(preparation), derive_seed(trial.seed, "final preparation"))
    fitted.fit(trial.X[:, columns], trial.y)
    X, y = fitted.transform(trial.X[:, columns]), trial.y
    if sampler is not None:
        X, y = augment(X, y, sampler, seed=derive_seed(trial.seed, "final sampler"))
    features = columns[fitted.columns_]
    kept = np.flatnonzero(mask[features])
    final = AnsweredOnce(clone(classifier) if kept.size else DummyClassifier(strategy="prior"))
    seed_unset(final.classifier, derive_seed(trial.seed, "final classifier"))
    with threadpool_limits(limits=1), counted_warnings() as counted:
        final.classifier.fit(_columns(X, kept), y)
        X_test, y_test = trial.test.open()
        X_test = _columns(fitted.transform(X_test[:, columns]), kept)
        score = float(scorer(final, X_test, y_test))
    return FinalModel(score, features[kept], counted, *_figures(final, X_test, y_test, trial.y))


def _figures(
    final: AnsweredOnce, X_test: np.ndarray, y_test: np.ndarray, y_train: np.ndarray
) -> tuple[list[dict[str, Any]], float | None]:
    n_classes = int(max(y_train.max(), y_test.max())) + 1
    with threadpool_limits(limits=1), counted_warnings():  # said once, by the score
        classes = class_figures(y_test, final.predict(X_test), n_classes)
        if not hasattr(final, "predict_proba"):
            return classes, None
        return classes, brier_score(y_test, final.predict_proba(X_test), final.classes_)


def _columns(X: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return X.take(kept, axis=1) if kept.size else np.zeros((len(X), 1))


def classifier_of(fitness: FitnessConfig) -> Any:
    """Return the classifier that the section ``fitness`` names."""
    return make_classifier(fitness.classifier, fitness.class_, fitness.classifier_parameters())


def objective_of(fitness: FitnessConfig) -> Objective:
    """Return the objective that the section ``fitness`` names."""
    if fitness.objective.kind == "weighted":
        return WeightedObjective(fitness.objective.alpha)
    return PenaltyObjective(fitness.objective.per_feature)


def _result(found: SearchResult, final: FinalModel) -> TrialResult:
    several = len(found.masks) > 1
    return TrialResult(
        heldout_score=final.score,
        inner_score=found.score,
        selected=final.selected,
        frequencies=found.frequencies,
        history=found.history,
        n_asked=found.n_asked,
        n_distinct=found.n_distinct,
        n_scored=found.n_scored,
        n_searches=len(found.masks),
        agreement=nogueira(found.masks) if several else None,
        warnings=dict(found.warnings + final.warnings),
        brier=final.brier,
        classes=final.classes,
    )
