"""Folds and checks for the classifiers with a closed form: made-up, real and hard ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from vaega.data._splits import Fold
from vaega.engines._base import DECISION, PROBA
from vaega.engines._registry import match
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds

TOY = {"breast_cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}
REAL = ["leukemia", "madelon", "gcm1363", "all_leukemia_yeoh6"]
HARD = [
    "offset 1e6",
    "offset 1e8",
    "tiny",
    "copies",
    "constant",
    "constant 0.1",
    "one row of a class",
    "two rows",
    "whole numbers",
    "equal means",
]


def rows_of(name, rng):
    if name == "few":
        X = rng.normal(size=(38, 2000))
        return X, (X[:, 0] + X[:, 1] > 0).astype(int)
    if name in TOY:
        X, y = TOY[name](return_X_y=True)
    else:
        X, y = real_rows(name)
    rows = rng.permutation(len(y))[:300]
    return StandardScaler().fit_transform(X[rows]), y[rows]


def real_rows(name):
    folder = os.environ.get("VAEGA_DATA")
    if not folder:
        pytest.skip(f"VAEGA_DATA is not set, so that the real rows of {name} cannot be read")
    with np.load(Path(folder) / f"{name}.npz", allow_pickle=False) as arrays:
        return arrays["X_train"].astype(float), arrays["y_train"]


@pytest.mark.filterwarnings("ignore")
def folds_of(X, y, n_splits=3):
    splits = StratifiedKFold(n_splits, shuffle=True, random_state=0).split(X, y)
    return prepare_folds(X, y, list(splits), seed=0)


def masks_of(folds, n_masks, rng, most=0.3):
    """Masks of 1 column to a share of them; each has a column that varies in all fit rows."""
    varies = np.flatnonzero(np.min([fold.X_fit.std(axis=0) for fold in folds], axis=0) > 1e-9)
    n_columns = folds[0].X_fit.shape[1]
    shares = np.exp(rng.uniform(np.log(0.5 / n_columns), np.log(most), size=n_masks))
    masks = rng.random((n_masks, n_columns)) < shares[:, None]
    masks[np.arange(n_masks), rng.choice(varies, n_masks)] = True
    return masks


def hard_fold(name, rng):
    """Few rows with what cancels, coincides or does not vary."""
    n_fit = 2 if name == "two rows" else 24
    X, y = rng.normal(size=(n_fit + 12, 16)), np.arange(n_fit + 12) % 2
    X[:, :3] += y[:, None]
    if name.startswith("offset"):
        X = X.round(2) + float(name.split()[1])
    elif name == "tiny":
        X *= 1e-12
    elif name == "copies":
        X[:, 8:] = X[:, :8]
    elif name.startswith("constant"):
        X[:, 4:8] = 0.1 if name.endswith("0.1") else 3.0
    elif name == "one row of a class":
        y[:] = 0
        y[0], y[n_fit:] = 1, np.arange(12) % 2
    elif name == "whole numbers":
        X = X.round()
    elif name == "equal means":
        X[: n_fit // 2] = np.repeat(X[: n_fit // 4], 2, axis=0)  # both classes have each row
        X[n_fit // 2 : n_fit] = np.repeat(X[n_fit // 4 : n_fit // 2], 2, axis=0)
    return Fold(X[:n_fit], y[:n_fit], X[n_fit:], y[n_fit:], np.arange(16), n_fit)


def assert_same(classifier, folds, masks, scorer="accuracy"):
    """Scores and warnings are scikit-learn's."""
    scorer = get_scorer(scorer)
    engine = CrossValidatedFitness(classifier, folds, scorer, engine="population")
    general = CrossValidatedFitness(classifier, folds, scorer, engine="sklearn")
    ours, theirs = engine.evaluate(masks), general.evaluate(masks)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    assert ours.warned == theirs.warned


def certain_share(classifier, folds, masks):
    predict = match(classifier, get_scorer("accuracy")).engine.predict
    predictions = [predict(classifier, fold, masks) for fold in folds]
    return np.mean([each.certain for each in predictions])


def assert_values(classifier, fold, masks, method):
    """Codes and values are scikit-learn's, the latter within the error bounds."""
    module = match(classifier, get_scorer("accuracy")).engine
    predictions = module.predict(classifier, fold, masks, response_method=method)
    labels = module.predict(classifier, fold, masks)
    np.testing.assert_array_equal(predictions.codes, labels.codes)
    assert predictions.certain.any()
    classes = np.unique(fold.y_fit)
    for row in np.flatnonzero(predictions.certain):
        own = classifier.fit(fold.X_fit[:, masks[row]], fold.y_fit)
        X = fold.X_validate[:, masks[row]]
        theirs = own.predict_proba(X) if method == PROBA else own.decision_function(X)
        assert np.abs(predictions.values[row] - theirs).max() <= predictions.error_bounds[row]
        assert predictions.error_bounds[row] < 1e-3
        np.testing.assert_array_equal(classes[predictions.codes[row]], own.predict(X))


def assert_each_alone(classifier, fold, masks, method):
    """No bit of an answer depends on the other masks of the call."""
    module = match(classifier, get_scorer("accuracy")).engine
    together = module.predict(classifier, fold, masks, response_method=method)
    for row in range(len(masks)):
        alone = module.predict(classifier, fold, masks[row : row + 1], response_method=method)
        np.testing.assert_array_equal(alone.values[0], together.values[row])
        np.testing.assert_array_equal(alone.error_bounds[0], together.error_bounds[row])


RANKED = [DECISION, PROBA]
