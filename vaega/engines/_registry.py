"""Which engine computes what, and the scores of many masks on one fold."""

from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from vaega.core.errors import InputError
from vaega.data._folds import Fold
from vaega.engines._base import Responses, scale_fold, split_pipeline
from vaega.engines._metrics import Metric, recognise_metric, score_responses

if TYPE_CHECKING:
    import torch


_MODULES = frozenset({"mlp"})


def available(engine: str) -> bool:
    """Return whether an engine has a module for devices."""
    return engine in _MODULES


def resolve_device(device: Any, *, owner: str = "fitness") -> "torch.device | None":
    """Return the device that a setting names."""
    import torch

    if isinstance(device, str) and device == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else None
    try:
        found = torch.device(device) if isinstance(device, str) else None
    except RuntimeError:
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise InputError(
            f'{owner}: device must be "auto", "cpu", "cuda" or "cuda:<number>", got {device!r}.'
        )
    n_devices = torch.cuda.device_count() if found.type == "cuda" else 1
    if (found.index or 0) >= n_devices:
        raise InputError(
            f"{owner}: device must be one that torch finds, got {device!r} with {n_devices} CUDA "
            "devices."
        )
    return torch.device("cuda", found.index or 0) if found.type == "cuda" else found


# scikit-learn's class and the module of its engine, imported when it is first asked for: numba
# and scikit-learn's classifiers are slow to import.
_ENGINES = {
    "GaussianNB": "naive_bayes",
    "MLPClassifier": "mlp",
    "KNeighborsClassifier": "neighbours",
    "LinearDiscriminantAnalysis": "discriminant",
    "LinearSVC": "linear_svm",
    "LogisticRegression": "logistic",
    "NearestCentroid": "nearest_centroid",
    "RidgeClassifier": "ridge",
}


class Engine(Protocol):
    """What the module of an engine offers."""

    # What its responses can hold: see `vaega.engines._base.NEEDS`
    NEEDS: tuple[str, ...]
    WEIGHTS: bool  # Whether it takes the weights of fit rows as scikit-learn's classifier does
    EXACT: bool
    RANDOM: bool  # Whether its classifiers draw random numbers, so that their seeds matter

    def accepts(self, estimator: Any) -> str | None:
        """Return which setting of the classifier the engine does not compute, if any."""

    def respond(
        self, estimator: Any, fold: Fold, masks: np.ndarray, *, need: str, seeds: np.ndarray | None
    ) -> Responses:
        """Return the answers of one classifier a mask; each mask selects a column at least."""


@dataclass(frozen=True)
class Plan:
    """A classifier and a metric that an engine computes."""

    engine: str  # Name of its module
    metric: Metric  # What is made of its responses
    classifier: Any  # Not fitted
    scalers: tuple[Any, ...] = ()  # What a pipeline does to each column before
    # Where torch computes, "cuda:0" say; None is the compiled engine on the processor
    device: str | None = None

    @property
    def module(self) -> Engine:
        """The module of the engine."""
        return _import_engine(self.engine)

    def respond(self, fold: Fold, masks: np.ndarray, seeds: np.ndarray | None) -> Responses:
        """Return the answers of the classifiers of many masks, each of a column at least."""
        scaled, need = scale_fold(fold, self.scalers), self.metric.need
        if scaled is None:
            return Responses.undecided(len(masks), len(fold.y_validate))
        if self.device is None:
            return self.module.respond(self.classifier, scaled, masks, need=need, seeds=seeds)
        batched: Any = _import_engine(f"torch_{self.engine}")
        device = resolve_device(self.device)
        return batched.respond(
            self.classifier, scaled, masks, need=need, seeds=seeds, device=device
        )

    def on_device(self, device: str) -> "Plan":
        """Return the plan for a device."""
        if device == "cpu":
            return self
        found = resolve_device(device)
        if found is None or not available(self.engine):
            return self
        return replace(self, device=str(found))


@cache
def _import_engine(name: str) -> Engine:
    return cast(Engine, import_module(f"vaega.engines._{name}"))


@dataclass(frozen=True, eq=False)
class FoldScores:
    """The scores of many masks on one fold."""

    scores: np.ndarray  # NaN where scikit-learn has to decide
    # Places of the masks whose classifiers would have warned, by what of
    warned: dict[str, np.ndarray]


def recognise(estimator: Any, scorer: Any, *, weighted: bool = False) -> Plan | str | None:
    """Return how an engine computes the scores of a classifier, or why none does."""
    scalers, classifier = split_pipeline(estimator)
    kind = type(classifier)
    name = _ENGINES.get(kind.__name__)
    if name is None or not kind.__module__.startswith("sklearn."):
        return None
    module = _import_engine(name)
    unknown = module.accepts(classifier)
    if unknown is not None:
        return unknown
    metric = recognise_metric(scorer, estimator)
    if metric is None or metric.need not in module.NEEDS:
        return f"the metric {_name_of(scorer)}"
    if weighted and not module.WEIGHTS:
        return "sample_weight"
    return Plan(name, metric, classifier, scalers)


def _name_of(scorer: Any) -> str:
    function = getattr(scorer, "_score_func", scorer)
    return getattr(function, "__name__", type(function).__name__)


def score_fold(
    plan: Plan, fold: Fold, masks: np.ndarray, seeds: np.ndarray | None = None
) -> FoldScores:
    """Return the score of each mask on one fold."""
    scores = np.full(len(masks), np.nan)
    n_features = masks.shape[1]
    whole = np.array_equal(fold.columns, np.arange(n_features))
    own = masks if whole else masks.take(fold.columns, axis=1)
    places = np.flatnonzero(own.any(axis=1))
    if not places.size:
        return FoldScores(scores, {})
    if places.size < len(masks):
        own, seeds = own[places], None if seeds is None else seeds[places]
    answers = plan.respond(fold, own, seeds)
    scores[places] = score_responses(plan.metric, fold, answers)
    # scikit-learn warns itself of what it decides.
    silent = np.isnan(scores[places])
    warned = {text: places[rows & ~silent] for text, rows in answers.warned.items() if rows.any()}
    return FoldScores(scores, warned)
