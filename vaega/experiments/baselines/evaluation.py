"""One classical model on one split: tuned on the training rows, read once on the test rows."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import DataError, InputError
from vaega.core.files import plain
from vaega.core.randomness import derive_rng, derive_seed
from vaega.data.dataset import Dataset
from vaega.data.splits import Split, holdout_split, kfold_splits, official_split
from vaega.experiments.baselines.models import BaselineModel
from vaega.fitness.thread_limit import one_thread
from vaega.fitness.warned import counted_warnings

OWNER = "vaega baselines"
STATEMENT = (
    "Models see all features; parameters are searched by inner cross-validation of the training "
    "rows; test rows are read once, after the search."
)
# Resamples of the test rows, class by class, for the 95 % interval of a score.
N_RESAMPLES = 500


@dataclass(frozen=True)
class BaselineSettings:
    """How models are tuned and judged."""

    split: str = "official"
    test_size: float = 0.2  # Share of the rows that a holdout tests
    n_folds: int = 5  # Inner folds; fewer where a class has fewer rows
    search_rows: int = 1000

    def __post_init__(self) -> None:
        check_choice(self.split, "split", ("official", "pooled"), owner=OWNER)
        check_count(self.n_folds, "n_folds", owner=OWNER, minimum=2)
        check_count(self.search_rows, "search_rows", owner=OWNER, minimum=10)
        if not isinstance(self.test_size, float) or not 0.0 < self.test_size < 1.0:
            raise InputError(
                f"{OWNER}: test_size must be a fraction in (0, 1), got {self.test_size!r}."
            )


def metric_of(n_classes: int) -> str:
    """Return the score that models are tuned and judged by, as scikit-learn calls it."""
    return "roc_auc" if n_classes == 2 else "f1_macro"


def outer_split(dataset: Dataset, settings: BaselineSettings, seed: int) -> Split:
    """Return training and test rows, as positions in the pooled dataset."""
    if settings.split == "official" and dataset.X_test is not None:
        return official_split(len(dataset.X), len(dataset.X_test))
    rows = dataset.pooled()
    return holdout_split(
        rows.y,
        test_size=settings.test_size,
        seed=derive_seed(seed, "baseline", "test rows"),
        groups=rows.groups,
        class_names=rows.class_names,
        owner=OWNER,
    )


def evaluate(
    model: BaselineModel, dataset: Dataset, settings: BaselineSettings, seed: int
) -> dict[str, Any]:
    """Tune a model on the training rows, fit it on them, and score it on the test rows."""
    _check_values(dataset)
    split, rows = outer_split(dataset, settings, seed), dataset.pooled()
    X, y = rows.X[split.train], rows.y[split.train]
    groups = None if rows.groups is None else rows.groups[split.train]
    metric = metric_of(rows.n_classes)
    with one_thread(), counted_warnings() as counted:
        pipeline = model.make(derive_seed(seed, "baseline", "model", model.name))
        searched = _search_rows(y, groups, rows.class_names, settings, seed)
        inner = None if groups is None else groups[searched]
        folds = _folds(y[searched], inner, rows.class_names, settings, seed)
        grid = model.grid_for(X.shape[1])
        best, found = _search(pipeline, grid, metric, X[searched], y[searched], folds)
        fitted = pipeline.set_params(**best).fit(X, y)
        rng = derive_rng(seed, "baseline", "resampled test rows")
        heldout = _judge(fitted, rows.X[split.test], rows.y[split.test], rows, metric, rng)
        train_score = _measure(metric)(*_answers(fitted, X, y, metric))
    return {
        "metric": metric,
        **heldout,
        **found,
        "train_score": float(train_score),
        "n_train": len(y),
        "parameters": plain({key.removeprefix("model__"): v for key, v in best.items()}),
        "warnings": dict(counted),
    }


def _check_values(dataset: Dataset) -> None:
    if dataset.n_missing:
        values = "value" if dataset.n_missing == 1 else "values"
        raise DataError(
            f"{OWNER}: {dataset.name!r} has {dataset.n_missing} missing {values}; "
            "classical models take none."
        )


def _search_rows(
    y: np.ndarray, groups: Any, names: Any, settings: BaselineSettings, seed: int
) -> np.ndarray:
    if len(y) <= settings.search_rows:
        return np.arange(len(y))
    kept = holdout_split(
        y,
        test_size=settings.search_rows / len(y),
        seed=derive_seed(seed, "baseline", "rows to search on"),
        groups=groups,
        class_names=names,
        owner=OWNER,
    )
    return kept.test


def _folds(
    y: np.ndarray, groups: Any, names: Any, settings: BaselineSettings, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    members = np.arange(len(y)) if groups is None else groups
    fewest = min(len(np.unique(members[y == label])) for label in np.unique(y))
    if fewest < 2:
        raise DataError(
            f"{OWNER}: every class needs two training rows or groups to be tuned on, got {fewest}."
        )
    splits = kfold_splits(
        y,
        n_splits=min(settings.n_folds, fewest),
        seed=derive_seed(seed, "baseline", "inner folds"),
        groups=groups,
        class_names=names,
        owner=OWNER,
    )
    return [(split.train, split.test) for split in splits]


def _search(
    pipeline: Pipeline, grid: dict[str, list], metric: str, X: np.ndarray, y: np.ndarray, folds: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    search = GridSearchCV(pipeline, grid, scoring=metric, cv=folds, refit=False)
    try:
        results = search.fit(X, y).cv_results_
    except ValueError as error:
        raise InputError(f"{OWNER}: no candidate could be fitted: {_reason(error)}") from error
    means = results["mean_test_score"]
    if np.isnan(means).all():
        raise InputError(f"{OWNER}: no candidate could be scored in every inner fold.")
    best = int(np.nanargmax(means))
    found = {
        "inner_score": float(means[best]),
        "n_candidates": len(means),
        "n_failed_candidates": int(np.isnan(means).sum()),
    }
    return results["params"][best], found


def _reason(error: ValueError) -> str:
    """Return the line of scikit-learn's many that names the error of the last fit."""
    named = re.findall(r"^[\w.]*Error: .*", str(error), flags=re.MULTILINE)
    return str(named[-1]) if named else " ".join(str(error).split())


def _answers(
    fitted: Pipeline, X: np.ndarray, y: np.ndarray, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and what the metric takes: a score of the second class, or predictions."""
    if metric == "f1_macro":
        return y, fitted.predict(X)
    if hasattr(fitted, "decision_function"):
        return y, fitted.decision_function(X)
    return y, fitted.predict_proba(X)[:, 1]


def _measure(metric: str) -> Callable[[np.ndarray, np.ndarray], float]:
    if metric == "roc_auc":
        return roc_auc_score
    return lambda truth, predicted: f1_score(truth, predicted, average="macro", zero_division=0)


def _judge(
    fitted: Pipeline,
    X: np.ndarray,
    y: np.ndarray,
    rows: Dataset,
    metric: str,
    rng: np.random.Generator,
) -> dict[str, Any]:
    measure, (truth, answers) = _measure(metric), _answers(fitted, X, y, metric)
    predicted = fitted.predict(X)
    low, high = _interval(measure, truth, answers, rng)
    return {
        "score": float(measure(truth, answers)),
        "score_low": low,
        "score_high": high,
        "accuracy": float(accuracy_score(y, predicted)),
        "balanced_accuracy": float(balanced_accuracy_score(y, predicted)),
        "macro_f1": float(f1_score(y, predicted, average="macro", zero_division=0)),
        "n_test": len(y),
        "by_class": _by_class(y, predicted, rows.class_names),
    }


def _interval(
    measure: Callable[[np.ndarray, np.ndarray], float],
    truth: np.ndarray,
    answers: np.ndarray,
    rng: np.random.Generator,
) -> tuple[float, float]:
    members = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    scores = []
    for _ in range(N_RESAMPLES):
        drawn = np.concatenate([rng.choice(rows, len(rows)) for rows in members])
        scores.append(measure(truth[drawn], answers[drawn]))
    low, high = np.quantile(scores, [0.025, 0.975])
    return float(low), float(high)


def _by_class(truth: np.ndarray, predicted: np.ndarray, names: Any) -> list[dict[str, Any]]:
    columns = precision_recall_fscore_support(
        truth, predicted, labels=np.arange(len(names)), zero_division=0
    )
    return [
        {
            "label": name,
            "precision": float(columns[0][code]),
            "recall": float(columns[1][code]),
            "f1": float(columns[2][code]),
            "support": int(columns[3][code]),
        }
        for code, name in enumerate(names)
    ]
