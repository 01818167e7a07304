"""Pipelines that scale columns before they classify: what scaling does, no mask changes."""

from dataclasses import replace
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from vaega.fitness.folds import Fold

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
