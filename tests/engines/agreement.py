"""Rows, masks and the comparison with scikit-learn that tests of exact engines share."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold

from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds

LOADERS = {"breast_cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}


def folds_of(X, y, n_splits=3, weights=None):
    splits = StratifiedKFold(n_splits, shuffle=True, random_state=0).split(X, y)
    return prepare_folds(X, y, list(splits), seed=0, sample_weight=weights)


def masks_of(rng, n_masks, n_columns):
    sizes = np.exp(rng.uniform(0, np.log(max(2, 0.3 * n_columns)), n_masks)).astype(int)
    masks = np.zeros((n_masks, n_columns), dtype=bool)
    for mask, size in zip(masks, sizes, strict=True):
        mask[rng.permutation(n_columns)[:size]] = True
    return masks


def rows_of(name, folder):
    if name in LOADERS:
        X, y = LOADERS[name](return_X_y=True)
        return X[:300], y[:300]
    with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
        return data["X_train"][:400].astype(float), data["y_train"][:400]


def agree(classifier, folds, masks, scorer):
    ours = CrossValidatedFitness(classifier, folds, get_scorer(scorer), engine="population")
    theirs = CrossValidatedFitness(classifier, folds, get_scorer(scorer), engine="sklearn")
    one, other = ours.evaluate(masks), theirs.evaluate(masks)
    if scorer == "neg_log_loss":
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-12, atol=1e-12)
    else:
        np.testing.assert_array_equal(one.scores, other.scores)
    assert one.warned == other.warned
