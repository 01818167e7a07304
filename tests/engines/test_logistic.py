"""Logistic regressions of many masks: scikit-learn's, trained to the optimum."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
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
from vaega.data._splits import Fold
from vaega.engines._base import DECISION, PROBA
from vaega.engines._logistic import (
    costs_of,
    exponentiate,
    fit_binary,
    fit_multinomial,
    linear_rows,
    predict,
    reduce_rows,
    softmax_of,
    transpose_rows,
    unsupported,
)
from vaega.fitness._cross_validated import CrossValidatedFitness

TIGHT = {"tol": 1e-10, "max_iter": 10_000}
CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegression(C=0.01, class_weight="balanced", solver="newton-cholesky"),
    LogisticRegression(C=100.0, fit_intercept=False, solver="newton-cg"),
]


def assert_agrees(classifier, fold, masks, least_certain=0.98):
    """Predictions are those of a scikit-learn that iterates on, but where its margin is tiny."""
    predictions = predict(classifier, fold, masks)
    assert predictions.certain.mean() >= least_certain
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
    assert_agrees(classifier, folds[0], masks_of(folds, 12, rng))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore")
def test_predictions_of_real_rows_are_those_of_scikit_learn(name, rng):
    folds = folds_of(*rows_of(name, rng))
    assert_agrees(LogisticRegression(), folds[0], masks_of(folds, 5, rng, most=0.03))


@pytest.mark.parametrize("name", ["few", *TOY])
@pytest.mark.parametrize("method", [DECISION, PROBA])
@pytest.mark.filterwarnings("ignore")
def test_values_are_those_of_scikit_learn(name, method, rng):
    folds = folds_of(*rows_of(name, rng))
    fold, masks = folds[0], masks_of(folds, 8, rng)
    predictions = predict(LogisticRegression(), fold, masks, response_method=method)
    if method == DECISION and len(np.unique(fold.y_fit)) > 2:
        assert not predictions.certain.any()
        return
    for row, mask in enumerate(masks):
        own = LogisticRegression(**TIGHT).fit(fold.X_fit[:, mask], fold.y_fit)
        X = fold.X_validate[:, mask]
        theirs = own.decision_function(X) if method == DECISION else own.predict_proba(X)
        np.testing.assert_allclose(predictions.values[row], theirs, atol=1e-4)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("C", [1.0, 1e6])
def test_hard_rows_turn_nothing(name, C, rng):
    # Offsets, copies, constants, a class with one row; with C=1e6 some are as good as separable.
    fold = hard_fold(name, rng)
    classifier = LogisticRegression(C=C, solver="newton-cholesky")
    masks = np.concatenate([np.eye(16, dtype=bool), rng.random((10, 16)) < 0.4])
    masks[:, 0] |= ~masks.any(axis=1)
    predictions = predict(classifier, fold, masks, response_method=DECISION)
    for row in np.flatnonzero(predictions.certain):
        X = fold.X_fit[:, masks[row]]
        offset = X.mean(axis=0)  # for scikit-learn, which would lose its digits
        own = clone(classifier).set_params(tol=1e-10).fit(X - offset, fold.y_fit)
        theirs = own.decision_function(fold.X_validate[:, masks[row]] - offset)
        np.testing.assert_allclose(predictions.values[row], theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("C", [1.0, 1e8])
def test_separable_rows_have_an_end(C, rng):
    fold = folds_of(*rows_of("few", rng))[0]
    masks = rng.random((20, 2000)) < 0.05
    classifier = LogisticRegression(C=C)
    predictions = predict(classifier, fold, masks, response_method=DECISION)
    assert predictions.certain.any()
    assert np.isfinite(predictions.values).all()


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
    predictions = predict(classifier, fold, masks, response_method=DECISION)
    for row, mask in enumerate(masks):
        own = clone(classifier).set_params(**TIGHT).fit(fold.X_fit[:, mask], fold.y_fit)
        theirs = own.decision_function(fold.X_validate[:, mask])
        np.testing.assert_allclose(predictions.values[row], theirs, atol=1e-5)


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
    predictions = predict(LogisticRegression(), fold, masks)
    assert not predictions.certain.any()


def test_columns_that_tell_nothing_are_left_to_scikit_learn():
    fold = hard_fold("constant", np.random.default_rng(1))
    fold = replace(fold, X_fit=np.ones((24, 16)), X_validate=np.ones((12, 16)))
    predictions = predict(LogisticRegression(), fold, np.ones((1, 16), bool))
    assert not predictions.certain.any()


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


def fold_of_rows(X, y=None, weights=None):
    y = np.arange(len(X)) % 2 if y is None else y
    return Fold(X, y, X + 1.0, y, np.arange(X.shape[1]), len(X), weight_fit=weights)


def test_rows_are_computed_once_and_centred_on_demand(rng):
    X = rng.normal(size=(9, 4)) + 5.0
    fold = fold_of_rows(X)
    rows = linear_rows(fold, centred=True)
    assert linear_rows(fold, centred=True) is rows
    np.testing.assert_allclose(rows.values[:, :9], (X - X.mean(axis=0)).T)
    np.testing.assert_allclose(rows.values[:, 9:18], (X + 1.0 - X.mean(axis=0)).T)
    np.testing.assert_array_equal(rows.values[:, 18:], 0.0)
    np.testing.assert_array_equal(linear_rows(fold, centred=False).values[:, :9], X.T)


@pytest.mark.parametrize("spoil", [np.nan, np.inf, 1e200, 1e9])
@pytest.mark.parametrize("centred", [True, False])
def test_what_is_not_well_scaled(spoil, centred, rng):
    X = rng.normal(size=(9, 4))
    assert linear_rows(fold_of_rows(X), centred=centred).well_scaled
    X[2, 1] = spoil
    assert not linear_rows(fold_of_rows(X), centred=centred).well_scaled


def test_an_offset_is_well_scaled_where_it_goes(rng):
    fold = fold_of_rows(rng.normal(size=(9, 4)) + 1e6)
    assert linear_rows(fold, centred=True).well_scaled
    assert not linear_rows(fold, centred=False).well_scaled


def test_costs_are_weights_times_class_weights_times_C(rng):
    X, weights = rng.normal(size=(4, 2)), np.array([1.0, 2.0, 0.0, 3.0])
    fold = fold_of_rows(X, np.array(["a", "b", "b", "a"]), weights)
    rows = linear_rows(fold, centred=True)
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
    fold = fold_of_rows(
        rng.normal(size=(4, 2)), weights=None if weights is None else np.array(weights)
    )
    assert costs_of(estimator, linear_rows(fold, centred=True), fold) is None


def fit_two(X, targets, costs, *, intercept=True, constant=0.0, mask=None, gram_of_all=False):
    """Return the decisions for the fit_two rows themselves."""
    n, n_features = X.shape
    rows = np.zeros((n_features, padded(2 * n, np.float64)))
    rows[:, : 2 * n] = np.tile(X, (2, 1)).T
    masks = np.ones((1, n_features), dtype=bool) if mask is None else mask[None]
    values, gram = np.empty((1, n)), np.empty((0, 0, 0))
    if gram_of_all:
        gram = (rows[:, :n] @ rows[:, :n].T)[None]
    fit_binary(masks, rows, targets, costs, intercept, constant, gram, values)
    return values[0]


@pytest.mark.parametrize("shape", [(40, 5), (40, 39), (40, 300), (200, 60), (600, 20), (256, 31)])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e4])
def test_the_gradient_of_two_classes_vanishes(shape, intercept, cost, rng):
    X = rng.normal(size=shape)
    targets = (X[:, 0] + rng.normal(size=shape[0]) > 0).astype(float)
    costs = cost * rng.uniform(0.5, 2.0, size=shape[0])
    scores = fit_two(X, targets, costs, intercept=intercept)
    pulls = costs * (targets - 1.0 / (1.0 + np.exp(-scores)))
    # At the optimum the weights are these sums over rows.
    again = X @ (X.T @ pulls)
    offset = scores - again
    tolerance = 1e-6 * np.abs(scores).max()
    np.testing.assert_allclose(offset, offset.mean() if intercept else 0.0, atol=tolerance)
    if intercept:
        assert abs(pulls.sum()) < 1e-9 * costs.sum()


@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("gain", [0.5, 5.0])
def test_a_hessian_that_is_kept_leads_to_the_same_optimum(cost, gain, rng):
    X = rng.normal(size=(300, 12))
    X -= X.mean(axis=0)
    targets = (gain * X[:, 0] + rng.normal(size=300) > 0).astype(float)
    costs, mask = np.full(300, cost), np.arange(12) % 3 > 0
    ways = [
        fit_two(X, targets, costs, mask=mask),
        fit_two(X, targets, costs, mask=mask, gram_of_all=True),
        fit_two(X[:, mask], targets, costs * (1.0 + 1e-15 * np.arange(300))),  # uneven
    ]
    fitted = LogisticRegression(C=cost, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    expected = fitted.fit(X[:, mask], targets).decision_function(X[:, mask])
    for scores in ways:
        np.testing.assert_allclose(scores, expected, atol=1e-8 * (1.0 + np.abs(expected).max()))


def test_a_class_alone_has_no_optimum():
    X = np.arange(6.0)[:, None]
    assert np.isnan(fit_two(X, np.ones(6), np.ones(6))).all()


@pytest.mark.parametrize("shape", [(60, 3), (60, 50), (60, 300)])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("n_classes", [3, 7])
def test_the_gradient_of_several_classes_vanishes(shape, intercept, cost, n_classes, rng):
    X, codes = rng.normal(size=shape), np.arange(shape[0]) % n_classes
    X[:, 0] += codes
    targets = (codes == np.arange(n_classes)[:, None]).astype(float)
    costs = cost * rng.uniform(0.5, 2.0, size=shape[0])
    n = shape[0]
    rows = np.zeros((shape[1], padded(2 * n, np.float64)))
    rows[:, : 2 * n] = np.tile(X, (2, 1)).T
    values = np.empty((1, n_classes, n))
    fit_multinomial(np.ones((1, shape[1]), dtype=bool), rows, targets, costs, intercept, values)
    scores = values[0]
    shares = np.exp(scores - scores.max(axis=0))
    pulls = costs * (targets - shares / shares.sum(axis=0))
    offset = scores - (pulls @ X) @ X.T
    expected = offset.mean(axis=1, keepdims=True) if intercept else 0.0
    # What decisions lack, times the curvature.
    lack = 1e-6 * (1.0 + cost * np.square(X).sum(axis=1).max())
    np.testing.assert_allclose(offset - expected, 0.0, atol=lack)
    if intercept:
        np.testing.assert_allclose(pulls.sum(axis=1), 0.0, atol=1e-5 * costs.sum())


def test_shares_are_a_softmax_also_far_out(rng):
    scores = rng.normal(size=(4, 9)) * 300.0
    shares = np.empty((4, 9))
    softmax_of(shares, np.empty((3, 9)), scores, 9)
    expected = np.exp(scores - scores.max(axis=0))
    np.testing.assert_allclose(shares, expected / expected.sum(axis=0), atol=1e-15)


def columns_of(n_features, n_rows, rng):
    rows = np.zeros((n_features, padded(n_rows, np.float64)))
    rows[:, :n_rows] = rng.normal(size=(n_features, n_rows))
    return rows


def reduced_of(rows, columns, n_fit, constant=0.0):
    width = rows.shape[1]
    most = min(len(columns) + 1, n_fit)
    reduced, gram, rest = np.empty((most, width)), np.empty((n_fit, width)), np.empty(n_fit)
    return reduced[: reduce_rows(reduced, gram, rest, rows, columns, n_fit, constant)]


@pytest.mark.parametrize("n_selected", [1, 29, 30, 31, 200])
@pytest.mark.parametrize("constant", [0.0, 2.0])
@pytest.mark.parametrize("n_fit", [30, 50, 90])
def test_inner_products_with_fit_rows_stay(n_selected, constant, n_fit, rng):
    rows = columns_of(300, n_fit + 13, rng)
    columns = np.sort(rng.choice(300, n_selected, replace=False))
    reduced = reduced_of(rows, columns, n_fit, constant)
    expected = rows[columns].T @ rows[columns][:, :n_fit] + constant**2
    n_rows = n_fit + 13
    np.testing.assert_allclose(
        (reduced.T @ reduced[:, :n_fit])[:n_rows], expected[:n_rows], atol=1e-9
    )
    assert len(reduced) <= n_fit


def test_rows_that_depend_on_others_need_no_column(rng):
    rows = columns_of(100, 20, rng)
    rows[:, 10:20] = rows[:, :10]
    reduced = reduced_of(rows, np.arange(100), 20)
    assert len(reduced) == 10
    np.testing.assert_allclose(reduced.T @ reduced[:, :20], rows.T @ rows[:, :20], atol=1e-9)


def test_rows_of_zeros_need_no_column_at_all():
    assert len(reduced_of(np.zeros((50, 24)), np.arange(50), 20)) == 0


@pytest.mark.parametrize("intercept", [True, False])
def test_transposed_with_ones_and_then_zeros(intercept, rng):
    reduced, rows = rng.normal(size=(6, 24)), np.full((19, 8), np.nan)
    assert transpose_rows(rows, reduced, 19, 5, intercept) == 5 + intercept
    np.testing.assert_array_equal(rows[:, :5], reduced[:5, :19].T)
    np.testing.assert_array_equal(rows[:, 5], float(intercept))
    np.testing.assert_array_equal(rows[:, 6:], 0.0)


@pytest.mark.parametrize("n", [1, 7, 8, 1000])
def test_it_is_numpys_to_the_last_bits(n, rng):
    x = rng.uniform(-700.0, 700.0, size=n)
    out, scale = np.empty((2, n))
    exponentiate(out, scale, x, n)
    np.testing.assert_allclose(out, np.exp(x), rtol=4e-16)


def test_what_is_far_out_stays_finite():
    x = np.array([-1e300, -np.inf, 1e300])
    out, scale = np.empty((2, 3))
    exponentiate(out, scale, x, 3)
    assert np.isfinite(out).all()
    assert (out[:2] < 1e-300).all()
