"""Networks of many masks, drawn, trained and asked one after the other, in one call."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.mersenne import draw, start
from vaega.fitness.population.kernels.network import Network
from vaega.fitness.population.kernels.selection import select
from vaega.fitness.population.kernels.training import predict, train

_N_WORDS = 1249


@kernel
def initial_network(words, n_columns, layout, gain, like):  # type: ignore[no-untyped-def]
    """Draw initial weights (Glorot and Bengio 2010) in the order in which scikit-learn does."""
    units, lanes = layout.units, 64 // like.itemsize
    width = (n_columns + 1 + lanes - 1) // lanes * lanes
    most = (units.max() + 1 + lanes - 1) // lanes * lanes
    network = Network(
        np.zeros((units[0], width), like.dtype),
        np.zeros((units.sum() - units[0], most), like.dtype),
    )
    for layer in range(len(units)):
        n_in, n_out = n_columns if layer == 0 else units[layer - 1], units[layer]
        row = 0 if layer == 0 else layout.delta_rows[layer] - units[0]
        _fill(network.first if layer == 0 else network.rest, row, n_in, n_out, gain, words)
    return network


@kernel
def _fill(weights, row, n_in, n_out, gain, words):  # type: ignore[no-untyped-def]
    bound = np.sqrt(gain / (n_in + n_out))
    for j in range(n_in + 1):  # the last are the biases
        for unit in range(row, row + n_out):
            weights[unit, j] = -bound + (bound + bound) * draw(words)


@kernel
def fit_and_predict(  # type: ignore[no-untyped-def]
    rows, validate, masks, seeds, layout, gain, settings, outputs, converged
):
    """Train a network for each mask on all rows, and write what it makes of others."""
    everything, nothing = np.arange(len(rows.X)), np.arange(0)
    places, words = np.empty(masks.shape[1], np.int64), np.empty(_N_WORDS, np.int64)
    for m in range(len(masks)):
        columns = places[: select(masks[m], places)]
        start(words, seeds[m])
        network = initial_network(words, len(columns), layout, gain, rows.X)
        outcome = train(rows, everything, nothing, columns, layout, network, words, settings)
        converged[m] = outcome.converged
        made = predict(validate, columns, layout, network, settings.activation)
        sound = np.isfinite(network.first).all() and np.isfinite(network.rest).all()
        for i in range(made.shape[0]):
            for k in range(made.shape[1]):
                outputs[m, i, k] = made[i, k] if sound else np.nan
