"""Augmentation selection: which generator adds how many rows, if any, by inner cross-validation.

An arm whose generator or amount is "auto" is resolved in each trial, on its training rows alone.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import delayed

from vaega.core.processes import TemporaryFolder
from vaega.core.randomness import derive_seed, global_seed, seed_unset
from vaega.core.threads import captured_warnings, one_thread
from vaega.data._preprocess import Preprocessor
from vaega.data._splits import Fold
from vaega.experiments.config import ArmConfig, ExperimentConfig, GeneratorConfig
from vaega.experiments.protocols import Trial, TrialOptions
from vaega.experiments.registry import classifier_of, make_sampler
from vaega.fitness._cross_validated import (
    for_workers,
    in_workers,
    make_parallel,
    prepare_fold,
)
from vaega.selection._choice import choose_one_standard_error
from vaega.selection._rankers import rank_features
from vaega.selection._settings import FEW_ROWS

Rows = tuple[np.ndarray, np.ndarray]

# Of ``generator: {kind: auto}``, and beside the arm's own generator where the file names no others.
_GENERATORS, _OTHERS = ("ppca", "class_gaussian", "vae"), ("smote",)
# Synthetic rows for each training row. Few rows leave room for many, many rows need few.
_MULTIPLES, _MULTIPLES_OF_FEW = (0.5, 1.0, 2.0), (1.0, 3.0, 10.0)
# Partitions into inner folds: few rows say little in one.
_REPEATS, _REPEATS_OF_FEW = 1, 3
# Features by the F statistic of the real fit rows: as few and as many as masks usually have.
_SIZES = (10, 30, 100)
# Share of an even guess in every probability: one row that a classifier rules out, as nearest
# neighbours and naive Bayes do, must not outweigh all others.
_DOUBT = 0.02
# Metrics in which a class counts by its rows; in the others classes count alike.
_BY_ROWS = ("accuracy", "f1_weighted", "neg_log_loss")


# What rows do to the loss, less that of nothing added: through the ranking alone, through the
# classifier alone (which decides), through both.
EFFECTS = ("selection", "final_model", "both")


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What was selected, and why."""

    arm: ArmConfig  # Generator and amount; neither where nothing is added
    record: dict[str, Any]


def candidate_arms(
    arm: ArmConfig, n_rows: int, n_independent: int | None = None
) -> list[ArmConfig]:
    """Return what an arm whose generator or amount is "auto" may come to, nothing at all first.

    `n_independent` counts groups where rows belong together: these say whether rows are few.
    """
    assert arm.generator is not None
    generators = [arm.generator]
    if arm.generator.is_auto:
        generators = [GeneratorConfig.model_validate({"kind": kind}) for kind in _GENERATORS]
    others = arm.candidates
    if others is None:
        others = tuple(GeneratorConfig.model_validate({"kind": kind}) for kind in _OTHERS)
    generators += [other for other in others if other not in generators]
    few = (n_rows if n_independent is None else n_independent) < FEW_ROWS
    multiples = _MULTIPLES_OF_FEW if few else _MULTIPLES
    amounts = [arm.n_synthetic]
    if arm.n_synthetic == "auto":
        amounts = [max(1, round(multiple * n_rows)) for multiple in multiples]
    return [
        ArmConfig(),
        *(ArmConfig(generator=one, n_synthetic=amount) for one in generators for amount in amounts),
    ]


def select_augmentation(
    config: ExperimentConfig, trial: Trial, arm: ArmConfig, options: TrialOptions, n_classes: int
) -> Augmentation:
    """Return the simplest candidate within one standard error of the best on inner folds."""
    arms = candidate_arms(arm, len(trial.y), trial.n_independent)
    validation = _CandidateValidation(config, trial, n_classes)
    with _cache_folder(options.cache) as cache:
        samplers = [
            make_sampler(candidate, n_classes, device=options.device, cache=cache)
            for candidate in arms
        ]
        cells = np.array([validation.losses(sampler, options.n_jobs) for sampler in samplers])
    cells *= _weights(trial.y, config.fitness.metric)
    effects = dict(zip(EFFECTS, (cells - cells[0]).mean(axis=2).T.tolist(), strict=True))
    losses = cells[:, EFFECTS.index("final_model")]
    amounts = [candidate.n_synthetic or 0 for candidate in arms]
    chosen = arms[choose_one_standard_error(amounts, -losses)]
    worse = losses - losses[np.argmin(losses.mean(axis=1))]
    errors = worse.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    figures = zip(losses.mean(axis=1), worse.mean(axis=1), errors, strict=True)
    record = {
        **_named(chosen),
        "loss": _loss_name(classifier_of(config.fitness)),
        "candidates": [
            {**_named(candidate), "loss": float(a), "worse": float(b), "standard_error": float(c)}
            | {name: values[index] for name, values in effects.items()}
            for index, (candidate, (a, b, c)) in enumerate(zip(arms, figures, strict=True))
        ],
    }
    return Augmentation(chosen, record)


def _named(arm: ArmConfig) -> dict[str, Any]:
    if arm.generator is None:
        return {"generator": "none", "settings": {}, "amount": 0}
    settings = arm.generator.parameters()
    return {"generator": arm.generator.name, "settings": settings, "amount": arm.n_synthetic}


@contextmanager
def _cache_folder(cache: Any) -> Iterator[Any]:
    # Amounts of one generator share its fits, also where the caller keeps none.
    if cache is not None:
        yield cache
        return
    with closing(TemporaryFolder("vaega-gate-")) as folder:
        yield str(folder.path)


def _weights(y: np.ndarray, metric: str) -> np.ndarray:
    if metric in _BY_ROWS:
        return np.ones(len(y))
    counts = np.bincount(y)
    weights: np.ndarray = len(y) / (np.count_nonzero(counts) * counts[y])
    return weights


@dataclass(frozen=True, eq=False)
class _CandidateValidation:
    """Validates what candidates add, on all inner folds of a trial."""

    config: ExperimentConfig
    trial: Trial
    n_classes: int

    def losses(self, sampler: Any, n_jobs: int) -> np.ndarray:
        """Return the losses of every training row where it was validated on.

        Of shape (3, n_rows), in the order of `EFFECTS`.
        """
        n_rows = len(self.trial.y)
        n_repeats = _REPEATS_OF_FEW if self.trial.n_independent < FEW_ROWS else _REPEATS
        tasks = []
        for repeat in range(n_repeats):
            seed = derive_seed(self.trial.seed, "gate", repeat)
            for index, split in enumerate(self.trial.split(np.arange(n_rows), seed)):
                tasks.append((*split, derive_seed(seed, index)))
        # Without a generator to train, starting processes costs more than the fits.
        processes = make_parallel(1 if sampler is None else n_jobs)
        fold = for_workers(self._fold, processes)
        parts = in_workers(processes, [delayed(fold)(sampler, *task) for task in tasks])
        losses = np.zeros((len(EFFECTS), n_rows))
        for (_, validate, _), part in zip(tasks, parts, strict=True):
            losses[:, validate] += part / n_repeats
        return losses

    def _fold(self, sampler: Any, fit: np.ndarray, validate: np.ndarray, seed: int) -> np.ndarray:
        with one_thread(), captured_warnings():
            fold = self._prepared(None, fit, validate, seed)
            real = fold.X_fit, fold.y_fit
            if sampler is None:
                return np.tile(self._losses_on(fold, real, real, seed), (len(EFFECTS), 1))
            fold = self._prepared(sampler, fit, validate, seed)
            both = fold.X_fit, fold.y_fit
            cells = ((both, real), (real, both), (both, both))
            return np.array([self._losses_on(fold, *cell, seed) for cell in cells])

    def _prepared(self, sampler: Any, fit: np.ndarray, validate: np.ndarray, seed: int) -> Fold:
        return prepare_fold(
            self.trial.X,
            self.trial.y,
            fit,
            validate,
            preparation=Preprocessor(list(self.config.preprocess)),
            sampler=sampler,
            seed=seed,
            groups=self.trial.groups,
            class_names=self.trial.split.class_names,
        )

    def _losses_on(self, fold: Fold, ranked: Rows, fitted: Rows, seed: int) -> np.ndarray:
        """Return the losses with features ranked on some rows and the classifier fitted on some."""
        order = rank_features("f_classif", *ranked, seed=seed)
        losses = []
        for size in sorted({min(size, len(order)) for size in _SIZES}):
            classifier = classifier_of(self.config.fitness)
            seed_unset(classifier, derive_seed(seed, "classifier"))
            columns = order[:size]
            X = fold.X_validate[:, columns]
            with global_seed(seed, classifier):
                classifier.fit(fitted[0][:, columns], fitted[1])
                losses.append(row_losses(classifier, X, fold.y_validate, self.n_classes))
        mean: np.ndarray = np.mean(losses, axis=0)
        return mean


def row_losses(classifier: Any, X: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return what a fitted classifier loses on each row, by a loss that does not saturate."""
    rows = np.arange(len(y))
    if hasattr(classifier, "predict_proba"):
        known = np.zeros((len(y), n_classes))
        known[:, classifier.classes_] = classifier.predict_proba(X)
        losses: np.ndarray = -np.log((1.0 - _DOUBT) * known[rows, y] + _DOUBT / n_classes)
        return losses
    if not hasattr(classifier, "decision_function"):
        return (classifier.predict(X) != y).astype(float)
    values = classifier.decision_function(X)
    values = np.column_stack([-values, values]) if values.ndim == 1 else values
    signs = np.where(y[:, None] == classifier.classes_[None, :], 1.0, -1.0)
    losses = np.square(np.maximum(0.0, 1.0 - signs * values)).mean(axis=1)
    return losses


def _loss_name(classifier: Any) -> str:
    if hasattr(classifier, "predict_proba"):
        return "log loss"
    return "squared hinge loss" if hasattr(classifier, "decision_function") else "error rate"
