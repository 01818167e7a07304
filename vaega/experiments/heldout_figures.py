"""What a final model did on the test rows, beside its score: classes and probabilities."""

from functools import wraps
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_fscore_support


class AnsweredOnce:
    """A classifier that is asked about one set of rows, each question once.

    The score and the figures beside it are of the same answers, and test rows are predicted once.

    Parameters
    ----------
    classifier : scikit-learn classifier
        Everything but its answers is its own.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = np.zeros((3, 1)), [0, 1, 1]
    >>> asked = AnsweredOnce(DummyClassifier().fit(X, y))
    >>> asked.predict(X) is asked.predict(X)
    True
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier
        self._answers: dict[str, np.ndarray] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.classifier, name)
        if name not in ("predict", "predict_proba", "decision_function"):
            return found

        @wraps(found)  # scikit-learn asks a method for its name
        def answer(X: np.ndarray) -> np.ndarray:
            if name not in self._answers:
                self._answers[name] = found(X)
            return self._answers[name]

        return answer


def class_figures(y: np.ndarray, predicted: np.ndarray, n_classes: int) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of every class.

    Parameters
    ----------
    y, predicted : numpy.ndarray of int, shape (n_rows,)
        Class codes.
    n_classes : int
        Codes are 0 to n_classes - 1.

    Returns
    -------
    list of dict
        ``code``, ``n_rows`` (of this class), ``precision``, ``recall``, ``f1``; 0 where a quotient
        has nothing below the line.

    Examples
    --------
    >>> figures = class_figures(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)
    >>> figures[0]
    {'code': 0, 'n_rows': 2, 'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666}
    """
    parts = precision_recall_fscore_support(
        y, predicted, labels=np.arange(n_classes), zero_division=0.0
    )
    return [
        {
            "code": code,
            "n_rows": int(n_rows),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
        }
        for code, (precision, recall, f1, n_rows) in enumerate(zip(*parts, strict=True))
    ]


def brier_score(y: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> float:
    """Return the mean squared distance between probabilities and what came true.

    As scikit-learn defines it: for two classes the squared error of the probability of one of them,
    0 to 1; for more the squared errors summed over the classes, 0 to 2. Lower is better.

    Parameters
    ----------
    y : numpy.ndarray of int, shape (n_rows,)
        Class codes.
    probabilities : numpy.ndarray of float, shape (n_rows, n_known)
        Of the classes that the model knows.
    classes : numpy.ndarray of int, shape (n_known,)
        Their codes.

    Returns
    -------
    float

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather
    Review 78.

    Examples
    --------
    >>> brier_score(np.array([1, 0]), np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([0, 1]))
    0.145
    """
    came_true = y[:, None] == np.asarray(classes)[None, :]
    distance = np.square(probabilities - came_true).sum(axis=1)
    distance += ~came_true.any(axis=1)  # a class that the model does not know has probability 0
    return float(distance.mean() / (2.0 if len(classes) == 2 else 1.0))
