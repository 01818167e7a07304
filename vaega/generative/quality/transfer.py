"""Classifiers trained on real or synthetic rows, tested on real or synthetic rows."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import precision_recall_fscore_support

from vaega.core.randomness import derive_rng, derive_seed
from vaega.generative.quality.classifiers import default_classifiers
from vaega.generative.quality.rows import ComparedRows

# Of the synthetic rows of each class; the others test.
TRAINING_SHARE = 0.7


@dataclass(frozen=True, eq=False)
class Transfer:
    """What classifiers reached, for each kind of training rows and of test rows."""

    scores: pd.DataFrame
    by_class: pd.DataFrame


def measure_transfer(
    rows: ComparedRows, classifiers: Mapping[str, Any] | None, *, seed: int
) -> Transfer:
    """Train each classifier on fit rows and on synthetic rows; test both on both kinds.

    Real test rows are the held-out ones; of the synthetic rows 70 % of each class train and 30 %
    test. So the rows that test were never seen by the classifier, nor by the generator where they
    are real.
    """
    train, test = _divide(rows.y_synthetic, derive_rng(seed, "synthetic test rows"))
    training = {
        "real": (rows.X_fit, rows.y_fit),
        "synthetic": (rows.X_synthetic[train], rows.y_synthetic[train]),
    }
    tests = {
        "real": (rows.X_test, rows.y_test),
        "synthetic": (rows.X_synthetic[test], rows.y_synthetic[test]),
    }
    outcomes: list[pd.DataFrame] = []
    scores: list[dict[str, Any]] = []
    for trained_on, (X, y) in training.items():
        given = default_classifiers(len(X)) if classifiers is None else classifiers
        for name, classifier in given.items():
            fitted = _fitted(classifier, X, y, derive_seed(seed, "classifier", name))
            for tested_on, (X_test, y_test) in tests.items():
                place = {"classifier": name, "trained_on": trained_on, "tested_on": tested_on}
                table = _by_class(y_test, fitted.predict(X_test), rows.classes)
                scores.append({**place, **_summary(table), "n_training": len(X)})
                outcomes.append(table.drop(columns="right").assign(**place))
    return Transfer(_in_order(pd.DataFrame(scores)), _in_order(pd.concat(outcomes)))


def _divide(codes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    train = np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        mine = rng.permutation(np.flatnonzero(codes == code))
        # Every class has two rows or more: one at least on each side.
        train[mine[: min(len(mine) - 1, max(1, round(TRAINING_SHARE * len(mine))))]] = True
    return np.flatnonzero(train), np.flatnonzero(~train)


def _fitted(classifier: Any, X: np.ndarray, y: np.ndarray, seed: int) -> Any:
    fitted = clone(classifier)
    names = [
        name
        for name, value in fitted.get_params().items()
        if name.endswith("random_state") and value is None
    ]
    fitted.set_params(**dict.fromkeys(names, seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 3,000 epochs were not enough is no news here
        return fitted.fit(X, y)


def _by_class(truth: np.ndarray, predicted: np.ndarray, classes: np.ndarray) -> pd.DataFrame:
    codes = np.arange(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=codes, zero_division=0
    )
    right = np.bincount(truth[truth == predicted], minlength=len(classes))
    return pd.DataFrame(
        {
            "label": [str(label) for label in classes.tolist()],
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support,
            "right": right,
        }
    )


def _summary(table: pd.DataFrame) -> dict[str, float]:
    tested = table[table["support"] > 0]
    n_test = int(table["support"].sum())
    return {
        "accuracy": float(table["right"].sum() / n_test),
        "balanced_accuracy": float(tested["recall"].mean()),
        "macro_precision": float(tested["precision"].mean()),
        "macro_recall": float(tested["recall"].mean()),
        "macro_f1": float(tested["f1"].mean()),
        "n_test": n_test,
    }


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    first = ["classifier", "trained_on", "tested_on"]
    return table[first + [name for name in table.columns if name not in first]].reset_index(
        drop=True
    )
