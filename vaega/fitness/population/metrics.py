"""Metrics of many classifiers' answers at once, with scikit-learn's arithmetic."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from vaega.fitness.folds import Fold
from vaega.fitness.population.responses import LABELS, Responses


@dataclass(frozen=True)
class Metric:
    """A metric that is computed here.

    Parameters
    ----------
    name : str
        Of the metric, as scikit-learn's scorers are named.
    need : {"labels", "ranking", "probabilities"}
        What of a classifier's answers it is made of.
    """

    name: str
    need: str


_KNOWN = {
    accuracy_score: Metric("accuracy", LABELS),
    balanced_accuracy_score: Metric("balanced_accuracy", LABELS),
}


def recognise_metric(scorer: Any, estimator: Any) -> Metric | None:
    """Return the metric that a scorer computes, where it is known here.

    Parameters
    ----------
    scorer : callable
        A scikit-learn scorer.
    estimator : scikit-learn classifier
        Whose own score, the accuracy, a scorer may pass on.

    Returns
    -------
    Metric or None

    Examples
    --------
    >>> from sklearn.metrics import get_scorer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> recognise_metric(get_scorer("balanced_accuracy"), GaussianNB())
    Metric(name='balanced_accuracy', need='labels')
    """
    if type(scorer).__name__ == "_PassthroughScorer":
        return _KNOWN[accuracy_score] if scorer._estimator is estimator else None
    if getattr(scorer, "_kwargs", None) or getattr(scorer, "_sign", None) != 1:
        return None
    return _KNOWN.get(getattr(scorer, "_score_func", None))


def score_responses(metric: Metric, fold: Fold, answers: Responses) -> np.ndarray:
    """Return the metric of each mask's answers.

    Parameters
    ----------
    metric : Metric
    fold : Fold
        Whose validate rows were answered.
    answers : Responses

    Returns
    -------
    numpy.ndarray of float, shape (n_masks,)
        NaN where scikit-learn has to decide: answers in doubt, and what it would warn of.

    Examples
    --------
    >>> X, y = np.zeros((2, 1)), np.array(["a", "b"])
    >>> fold = Fold(X, y, X, y, columns=np.arange(1), n_real=2)
    >>> answers = Responses(np.array([[0, 0], [0, 1]]), np.array([True, True]))
    >>> score_responses(Metric("accuracy", "labels"), fold, answers)
    array([0.5, 1. ])
    """
    scores = np.full(len(answers.codes), np.nan)
    if fold.weight_validate is not None:
        return scores
    decided = answers.decided
    scores[decided] = _score_codes(metric.name, _truth(fold), answers.codes[decided])
    return scores


def _truth(fold: Fold) -> np.ndarray:
    """Class codes of the validate rows; a negative one for each class that no fit row has."""
    classes = np.unique(fold.y_fit)
    truth = np.searchsorted(classes, fold.y_validate)
    unknown = ~np.isin(fold.y_validate, classes)
    if unknown.any():
        truth[unknown] = -2 - np.unique(fold.y_validate[unknown], return_inverse=True)[1]
    return truth


def _score_codes(name: str, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    right = predicted == truth
    if name == "accuracy":
        return right.mean(axis=1)
    present = np.unique(truth)
    recalls = np.stack([right[:, truth == code].mean(axis=1) for code in present], axis=1)
    scores = recalls.mean(axis=1)  # along contiguous memory: numpy sums as for a single row
    # scikit-learn warns of predicted classes that no validate row has: it decides.
    return np.where(np.isin(predicted, present).all(axis=1), scores, np.nan)
