"""Networks of the engine are scikit-learn's: draws, losses, stops, warnings, scores."""

import warnings

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle

from vaega.core.kernels import kernel, sum_in_parts
from vaega.data._splits import Fold
from vaega.engines._mlp import (
    Rows,
    draw_orders,
    exponential,
    fit_network,
    hyperbolic_tangent,
    initial_network,
    logarithm,
    logistic,
    make_layout,
    output_layer,
    step_adam,
    step_descent,
    unsupported,
)
from vaega.fitness._cross_validated import CrossValidatedFitness, prepare_folds

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
    trained = fit_network(classifier, kernel_rows(X, y, float), columns, np.random.RandomState(7))
    np.testing.assert_allclose(trained.losses, theirs.loss_curve_, rtol=1e-9)
    network, layout = trained.network, trained.layout
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
    trained = fit_network(classifier, rows, np.arange(X.shape[1]), np.random.RandomState(1))
    np.testing.assert_allclose(trained.losses, theirs.loss_curve_, rtol=1e-9)


def test_a_long_training_stops_in_the_same_epoch():
    X, y = rows_of("breast_cancer", 60)
    classifier = MLPClassifier((5, 3), activation="tanh", max_iter=3000, random_state=3)
    theirs = fitted(classifier, X, y)
    assert theirs.n_iter_ > 200
    for dtype in (np.float32, np.float64):
        trained = fit_network(
            classifier, kernel_rows(X, y, dtype), np.arange(X.shape[1]), np.random.RandomState(3)
        )
        assert trained.converged
        assert abs(len(trained.losses) - theirs.n_iter_) <= 2


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
    trained = fit_network(
        classifier, kernel_rows(X, y, float), np.arange(30), np.random.RandomState(3)
    )
    assert len(trained.losses) == theirs.n_iter_


def test_large_numbers_are_no_error(rng):
    X, y = rows_of("wine", 60)
    masks = rng.random((3, X.shape[1])) < 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours, theirs = both(MLPClassifier((3,), max_iter=5), folds_of(X * 1e100, y), masks)
    np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_ranks_far_from_the_border_are_scikit_learns(rng):
    # On columns as they are, probabilities of most rows are 0 or 1 in float32 and not in float64.
    X, y = load_breast_cancer(return_X_y=True)
    splits = StratifiedKFold(2, shuffle=True, random_state=0).split(X, y)
    folds, masks = prepare_folds(X, y, list(splits), seed=0), rng.random((6, 30)) < 0.3
    network = MLPClassifier((20,), max_iter=60, random_state=0)
    scored = [
        CrossValidatedFitness(network, folds, get_scorer("roc_auc"), engine=engine)(masks)
        for engine in ("population", "sklearn")
    ]
    np.testing.assert_allclose(scored[0], scored[1], atol=1e-3)


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


@kernel
def exponentials(x, out):
    for i in range(len(x)):
        out[i] = exponential(x[i])


@kernel
def logarithms(x, out):
    for i in range(len(x)):
        out[i] = logarithm(x[i])


@kernel
def tangents(x, out):
    for i in range(len(x)):
        out[i] = hyperbolic_tangent(x[i])


@kernel
def logistics(x, out):
    for i in range(len(x)):
        out[i] = logistic(x[i])


def applied(function, x):
    out = np.empty_like(x)
    function(x, out)
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponential(dtype):
    x = np.linspace(-86, 87, 100_001).astype(dtype)
    expected = np.exp(x.astype(float))
    np.testing.assert_allclose(applied(exponentials, x), expected, rtol=4 * np.finfo(dtype).eps)


def test_exponential_is_held_at_its_ends():
    ends = applied(exponentials, np.array([-1e30, -200.0, 200.0, 1e30], np.float32))
    assert (ends[:2] < 1e-37).all()
    assert (ends[2:] > 1e38).all()
    assert np.isfinite(ends).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithm(dtype):
    x = np.geomspace(1e-37, 1e38, 100_001).astype(dtype)
    x = np.r_[x, np.linspace(0.5, 2.0, 10_001).astype(dtype)]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        applied(logarithms, x), np.log(x.astype(float)), rtol=4 * eps, atol=4 * eps
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("function", "expected"), [(tangents, np.tanh), (logistics, expit)])
def test_sigmoids(dtype, function, expected):
    x = np.linspace(-60, 60, 100_001).astype(dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(applied(function, x), expected(x.astype(float)), atol=2 * eps)


def test_no_number_stays_none():
    for function in (exponentials, tangents, logistics):
        assert not np.isfinite(applied(function, np.array([np.nan], np.float64))).any()


def test_layers_stand_one_below_the_other():
    layout = make_layout((5, 3, 2), 4, np.dtype(np.float64))
    np.testing.assert_array_equal(layout.value_rows, [0, 6, 10])  # a row of ones after each
    indices = layout.feeding.reshape(3, 8)
    np.testing.assert_array_equal(indices[1], [6, 7, 8, 9, 13, 13, 13, 13])  # 13 is the zero row
    assert len(layout.steps) > 13


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 20.0, 1e4])
def test_probabilities_and_losses_of_two_classes(dtype, size, rng):
    z, codes = (rng.normal(size=16) * size).astype(dtype), rng.integers(0, 2, 16)
    values, losses = z[None].copy(), np.empty(16, dtype)
    output_layer(values, 0, 1, 16, codes, losses, np.empty((2, 16), dtype))
    exact = np.minimum(np.logaddexp(0.0, np.where(codes, -z, z).astype(float)), 36.04365338911715)
    np.testing.assert_allclose(values[0], expit(z.astype(float)), atol=2 * np.finfo(dtype).eps)
    np.testing.assert_allclose(losses, exact, rtol=1e-5, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 20.0, 1e4])
def test_probabilities_and_losses_of_many_classes(dtype, size, rng):
    z, codes = (rng.normal(size=(5, 16)) * size).astype(dtype), rng.integers(0, 5, 16)
    values, losses = z.copy(), np.empty(16, dtype)
    output_layer(values, 0, 5, 16, codes, losses, np.empty((2, 16), dtype))
    exact = -log_softmax(z.astype(float), axis=0)[codes, np.arange(16)]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(values, softmax(z.astype(float), axis=0), atol=1e2 * eps)
    np.testing.assert_allclose(
        losses, np.minimum(exact, 36.04365338911715), rtol=1e-5, atol=1e2 * eps
    )


def test_a_sum_in_parts(rng):
    values = rng.normal(size=64)
    assert abs(sum_in_parts(values, 64) - values.sum()) < 1e-13
    assert sum_in_parts(values, 0) == 0.0


@pytest.mark.parametrize("hidden", [(5, 3), (20,), (9, 17, 3, 6)])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("n_columns", [1, 40])
def test_initial_weights_are_scikit_learns(hidden, activation, n_columns, rng):
    X, y = rng.normal(size=(10, n_columns)), np.arange(10) % 2
    # A step of no length leaves the weights as they were drawn.
    classifier = MLPClassifier(
        hidden, activation=activation, solver="sgd", learning_rate_init=1e-300, max_iter=1, alpha=0
    )
    theirs = classifier.set_params(random_state=11).partial_fit(X, y, classes=[0, 1])
    units, dtype = np.array([*hidden, 1]), np.dtype(np.float64)
    layout = make_layout(tuple(units.tolist()), 50, dtype)
    network = initial_network(classifier, n_columns, units, np.random.RandomState(11), dtype)
    for layer, (weights, biases) in enumerate(zip(theirs.coefs_, theirs.intercepts_, strict=True)):
        row = layout.delta_rows[layer] - units[0]
        own = network.first if layer == 0 else network.rest[row:]
        n_in, n_out = weights.shape
        np.testing.assert_array_equal(own[:n_out, :n_in].T, weights)
        np.testing.assert_array_equal(own[:n_out, n_in], biases)


SHAPE = (3, 16)


@pytest.fixture
def layer(rng):
    decay = np.r_[np.full(10, 0.5), np.zeros(6)][None]
    return rng.normal(size=SHAPE), [rng.normal(size=SHAPE) for _ in range(4)], decay


def mean_gradient(weights, gradient, decay, scale):
    return (gradient + decay * weights) * scale


def test_adam(layer):
    weights, gradients, decay = layer
    theirs, ours = weights.copy(), weights.copy()
    optimiser = AdamOptimizer([theirs], 0.01, 0.8, 0.95, 1e-6)
    mean, square = np.zeros(SHAPE), np.zeros(SHAPE)
    for step, gradient in enumerate(gradients, 1):
        optimiser.update_params([theirs], [mean_gradient(theirs, gradient, decay, 0.1)])
        rate = 0.01 * np.sqrt(1 - 0.95**step) / (1 - 0.8**step)
        penalties = np.zeros(16)
        step_adam(ours, gradient, mean, square, decay, 0.1, rate, 0.8, 0.95, 1e-6, penalties)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        np.testing.assert_allclose(penalties, (decay * ours**2).sum(axis=0))


@pytest.mark.parametrize("nesterov", [True, False])
def test_descent(layer, nesterov):
    weights, gradients, decay = layer
    theirs, ours = weights.copy(), weights.copy()
    optimiser = SGDOptimizer([theirs], 0.01, momentum=0.7, nesterov=nesterov)
    velocity = np.zeros(SHAPE)
    for gradient in gradients:
        optimiser.update_params([theirs], [mean_gradient(theirs, gradient, decay, 0.1)])
        penalties = np.zeros(16)
        step_descent(ours, gradient, velocity, decay, 0.1, 0.01, 0.7, nesterov, penalties)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        np.testing.assert_allclose(penalties, (decay * ours**2).sum(axis=0))


def test_orders_are_those_of_scikit_learns_shuffles():
    ours, theirs = np.random.RandomState(3), np.random.RandomState(3)
    order = expected = np.arange(50)
    for n_epochs in (25, 15):
        orders = draw_orders(ours, order, n_epochs)
        for epoch in orders:
            expected = shuffle(expected, random_state=theirs)
            np.testing.assert_array_equal(epoch, expected)
        order = orders[-1]
