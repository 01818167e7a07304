"""Metrics of many predictions at once, with scikit-learn's arithmetic."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]


def recognise_metric(scorer: Any, estimator: Any) -> str | None:
    """Return the name of the metric that a scorer computes, where it is known here.

    Parameters
    ----------
    scorer : callable
        A scikit-learn scorer.
    estimator : scikit-learn classifier
        Whose own score, the accuracy, a scorer may pass on.

    Returns
    -------
    {"accuracy", "balanced_accuracy"} or None

    Examples
    --------
    >>> from sklearn.metrics import get_scorer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> recognise_metric(get_scorer("balanced_accuracy"), GaussianNB())
    'balanced_accuracy'
    >>> recognise_metric(get_scorer("roc_auc"), GaussianNB())
    """
    if type(scorer).__name__ == "_PassthroughScorer":
        return "accuracy" if scorer._estimator is estimator else None
    known = {accuracy_score: "accuracy", balanced_accuracy_score: "balanced_accuracy"}
    if getattr(scorer, "_kwargs", None) or getattr(scorer, "_sign", None) != 1:
        return None
    return known.get(getattr(scorer, "_score_func", None))


def score_predictions(name: str, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the metric of each row of predictions.

    Parameters
    ----------
    name : {"accuracy", "balanced_accuracy"}
        Of the metric.
    truth : numpy.ndarray of int, shape (n_rows,)
        Class codes; a negative one for each class that no prediction can name.
    predicted : numpy.ndarray of int, shape (n_masks, n_rows)
        Class codes.

    Returns
    -------
    numpy.ndarray of float, shape (n_masks,)
        NaN where scikit-learn would warn, of predicted classes that no row has, say: it decides.

    Examples
    --------
    >>> score_predictions("accuracy", np.array([0, 1]), np.array([[0, 0], [0, 1]]))
    array([0.5, 1. ])
    """
    right = predicted == truth
    if name == "accuracy":
        return right.mean(axis=1)
    present = np.unique(truth)
    recalls = np.stack([right[:, truth == code].mean(axis=1) for code in present], axis=1)
    scores = recalls.mean(axis=1)  # along contiguous memory: numpy sums as for a single row
    return np.where(np.isin(predicted, present).all(axis=1), scores, np.nan)
