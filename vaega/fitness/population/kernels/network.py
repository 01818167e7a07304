"""A multilayer perceptron for the columns of one mask, held in the cache while it is trained.

Values and deltas have one row a unit and one column a sample. Below the rows of each layer stands a
row of ones, so that biases are weights like others and every step is a product of `products`. What
scikit-learn's ``MLPClassifier`` computes in each epoch is computed here in the same order: loss
curves agree to rounding.
"""

from typing import NamedTuple

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel, part
from vaega.fitness.population.kernels.functions import (
    exponential,
    hyperbolic_tangent,
    logarithm,
    logistic,
)
from vaega.fitness.population.kernels.products import multiply_part, multiply_transposed_part
from vaega.fitness.population.kernels.vector_code import padded

IDENTITY, LOGISTIC, TANH, RELU = range(4)
_HIGHEST_LOSS = -np.log(np.finfo(np.float64).eps)  # where scikit-learn cuts probabilities


class Network(NamedTuple):
    """Weights of a network, or anything that there is one of for each weight."""

    first: np.ndarray  # From the columns and a one to the first layer
    rest: np.ndarray  # From each layer and a one to the next, one below the other


class Layout(NamedTuple):
    """Where the layers stand."""

    units: np.ndarray  # Sizes of the hidden layers, then of the outputs: one for two classes
    value_rows: np.ndarray  # First row of each layer among the values, and among the deltas
    delta_rows: np.ndarray  # First row of each layer among the values, and among the deltas
    # Rows of the values that feed the layer after each: its units, the ones, then zeros
    places: np.ndarray
    counting: np.ndarray  # 0, 1, 2, ...: as many as any product has terms


class Desk(NamedTuple):
    """What a network is trained on and with."""

    rows: np.ndarray  # Samples, with a column of ones after the last
    columns: np.ndarray  # The same transposed, where all rows are one batch; none otherwise
    codes: np.ndarray  # Classes (int64) and weights of the samples
    weights: np.ndarray  # Classes (int64) and weights of the samples
    order: np.ndarray  # In which batches take them
    batch: np.ndarray  # Samples of the batch at hand
    batch_codes: np.ndarray  # Theirs. After the last sample weights are 0
    batch_weights: np.ndarray  # Theirs. After the last sample weights are 0
    losses: np.ndarray  # Theirs. After the last sample weights are 0
    values: np.ndarray  # Activations; the last row is zero
    deltas: np.ndarray  # Derivatives of the summed loss by what goes into each unit
    room: np.ndarray  # For what a step needs meanwhile


def make_layout(units: np.ndarray, n_terms: int, dtype: np.dtype) -> Layout:
    """Return where the layers of a network stand."""
    delta_rows = np.cumsum(units) - units
    value_rows = delta_rows + np.arange(len(units))
    n_values = int((units + 1).sum())
    places = np.full((len(units), padded(int(units.max()) + 1, dtype)), n_values)
    for layer, (start, size) in enumerate(zip(value_rows, units, strict=True)):
        places[layer, : size + 1] = np.arange(start, start + size + 1)
    counting = np.arange(max(n_terms, n_values + 1))
    return Layout(units, value_rows, delta_rows, places.ravel(), counting)


@kernel
def new_desk(X, codes, weights, rows, columns, size, layout, width):  # type: ignore[no-untyped-def]
    """Return a desk for chosen rows and columns."""
    n_rows, n_columns, units = len(rows), len(columns), layout.units
    lanes = 64 // X.itemsize
    n_batch = (size + lanes - 1) // lanes * lanes
    own = np.zeros((n_rows, width), X.dtype)
    transposed = np.zeros((n_columns + 1 if size == n_rows else 0, n_batch), X.dtype)
    for i in range(n_rows):
        for j in range(n_columns):
            own[i, j] = X[rows[i], columns[j]]
        own[i, n_columns] = 1
        for j in range(len(transposed)):
            transposed[j, i] = own[i, j]
    values = np.zeros((units.sum() + len(units) + 1, n_batch), X.dtype)
    for layer in range(len(units)):
        for i in range(n_batch):
            values[layout.value_rows[layer] + units[layer], i] = 1
    deltas, losses = np.zeros((units.sum(), n_batch), X.dtype), np.zeros(n_batch, X.dtype)
    batch, batch_codes = np.zeros(n_batch, np.int64), np.zeros(n_batch, np.int64)
    order, batch_weights = np.arange(n_rows), np.zeros(n_batch, X.dtype)
    room = np.zeros((2, n_batch), X.dtype)
    own_codes, own_weights = np.empty(n_rows, np.int64), np.empty(n_rows, X.dtype)
    for i in range(n_rows):
        own_codes[i], own_weights[i] = codes[rows[i]], weights[rows[i]]
    return Desk(
        own, transposed, own_codes, own_weights, order,
        batch, batch_codes, batch_weights, losses, values, deltas, room,
    )  # fmt: skip


@kernel
def fill(desk, start, n_batch):  # type: ignore[no-untyped-def]
    """Put a batch on the desk, from a place in the order on; return the sum of its weights."""
    total = 0.0
    for i in range(len(desk.batch)):
        desk.batch_weights[i] = 0
    for i in range(n_batch):
        row = desk.order[start + i]
        desk.batch[i] = row
        desk.batch_codes[i] = desk.codes[row]
        desk.batch_weights[i] = desk.weights[row]
        total += desk.weights[row]
    return total


@part
def pass_forward(network, layout, activation, desk, n_batch):  # type: ignore[no-untyped-def]
    """Compute the values of all layers for the batch on the desk, and the losses.

    The last values are probabilities.
    """
    units, values, lanes = layout.units, desk.values, 64 // desk.values.itemsize
    width, step = (n_batch + lanes - 1) // lanes * lanes, network.rest.shape[1]
    if len(desk.columns):
        multiply_part(
            values, 0, units[0], width, network.first, 0, layout.counting, 0,
            desk.columns, layout.counting, 0, len(desk.columns),
        )  # fmt: skip
    else:
        n_vectors = network.first.shape[1] // lanes
        multiply_transposed_part(
            values, 0, units[0], width, network.first, 0, n_vectors, desk.rows, desk.batch, 0
        )
    for layer in range(1, len(units)):
        below = layer - 1
        activate(values, layout.value_rows[below], units[below], width, activation)
        multiply_part(
            values, layout.value_rows[layer], units[layer], width,
            network.rest, layout.delta_rows[layer] - units[0], layout.counting, 0,
            values, layout.places, below * step, units[below] + 1,
        )  # fmt: skip
    row, room = layout.value_rows[-1], desk.room
    conclude(values, row, units[-1], width, desk.batch_codes, desk.losses, room)


@kernel
def activate(values, row, n_units, width, activation):  # type: ignore[no-untyped-def]
    """Apply the activation to `n_units` rows of values from `row` on."""
    for unit in range(row, row + n_units):
        if activation == TANH:
            for i in range(width):
                values[unit, i] = hyperbolic_tangent(values[unit, i])
        elif activation == LOGISTIC:
            for i in range(width):
                values[unit, i] = logistic(values[unit, i])
        elif activation == RELU:
            for i in range(width):
                values[unit, i] = max(values[unit, i], 0)


@kernel
def conclude(values, row, n_outputs, width, codes, losses, room):  # type: ignore[no-untyped-def]
    """Turn the rows of values from `row` on into probabilities, and write the losses.

    Losses come from what goes into the outputs: in float32 a probability cannot tell an error of
    seven orders of magnitude from one of sixteen, where scikit-learn's float64 can. Its bound of
    16 orders holds here too.
    """
    if n_outputs == 1:
        _conclude_two(values, row, width, codes, losses)
    else:
        _conclude_many(values, row, n_outputs, width, codes, losses, room)
    highest = values.dtype.type(_HIGHEST_LOSS)
    for i in range(width):
        losses[i] = min(losses[i], highest)


@kernel
def _conclude_two(values, row, width, codes, losses):  # type: ignore[no-untyped-def]
    one = values.dtype.type(1)
    for i in range(width):
        z = values[row, i]
        wrong = -z if codes[i] == 1 else z
        losses[i] = max(wrong, 0) + logarithm(one + exponential(-abs(z)))
        values[row, i] = logistic(z)


@kernel
def _conclude_many(values, row, n_outputs, width, codes, losses, room):  # type: ignore[no-untyped-def]
    highest, total = 0, 1  # rows of the room
    for i in range(width):
        room[highest, i] = values[row, i]
        room[total, i] = 0
    for unit in range(row, row + n_outputs):
        for i in range(width):
            room[highest, i] = max(room[highest, i], values[unit, i])
    for i in range(width):
        losses[i] = room[highest, i] - values[row + codes[i], i]
    for unit in range(row, row + n_outputs):
        for i in range(width):
            values[unit, i] = exponential(values[unit, i] - room[highest, i])
            room[total, i] += values[unit, i]
    for unit in range(row, row + n_outputs):
        for i in range(width):
            values[unit, i] /= room[total, i]
    for i in range(width):
        losses[i] += logarithm(room[total, i])


@part
def lose(layout, desk, n_batch):  # type: ignore[no-untyped-def]
    """Return the summed log loss of the batch, and write the deltas of the last layer."""
    values, deltas, losses, codes = desk.values, desk.deltas, desk.losses, desk.batch_codes
    weights, lanes = desk.batch_weights, 64 // desk.values.itemsize
    width, n_outputs = (n_batch + lanes - 1) // lanes * lanes, layout.units[-1]
    own, out = layout.value_rows[-1], layout.delta_rows[-1]
    for unit in range(n_outputs):
        positive = 1 if n_outputs == 1 else unit
        for i in range(width):
            target = values.dtype.type(codes[i] == positive)
            deltas[out + unit, i] = (values[own + unit, i] - target) * weights[i]
    for i in range(width):
        losses[i] *= weights[i]
    return add_up(losses, width)


@kernel
def add_up(values, n):  # type: ignore[no-untyped-def]
    """Return the sum of the first `n` values, a whole number of vectors, in eight parts.

    Eight additions can be under way at a time; one after the other, each would wait for the last.
    """
    a = b = c = d = e = f = g = h = values.dtype.type(0)
    for i in range(0, n, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@part
def pass_backward(network, back, layout, activation, desk, n_batch, gradient):  # type: ignore[no-untyped-def]
    """Compute the derivatives of the summed loss by every weight; `back` is `rest` transposed."""
    units, lanes = layout.units, 64 // desk.values.itemsize
    width, step = (n_batch + lanes - 1) // lanes * lanes, network.rest.shape[1]
    for layer in range(len(units) - 1, 0, -1):
        below, own, row = layer - 1, layout.delta_rows[layer], layout.delta_rows[layer] - units[0]
        multiply_transposed_part(
            gradient.rest, row, units[layer], step,
            desk.deltas, own, width // lanes, desk.values, layout.places, below * step,
        )  # fmt: skip
        multiply_part(
            desk.deltas, layout.delta_rows[below], units[below], width,
            back, 0, layout.counting, row, desk.deltas, layout.counting, own, units[layer],
        )  # fmt: skip
        derive(
            desk,
            layout.value_rows[below],
            layout.delta_rows[below],
            units[below],
            width,
            activation,
        )
    multiply_part(
        gradient.first, 0, units[0], gradient.first.shape[1],
        desk.deltas, 0, layout.counting, 0, desk.rows, desk.batch, 0, n_batch,
    )  # fmt: skip


@part
def derive(desk, own, out, n_units, width, activation):  # type: ignore[no-untyped-def]
    """Multiply deltas from row `out` on by the derivatives of the activation of values `own`."""
    values, deltas, one = desk.values, desk.deltas, desk.values.dtype.type(1)
    for unit in range(n_units):
        if activation == TANH:
            for i in range(width):
                a = values[own + unit, i]
                deltas[out + unit, i] *= one - a * a
        elif activation == LOGISTIC:
            for i in range(width):
                a = values[own + unit, i]
                deltas[out + unit, i] *= a * (one - a)
        elif activation == RELU:
            for i in range(width):
                if values[own + unit, i] == 0:
                    deltas[out + unit, i] = 0
