"""Pipelines that scale columns before they classify: what scaling does, no mask changes."""

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from vaega.fitness.folds import Fold

_SCALERS = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)


def split_pipeline(estimator: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the scalers and the classifier of a pipeline.

    Parameters
    ----------
    estimator : scikit-learn estimator

    Returns
    -------
    scalers : tuple of scikit-learn transformers
        Each treats every column by itself. None for any other estimator.
    classifier
        The last step, or `estimator` itself where it is no pipeline of scalers and a classifier.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.pipeline import make_pipeline
    >>> split_pipeline(make_pipeline(StandardScaler(), GaussianNB()))
    ((StandardScaler(),), GaussianNB())
    """
    if type(estimator) is not Pipeline or estimator.memory is not None or not estimator.steps:
        return (), estimator
    *before, classifier = [step for _, step in estimator.steps]
    scalers = tuple(step for step in before if step not in (None, "passthrough"))
    if any(type(scaler) not in _SCALERS for scaler in scalers):
        return (), estimator
    return scalers, classifier


_KNOWN: WeakKeyDictionary[Fold, dict[str, Fold]] = WeakKeyDictionary()


def scale_fold(fold: Fold, scalers: tuple[Any, ...]) -> Fold:
    """Return a fold whose columns went through scalers that were fitted on its fit rows.

    Parameters
    ----------
    fold : Fold
        Kept in mind with the result, as long as it lives.
    scalers : tuple of scikit-learn transformers
        Not fitted.

    Returns
    -------
    Fold

    Examples
    --------
    >>> X, y = np.array([[0.0], [4.0]]), np.array([0, 1])
    >>> scale_fold(Fold(X, y, X, y, np.arange(1), 2), (StandardScaler(),)).X_fit.ravel()
    array([-1.,  1.])
    """
    if not scalers:
        return fold
    known = _KNOWN.setdefault(fold, {})
    name = repr([(type(scaler).__name__, scaler.get_params()) for scaler in scalers])
    if name not in known:
        # In the order of the columns that scikit-learn is given, so that sums have its bits.
        X_fit, X_validate = (np.ascontiguousarray(X) for X in (fold.X_fit, fold.X_validate))
        for scaler in scalers:
            own = clone(scaler).fit(X_fit)
            X_fit, X_validate = own.transform(X_fit), own.transform(X_validate)
        known[name] = replace(fold, X_fit=X_fit, X_validate=X_validate)
    return known[name]
