"""Linear discriminants of many masks: scikit-learn's predictions, and no others."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tests.engines.closed_form import (
    HARD,
    RANKED,
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
from vaega.engines import _linear_forms as forms
from vaega.engines._base import DECISION, PROBA
from vaega.engines._discriminant import _make_rows, _priors_of, predict, unsupported, write_scores

CLASSIFIERS = [LinearDiscriminantAnalysis(), LinearDiscriminantAnalysis(tol=1e-2)]


@pytest.mark.parametrize("name", ["few", *TOY])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_scores_are_those_of_scikit_learn(name, classifier, rng):
    folds = folds_of(*rows_of(name, rng))
    assert_same(classifier, folds, masks_of(folds, 12, rng))


@pytest.mark.parametrize("name", ["leukemia", "madelon"])
@pytest.mark.filterwarnings("ignore")
def test_scores_of_real_rows_are_those_of_scikit_learn(name, rng):
    folds = folds_of(*rows_of(name, rng))
    masks = masks_of(folds, 25, rng)
    assert_same(LinearDiscriminantAnalysis(), folds, masks, "balanced_accuracy")
    assert certain_share(LinearDiscriminantAnalysis(), folds, masks) > 0.95


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("settings", [{}, {"tol": 0.0}], ids=str)
@pytest.mark.filterwarnings("ignore")
def test_hard_rows_turn_nothing(name, settings, rng):
    fold, classifier = hard_fold(name, rng), LinearDiscriminantAnalysis(**settings)
    masks = np.concatenate([np.eye(16, dtype=bool)[:3], rng.random((30, 16)) < 0.4])
    masks[3:, 0] = True
    if name != "two rows":
        assert_same(classifier, [fold], masks)
    else:  # scikit-learn refuses as many classes as rows
        assert not predict(classifier, fold, masks).certain.any()


@pytest.mark.parametrize("priors", [[0.3, 0.7], [0.5, 0.5]], ids=str)
def test_priors_are_those_of_scikit_learn(priors, rng):
    folds = folds_of(*rows_of("breast_cancer", rng))
    masks = masks_of(folds, 20, rng)
    classifier = LinearDiscriminantAnalysis(priors=priors)
    assert_same(classifier, folds, masks)
    assert certain_share(classifier, folds, masks) > 0.95


@pytest.mark.parametrize("method", RANKED)
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.parametrize("n_columns", [6, 400])
def test_values_are_within_their_error_bounds(classifier, method, n_columns, rng):
    X, y = rows_of("few", rng)
    fold = folds_of(X[:, :n_columns], y)[0]
    masks = rng.random((12, n_columns)) < 0.4
    masks[:, 0] = True
    assert_values(classifier, fold, masks, method)
    assert_each_alone(classifier, fold, masks, method)


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
def test_probabilities_of_several_classes(classifier, rng):
    fold = folds_of(*rows_of("wine", rng))[0]
    masks = rng.random((20, 13)) < 0.4
    masks[:, 0] = True
    assert_values(classifier, fold, masks, PROBA)
    ranking = predict(classifier, fold, masks, response_method=DECISION)
    assert not ranking.certain.any()  # no ranking of three classes


@pytest.mark.parametrize("name", ["few", "breast_cancer", "wine"])
def test_most_masks_are_certain(name, rng):
    folds = folds_of(*rows_of(name, rng))
    assert certain_share(CLASSIFIERS[0], folds, masks_of(folds, 100, rng)) > 0.98


def test_copied_columns_are_certain(rng):
    fold = hard_fold("copies", rng)
    masks = rng.random((40, 16)) < 0.4
    masks[:, [0, 8]] = True
    assert certain_share(LinearDiscriminantAnalysis(), [fold], masks) > 0.95
    assert_same(LinearDiscriminantAnalysis(), [fold], masks)


@pytest.mark.parametrize("method", RANKED)
def test_values_of_copied_columns_are_within_their_error_bounds(method, rng):
    X, y = rows_of("few", rng)
    X = X[:, :12]
    X[:, 1::2] = X[:, ::2]
    fold = folds_of(X, y)[0]
    masks = rng.random((12, 12)) < 0.6
    masks[:, :2] = True
    assert_values(LinearDiscriminantAnalysis(), fold, masks, method)
    assert_each_alone(LinearDiscriminantAnalysis(), fold, masks, method)


def test_copied_rows_lack_rank_and_are_left_to_scikit_learn(rng):
    X, y = rows_of("few", rng)
    X, y[5] = X[:, :400], y[4]
    X[5] = X[4]
    fold = folds_of(X, y)[0]
    masks = rng.random((12, 400)) < 0.6
    assert not predict(LinearDiscriminantAnalysis(), fold, masks).certain.any()
    assert_same(LinearDiscriminantAnalysis(), [fold], masks)


@pytest.mark.parametrize(("factor", "certain"), [(0.1, True), (1.0, False), (2.0, False)])
def test_an_uncertain_rank_is_left_to_scikit_learn(factor, certain, rng):
    fold = hard_fold("copies", rng)
    fold.X_fit[:, 8] += 1e-4 * rng.normal(size=24)
    within = fold.X_fit[:, [0, 8]].copy()
    for code in range(2):
        within[fold.y_fit == code] -= within[fold.y_fit == code].mean(axis=0)
    least = np.linalg.svd(within / within.std(axis=0) / np.sqrt(24))[1][1]
    classifier = LinearDiscriminantAnalysis(tol=factor * least)
    mask = np.isin(np.arange(16), [0, 8])[None]
    predictions = predict(classifier, fold, mask)
    assert predictions.certain.tolist() == [certain]
    assert_same(classifier, [fold], mask)


@pytest.mark.parametrize(
    ("name", "share"), [("gcm1363", 0.75), ("all_leukemia_yeoh6", 0.5), ("digits", 0.7)]
)
@pytest.mark.filterwarnings("ignore")
def test_rows_that_lack_rank(name, share, rng):
    """Uncertain: columns that are constant but for rounding, and as many columns as contrasts."""
    folds = folds_of(*rows_of(name, rng))
    masks = masks_of(folds, 25, rng)
    assert_same(LinearDiscriminantAnalysis(), folds, masks)
    assert certain_share(LinearDiscriminantAnalysis(), folds, masks) > share


def test_labels_are_text_and_classes_may_be_missing_from_the_fit_rows(rng):
    X, y = rng.normal(size=(60, 6)), np.repeat(["a", "b", "c"], 20)
    masks = np.eye(6, dtype=bool) | (rng.random((6, 6)) < 0.5)
    fit = (y != "b") & (np.arange(60) % 2 == 0)
    fold = Fold(X[fit], y[fit], X[~fit], y[~fit], np.arange(6), int(fit.sum()))
    for classifier in CLASSIFIERS:
        assert_same(classifier, [fold], masks)


def test_what_scikit_learn_refuses_or_computes_otherwise_is_left_to_it(rng):
    fold, masks = hard_fold("", rng), np.ones((1, 16), dtype=bool)
    lda = LinearDiscriminantAnalysis
    single = replace(fold, X_fit=fold.X_fit.astype(np.float32))
    lost = replace(fold, X_fit=np.where(fold.X_fit == fold.X_fit[0, 0], np.nan, fold.X_fit))
    one_class = replace(fold, y_fit=np.zeros(24))
    for own in (single, lost, one_class, replace(fold, y_fit=fold.X_fit[:, 0])):
        assert not predict(lda(), own, masks).certain.any()
    for priors in ([0.5], [0.0, 1.0], [0.5, 0.6], ["a", "b"]):
        wrong = lda(priors=priors)
        assert not predict(wrong, fold, masks).certain.any()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"shrinkage": 0.1}, "shrinkage=0.1"),
        ({"solver": "lsqr"}, "solver='lsqr'"),
        ({"solver": "svd", "shrinkage": "auto"}, "shrinkage='auto'"),
        ({"solver": "eigen", "shrinkage": 1.0}, "solver='eigen'"),
        ({"solver": "other"}, "solver='other'"),
        ({"n_components": 1}, "n_components=1"),
        ({"store_covariance": True}, "store_covariance=True"),
        ({"priors": [0.2, 0.8]}, None),
    ],
    ids=str,
)
def test_settings_that_are_not_computed_are_named(settings, reason):
    assert unsupported(LinearDiscriminantAnalysis(**settings)) == reason


@pytest.fixture
def three_classes(rng):
    X, y = rng.normal(size=(30, 150)), np.arange(30) % 3
    return Fold(X[:20], y[:20], X[20:], y[20:], np.arange(150), 20)


def rows_of_fold(fold):
    return _make_rows(_priors_of(LinearDiscriminantAnalysis(), fold), fold)


def test_the_scatter_is_that_of_scikit_learn(three_classes):
    fold = three_classes
    rows = rows_of_fold(fold)
    within = np.concatenate(
        [
            fold.X_fit[fold.y_fit == code] - fold.X_fit[fold.y_fit == code].mean(axis=0)
            for code in range(3)
        ]
    )
    within /= within.std(axis=0)
    contrasts = rows.by_column[:, : rows.n_contrasts]
    expected = within.T @ within / 20.0
    np.testing.assert_allclose(contrasts @ contrasts.T, expected, atol=1e-12)
    np.testing.assert_allclose(rows.sizes[:, forms.ENERGY], np.diag(expected))
    assert not rows.by_column[:, rows.n_rows :].any()


def test_columns_that_do_not_vary_are_told(three_classes):
    X = three_classes.X_fit.copy()
    X[:, 3], X[:, 5], X[0, 7] = 2.0, three_classes.y_fit, np.inf
    rows = rows_of_fold(replace(three_classes, X_fit=X))
    assert np.flatnonzero(~rows.varies).tolist() == [3, 5]
    assert np.flatnonzero(np.isinf(rows.sizes[:, forms.RAW])).tolist() == [7]


@pytest.mark.parametrize("n_classes", [2, 3, 14])
def test_scores_are_forms_less_half_of_the_means_own(n_classes, rng):
    predictions = rng.normal(size=(4, n_classes + 5, n_classes))
    constants = rng.normal(size=n_classes)
    of_means = np.einsum("mkk->mk", predictions[:, :n_classes])
    expected = predictions[:, n_classes:] - 0.5 * of_means[:, None] + constants
    scores = np.empty((4, 5, n_classes))
    write_scores(predictions, constants, scores)
    np.testing.assert_allclose(scores, expected, atol=1e-14)
    if n_classes == 2:
        single = np.empty((4, 5, 1))
        write_scores(predictions, constants, single)
        np.testing.assert_array_equal(single[:, :, 0], scores[:, :, 1] - scores[:, :, 0])
