"""What a final model did on the test rows, beside its score: classes and probabilities."""

from functools import wraps
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_fscore_support


class AnsweredOnce:
    """A classifier that is asked about one set of rows, each question once.

    The score and the figures beside it are of the same answers, and test rows are predicted once.
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
    """Return precision, recall and F1 of every class."""
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
    """
    came_true = y[:, None] == np.asarray(classes)[None, :]
    distance = np.square(probabilities - came_true).sum(axis=1)
    distance += ~came_true.any(axis=1)  # a class that the model does not know has probability 0
    return float(distance.mean() / (2.0 if len(classes) == 2 else 1.0))
