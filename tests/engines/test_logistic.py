"""Logistic regressions of many masks: scikit-learn's, trained to the optimum."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer

from tests.engines.closed_form import (
    HARD,
    REAL,
    TOY,
    folds_of,
    hard_fold,
    masks_of,
    rows_of,
)
from vaega.core.errors import InputError
from vaega.engines._base import DECISION, PROBA
from vaega.engines._logistic import predict, unsupported
from vaega.fitness._cross_validated import CrossValidatedFitness

TIGHT = {"tol": 1e-10, "max_iter": 10_000}
CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegression(C=0.01, class_weight="balanced", solver="newton-cholesky"),
    LogisticRegression(C=100.0, fit_intercept=False, solver="newton-cg"),
]


def assert_agrees(classifier, fold, masks, least_decided=0.98):
    """Predictions are those of a scikit-learn that iterates on, but where its margin is tiny."""
    answers = predict(classifier, fold, masks)
    assert answers.certain.mean() >= least_decided
    classes = np.unique(fold.y_fit)
    for row in np.flatnonzero(answers.certain):
        X, X_validate = fold.X_fit[:, masks[row]], fold.X_validate[:, masks[row]]
        own = clone(classifier).set_params(**TIGHT)
        own.fit(X, fold.y_fit, sample_weight=fold.weight_fit)
        scores = own.decision_function(X_validate)
        scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
        margins = np.diff(np.sort(scores, axis=1)[:, -2:], axis=1)[:, 0]
        clear = margins > 1e-5 * (1.0 + np.abs(scores).max())
        assert clear.mean() > 0.9
        predicted = classes[answers.codes[row]]
        np.testing.assert_array_equal(predicted[clear], own.predict(X_validate)[clear])


@pytest.mark.parametrize("name", ["few", *TOY])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_predictions_are_those_of_scikit_learn(name, classifier, rng):
    folds = folds_of(*rows_of(name, rng))
    assert_agrees(classifier, folds[0], masks_of(folds, 12, rng))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore")
def test_predictions_of_real_rows_are_those_of_scikit_learn(name, rng):
    folds = folds_of(*rows_of(name, rng))
    assert_agrees(LogisticRegression(), folds[0], masks_of(folds, 5, rng))


@pytest.mark.parametrize("name", ["few", *TOY])
@pytest.mark.parametrize("method", [DECISION, PROBA])
@pytest.mark.filterwarnings("ignore")
def test_values_are_those_of_scikit_learn(name, method, rng):
    folds = folds_of(*rows_of(name, rng))
    fold, masks = folds[0], masks_of(folds, 8, rng)
    answers = predict(LogisticRegression(), fold, masks, response_method=method)
    if method == DECISION and len(np.unique(fold.y_fit)) > 2:
        assert not answers.certain.any()
        return
    for row, mask in enumerate(masks):
        own = LogisticRegression(**TIGHT).fit(fold.X_fit[:, mask], fold.y_fit)
        X = fold.X_validate[:, mask]
        theirs = own.decision_function(X) if method == DECISION else own.predict_proba(X)
        np.testing.assert_allclose(answers.values[row], theirs, atol=1e-4)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("C", [1.0, 1e6])
def test_hard_rows_turn_nothing(name, C, rng):
    # Offsets, copies, constants, a class with one row; with C=1e6 some are as good as separable.
    fold = hard_fold(name, rng)
    classifier = LogisticRegression(C=C, solver="newton-cholesky")
    masks = np.concatenate([np.eye(16, dtype=bool), rng.random((10, 16)) < 0.4])
    masks[:, 0] |= ~masks.any(axis=1)
    answers = predict(classifier, fold, masks, response_method=DECISION)
    for row in np.flatnonzero(answers.certain):
        X = fold.X_fit[:, masks[row]]
        offset = X.mean(axis=0)  # for scikit-learn, which would lose its digits
        own = clone(classifier).set_params(tol=1e-10).fit(X - offset, fold.y_fit)
        theirs = own.decision_function(fold.X_validate[:, masks[row]] - offset)
        np.testing.assert_allclose(answers.values[row], theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("C", [1.0, 1e8])
def test_separable_rows_have_an_end(C, rng):
    fold = folds_of(*rows_of("few", rng))[0]
    masks = rng.random((20, 2000)) < 0.05
    classifier = LogisticRegression(C=C)
    answers = predict(classifier, fold, masks, response_method=DECISION)
    assert answers.certain.any()
    assert np.isfinite(answers.values).all()


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_weights_are_those_of_scikit_learn(name, class_weight, rng):
    folds = folds_of(*rows_of(name, rng))
    weights = rng.uniform(0.0, 3.0, size=len(folds[0].y_fit))
    weights[::5] = 0.0
    classifier = LogisticRegression(class_weight=class_weight)
    assert_agrees(classifier, replace(folds[0], weight_fit=weights), masks_of(folds, 10, rng))


@pytest.mark.parametrize("settings", [{}, {"intercept_scaling": 5.0}, {"fit_intercept": False}])
@pytest.mark.filterwarnings("ignore")
def test_liblinear_penalises_the_intercept(settings, rng):
    folds = folds_of(*rows_of("breast_cancer", rng))
    fold, masks = folds[0], masks_of(folds, 8, rng)
    classifier = LogisticRegression(solver="liblinear", class_weight={1: 3.0}, **settings)
    answers = predict(classifier, fold, masks, response_method=DECISION)
    for row, mask in enumerate(masks):
        own = clone(classifier).set_params(**TIGHT).fit(fold.X_fit[:, mask], fold.y_fit)
        theirs = own.decision_function(fold.X_validate[:, mask])
        np.testing.assert_allclose(answers.values[row], theirs, atol=1e-5)


@pytest.mark.parametrize("name", ["few", "wine"])
def test_no_bit_depends_on_the_other_masks(name, rng):
    folds = folds_of(*rows_of(name, rng))
    masks = masks_of(folds, 12, rng)
    ask = {"response_method": PROBA}
    together = predict(LogisticRegression(), folds[0], masks, **ask)
    for row in range(12):
        alone = predict(LogisticRegression(), folds[0], masks[row : row + 1], **ask)
        np.testing.assert_array_equal(alone.values[0], together.values[row])


@pytest.mark.parametrize("scorer", ["accuracy", "balanced_accuracy", "roc_auc", "neg_log_loss"])
def test_scores_are_those_of_scikit_learn(scorer, rng):
    folds = folds_of(*rows_of("few", rng))
    masks = masks_of(folds, 10, rng)
    classifier = LogisticRegression(**TIGHT)
    engine, general = (
        CrossValidatedFitness(classifier, folds, get_scorer(scorer), engine=name)
        for name in ("population", "sklearn")
    )
    ours, theirs = engine.evaluate(masks), general.evaluate(masks)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
    assert ours.warned == theirs.warned


def test_one_class_is_left_to_scikit_learn(rng):
    fold = hard_fold("tiny", rng)
    fold = replace(fold, y_fit=np.zeros(24, dtype=int))
    masks = np.ones((1, 16), dtype=bool)
    assert not predict(LogisticRegression(), fold, masks).certain.any()
    fitness = CrossValidatedFitness(LogisticRegression(), [fold], get_scorer("accuracy"))
    with pytest.raises(InputError, match="at least 2 classes"):
        fitness(masks)


@pytest.mark.parametrize(
    "spoil",
    [
        {"X_fit": np.ones((24, 16), dtype=np.float32)},
        {"X_fit": np.full((24, 16), np.nan)},
        {"weight_fit": np.arange(24) % 2.0},  # a class that weighs nothing
    ],
    ids=["float32", "nan", "weightless"],
)
def test_what_is_left_to_scikit_learn(spoil, rng):
    fold = replace(hard_fold("copies", rng), **spoil)
    masks = np.ones((2, 16), dtype=bool)
    answers = predict(LogisticRegression(), fold, masks)
    assert not answers.certain.any()


def test_columns_that_tell_nothing_are_left_to_scikit_learn():
    fold = hard_fold("constant", np.random.default_rng(1))
    fold = replace(fold, X_fit=np.ones((24, 16)), X_validate=np.ones((12, 16)))
    answers = predict(LogisticRegression(), fold, np.ones((1, 16), bool))
    assert not answers.certain.any()


@pytest.mark.parametrize(
    ("classifier", "reason"),
    [
        (LogisticRegression(), None),
        (LogisticRegression(solver="liblinear", dual=True), None),
        (LogisticRegression(solver="sag"), "solver='sag'"),
        (LogisticRegression(C=np.inf), "C=inf"),
        (LogisticRegression(C=-1.0), "C=-1.0"),
        (LogisticRegression(dual=True), "dual=True"),
        (LogisticRegression(penalty="l2"), "penalty='l2'"),
        (LogisticRegression(l1_ratio=0.5), "l1_ratio=0.5"),
        (LogisticRegression(l1_ratio=None), "l1_ratio=None"),
        (LogisticRegression(n_jobs=2), "n_jobs=2"),
    ],
    ids=str,
)
def test_which_settings_it_takes(classifier, reason):
    assert unsupported(classifier) == reason
