"""Ridge classifiers of many masks: scikit-learn's predictions, and no others."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from tests.engines.closed_form import (
    HARD,
    REAL,
    TOY,
    assert_each_alone,
    assert_same,
    assert_values,
    certain_share,
    folds_of,
    hard_fold,
    masks_of,
    rows_of,
)
from vaega.data._splits import Fold
from vaega.engines._base import DECISION
from vaega.engines._ridge import predict, unsupported

CLASSIFIERS = [
    RidgeClassifier(),
    RidgeClassifier(alpha=1e-3, fit_intercept=False),
    RidgeClassifier(alpha=100.0, class_weight="balanced", solver="cholesky"),
    RidgeClassifier(alpha=1e-6, solver="svd"),
]


@pytest.mark.parametrize("name", ["few", *TOY])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_scores_are_those_of_scikit_learn(name, classifier, rng):
    folds = folds_of(*rows_of(name, rng))
    assert_same(classifier, folds, masks_of(folds, 12, rng))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore")
def test_scores_of_real_rows_are_those_of_scikit_learn(name, rng):
    folds = folds_of(*rows_of(name, rng))
    masks = masks_of(folds, 15, rng)
    assert_same(RidgeClassifier(), folds, masks, "balanced_accuracy")
    assert certain_share(RidgeClassifier(), folds, masks) > 0.95


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("alpha", [1.0, 1e-8, 1e-14])
@pytest.mark.parametrize("solver", ["cholesky", "svd"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_hard_rows_turn_nothing(name, alpha, solver, fit_intercept, rng):
    fold = hard_fold(name, rng)
    classifier = RidgeClassifier(alpha=alpha, solver=solver, fit_intercept=fit_intercept)
    masks = np.concatenate([np.eye(16, dtype=bool), rng.random((8, 16)) < 0.4])
    masks[:, 0] |= ~masks.any(axis=1)
    assert_same(classifier, [fold], masks)


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 5.0}])
def test_weights_of_rows_are_those_of_scikit_learn(class_weight, rng):
    folds = folds_of(*rows_of("breast_cancer", rng))
    weighted = [replace(f, weight_fit=rng.random(len(f.y_fit)) + 0.1) for f in folds]
    masks = rng.random((30, 30)) < 0.3
    masks[:, 0] = True
    assert_same(RidgeClassifier(class_weight=class_weight), weighted, masks)
    assert certain_share(RidgeClassifier(class_weight=class_weight), weighted, masks) == 1.0


@pytest.mark.parametrize("n_columns", [5, 2000])
def test_decision_values_are_within_their_error_bounds(n_columns, rng):
    X, y = rows_of("few", rng)
    fold = folds_of(X[:, :n_columns], y)[0]
    masks = rng.random((20, n_columns)) < 0.5
    masks[:, 0] = True
    for classifier in CLASSIFIERS[:3]:
        assert_values(classifier, fold, masks, DECISION)
    assert_each_alone(RidgeClassifier(), fold, masks, DECISION)


@pytest.mark.parametrize("name", ["few", "breast_cancer"])
def test_most_masks_are_certain(name, rng):
    folds = folds_of(*rows_of(name, rng))
    for classifier in CLASSIFIERS[:3]:
        assert certain_share(classifier, folds, masks_of(folds, 100, rng)) > 0.99


def test_labels_are_text_and_classes_may_be_missing_from_the_fit_rows(rng):
    X, y = rng.normal(size=(60, 6)), np.repeat(["a", "b", "c"], 20)
    masks = np.eye(6, dtype=bool) | (rng.random((6, 6)) < 0.5)
    for classes in (["a"], ["a", "c"], ["a", "b", "c"]):
        fit = np.isin(y, classes) & (np.arange(60) % 2 == 0)
        fold = Fold(X[fit], y[fit], X[~fit], y[~fit], np.arange(6), int(fit.sum()))
        if len(classes) > 1:
            assert_same(RidgeClassifier(), [fold], masks)
        else:
            predictions = predict(RidgeClassifier(), fold, masks)
            assert not predictions.certain.any()


def test_what_scikit_learn_refuses_or_computes_otherwise_is_left_to_it(rng):
    fold = hard_fold("", rng)
    masks = np.ones((1, 16), dtype=bool)
    single = replace(fold, X_fit=fold.X_fit.astype(np.float32))
    lost = replace(fold, X_fit=np.where(fold.X_fit == fold.X_fit[0, 0], np.nan, fold.X_fit))
    for own in (single, lost, replace(fold, y_fit=fold.X_fit[:, 0])):
        predictions = predict(RidgeClassifier(), own, masks)
        assert not predictions.certain.any()
    masks[:, 0] = False  # the lost value is not looked at
    assert predict(RidgeClassifier(), lost, masks).certain.all()
    wrong = RidgeClassifier(class_weight="other")
    assert not predict(wrong, fold, masks).certain.any()


@pytest.mark.parametrize(
    ("classifier", "reason"),
    [
        (RidgeClassifier(solver="lsqr"), "solver='lsqr'"),
        (RidgeClassifier(alpha=0.0), "alpha=0.0"),
        (RidgeClassifier(alpha=[1.0]), "alpha=[1.0]"),
        (RidgeClassifier(positive=True), "positive=True"),
        (RidgeClassifier(tol=1.0, max_iter=3, copy_X=False), None),
    ],
    ids=str,
)
def test_settings_that_are_not_computed_are_named(classifier, reason):
    assert unsupported(classifier) == reason
