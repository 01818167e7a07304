"""Engines by classifier: match a scikit-learn classifier and scorer, then score masks on a fold.

A new engine is one module that offers what `Engine` says, and one line in `ENGINES`.
"""

from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from vaega.core.devices import pick_device
from vaega.data._splits import Fold
from vaega.engines._base import PREDICT, Predictions, scale_fold, scorer_name, split_pipeline
from vaega.engines._metrics import Metric, match_metric, score_predictions

# Package and class of a classifier, and the module of its engine, imported when it is first asked
# for: numba and scikit-learn's classifiers are slow to import.
ENGINES = {
    "sklearn.GaussianNB": "vaega.engines._naive_bayes",
    "sklearn.KNeighborsClassifier": "vaega.engines._neighbours",
    "sklearn.LinearDiscriminantAnalysis": "vaega.engines._discriminant",
    "sklearn.LinearSVC": "vaega.engines._linear_svm",
    "sklearn.LogisticRegression": "vaega.engines._logistic",
    "sklearn.MLPClassifier": "vaega.engines._mlp",
    "sklearn.NearestCentroid": "vaega.engines._nearest_centroid",
    "sklearn.RidgeClassifier": "vaega.engines._ridge",
}


class Engine(Protocol):
    """What the module of an engine offers.

    It may also have ``predict_on_device``, `predict` with a torch ``device``.
    """

    RESPONSE_METHODS: tuple[str, ...]  # Which of `_base.PREDICT`, `DECISION`, `PROBA` it computes
    SAMPLE_WEIGHT: bool  # Whether it takes the weights of fit rows as scikit-learn's classifier
    EXACT: bool  # Whether certain predictions are scikit-learn's, not equal to a tolerance
    RANDOM: bool  # Whether its classifiers draw random numbers, so that their seeds matter

    def unsupported(self, estimator: Any) -> str | None:
        """Return which setting of the classifier the engine does not compute, if any."""

    def predict(
        self,
        estimator: Any,
        fold: Fold,
        masks: np.ndarray,
        response_method: str = PREDICT,
        seeds: np.ndarray | None = None,
    ) -> Predictions:
        """Return the predictions of one classifier a mask; each mask selects a column at least."""


@cache
def import_engine(module: str) -> Engine:
    """Return the module of an engine."""
    return cast(Engine, import_module(module))


@dataclass(frozen=True)
class EngineSpec:
    """A classifier and a metric that an engine computes; it can be sent to other processes."""

    module: str
    metric: Metric
    classifier: Any  # Not fitted
    scalers: tuple[Any, ...] = ()  # What a pipeline does to each column before
    device: str | None = None  # Where torch computes, "cuda" say; None: kernels on the processor

    @property
    def engine(self) -> Engine:
        """The module of the engine."""
        return import_engine(self.module)

    @property
    def name(self) -> str:
        """The engine's name: "mlp"."""
        return self.module.rpartition(".")[2].lstrip("_")

    def predict(self, fold: Fold, masks: np.ndarray, seeds: np.ndarray | None) -> Predictions:
        """Return the predictions of the classifiers of many masks, each of a column at least."""
        scaled = scale_fold(fold, self.scalers)
        if scaled is None:
            return Predictions.uncertain(len(masks), len(fold.y_validate))
        options: dict[str, Any] = {
            "response_method": self.metric.response_method,
            "seeds": seeds,
        }
        if self.device is None:
            return self.engine.predict(self.classifier, scaled, masks, **options)
        on_device: Any = self.engine
        return on_device.predict_on_device(
            self.classifier, scaled, masks, device=self.device, **options
        )

    def on_device(self, device: str) -> "EngineSpec":
        """Return the specification for a device; the processor's where an engine knows no other."""
        if device == "cpu":
            return self
        picked = pick_device(device, owner="fitness")
        if picked.type == "cpu" or not hasattr(self.engine, "predict_on_device"):
            return self
        return replace(self, device=str(picked))


def match(estimator: Any, scorer: Any, *, weighted: bool = False) -> EngineSpec | str | None:
    """Return the engine of a classifier and scorer, the setting that prevents it, or None."""
    scalers, classifier = split_pipeline(estimator)
    kind = type(classifier)
    module = ENGINES.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
    if module is None:
        return None
    engine = import_engine(module)
    setting = engine.unsupported(classifier)
    if setting is not None:
        return setting
    metric = match_metric(scorer, estimator)
    if metric is None or metric.response_method not in engine.RESPONSE_METHODS:
        return f"the metric {scorer_name(scorer)}"
    if weighted and not engine.SAMPLE_WEIGHT:
        return "sample_weight"
    return EngineSpec(module, metric, classifier, scalers)


@dataclass(frozen=True, eq=False)
class FoldScores:
    """The scores of many masks on one fold."""

    scores: np.ndarray  # (n_masks,); NaN where scikit-learn has to score the mask
    warnings: dict[str, np.ndarray]  # Text to indices of the masks whose classifiers would warn


def score_fold(
    spec: EngineSpec, fold: Fold, masks: np.ndarray, seeds: np.ndarray | None = None
) -> FoldScores:
    """Return the score of each mask, over all features, on one fold."""
    scores = np.full(len(masks), np.nan)
    all_columns = np.array_equal(fold.columns, np.arange(masks.shape[1]))
    in_fold = masks if all_columns else masks.take(fold.columns, axis=1)
    indices = np.flatnonzero(in_fold.any(axis=1))
    if not indices.size:
        return FoldScores(scores, {})
    if indices.size < len(masks):
        in_fold, seeds = in_fold[indices], None if seeds is None else seeds[indices]
    predictions = spec.predict(fold, in_fold, seeds)
    scores[indices] = score_predictions(spec.metric, fold, predictions)
    scored = ~np.isnan(scores[indices])  # scikit-learn warns itself of what it scores
    warnings = {
        text: indices[rows & scored] for text, rows in predictions.warnings.items() if rows.any()
    }
    return FoldScores(scores, warnings)
