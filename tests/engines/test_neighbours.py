"""Nearest neighbours of many masks: scikit-learn's predictions, or none where rounding decides."""

import numpy as np
import pytest
from sklearn.metrics import get_scorer
from sklearn.neighbors import KNeighborsClassifier

from tests.engines.agreement import LOADERS, agree, folds_of, masks_of, rows_of
from vaega.data._splits import Fold
from vaega.engines import _neighbours as neighbours
from vaega.engines._registry import match, score_fold

SCORERS = ["balanced_accuracy", "f1_macro", "roc_auc_ovr", "neg_log_loss"]


def predictions_of(classifier, fold, masks, method="predict"):
    return neighbours.predict(classifier, fold, np.atleast_2d(masks), response_method=method)


@pytest.mark.parametrize(
    "name",
    ["leukemia", "madelon", "gcm1363", "all_leukemia_yeoh6", "breast_cancer", "wine", "digits"],
)
def test_real_data(name, request, rng):
    folder = None if name in LOADERS else request.getfixturevalue("real_data")
    X, y = rows_of(name, folder)
    masks = masks_of(rng, 15, X.shape[1])
    agree(KNeighborsClassifier(5), folds_of(X, y), masks, "balanced_accuracy")


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree", "ball_tree"])
@pytest.mark.parametrize("k", [1, 2, 7, 40, 59])
def test_all_settings(scorer, algorithm, k, rng):
    X, y = rng.normal(size=(90, 30)), np.arange(90) % 3
    X[10:20] = X[30:40]  # equals, of other classes: distances of 0, where a validate row is one
    X[45:50] = X[48:53]
    masks = rng.random((8, 30)) < rng.choice([0.2, 0.8], 8)[:, None]
    masks[:, 0] = True
    agree(KNeighborsClassifier(k, algorithm=algorithm), folds_of(X, y), masks, scorer)


@pytest.mark.parametrize("scorer", SCORERS)
def test_whole_numbers_have_many_ties(scorer, rng):
    X, y = rng.integers(0, 4, size=(80, 12)).astype(float), rng.integers(0, 3, size=80)
    masks = rng.random((20, 12)) < 0.5
    masks[:, 0] = True
    agree(KNeighborsClassifier(3), folds_of(X, y), masks, scorer)


@pytest.mark.parametrize("n_fit", [5, 31, 32, 33, 64, 700])
@pytest.mark.parametrize("k", [1, 3, 17, 40])
def test_any_number_of_rows(n_fit, k, rng):
    X, y = rng.normal(size=(n_fit + 50, 6)), rng.integers(0, 2, n_fit + 50)
    y[:2] = 0, 1
    fold = Fold(X[:n_fit], y[:n_fit], X[n_fit:], y[n_fit:], np.arange(6), n_fit)
    masks = rng.random((10, 6)) < 0.6
    masks[:, 0] = True
    predictions = predictions_of(KNeighborsClassifier(k), fold, masks, "predict_proba")
    assert predictions.certain.all() == (k <= n_fit)
    if k <= n_fit:
        for mask, values in zip(masks, predictions.values, strict=True):
            fitted = KNeighborsClassifier(k).fit(fold.X_fit[:, mask], fold.y_fit)
            np.testing.assert_array_equal(fitted.predict_proba(fold.X_validate[:, mask]), values)


def test_an_uncertain_order_that_changes_no_vote_is_certain():
    # Both that are equally far are of one class; or the vote is settled without them.
    X = np.array([[0.0], [2.0], [5.0], [9.0]])
    validate = np.array([[1.0]])
    same = Fold(X, np.array([0, 0, 1, 1]), validate, np.array([0]), np.arange(1), 4)
    assert predictions_of(KNeighborsClassifier(1), same, [True]).certain.all()
    X = np.array([[1.0], [1.1], [0.0], [2.0]])
    fold = Fold(X, np.array([0, 0, 0, 1]), validate, np.array([0]), np.arange(1), 4)
    assert predictions_of(KNeighborsClassifier(3), fold, [True]).certain.all()
    assert not predictions_of(KNeighborsClassifier(3), fold, [True], "predict_proba").certain.any()
    other = Fold(X, np.array([0, 1, 0, 1]), validate, np.array([0]), np.arange(1), 4)
    assert not predictions_of(KNeighborsClassifier(3), other, [True]).certain.any()


def test_most_masks_are_certain(rng):
    X, y = rng.normal(size=(120, 200)), np.arange(120) % 3
    for scorer in SCORERS:
        spec = match(KNeighborsClassifier(5), get_scorer(scorer))
        masks = rng.random((50, 200)) < 0.1
        scores = [score_fold(spec, fold, masks).scores for fold in folds_of(X, y)]
        assert np.isfinite(scores).mean() > 0.99


@pytest.mark.parametrize(
    "classifier",
    [
        KNeighborsClassifier(0),
        KNeighborsClassifier(21),
        KNeighborsClassifier(2.0),
        KNeighborsClassifier(algorithm="guess"),
        KNeighborsClassifier(leaf_size=0),
    ],
    ids=repr,
)
def test_settings_that_scikit_learn_refuses_are_left_to_it(classifier, rng):
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    fold = Fold(X, y, X, y, np.arange(3), 20)
    assert not predictions_of(classifier, fold, [True, True, True]).certain.any()


@pytest.mark.parametrize("part", ["fit", "validate"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_left_to_scikit_learn(part, bad, rng):
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    parts = {"fit": X.copy(), "validate": X + 0.1}
    parts[part][3, 1] = bad
    fold = Fold(parts["fit"], y, parts["validate"], y, np.arange(3), 20)
    masks = np.array([[True, False, True], [True, True, False], [False, True, False]])
    predictions = predictions_of(KNeighborsClassifier(), fold, masks)
    np.testing.assert_array_equal(predictions.certain, [True, False, False])


@pytest.mark.parametrize("metric", ["l1", "cosine"])
def test_other_distances_are_not_taken(metric):
    assert neighbours.unsupported(KNeighborsClassifier(metric=metric)) == f"metric={metric!r}"


@pytest.mark.parametrize("weights", [None, "distance", len], ids=str)
def test_other_weights_are_not_taken(weights):
    assert neighbours.unsupported(KNeighborsClassifier(weights=weights)) == f"weights={weights!r}"


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predictions_do_not_depend_on_other_masks(method, rng):
    X, y = rng.normal(size=(150, 100)), np.arange(150) % 2
    fold, masks = folds_of(X, y)[0], rng.random((10, 100)) < 0.3
    classifier = KNeighborsClassifier(4)
    together = predictions_of(classifier, fold, masks, method)
    for row in range(10):
        alone = predictions_of(classifier, fold, masks[row], method)
        np.testing.assert_array_equal(alone.codes[0], together.codes[row])
        if method != "predict":
            np.testing.assert_array_equal(alone.values[0], together.values[row])


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
@pytest.mark.parametrize("size", [1e-170, 1e-30, 1.0, 1e30, 1e140])
@pytest.mark.filterwarnings("ignore")
def test_offsets_and_sizes_turn_nothing(offset, size, rng):
    # Single precision finds the candidates; neither its range nor its digits may show.
    X, y = (rng.normal(size=(90, 40)) + offset) * size, rng.integers(0, 2, 90)
    X[:, 5] *= 1e-6
    masks = rng.random((8, 40)) < rng.choice([0.1, 0.8], 8)[:, None]
    masks[0], masks[0, 5] = False, True
    masks[:, 0] |= ~masks.any(axis=1)
    agree(KNeighborsClassifier(3), folds_of(X, y), masks, "accuracy")
