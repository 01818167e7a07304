"""Gaussian naive Bayes of many masks: scikit-learn's predictions, with its weights and priors."""

import numpy as np
import pytest
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import GaussianNB

from tests.engines.agreement import LOADERS, agree, folds_of, masks_of, rows_of
from vaega.data._splits import Fold
from vaega.engines import _naive_bayes as naive_bayes
from vaega.engines._naive_bayes import _moments_in
from vaega.engines._registry import match, score_fold


@pytest.mark.parametrize(
    "name",
    ["leukemia", "madelon", "gcm1363", "all_leukemia_yeoh6", "breast_cancer", "wine", "digits"],
)
def test_real_data(name, request, rng):
    folder = None if name in LOADERS else request.getfixturevalue("real_data")
    X, y = rows_of(name, folder)
    folds, masks = folds_of(X, y), masks_of(rng, 15, X.shape[1])
    agree(GaussianNB(), folds, masks, "balanced_accuracy")
    spec = match(GaussianNB(), get_scorer("accuracy"))
    some = masks[masks.sum(axis=1) > 1]
    certain = [np.isfinite(score_fold(spec, fold, some).scores) for fold in folds]
    assert np.mean(certain) > 0.99


@pytest.mark.parametrize("scorer", ["f1_macro", "roc_auc", "roc_auc_ovr", "neg_log_loss"])
@pytest.mark.parametrize("share", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_ranks_and_probabilities(scorer, share, weighted, rng):
    # Many columns bring probabilities of 1 but for a few bits: ties that rounding makes.
    X, y = rng.normal(size=(38, 1500)), np.arange(38) % 2
    X[:, :300] += 0.4 * y[:, None]
    weights = rng.choice([0.5, 1.0, 1.7], 38) if weighted else None
    masks = rng.random((16, 1500)) < share
    agree(GaussianNB(), folds_of(X, y, weights=weights), masks, scorer)


def test_saturated_probabilities_are_mostly_certain(rng):
    X, y = rng.normal(size=(38, 1500)), np.arange(38) % 2
    X[:, :300] += 0.4 * y[:, None]
    masks = rng.random((100, 1500)) < 0.02
    for scorer in ("roc_auc", "neg_log_loss"):
        spec = match(GaussianNB(), get_scorer(scorer))
        scores = [score_fold(spec, fold, masks).scores for fold in folds_of(X, y)]
        assert np.isfinite(scores).mean() > 0.99


@pytest.mark.parametrize(
    "classifier",
    [GaussianNB(priors=[0.2, 0.8]), GaussianNB(var_smoothing=0.0), GaussianNB(var_smoothing=10.0)],
    ids=repr,
)
@pytest.mark.parametrize("scorer", ["balanced_accuracy", "roc_auc"])
def test_settings(classifier, scorer, rng):
    X, y = rng.normal(size=(60, 20)), rng.integers(0, 2, 60)
    agree(classifier, folds_of(X, y), rng.random((30, 20)) < 0.3, scorer)


@pytest.mark.parametrize("priors", [[0.5, 0.4], [0.3, 0.3, 0.4], [1.5, -0.5], [0.0, 1.0], "half"])
def test_priors_that_scikit_learn_refuses_or_warns_of_are_left_to_it(priors, rng):
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    fold, masks = Fold(X, y, X, y, np.arange(3), 20), np.ones((2, 3), dtype=bool)
    predictions = naive_bayes.predict(GaussianNB(priors=priors), fold, masks)
    assert not predictions.certain.any()


@pytest.mark.parametrize("bad", [0.0, np.nan, -1.0])
def test_weights_that_scikit_learn_may_refuse_are_left_to_it(bad, rng):
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    weights = np.where(y == 1, bad, 1.0)
    fold = Fold(X, y, X, y, np.arange(3), 20, weight_fit=weights)
    masks = np.ones((2, 3), dtype=bool)
    predictions = naive_bayes.predict(GaussianNB(), fold, masks)
    assert not predictions.certain.any()


def test_numbers_that_are_none_are_left_to_scikit_learn(rng):
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    X[3, 1] = np.nan
    fold = Fold(X, y, np.abs(rng.normal(size=(4, 3))), y[:4], np.arange(3), 20)
    masks = np.array([[True, False, True], [True, True, False]])
    for method in ("predict", "decision_function", "predict_proba"):
        predictions = naive_bayes.predict(GaussianNB(), fold, masks, response_method=method)
        np.testing.assert_array_equal(predictions.certain, [True, False])


@pytest.mark.parametrize("method", ["predict", "decision_function", "predict_proba"])
def test_predictions_do_not_depend_on_other_masks(method, rng):
    X, y = rng.normal(size=(40, 300)), np.arange(40) % 2
    fold, masks = folds_of(X, y)[0], rng.random((20, 300)) < 0.2
    together = naive_bayes.predict(GaussianNB(), fold, masks, response_method=method)
    for row in range(20):
        alone = naive_bayes.predict(
            GaussianNB(), fold, masks[row : row + 1], response_method=method
        )
        np.testing.assert_array_equal(alone.codes[0], together.codes[row])
        if method != "predict":
            np.testing.assert_array_equal(alone.values[0], together.values[row])


@pytest.mark.parametrize("n_columns", [2, 3, 9, 40])
@pytest.mark.parametrize("n_rows", [7, 130, 1500])
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_columns_are_those_of_all_columns(n_columns, n_rows, weighted, rng):
    # What uncertain predictions rest on; a single column is another matter.
    X = rng.normal(size=(n_rows, 60)) + 100.0 * rng.normal(size=60)
    weights = rng.random(n_rows) if weighted else None
    mean, variance = _moments_in(X, weights)
    for _ in range(20):
        columns = np.sort(rng.permutation(60)[:n_columns])
        own_mean, own_variance = _moments_in(X.take(columns, axis=1), weights)
        np.testing.assert_array_equal(own_mean, mean[columns])
        np.testing.assert_array_equal(own_variance, variance[columns])


def test_probabilities_are_scikit_learns_to_the_bit(rng):
    X, y = rng.normal(size=(60, 200)), np.arange(60) % 3
    fold, masks = folds_of(X, y)[0], rng.random((30, 200)) < 0.1
    predictions = naive_bayes.predict(GaussianNB(), fold, masks, response_method="predict_proba")
    assert predictions.error_bounds is None
    for mask, values in zip(masks, predictions.values, strict=True):
        columns = np.flatnonzero(mask)
        fitted = GaussianNB().fit(fold.X_fit.take(columns, axis=1), fold.y_fit)
        theirs = fitted.predict_proba(fold.X_validate.take(columns, axis=1))
        np.testing.assert_array_equal(theirs, values)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("kind", ["scales", "flat in a class", "constant", "far from 0"])
def test_labels_of_hard_columns(n_classes, kind, rng):
    X, y = rng.normal(size=(80, 60)), np.arange(80) % n_classes
    if kind == "scales":  # smoothing then depends on the selected columns
        X *= 10.0 ** rng.integers(-6, 7, 60)
    elif kind == "flat in a class":
        X[y == 1, :20] = 0.5
    elif kind == "constant":
        X[:, :20] = 0.1
    else:
        X += 1e6
    agree(GaussianNB(), folds_of(X, y), rng.random((40, 60)) < 0.2, "accuracy")


def test_classes_without_spread_are_classified_by_the_smoothing_of_the_mask(rng):
    # Clipped expression values: nine in ten masks of a few hundred genes have such a class.
    X, y = np.maximum(rng.normal(size=(60, 400)), 1.0), np.arange(60) % 2
    X = (X - X.mean(axis=0)) / X.std(axis=0)  # the same values, off by their rounding
    fold, masks = folds_of(X, y)[0], rng.random((60, 400)) < 0.2
    table, codes = table_of(fold), np.full((60, len(fold.X_validate)), -1)
    assert table.has_flat
    assert naive_bayes._classify_sums(table, masks, np.array([0.5, 0.5]), codes).mean() > 0.9
    for mask, own in zip(masks, codes, strict=True):
        fitted = GaussianNB(priors=[0.5, 0.5]).fit(fold.X_fit[:, mask], fold.y_fit)
        np.testing.assert_array_equal(fitted.predict(fold.X_validate[:, mask]), own)


@pytest.mark.parametrize("seed", range(8))
def test_what_sums_are_certain_of_is_what_scikit_learn_predicts(seed):
    rng = np.random.default_rng(seed)
    X, y = hard_columns(rng, standardised=bool(seed % 2))
    fold, masks = folds_of(X, y)[0], rng.random((150, X.shape[1])) < rng.random((150, 1)) / 2
    masks, priors = masks[masks.sum(axis=1) > 1], np.full(3, 1.0 / 3.0)
    codes = np.full((len(masks), len(fold.X_validate)), -1)
    with np.errstate(all="ignore"):
        certain = naive_bayes._classify_sums(table_of(fold), masks, priors, codes)
    assert certain.any()
    for row in np.flatnonzero(certain):
        fitted = GaussianNB(priors=priors).fit(fold.X_fit[:, masks[row]], fold.y_fit)
        theirs = fitted.predict(fold.X_validate[:, masks[row]])
        np.testing.assert_array_equal(theirs, codes[row])


def table_of(fold):
    return naive_bayes._table_of(fold, naive_bayes._moments_of(fold), 1e-9)


def hard_columns(rng, *, standardised):
    """Return rows of three classes whose columns are clipped, constant, or nearly so in a class."""
    X, y = rng.normal(size=(60, 40)) * 10.0 ** rng.integers(-4, 5, 40), np.arange(60) % 3
    for column, kind in zip(X.T, rng.integers(0, 6, 40), strict=True):
        if kind == 0:
            np.maximum(column, np.quantile(column, 0.8), out=column)
        elif kind == 1:
            column[y == rng.integers(3)] = 7.0 * rng.normal()
        elif kind == 2:
            column[:] = rng.normal()
        elif kind == 3:
            column[:] = np.round(column)
        elif kind == 4:
            column[y == 0] = column[0] + 1e-9 * rng.normal(size=20)
    if standardised:
        X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0.0, X.std(axis=0), 1.0)
    return X, y


def test_no_table_where_it_would_be_too_large(rng, monkeypatch):
    X, y = rng.normal(size=(60, 20)), np.arange(60) % 3
    monkeypatch.setattr(naive_bayes, "_LARGEST_TABLE", 0)
    agree(GaussianNB(), folds_of(X, y), rng.random((20, 20)) < 0.3, "accuracy")
