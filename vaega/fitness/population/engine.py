"""Which engine computes what, and the scores of many masks on one fold."""

from types import ModuleType
from typing import Any

import numpy as np
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from vaega.fitness.folds import Fold
from vaega.fitness.population import naive_bayes, neighbours
from vaega.fitness.population.metrics import recognise_metric, score_predictions

_ENGINES: dict[type, ModuleType] = {
    KNeighborsClassifier: neighbours,
    GaussianNB: naive_bayes,
}


def recognise(estimator: Any, scorer: Any) -> str | None:
    """Return the metric that an engine can compute for a classifier, if there is one.

    Parameters
    ----------
    estimator : scikit-learn classifier
    scorer : callable
        A scikit-learn scorer.

    Returns
    -------
    str or None
        The metric's name; None where scikit-learn has to compute it. A subclass of a known
        classifier is not known: it may predict otherwise.

    Examples
    --------
    >>> from sklearn.metrics import get_scorer
    >>> recognise(KNeighborsClassifier(), get_scorer("accuracy"))
    'accuracy'
    >>> recognise(KNeighborsClassifier(weights="distance"), get_scorer("accuracy"))
    """
    engine = _ENGINES.get(type(estimator))
    if engine is None or engine.accepts(estimator) is not None:
        return None
    return recognise_metric(scorer, estimator)


def score_fold(estimator: Any, metric: str, fold: Fold, masks: np.ndarray) -> np.ndarray:
    """Return the score of each mask on one fold.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Not fitted; one that `recognise` knows.
    metric : str
        As `recognise` names it.
    fold : Fold
        Without weights.
    masks : numpy.ndarray of bool, shape (n_masks, n_features)

    Returns
    -------
    numpy.ndarray of float, shape (n_masks,)
        NaN where scikit-learn has to decide.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [9.0], [8.0]]), np.array(["a", "a", "b", "b"])
    >>> fold = Fold(X, y, X + 0.2, y, columns=np.arange(1), n_real=4)
    >>> score_fold(KNeighborsClassifier(1), "accuracy", fold, np.array([[True], [False]]))
    array([ 1., nan])
    """
    scores = np.full(len(masks), np.nan)
    own = masks[:, fold.columns]
    places = np.flatnonzero(own.any(axis=1))
    if fold.weight_fit is not None or not places.size:
        return scores
    predicted = _ENGINES[type(estimator)].predict(estimator, fold, own[places])
    classes = np.unique(fold.y_fit)
    truth = np.searchsorted(classes, fold.y_validate)
    unknown = ~np.isin(fold.y_validate, classes)
    if unknown.any():  # no prediction names them, and each is a class of its own
        truth[unknown] = -2 - np.unique(fold.y_validate[unknown], return_inverse=True)[1]
    decided = (predicted >= 0).all(axis=1)
    scores[places[decided]] = score_predictions(metric, truth, predicted[decided])
    return scores
