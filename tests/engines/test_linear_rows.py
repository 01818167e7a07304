"""What linear classifiers see of a fold."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from vaega.data._folds import Fold
from vaega.engines._logistic import costs_of, rows_of


def fold_of(X, y=None, weights=None):
    y = np.arange(len(X)) % 2 if y is None else y
    return Fold(X, y, X + 1.0, y, np.arange(X.shape[1]), len(X), weight_fit=weights)


def test_rows_are_computed_once_and_centred_on_demand(rng):
    X = rng.normal(size=(9, 4)) + 5.0
    fold = fold_of(X)
    rows = rows_of(fold, centred=True)
    assert rows_of(fold, centred=True) is rows
    np.testing.assert_allclose(rows.values[:, :9], (X - X.mean(axis=0)).T)
    np.testing.assert_allclose(rows.values[:, 9:18], (X + 1.0 - X.mean(axis=0)).T)
    np.testing.assert_array_equal(rows.values[:, 18:], 0.0)
    np.testing.assert_array_equal(rows_of(fold, centred=False).values[:, :9], X.T)


@pytest.mark.parametrize("spoil", [np.nan, np.inf, 1e200, 1e9])
@pytest.mark.parametrize("centred", [True, False])
def test_what_is_not_tame(spoil, centred, rng):
    X = rng.normal(size=(9, 4))
    assert rows_of(fold_of(X), centred=centred).tame
    X[2, 1] = spoil
    assert not rows_of(fold_of(X), centred=centred).tame


def test_an_offset_is_tame_where_it_goes(rng):
    fold = fold_of(rng.normal(size=(9, 4)) + 1e6)
    assert rows_of(fold, centred=True).tame
    assert not rows_of(fold, centred=False).tame


def test_costs_are_weights_times_class_weights_times_C(rng):
    X, weights = rng.normal(size=(4, 2)), np.array([1.0, 2.0, 0.0, 3.0])
    fold = fold_of(X, np.array(["a", "b", "b", "a"]), weights)
    rows = rows_of(fold, centred=True)
    logistic = LogisticRegression(C=10.0, class_weight={"a": 0.5})
    np.testing.assert_allclose(costs_of(logistic, rows, fold), [5.0, 20.0, 0.0, 15.0])
    balanced = LogisticRegression(class_weight="balanced")
    np.testing.assert_allclose(costs_of(balanced, rows, fold), [0.75, 3.0, 0.0, 2.25])


@pytest.mark.parametrize(
    ("estimator", "weights"),
    [
        (LogisticRegression(class_weight="unbalanced"), None),
        (LogisticRegression(tol=-1.0), None),
        (LinearSVC(max_iter=-2), None),
        (LinearSVC(), [-1.0, 1.0, 1.0, 1.0]),
        (LinearSVC(), [np.nan, 1.0, 1.0, 1.0]),
        (LinearSVC(), [0.0, 1.0, 0.0, 1.0]),
    ],
)
def test_what_scikit_learn_refuses_has_no_costs(estimator, weights, rng):
    fold = fold_of(rng.normal(size=(4, 2)), weights=None if weights is None else np.array(weights))
    assert costs_of(estimator, rows_of(fold, centred=True), fold) is None
