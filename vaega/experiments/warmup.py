"""What compiles every kernel: small fits of all that is compiled, on data of no meaning."""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from vaega.data._splits import kfold_splits
from vaega.fitness import CrossValidatedFitness, prepare_folds
from vaega.generative import VAE
from vaega.selection._rankers import rank_views

# Their masks have fewer and more columns than rows, which are computed apart.
N_ROWS, N_COLUMNS = 36, 60
# By the number of classes: metrics of predictions and decisions, and of probabilities
METRICS = {
    2: (("accuracy", "balanced_accuracy", "f1_macro"), ("roc_auc", "neg_log_loss")),
    3: (("accuracy",), ("roc_auc_ovr", "neg_log_loss")),
}
CLASSIFIERS: tuple[Any, ...] = (
    GaussianNB(),
    NearestCentroid(),
    KNeighborsClassifier(3),
    RidgeClassifier(),
    LinearDiscriminantAnalysis(),
    LinearSVC(),
    LogisticRegression(),
    MLPClassifier((5, 3), max_iter=3),
)


def steps_of_warmup() -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the name of each kind of kernel, and what compiles it."""
    for classifier in CLASSIFIERS:
        yield type(classifier).__name__, partial(_score, classifier)
    yield "rankers", _rank
    yield "VAE", _train


def _rows(n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(0), np.arange(N_ROWS) % n_classes
    X = rng.normal(size=(N_ROWS, N_COLUMNS)) + y[:, None]
    if n_classes > 2:
        X[y == 0, 0] = 0.0  # a class without spread, which naive Bayes sums in another way
    return X, y


def _score(classifier: Any) -> None:
    masks = np.zeros((4, N_COLUMNS), dtype=bool)
    for mask, size in zip(masks, (1, 5, 20, 50), strict=True):
        mask[:size] = True
    for n_classes, (metrics, of_shares) in METRICS.items():
        X, y = _rows(n_classes)
        splits = [(one.train, one.test) for one in kfold_splits(y, n_splits=3, seed=0)]
        folds = prepare_folds(X, y, splits, seed=0)
        for metric in (*metrics, *(of_shares if hasattr(classifier, "predict_proba") else ())):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # three epochs are no training
                CrossValidatedFitness(classifier, folds, get_scorer(metric))(masks)


def _rank() -> None:
    for n_classes in (2, 3):
        rank_views(*_rows(n_classes), "auto")


def _train() -> None:
    VAE(hidden=(8,), latent=2, max_epochs=2, random_state=0).fit(*_rows(2))
