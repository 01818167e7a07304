"""Linear support vector machines of many masks: scikit-learn's, trained to the optimum."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.svm import LinearSVC

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
from vaega.core.kernels import padded
from vaega.engines._base import DECISION
from vaega.engines._linear_svm import fit_hinges, predict, unsupported
from vaega.fitness._cross_validated import CrossValidatedFitness

TIGHT = {"tol": 1e-9, "max_iter": 100_000, "random_state": 0}
CLASSIFIERS = [
    LinearSVC(),
    LinearSVC(C=0.01, class_weight="balanced", intercept_scaling=3.0),
    LinearSVC(C=10.0, fit_intercept=False),
]


def assert_agrees(classifier, fold, masks):
    """Predictions are those of a scikit-learn that iterates on, but where its margin is tiny."""
    predictions = predict(classifier, fold, masks)
    assert predictions.certain.mean() > 0.98
    classes = np.unique(fold.y_fit)
    for row in np.flatnonzero(predictions.certain):
        X, X_validate = fold.X_fit[:, masks[row]], fold.X_validate[:, masks[row]]
        own = clone(classifier).set_params(**TIGHT)
        own.fit(X, fold.y_fit, sample_weight=fold.weight_fit)
        scores = own.decision_function(X_validate)
        scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
        margins = np.diff(np.sort(scores, axis=1)[:, -2:], axis=1)[:, 0]
        clear = margins > 1e-5 * (1.0 + np.abs(scores).max())
        assert clear.mean() > 0.9
        predicted = classes[predictions.codes[row]]
        np.testing.assert_array_equal(predicted[clear], own.predict(X_validate)[clear])


@pytest.mark.parametrize("name", ["few", *TOY])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_predictions_are_those_of_scikit_learn(name, classifier, rng):
    folds = folds_of(*rows_of(name, rng))
    assert_agrees(classifier, folds[0], masks_of(folds, 6, rng))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore")
def test_predictions_of_real_rows_are_those_of_scikit_learn(name, rng):
    folds = folds_of(*rows_of(name, rng))
    assert_agrees(LinearSVC(), folds[0], masks_of(folds, 4, rng))


@pytest.mark.parametrize("settings", [{}, {"class_weight": {0: 4.0}}, {"dual": True}])
@pytest.mark.filterwarnings("ignore")
def test_rankings_are_those_of_scikit_learn(settings, rng):
    folds = folds_of(*rows_of("breast_cancer", rng))
    weights = rng.uniform(0.0, 2.0, size=len(folds[0].y_fit))
    weights[::5] = 0.0
    fold, masks = replace(folds[0], weight_fit=weights), masks_of(folds, 6, rng)
    predictions = predict(LinearSVC(**settings), fold, masks, response_method=DECISION)
    for row, mask in enumerate(masks):
        own = LinearSVC(**settings).set_params(**TIGHT)
        own.fit(fold.X_fit[:, mask], fold.y_fit, sample_weight=weights)
        theirs = own.decision_function(fold.X_validate[:, mask])
        np.testing.assert_allclose(predictions.values[row], theirs, atol=1e-4)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 5.0, 2: 0.2}])
@pytest.mark.filterwarnings("ignore")
def test_of_several_classes_the_others_are_not_weighed(class_weight, rng):
    folds = folds_of(*rows_of("wine", rng))
    assert_agrees(LinearSVC(class_weight=class_weight), folds[0], masks_of(folds, 8, rng))


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.filterwarnings("ignore")
def test_hard_rows_turn_nothing(name, C, rng):
    fold = hard_fold(name, rng)
    masks = np.concatenate([np.eye(16, dtype=bool), rng.random((10, 16)) < 0.4])
    masks[:, 0] |= ~masks.any(axis=1)
    predictions = predict(LinearSVC(C=C), fold, masks, response_method=DECISION)
    for row in np.flatnonzero(predictions.certain):
        own = LinearSVC(C=C, dual=False, tol=1e-10, max_iter=100_000)
        own.fit(fold.X_fit[:, masks[row]], fold.y_fit)
        theirs = own.decision_function(fold.X_validate[:, masks[row]])
        np.testing.assert_allclose(predictions.values[row], theirs, rtol=1e-3, atol=1e-3)


def test_no_bit_depends_on_the_other_masks(rng):
    folds = folds_of(*rows_of("few", rng))
    masks = masks_of(folds, 12, rng)
    ask = {"response_method": DECISION}
    together = predict(LinearSVC(), folds[0], masks, **ask)
    for row in range(12):
        alone = predict(LinearSVC(), folds[0], masks[row : row + 1], **ask)
        np.testing.assert_array_equal(alone.values[0], together.values[row])


def test_rows_of_single_precision_are_computed_in_double_as_there(rng):
    fold = hard_fold("copies", rng)
    single = replace(fold, X_fit=fold.X_fit.astype(np.float32))
    double = replace(fold, X_fit=single.X_fit.astype(float))
    masks = rng.random((5, 16)) < 0.5
    ask = {"response_method": DECISION}
    ours, theirs = (predict(LinearSVC(), each, masks, **ask).values for each in (single, double))
    np.testing.assert_array_equal(ours, theirs)


def test_one_class_is_left_to_scikit_learn(rng):
    fold = replace(hard_fold("copies", rng), y_fit=np.zeros(24, dtype=int))
    fitness = CrossValidatedFitness(LinearSVC(), [fold], get_scorer("accuracy"))
    with pytest.raises(InputError, match="at least 2 classes"):
        fitness(np.ones((1, 16), dtype=bool))


@pytest.mark.parametrize(
    ("classifier", "reason"),
    [
        (LinearSVC(dual=False), None),
        (LinearSVC(loss="hinge"), "loss='hinge'"),
        (LinearSVC(penalty="l1"), "penalty='l1'"),
        (LinearSVC(multi_class="crammer_singer"), "multi_class='crammer_singer'"),
        (LinearSVC(C=np.inf), "C=inf"),
    ],
    ids=str,
)
def test_which_settings_it_takes(classifier, reason):
    assert unsupported(classifier) == reason


@pytest.mark.parametrize("shape", [(40, 5), (40, 39), (40, 300), (300, 60)])
@pytest.mark.parametrize("constant", [0.0, 1.0])
@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e4])
def test_the_gradient_vanishes(shape, constant, cost, rng):
    X, n = rng.normal(size=shape), shape[0]
    signs = np.where(X[:, 0] + rng.normal(size=n) > 0, 1.0, -1.0)
    costs = cost * rng.uniform(0.5, 2.0, size=n)
    rows = np.zeros((shape[1], padded(2 * n, np.float64)))
    rows[:, : 2 * n] = np.tile(X, (2, 1)).T
    values = np.empty((1, 1, n))
    masks = np.ones((1, shape[1]), dtype=bool)
    fit_hinges(masks, rows, signs[None], costs[None], constant, values)
    scores = values[0, 0]
    pulls = 2.0 * costs * signs * np.maximum(0.0, 1.0 - signs * scores)
    again = X @ (X.T @ pulls) + constant**2 * pulls.sum()
    np.testing.assert_allclose(scores, again, atol=1e-7 * np.abs(scores).max())
