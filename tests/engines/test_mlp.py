"""Networks of the engine are scikit-learn's: draws, losses, stops, warnings, scores."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from vaega.data._folds import Fold
from vaega.engines._mlp import Rows, fit_network, unsupported
from vaega.fitness._cross_validated import CrossValidatedFitness
from vaega.fitness._folds import prepare_folds

SETTINGS = {
    "thesis": {"hidden_layer_sizes": (5, 3), "activation": "tanh"},
    "batches": {"hidden_layer_sizes": (5, 3), "activation": "tanh", "batch_size": 16},
    "one layer": {"hidden_layer_sizes": 20, "batch_size": 7, "alpha": 0.1},
    "four layers": {"hidden_layer_sizes": (9, 17, 3, 6), "activation": "logistic"},
    "no hidden nonlinearity": {"hidden_layer_sizes": (4,), "activation": "identity"},
    "descent": {"solver": "sgd", "batch_size": 10, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    "slower": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e-2},
    "held out": {"early_stopping": True, "batch_size": 20, "validation_fraction": 0.2},
    "in order": {"shuffle": False, "batch_size": 9},
}
LOAD = {"breast_cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}


def rows_of(name, n_rows=120):
    X, y = LOAD[name](return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:n_rows]
    return StandardScaler().fit_transform(X[chosen]), y[chosen]


def kernel_rows(X, y, dtype, weights=None):
    codes = np.unique(y, return_inverse=True)[1].astype(np.int64)
    weights = np.ones(len(y)) if weights is None else weights
    return Rows(np.array(X, dtype), codes, np.array(weights, dtype))


def fitted(classifier, *data, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classifier.fit(*data, **more)


@pytest.mark.parametrize("name", LOAD)
@pytest.mark.parametrize("setting", SETTINGS)
def test_losses_are_scikit_learns_in_float64(name, setting):
    X, y = rows_of(name)
    columns = np.flatnonzero(np.arange(X.shape[1]) % 3 != 1)
    classifier = MLPClassifier(max_iter=60, random_state=7, **SETTINGS[setting])
    theirs = fitted(classifier, X[:, columns], y)
    network, layout, outcome = fit_network(classifier, kernel_rows(X, y, float), columns, 7)
    np.testing.assert_allclose(outcome.losses, theirs.loss_curve_, rtol=1e-9)
    first = network.first[:, : len(columns)].T
    np.testing.assert_allclose(first, theirs.coefs_[0], rtol=1e-6, atol=1e-9)
    start = layout.delta_rows[-1] - layout.units[0]
    last = network.rest[start : start + layout.units[-1], : len(theirs.coefs_[-1])].T
    np.testing.assert_allclose(last, theirs.coefs_[-1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("setting", ["thesis", "batches", "descent", "held out"])
def test_weights_of_rows(setting, rng):
    X, y = rows_of("wine")
    weights = rng.random(len(y)) + 0.1
    classifier = MLPClassifier(max_iter=60, random_state=1, **SETTINGS[setting])
    theirs = fitted(classifier, X, y, sample_weight=weights)
    rows = kernel_rows(X, y, float, weights)
    _, _, outcome = fit_network(classifier, rows, np.arange(X.shape[1]), 1)
    np.testing.assert_allclose(outcome.losses, theirs.loss_curve_, rtol=1e-9)


def test_a_long_training_stops_in_the_same_epoch():
    X, y = rows_of("breast_cancer", 60)
    classifier = MLPClassifier((5, 3), activation="tanh", max_iter=3000, random_state=3)
    theirs = fitted(classifier, X, y)
    assert theirs.n_iter_ > 200
    for dtype in (np.float32, np.float64):
        _, _, outcome = fit_network(classifier, kernel_rows(X, y, dtype), np.arange(X.shape[1]), 3)
        assert outcome.converged
        assert abs(len(outcome.losses) - theirs.n_iter_) <= 2


def folds_of(X, y, weight=None):
    splits = StratifiedKFold(3, shuffle=True, random_state=0).split(X, y)
    return prepare_folds(X, y, list(splits), seed=0, sample_weight=weight)


def both(classifier, folds, masks, scorer="accuracy", **more):
    return [
        CrossValidatedFitness(
            classifier, folds, get_scorer(scorer), engine=engine, **more
        ).evaluate(masks)
        for engine in ("population", "sklearn")
    ]


@pytest.mark.parametrize("name", LOAD)
@pytest.mark.parametrize("scorer", ["accuracy", "balanced_accuracy", "neg_log_loss"])
def test_scores_and_warnings_are_scikit_learns(name, scorer, rng):
    X, y = rows_of(name)
    masks = rng.random((6, X.shape[1])) < 0.3
    masks[0], masks[1] = False, True
    classifier = MLPClassifier((5, 3), activation="tanh", max_iter=80, n_iter_no_change=2)
    ours, theirs = both(classifier, folds_of(X, y), masks, scorer)
    np.testing.assert_allclose(ours.scores, theirs.scores, rtol=1e-3)
    assert ours.warned == theirs.warned
    assert any("Maximum iterations (80) reached" in text for each in ours.warned for text in each)


def test_a_batch_larger_than_the_rows_warns_as_often(rng):
    X, y = rows_of("wine", 60)
    masks = rng.random((3, X.shape[1])) < 0.5
    classifier = MLPClassifier((3,), batch_size=500, max_iter=20)
    ours, theirs = both(classifier, folds_of(X, y), masks)
    assert ours.warned == theirs.warned
    np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_a_seed_of_the_user_is_every_networks_seed(rng):
    X, y = rows_of("wine", 60)
    masks = np.repeat(rng.random((1, X.shape[1])) < 0.5, 2, axis=0)
    unset = CrossValidatedFitness(MLPClassifier((3,), max_iter=9), folds_of(X, y), LOSS, seed=1)
    other = CrossValidatedFitness(MLPClassifier((3,), max_iter=9), folds_of(X, y), LOSS, seed=2)
    fixed = [
        CrossValidatedFitness(
            MLPClassifier((3,), max_iter=9, random_state=5), folds_of(X, y), LOSS, seed=seed
        )
        for seed in (1, 2)
    ]
    assert (unset(masks) != other(masks)).all()
    np.testing.assert_array_equal(fixed[0](masks), fixed[1](masks))


LOSS = get_scorer("neg_log_loss")


@pytest.mark.parametrize("n_jobs", [2, 8])
def test_threads_and_chunks_change_no_bit(n_jobs, rng):
    X, y = rows_of("breast_cancer", 60)
    masks = rng.random((40, X.shape[1])) < 0.4
    classifier, folds = MLPClassifier((5, 3), max_iter=30, batch_size=11), folds_of(X, y)
    one = CrossValidatedFitness(classifier, folds, LOSS).score_folds(masks)
    many = CrossValidatedFitness(classifier, folds, LOSS, n_jobs=n_jobs).score_folds(masks)
    np.testing.assert_array_equal(many, one)
    parts = CrossValidatedFitness(classifier, folds, LOSS)
    np.testing.assert_array_equal(
        np.vstack([parts.score_folds(part) for part in np.split(masks, [1, 2, 15])]), one
    )


def test_what_scikit_learn_refuses_it_refuses_itself(rng):
    X, y = rng.normal(size=(12, 4)), np.repeat([0, 1], 6)
    fold = Fold(X, y, X, y, np.arange(4), 12)
    masks = np.ones((1, 4), dtype=bool)
    classifier = MLPClassifier(early_stopping=True, validation_fraction=0.05)
    fitness = CrossValidatedFitness(classifier, [fold], get_scorer("accuracy"))
    with pytest.raises(ValueError, match="test_size"):
        fitness(masks)


def test_no_weight_among_the_rows_held_out():
    X, y = rows_of("breast_cancer", 40)
    fold = Fold(X, y, X, y, np.arange(30), 40, np.zeros(40), np.ones(40))
    classifier = MLPClassifier((3,), early_stopping=True, max_iter=20, random_state=0)
    fitness = CrossValidatedFitness(classifier, [fold], get_scorer("accuracy"))
    with pytest.raises(ValueError, match="at least one non-zero"):
        fitness(np.ones((1, 30), dtype=bool))


def test_epochs_without_a_bound_take_no_memory():
    X, y = rows_of("breast_cancer", 60)
    classifier = MLPClassifier((5, 3), max_iter=10**12, random_state=3)
    theirs = fitted(classifier, X, y)
    _, _, outcome = fit_network(classifier, kernel_rows(X, y, float), np.arange(30), 3)
    assert len(outcome.losses) == theirs.n_iter_


def test_large_numbers_are_no_error(rng):
    X, y = rows_of("wine", 60)
    masks = rng.random((3, X.shape[1])) < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours, theirs = both(MLPClassifier((3,), max_iter=5), folds_of(X * 1e100, y), masks)
    np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_a_training_that_diverges_is_scikit_learns_to_report():
    X, y = np.full((12, 2), 1e30), np.repeat([0, 1], 6)
    fold = Fold(X * np.linspace(-1, 1, 12)[:, None], y, X, y, np.arange(2), 12)
    classifier = MLPClassifier(activation="identity", solver="sgd", learning_rate_init=1e30)
    fitness = CrossValidatedFitness(classifier, [fold], get_scorer("accuracy"))
    with pytest.raises(ValueError, match="non-finite"):
        fitness(np.ones((1, 2), dtype=bool))


def test_one_class_is_left_to_scikit_learn(rng):
    X = rng.normal(size=(10, 3))
    fold = Fold(X, np.zeros(10), X, np.zeros(10), np.arange(3), 10)
    ours, theirs = both(MLPClassifier(max_iter=5), [fold], np.ones((1, 3), dtype=bool))
    np.testing.assert_array_equal(ours.scores, theirs.scores)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, None),
        ({"hidden_layer_sizes": (5, 3), "early_stopping": True}, None),
        ({"n_iter_no_change": np.inf}, None),
        ({"solver": "lbfgs"}, "solver='lbfgs'"),
        ({"warm_start": True}, "warm_start=True"),
        ({"random_state": np.random.RandomState(0)}, "random_state=RandomState(...)"),
        ({"alpha": -1}, "a setting that scikit-learn refuses"),
        ({"hidden_layer_sizes": (5, 0)}, "a setting that scikit-learn refuses"),
    ],
    ids=lambda given: ",".join(given) if isinstance(given, dict) else str(given),
)
def test_which_settings_are_computed(settings, reason):
    assert unsupported(MLPClassifier(**settings)) == reason
