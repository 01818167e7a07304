"""Pipelines that scale columns before they classify: what scaling does, no mask changes."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.special import expit
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from vaega.data._folds import Fold

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


_WIDTH = 64  # columns: some rows of these fit in a processor's nearest memory


def column_blocks(n_columns: int) -> list[slice]:
    """Return consecutive blocks that cover all columns."""
    starts = list(range(0, max(n_columns - 1, 1), _WIDTH))
    return [
        slice(start, stop) for start, stop in zip(starts, [*starts[1:], n_columns], strict=True)
    ]


_BLOCK = 32  # masks that are compared at once, to save memory


def decide(scores: np.ndarray, doubts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of the highest score of each row, and which masks are sure of all rows."""
    codes, decided = np.empty(scores.shape[:2], dtype=np.intp), np.empty(len(scores), dtype=bool)
    for start in range(0, len(scores), _BLOCK):
        own = slice(start, start + _BLOCK)
        codes[own], margins = _compare(scores[own])
        least = doubts[own] if scores.shape[2] == 1 else 2.0 * doubts[own]
        with np.errstate(invalid="ignore"):  # False where it is not finite
            decided[own] = (margins > least[:, None]).all(axis=1)
    return codes, decided


def _compare(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_classes = scores.shape[2]
    if n_classes == 1:
        return scores[:, :, 0] > 0.0, np.abs(scores[:, :, 0])
    highest = np.partition(scores, n_classes - 2, axis=2)[:, :, -2:]
    with np.errstate(invalid="ignore"):
        return scores.argmax(axis=2), highest[:, :, 1] - highest[:, :, 0]


def soften(scores: np.ndarray) -> np.ndarray:
    """Return probabilities proportional to the exponentials of the scores of each row."""
    if scores.shape[2] == 1:
        second = expit(scores[:, :, 0])
        return np.stack([1.0 - second, second], axis=2)
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=2, keepdims=True))
    return powers / powers.sum(axis=2, keepdims=True)


_SCALERS = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)


def split_pipeline(estimator: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the scalers and the classifier of a pipeline."""
    if type(estimator) is not Pipeline or estimator.memory is not None or not estimator.steps:
        return (), estimator
    *before, classifier = [step for _, step in estimator.steps]
    scalers = tuple(step for step in before if step not in (None, "passthrough"))
    if any(type(scaler) not in _SCALERS for scaler in scalers):
        return (), estimator
    return scalers, classifier


_KNOWN: WeakKeyDictionary[Fold, dict[str, Fold | None]] = WeakKeyDictionary()
_SCALING = Lock()  # threads that ask for the same fold wait for the first


def scale_fold(fold: Fold, scalers: tuple[Any, ...]) -> Fold | None:
    """Return a fold whose columns went through scalers that were fitted on its fit rows."""
    if not scalers:
        return fold
    name = repr([(type(scaler).__name__, scaler.get_params()) for scaler in scalers])
    with _SCALING:
        known = _KNOWN.setdefault(fold, {})
        if name not in known:
            known[name] = _scaled(fold, scalers)
        return known[name]


def _scaled(fold: Fold, scalers: tuple[Any, ...]) -> Fold | None:
    # In the order of the columns that scikit-learn is given, so that sums have its bits; of rows
    # that are no one else's, whatever a scaler may do in place.
    X_fit, X_validate = (np.array(X, order="C") for X in (fold.X_fit, fold.X_validate))
    try:
        for scaler in scalers:
            own = clone(scaler).set_output(transform="default").fit(X_fit)
            X_fit, X_validate = own.transform(X_fit), own.transform(X_validate)
    except ValueError:
        return None
    return replace(fold, X_fit=X_fit, X_validate=X_validate)
