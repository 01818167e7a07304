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


_KNOWN: WeakKeyDictionary[Fold, dict[str, Fold | None]] = WeakKeyDictionary()
_SCALING = Lock()  # threads that ask for the same fold wait for the first


def scale_fold(fold: Fold, scalers: tuple[Any, ...]) -> Fold | None:
    """Return a fold whose columns went through scalers that were fitted on its fit rows.

    Parameters
    ----------
    fold : Fold
        Kept in mind with the result, as long as it lives.
    scalers : tuple of scikit-learn transformers
        Not fitted.

    Returns
    -------
    Fold or None
        None where a scaler refuses the rows, or its own settings: scikit-learn says so, of the
        masks that select such a column.

    Examples
    --------
    >>> X, y = np.array([[0.0], [4.0]]), np.array([0, 1])
    >>> scale_fold(Fold(X, y, X, y, np.arange(1), 2), (StandardScaler(),)).X_fit.ravel()
    array([-1.,  1.])
    """
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
