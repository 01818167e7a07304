"""The classifiers that judge rows unless others are given."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from vaega.core.errors import InputError

# The network's batch; up to so many rows, their order has no influence.
FULL_BATCH = 200


def default_classifiers(n_rows: int) -> dict[str, Any]:
    """Return unfitted classifiers by name, for rows that are standardised."""
    network = MLPClassifier(
        (5, 3),
        activation="tanh",
        max_iter=3000,
        # Shuffling a full batch copies it each epoch and changes nothing else.
        shuffle=n_rows > FULL_BATCH,
    )
    single = FunctionTransformer(np.asarray, kw_args={"dtype": np.float32})
    return {
        "mlp": make_pipeline(single, network),
        "logistic": LogisticRegression(max_iter=1000),
        "knn": KNeighborsClassifier(3),
        "gaussian_nb": GaussianNB(),
    }


def check_classifiers(classifiers: Any, *, owner: str) -> Mapping[str, Any] | None:
    """Return the classifiers given, by name; None stands for the default ones."""
    if classifiers is None:
        return None
    if not isinstance(classifiers, Mapping) or not classifiers:
        raise InputError(
            f"{owner}: classifiers must be a mapping of names to classifiers, got {classifiers!r}."
        )
    for name, classifier in classifiers.items():
        if isinstance(classifier, type) or not hasattr(classifier, "predict"):
            raise InputError(
                f"{owner}: classifiers[{name!r}] must be a classifier, got {classifier!r}."
            )
    return classifiers
