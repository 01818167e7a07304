"""Metrics of many predictions are scikit-learn's of each."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score, f1_score, get_scorer, make_scorer, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from vaega.data._splits import Fold
from vaega.engines._base import Predictions
from vaega.engines._metrics import Metric, match_metric, score_predictions

SCORERS = [
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "roc_auc",
    "roc_auc_ovr",
    "roc_auc_ovo",
    "neg_log_loss",
]


class Told(ClassifierMixin, BaseEstimator):
    """Answers what it is told."""

    def __init__(self, classes, codes, shares):
        self.classes_, self.codes, self.shares = classes, codes, shares

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.classes_[self.codes]

    def predict_proba(self, X):
        return self.shares


def fold_of(y_fit, y_validate, weights=None):
    y_fit, y_validate = np.asarray(y_fit), np.asarray(y_validate)
    X, Z = np.zeros((len(y_fit), 1)), np.zeros((len(y_validate), 1))
    return Fold(X, y_fit, Z, y_validate, np.arange(1), len(y_fit), weight_validate=weights)


def scored(name, fold, codes, shares, error_bounds=None):
    """Scores of ours and of scikit-learn; NaN for one that it refuses or warns of."""
    metric = match_metric(get_scorer(name), GaussianNB())
    values = {"predict": None, "decision_function": shares[:, :, -1], "predict_proba": shares}[
        metric.response_method
    ]
    predictions = Predictions(codes, np.ones(len(codes), dtype=bool), values, error_bounds)
    return score_predictions(metric, fold, predictions), [
        theirs(name, fold, *told) for told in zip(codes, shares, strict=True)
    ]


def theirs(name, fold, codes, shares):
    told = Told(np.unique(fold.y_fit), codes, shares)
    weights = {} if fold.weight_validate is None else {"sample_weight": fold.weight_validate}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return get_scorer(name)(told, fold.X_validate, fold.y_validate, **weights)
        except (ValueError, UserWarning):
            return np.nan


def shares_of(rng, n_masks, n_rows, n_classes, ties):
    shares = rng.dirichlet(np.ones(n_classes), size=(n_masks, n_rows))
    if ties:  # as votes of five neighbours
        shares = rng.multinomial(5, np.ones(n_classes) / n_classes, size=(n_masks, n_rows)) / 5.0
    return shares


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("n_classes", [2, 3, 9])
@pytest.mark.parametrize("n_rows", [6, 13, 64, 700])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_scores_are_those_of_scikit_learn(name, n_classes, n_rows, weighted, ties, rng):
    labels = np.array(list("abcdefghi"))[:n_classes]
    y = rng.choice(labels, n_rows)
    y[: min(n_classes, n_rows)] = labels[:n_rows]
    weights = rng.choice([0.0, 0.7, 1.0, 1.3], n_rows) if weighted else None
    shares = shares_of(rng, 12, n_rows, n_classes, ties)
    ours, expected = scored(name, fold_of(labels, y, weights), shares.argmax(axis=2), shares)
    if name == "neg_log_loss":
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    elif weighted and ties and "auc" in name:  # the order of ties, scikit-learn's, has bits
        assert np.isnan(ours).all()
    else:
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize(
    ("y_fit", "y_validate"),
    [
        (["a", "b"], ["a", "a", "a"]),
        (["a", "b", "c"], ["a", "b", "a"]),
        (["a", "b"], ["a", "b", "c"]),
        (["a", "b"], ["a", "c", "c"]),
        (["a", "a"], ["a", "b", "b"]),
        (["a", "a"], ["a", "a", "a"]),
        ([0, 1], [True, False, True]),
        ([1, 2, 3], [1.0, 2.0, 3.0]),
    ],
    ids=str,
)
def test_classes_may_be_missing(name, y_fit, y_validate, rng):
    fold, n_classes = fold_of(y_fit, y_validate), len(set(y_fit))
    shares = shares_of(rng, 20, 3, n_classes, ties=False)
    ours, expected = scored(name, fold, shares.argmax(axis=2), shares)
    # What scikit-learn decides may be left to it; what is said here must be its word.
    given = np.isfinite(ours)
    np.testing.assert_allclose(ours[given], np.array(expected)[given], rtol=1e-15)
    if name in ("accuracy", "f1_macro") or set(y_fit) == set(y_validate):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))


@pytest.mark.parametrize(
    ("y_fit", "y_validate"),
    [
        ([0.5, 1.5], [0.5, 1.5]),
        (["a", "b"], [0, 1]),
        ([0, 1], []),
        ([b"a", b"b"], [b"a", b"b"]),
        (np.array([None, 1], dtype=object), np.array([1, 1], dtype=object)),
    ],
    ids=str,
)
def test_labels_that_scikit_learn_refuses_are_left_to_it(y_fit, y_validate):
    codes = np.zeros((3, len(y_validate)), dtype=int)
    predictions = Predictions(codes, np.ones(3, dtype=bool))
    scores = score_predictions(
        Metric("accuracy", "predict"), fold_of(y_fit, y_validate), predictions
    )
    assert np.isnan(scores).all()


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0]], ids=str)
def test_weights_that_scikit_learn_may_refuse_are_left_to_it(weights):
    predictions = Predictions(np.array([[0, 1]]), np.array([True]))
    fold = fold_of([0, 1], [0, 1], np.array(weights))
    assert np.isnan(score_predictions(Metric("accuracy", "predict"), fold, predictions)).all()


def area(values, error_bounds, y):
    predictions = Predictions(
        np.zeros((1, len(y)), int), np.array([True]), np.array([values]), error_bounds
    )
    return score_predictions(
        Metric("roc_auc", "decision_function"), fold_of([0, 1], y), predictions
    )[0]


def test_opposite_classes_whose_order_is_uncertain_are_left_to_scikit_learn():
    y = [0, 1, 0, 1]
    assert area([0.1, 0.2, 0.3, 0.4], None, y) == 0.75
    assert area([0.1, 0.2, 0.3, 0.4], np.array([0.01]), y) == 0.75
    assert np.isnan(area([0.1, 0.2, 0.3, 0.4], np.array([0.06]), y))
    assert np.isnan(area([0.1, 0.2, 0.3, 0.4], np.array([[0.0, 0.06, 0.06, 0.0]]), y))
    assert area([0.1, 0.2, 0.3, 0.4], np.array([[0.09, 0.0, 0.0, 0.09]]), y) == 0.75
    # Far below all the others, but so uncertain that it may be above them.
    assert np.isnan(area([0.1, 0.2, 0.3, 0.4], np.array([[0.5, 0.0, 0.0, 0.0]]), y))


def test_exact_ties_are_certain():
    y = [0, 1, 0, 1]
    assert area([1.0, 1.0, 0.3, 0.4], np.zeros((1, 4)), y) == roc_auc_score(y, [1, 1, 0.3, 0.4])
    assert np.isnan(area([1.0, 1.0, 0.3, 0.4], np.array([[0.0, 1e-16, 0.0, 0.0]]), y))


def test_rows_of_one_class_whose_order_is_uncertain_are_left_to_scikit_learn():
    # Which of them end a tie moves no area, but points of the curve, and so bits.
    y, error_bounds = [0, 0, 1, 1], np.array([[0.0, 0.0, 0.06, 0.06]])
    assert np.isnan(area([0.1, 0.2, 0.3, 0.4], error_bounds, y))


def test_saturated_losses(rng):
    # 1 - p has no digit left where p is 1 up to rounding: scikit-learn has to say.
    fold = fold_of([0, 1], [0, 1])
    shares = np.array([[[1e-14, 1.0 - 1e-14], [0.5, 0.5]], [[0.3, 0.7], [0.5, 0.5]]])
    metric = Metric("neg_log_loss", "predict_proba")
    codes = np.zeros((2, 2), dtype=int)
    predictions = Predictions(codes, np.ones(2, dtype=bool), shares, np.full(2, 1e-15))
    scores = score_predictions(metric, fold, predictions)
    assert np.isnan(scores[0])
    assert np.isfinite(scores[1])
    # Beyond where scikit-learn clips, digits do not matter.
    shares[0, 0] = [0.0, 1.0]
    assert np.isfinite(
        score_predictions(metric, fold, Predictions(codes, predictions.certain, shares))
    )[0]


def test_uncertain_predictions_have_no_score():
    predictions = Predictions(np.array([[-1, -1], [0, 1]]), np.array([False, True]))
    scores = score_predictions(Metric("f1_macro", "predict"), fold_of([0, 1], [0, 1]), predictions)
    np.testing.assert_array_equal(scores, [np.nan, 1.0])


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_are_known_by_name(name):
    assert match_metric(get_scorer(name), GaussianNB()).name == name


@pytest.mark.parametrize(
    "scorer",
    [
        get_scorer("f1"),
        get_scorer("f1_micro"),
        get_scorer("roc_auc_ovr_weighted"),
        make_scorer(accuracy_score, greater_is_better=False),
        make_scorer(accuracy_score, normalize=False),
        make_scorer(f1_score, average="macro"),  # refuses labels other than 1
        make_scorer(f1_score, average="macro", labels=[1, 2]),
        make_scorer(roc_auc_score, response_method="predict"),
        lambda estimator, X, y: 1.0,
    ],
    ids=lambda scorer: getattr(scorer, "__name__", str(scorer)),
)
def test_other_scorers_are_not(scorer):
    assert match_metric(scorer, GaussianNB()) is None


def test_the_score_of_another_classifier_is_not_this_ones():
    passthrough = type("_PassthroughScorer", (), {"__module__": "sklearn.metrics._scorer"})()
    passthrough._estimator = SVC()
    assert match_metric(passthrough, GaussianNB()) is None
