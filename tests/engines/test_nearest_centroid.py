"""Nearest centroids of many masks: scikit-learn's predictions, and no others."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from tests.engines.closed_form import (
    HARD,
    REAL,
    TOY,
    assert_same,
    certain_share,
    folds_of,
    hard_fold,
    masks_of,
    rows_of,
)
from vaega.data._splits import Fold
from vaega.engines._nearest_centroid import predict, unsupported

CLASSIFIERS = [NearestCentroid()]


@pytest.mark.parametrize("name", ["few", *TOY])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_scores_are_those_of_scikit_learn(name, classifier, rng):
    folds = folds_of(*rows_of(name, rng))
    masks = masks_of(folds, 40, rng)
    assert_same(classifier, folds, masks)
    masks = masks[masks.sum(axis=1) > 1]  # numpy sums a single column in another order
    assert certain_share(classifier, folds, masks) > 0.85  # ties of whole numbers


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore")
def test_scores_of_real_rows_are_those_of_scikit_learn(name, rng):
    folds = folds_of(*rows_of(name, rng))
    masks = masks_of(folds, 25, rng)
    assert_same(NearestCentroid(), folds, masks, "balanced_accuracy")
    assert certain_share(NearestCentroid(), folds, masks) > 0.85


@pytest.mark.parametrize("name", HARD)
@pytest.mark.filterwarnings("ignore")
def test_hard_rows_turn_nothing(name, rng):
    fold = hard_fold(name, rng)
    masks = np.concatenate([np.eye(16, dtype=bool)[:4], rng.random((30, 16)) < 0.4])
    masks[4:, 0] = True
    if name != "two rows":
        assert_same(NearestCentroid(), [fold], masks)
    else:  # scikit-learn divides by no degrees of freedom
        predictions = predict(NearestCentroid(), fold, masks)
        assert not predictions.certain.any()


def test_warnings_of_columns_without_spread_are_scikit_learns(rng):
    fold = hard_fold("constant", rng)
    masks = rng.random((30, 16)) < 0.5
    masks[:, :3] = True
    predictions = predict(NearestCentroid(), fold, masks)
    (warned,) = predictions.warnings.values()
    assert predictions.certain.all()
    np.testing.assert_array_equal(warned, masks[:, 4:8].any(axis=1))
    assert_same(NearestCentroid(), [fold], masks)


def test_labels_are_text_and_classes_may_be_missing_from_the_fit_rows(rng):
    X, y = rng.normal(size=(60, 6)), np.repeat(["a", "b", "c"], 20)
    masks = np.eye(6, dtype=bool) | (rng.random((6, 6)) < 0.5)
    fit = (y != "b") & (np.arange(60) % 2 == 0)
    fold = Fold(X[fit], y[fit], X[~fit], y[~fit], np.arange(6), int(fit.sum()))
    assert_same(NearestCentroid(), [fold], masks)


def test_what_scikit_learn_refuses_or_computes_otherwise_is_left_to_it(rng):
    fold, masks = hard_fold("", rng), np.ones((1, 16), dtype=bool)
    single = replace(fold, X_fit=fold.X_fit.astype(np.float32))
    lost = replace(fold, X_fit=np.where(fold.X_fit == fold.X_fit[0, 0], np.nan, fold.X_fit))
    one_class = replace(fold, y_fit=np.zeros(24))
    for own in (single, lost, one_class, replace(fold, y_fit=fold.X_fit[:, 0])):
        predictions = predict(NearestCentroid(), own, masks)
        assert not predictions.certain.any()
    assert not predict(
        NearestCentroid(metric="euclidean", shrink_threshold=-1.0), fold, masks
    ).certain.any()


@pytest.mark.parametrize(
    ("classifier", "reason"),
    [
        (NearestCentroid(metric="manhattan"), "metric='manhattan'"),
        (NearestCentroid(shrink_threshold=0.5), "shrink_threshold=0.5"),
        (NearestCentroid(), None),
        (NearestCentroid(priors="empirical"), "priors='empirical'"),
        (NearestCentroid(priors=[0.2, 0.8]), "priors=[0.2, 0.8]"),
    ],
    ids=str,
)
def test_settings_that_are_not_computed_are_named(classifier, reason):
    assert unsupported(classifier) == reason
