"""Networks that are drawn in a kernel have scikit-learn's initial weights, to the bit."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from vaega.engines._mlp import initial_network, make_layout, start


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
    words, units = np.empty(1249, np.int64), np.array([*hidden, 1])
    start(words, 11)
    layout = make_layout(units, 50, np.dtype(np.float64))
    gain = 2.0 if activation == "logistic" else 6.0
    network = initial_network(words, n_columns, layout, gain, np.empty(0))
    for layer, (weights, biases) in enumerate(zip(theirs.coefs_, theirs.intercepts_, strict=True)):
        row = layout.delta_rows[layer] - units[0]
        own = network.first if layer == 0 else network.rest[row:]
        n_in, n_out = weights.shape
        np.testing.assert_array_equal(own[:n_out, :n_in].T, weights)
        np.testing.assert_array_equal(own[:n_out, n_in], biases)
