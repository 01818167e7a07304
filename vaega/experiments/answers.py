"""Recorded predictions in place of the classifier that made them, for scikit-learn's scorers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.utils.metaestimators import available_if


def _has(kind: str) -> Callable[[Any], bool]:
    return lambda answers: answers.given[kind] is not None


class Answers:
    """What a classifier answered, in place of it: asked about numbers of rows, (n, 1)."""

    _estimator_type = "classifier"

    def __init__(self, predictions: pd.DataFrame) -> None:
        self.given = {
            kind: _columns_of(predictions, kind) for kind in ("probability", "decision")
        } | {"prediction": predictions["prediction"].to_numpy()}
        codes = [
            int(str(name).rpartition("_")[2])
            for name in predictions
            if str(name).startswith("probability_")
        ]
        self.classes_ = np.array(codes) if codes else np.unique(predictions["label"])

    def __sklearn_tags__(self) -> Any:
        return DummyClassifier().__sklearn_tags__()

    def fit(self, *rows: Any) -> "Answers":
        """Learn nothing."""
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the classes that were predicted."""
        return self._answer("prediction", rows)

    @available_if(_has("probability"))
    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes."""
        return self._answer("probability", rows)

    @available_if(_has("decision"))
    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        """Return the decisions."""
        decisions = self._answer("decision", rows)
        return decisions[:, 0] if decisions.shape[1] == 1 else decisions

    def _answer(self, kind: str, rows: np.ndarray) -> np.ndarray:
        given = self.given[kind]
        assert given is not None
        answers: np.ndarray = given[rows[:, 0]]
        return answers


def _columns_of(predictions: pd.DataFrame, kind: str) -> np.ndarray | None:
    names = [name for name in predictions if str(name).startswith(f"{kind}_")]
    return predictions[names].to_numpy() if names else None
