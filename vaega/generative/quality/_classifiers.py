"""Classifiers, neighbours and likelihoods as measures of synthetic rows.

Train on synthetic, test on real, and the reverse (Esteban, Hyland and Raetsch 2017); the classifier
two-sample test (Lopez-Paz and Oquab 2017); nearest neighbours, for copies of fit rows; and the gap
of a model's likelihood between fit rows and held-out ones, with membership inference by it.
"""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, mannwhitneyu
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, derive_seed, seed_unset
from vaega.generative.quality._rows import ComparedRows

# The network's batch; up to so many rows, their order has no influence.
FULL_BATCH = 200
# Of the synthetic rows of each class; the others test.
TRAINING_SHARE = 0.7
# Rows of each kind at most: the cost grows with their square.
MAX_ROWS = 1000
N_FOLDS = 5
# Principal coordinates of the second classifier, at most, and rows for each of them at least.
MAX_COORDINATES = 10
ROWS_PER_COORDINATE = 4
# Rows whose distances are computed at once.
BLOCK = 1024
# Rows are the same when no standardised value differs by more.
SAME = 1e-9

Labelled = tuple[np.ndarray, np.ndarray]


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
    by_class: list[pd.DataFrame] = []
    scores: list[dict[str, Any]] = []
    for trained_on, (X, y) in training.items():
        chosen = default_classifiers(len(X)) if classifiers is None else classifiers
        for name, classifier in chosen.items():
            fitted = _fitted(classifier, X, y, derive_seed(seed, "classifier", name))
            for tested_on, (X_test, y_test) in tests.items():
                key = {"classifier": name, "trained_on": trained_on, "tested_on": tested_on}
                table = _by_class(y_test, fitted.predict(X_test), rows.classes)
                scores.append({**key, **_summary(table), "n_training": len(X)})
                by_class.append(table.drop(columns="right").assign(**key))
    return Transfer(_in_order(pd.DataFrame(scores)), _in_order(pd.concat(by_class)))


def _divide(codes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    train = np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        in_class = rng.permutation(np.flatnonzero(codes == code))
        # Every class has two rows or more: one at least on each side.
        n_train = min(len(in_class) - 1, max(1, round(TRAINING_SHARE * len(in_class))))
        train[in_class[:n_train]] = True
    return np.flatnonzero(train), np.flatnonzero(~train)


def _fitted(classifier: Any, X: np.ndarray, y: np.ndarray, seed: int) -> Any:
    fitted = seed_unset(clone(classifier), seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 3,000 epochs were not enough
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
    names = [*first, *table.columns.drop(first)]
    return table[names].reset_index(drop=True)


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


def compare_samples(rows: ComparedRows, *, rng: np.random.Generator) -> pd.DataFrame:
    """Classifier two-sample test: held-out rows against as many others of each class.

    The others are synthetic rows and, as a control, the fit rows: what is told apart there is what
    held-out rows have of their own, another laboratory say, and no fault of the generator.
    """
    others = {
        "synthetic": (rows.X_synthetic, rows.y_synthetic),
        "fit": (rows.X_fit, rows.y_fit),
    }
    heldout = rows.X_test, rows.y_test
    return pd.DataFrame(
        [
            {"others": name, **row}
            for name, other in others.items()
            for row in _compare(heldout, other, rng)
        ]
    )


def _compare(heldout: Labelled, other: Labelled, rng: np.random.Generator) -> list[dict[str, Any]]:
    real, others = _balanced(heldout[1], other[1], rng)
    X = np.concatenate([heldout[0][real], other[0][others]])
    origin = np.repeat([0, 1], [len(real), len(others)])
    classes = np.concatenate([heldout[1][real], other[1][others]])
    folds = _folds(2 * classes + origin, rng)
    X = X - X.mean(axis=0)
    gram = X @ X.T
    views = {
        "linear": gram / gram.trace() * len(gram),
        "spread": _radial_kernel(_distances(gram)),
    }
    return [_row(name, view, origin, folds) for name, view in views.items()]


def _balanced(
    y_heldout: np.ndarray, y_other: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    real, other = [], []
    quota = min(1.0, MAX_ROWS / len(y_heldout))
    for code in np.unique(y_heldout):
        of_heldout = rng.permutation(np.flatnonzero(y_heldout == code))
        of_other = rng.permutation(np.flatnonzero(y_other == code))
        n = min(int(np.ceil(quota * len(of_heldout))), len(of_other))
        real.append(of_heldout[:n])
        other.append(of_other[:n])
    return np.concatenate(real), np.concatenate(other)


def _folds(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    folds, start = np.empty(len(groups), dtype=int), 0
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        folds[members] = (start + np.arange(len(members))) % N_FOLDS
        start += len(members)  # small groups do not all begin in the first fold
    return folds


def _distances(gram: np.ndarray) -> np.ndarray:
    """Return standardised distances along principal axes and beside them, (n, n_coordinates)."""
    n = len(gram)
    values, vectors = np.linalg.eigh(gram)
    n_axes = max(1, min(MAX_COORDINATES, n // ROWS_PER_COORDINATE))
    values, vectors = values[::-1][:n_axes], vectors[:, ::-1][:, :n_axes]
    positive = values > 1e-9 * gram.trace()
    points = np.abs(vectors[:, positive]) * np.sqrt(values[positive])
    beside = gram.diagonal() - np.square(points).sum(axis=1)
    if beside.max() > 1e-9 * gram.diagonal().max():
        points = np.column_stack([points, np.sqrt(np.maximum(beside, 0.0))])
    points -= points.mean(axis=0)
    deviation = points.std(axis=0)
    return points / np.where(deviation > 0, deviation, 1.0)


def _radial_kernel(points: np.ndarray) -> np.ndarray:
    lengths = np.square(points).sum(axis=1)
    gaps = np.maximum(lengths[:, None] + lengths - 2.0 * points @ points.T, 0.0)
    return np.exp(-gaps / (2.0 * points.shape[1]))


def _row(name: str, kernel: np.ndarray, origin: np.ndarray, folds: np.ndarray) -> dict[str, Any]:
    n_right, n_rows = 0, len(origin)
    for fold in range(N_FOLDS):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(np.unique(origin[train])) < 2 or not len(test):
            n_right += len(test) // 2
            continue
        svc = SVC(kernel="precomputed", random_state=0).fit(
            kernel[np.ix_(train, train)], origin[train]
        )
        n_right += int((svc.predict(kernel[np.ix_(test, train)]) == origin[test]).sum())
    p_value = float(binom.sf(n_right - 1, n_rows, 0.5))
    return {
        "classifier": name,
        "accuracy": n_right / n_rows,
        "p_value": p_value,
        "n_rows": n_rows,
    }


@dataclass(frozen=True)
class CopyCheck:
    """How near synthetic rows are to the rows that their generator was fitted on.

    Distances are Euclidean, on columns standardised by the fit rows. This finds copies and near
    copies; rows that are none may give people away all the same.
    """

    duplicates: float  # Share of synthetic rows equal to a fit row
    repeated: float  # Share of synthetic rows equal to an earlier synthetic row
    # Distance to the nearest fit row over the distance from that one to its nearest other fit row:
    # share of synthetic and of held-out rows below a half, below one, and the median
    near: float
    near_heldout: float
    closer: float
    closer_heldout: float
    ratio: float
    ratio_heldout: float
    to_fit: float  # Share of synthetic rows nearer to a fit row than to a held-out one, of as many


def check_copies(rows: ComparedRows, *, rng: np.random.Generator) -> CopyCheck:
    """Look for copies of fit rows among synthetic ones."""
    fitted, synthetic = rows.X_fit, rows.X_synthetic
    _, between = nearest(fitted, fitted, without_self=True)
    index, distance = nearest(synthetic, fitted)
    same = np.abs(synthetic - fitted[index]).max(axis=1) <= SAME
    index_heldout, distance_heldout = nearest(rows.X_test, fitted)
    ratio = _ratio(distance, between[index])
    ratio_heldout = _ratio(distance_heldout, between[index_heldout])
    return CopyCheck(
        duplicates=float(same.mean()),
        repeated=1.0 - len(np.unique(synthetic, axis=0)) / len(synthetic),
        near=float((ratio < 0.5).mean()),
        near_heldout=float((ratio_heldout < 0.5).mean()),
        closer=float((ratio < 1.0).mean()),
        closer_heldout=float((ratio_heldout < 1.0).mean()),
        ratio=float(np.median(ratio)),
        ratio_heldout=float(np.median(ratio_heldout)),
        to_fit=_to_fit(rows, rng),
    )


def nearest(
    rows: np.ndarray, among: np.ndarray, *, without_self: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return index and Euclidean distance of each row's nearest one `among` others."""
    indices = np.empty(len(rows), dtype=int)
    lengths = np.square(among).sum(axis=1)
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        gaps = lengths - 2.0 * part @ among.T
        if without_self:
            here = np.arange(len(part))
            gaps[here, start + here] = np.inf
        indices[start : start + BLOCK] = gaps.argmin(axis=1)
    # From the differences: the squares above cancel where rows are near.
    return indices, np.linalg.norm(rows - among[indices], axis=1)


def _ratio(distance: np.ndarray, between: np.ndarray) -> np.ndarray:
    # Fit rows that are equal have no distance: nothing is nearer than that.
    return np.divide(distance, between, out=np.ones(len(distance)), where=between > 0)


def _to_fit(rows: ComparedRows, rng: np.random.Generator) -> float:
    n = min(len(rows.X_fit), len(rows.X_test))
    fitted = rng.permutation(len(rows.X_fit))[:n]
    heldout = rng.permutation(len(rows.X_test))[:n]
    _, to_fit = nearest(rows.X_synthetic, rows.X_fit[fitted])
    _, to_heldout = nearest(rows.X_synthetic, rows.X_test[heldout])
    return float((to_fit < to_heldout).mean() + 0.5 * (to_fit == to_heldout).mean())


def measure_densities(model: Any, rows: ComparedRows, *, references: bool = True) -> pd.DataFrame:
    """Compare log likelihoods of fit rows and held-out rows, the model's and the references'.

    References are probabilistic PCA and the Gaussian of each class, fitted on the same rows in
    closed form: a model that is worth its training explains held-out rows as well as they do.
    """
    table = []
    if hasattr(model, "score_samples"):
        with suppress(InputError):  # no density of such rows, as grey values have no Bernoulli's
            table.append(_density_row(model, rows))
    if references:
        table += [
            _density_row(other.fit(rows.X_fit, rows.y_fit), rows)
            for other in _references()
            if type(other) is not type(model)
        ]
    return pd.DataFrame(table, columns=["model", "fit", "heldout", "gap", "auc"])


def membership_auc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the probability that a score from `inside` is above one from `outside`."""
    return float(
        mannwhitneyu(inside, outside, method="asymptotic").statistic / (len(inside) * len(outside))
    )


def _references() -> list[Any]:
    from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA

    return [ProbabilisticPCA(random_state=0), ClassGaussian()]


def _density_row(model: Any, rows: ComparedRows) -> dict[str, object]:
    inside, outside = model.score_samples(rows.X_fit), model.score_samples(rows.X_test)
    width = int(rows.varies.sum())
    fit, heldout = float(inside.mean() / width), float(outside.mean() / width)
    return {
        "model": type(model).__name__,
        "fit": fit,
        "heldout": heldout,
        "gap": fit - heldout,
        "auc": membership_auc(inside, outside),
    }
