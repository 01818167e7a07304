"""A multilayer perceptron for the columns of one mask, held in the cache while it is trained.

Activations and deltas have one row a unit and one column a sample, each layer's last row is one, so
that biases are weights like others, and every step is a product of `products`. What scikit-learn's
``MLPClassifier`` computes in each epoch is computed here in the same order: loss curves agree to
rounding (Hinton 1989 for the network, Kingma and Ba 2015 for Adam, equations as scikit-learn has
them).
"""

from typing import NamedTuple

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.functions import (
    exponential,
    hyperbolic_tangent,
    logarithm,
    logistic,
)
from vaega.fitness.population.kernels.products import multiply, multiply_transposed

IDENTITY, LOGISTIC, TANH, RELU = range(4)


class Network(NamedTuple):
    """Weights of a network, or anything that there is one of for each weight.

    Parameters
    ----------
    first : numpy.ndarray of float, shape (n_units of the first layer, padded n_columns + 1)
        From the columns and a one to the first hidden layer.
    rest : numpy.ndarray of float, shape (n_layers - 1, most units, padded most units + 1)
        From each layer and a one to the next.
    """

    first: np.ndarray
    rest: np.ndarray


class Samples(NamedTuple):
    """Rows of the mask's columns, as the network reads them.

    Parameters
    ----------
    rows : numpy.ndarray of float, shape (n_rows, padded n_columns + 1)
        With a column of ones after the last.
    columns : numpy.ndarray of float, shape (n_columns + 1, padded n_rows)
        The same transposed, where all rows are one batch; empty otherwise.
    """

    rows: np.ndarray
    columns: np.ndarray


class Layers(NamedTuple):
    """What each layer holds for the samples of a batch.

    Parameters
    ----------
    values : numpy.ndarray of float, shape (n_layers, most units + 2, padded batch)
        Activations; below those of a layer's units a row of ones. The last row is zero.
    deltas : numpy.ndarray of float, shape (n_layers, most units, padded batch)
        Derivatives of the summed loss by what goes into each unit.
    places : numpy.ndarray of int64, shape (n_layers, padded most units + 1)
        Rows of `values` that feed the layer after: its units, the ones, then the zeros.
    """

    values: np.ndarray
    deltas: np.ndarray
    places: np.ndarray


@kernel
def gather(X, rows, columns, out):  # type: ignore[no-untyped-def]
    """Copy chosen rows and columns, and a column of ones after them.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_all, n_features)
    rows, columns : numpy.ndarray of int64
    out : numpy.ndarray of float, shape (len(rows), padded len(columns) + 1)
        The rest of each row becomes zero.

    Examples
    --------
    >>> import numpy as np
    >>> out = np.empty((1, 8))
    >>> gather(np.array([[5.0, 6.0, 7.0]]), np.array([0]), np.array([2, 0]), out)
    >>> out[0, :4]
    array([7., 5., 1., 0.])
    """
    n_columns = len(columns)
    for i in range(len(rows)):
        for j in range(n_columns):
            out[i, j] = X[rows[i], columns[j]]
        out[i, n_columns] = 1.0
        out[i, n_columns + 1 :] = 0.0


@kernel
def new_layers(units, width, dtype):  # type: ignore[no-untyped-def]
    """Return empty layers for batches of up to `width` samples, a whole number of vectors."""
    most = units.max()
    values = np.zeros((len(units), most + 2, width), dtype)
    deltas = np.zeros((len(units), most, width), dtype)
    lanes = 64 // values.itemsize
    places = np.full((len(units), (most + lanes) // lanes * lanes), most + 1)
    for layer in range(len(units)):
        values[layer, units[layer]] = 1.0
        for unit in range(units[layer] + 1):
            places[layer, unit] = unit
    return Layers(values, deltas, places)


@kernel
def pass_forward(network, units, activation, samples, batch, n_batch, layers):  # type: ignore[no-untyped-def]
    """Compute the values of all layers for a batch; the last holds probabilities.

    Parameters
    ----------
    network : Network
    units : numpy.ndarray of int64, shape (n_layers,)
        Without the columns: hidden layers, then outputs.
    activation : int
        `IDENTITY`, `LOGISTIC`, `TANH` or `RELU`.
    samples : Samples
    batch : numpy.ndarray of int64, shape (at least padded n_batch,)
        Places of the batch's rows among the samples; any after the first `n_batch`.
    n_batch : int
        Of all samples where they have columns.
    layers : Layers
        What is written.
    """
    lanes = 64 // layers.values.itemsize
    width = (n_batch + lanes - 1) // lanes * lanes
    first = layers.values[0, : units[0], :width]
    if samples.columns.size:
        terms = np.arange(len(samples.columns))
        multiply(first, network.first, terms, samples.columns, terms)
    else:
        multiply_transposed(first, network.first, samples.rows, batch[:width])
    last = len(units) - 1
    for layer in range(1, len(units)):
        _activate(layers.values, layer - 1, units[layer - 1], width, activation)
        terms = layers.places[layer - 1, : units[layer - 1] + 1]
        out = layers.values[layer, : units[layer], :width]
        multiply(out, network.rest[layer - 1], terms, layers.values[layer - 1], terms)
    if units[last] == 1:
        _activate(layers.values, last, 1, width, LOGISTIC)
    else:
        _normalise(layers.values, last, units[last], width)


@kernel
def _activate(values, layer, n_units, width, activation):  # type: ignore[no-untyped-def]
    for unit in range(n_units):
        if activation == TANH:
            for i in range(width):
                values[layer, unit, i] = hyperbolic_tangent(values[layer, unit, i])
        elif activation == LOGISTIC:
            for i in range(width):
                values[layer, unit, i] = logistic(values[layer, unit, i])
        elif activation == RELU:
            for i in range(width):
                values[layer, unit, i] = max(values[layer, unit, i], 0)


@kernel
def _normalise(values, layer, n_units, width):  # type: ignore[no-untyped-def]
    highest = values[layer, 0, :width].copy()
    for unit in range(1, n_units):
        for i in range(width):
            highest[i] = max(highest[i], values[layer, unit, i])
    total = np.zeros_like(highest)
    for unit in range(n_units):
        for i in range(width):
            values[layer, unit, i] = exponential(values[layer, unit, i] - highest[i])
            total[i] += values[layer, unit, i]
    for unit in range(n_units):
        for i in range(width):
            values[layer, unit, i] /= total[i]


@kernel
def lose(units, layers, codes, weights, n_batch, losses):  # type: ignore[no-untyped-def]
    """Return the summed log loss of a batch, and write the deltas of the last layer.

    Parameters
    ----------
    units : numpy.ndarray of int64, shape (n_layers,)
    layers : Layers
        After `pass_forward`.
    codes : numpy.ndarray of int64, shape (padded n_batch,)
        Classes of the samples, in the order of the batch.
    weights : numpy.ndarray of float, shape (padded n_batch,)
        Of the samples; 0 after the first `n_batch`.
    n_batch : int
    losses : numpy.ndarray of float, shape (padded batch,)
        Written: the loss of each sample.

    Returns
    -------
    float
    """
    last = len(units) - 1
    values, deltas = layers.values, layers.deltas
    lanes = 64 // values.itemsize
    width = (n_batch + lanes - 1) // lanes * lanes
    n_outputs = units[last]
    one = values.dtype.type(1)
    if n_outputs == 1:
        for i in range(width):
            target = values.dtype.type(codes[i])
            p = values[last, 0, i]
            losses[i] = target * p + (one - target) * (one - p)
            deltas[last, 0, i] = (p - target) * weights[i]
    else:
        for i in range(width):
            losses[i] = values[last, codes[i], i]
        for unit in range(n_outputs):
            for i in range(width):
                target = values.dtype.type(codes[i] == unit)
                deltas[last, unit, i] = (values[last, unit, i] - target) * weights[i]
    lowest = np.finfo(values.dtype).eps
    for i in range(width):
        losses[i] = -weights[i] * logarithm(min(max(losses[i], lowest), one - lowest))
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


@kernel
def pass_backward(network, units, activation, samples, batch, n_batch, layers, gradient):  # type: ignore[no-untyped-def]
    """Compute the derivatives of the summed loss by every weight.

    Parameters
    ----------
    network, units, activation, samples, batch, n_batch
        As in `pass_forward`.
    layers : Layers
        After `lose`; the deltas of the layers below are written.
    gradient : Network
        What is written.
    """
    values, deltas = layers.values, layers.deltas
    lanes = 64 // values.itemsize
    width = (n_batch + lanes - 1) // lanes * lanes
    for layer in range(len(units) - 1, 0, -1):
        own, below = deltas[layer, : units[layer], :width], units[layer - 1]
        out = gradient.rest[layer - 1, : units[layer]]
        multiply_transposed(out, own, values[layer - 1], layers.places[layer - 1])
        terms = np.arange(units[layer])
        back = network.rest[layer - 1].T
        multiply(deltas[layer - 1, :below, :width], back, terms, deltas[layer], terms)
        _derive(values, deltas, layer - 1, below, width, activation)
    terms = np.arange(n_batch)
    multiply(gradient.first, deltas[0], terms, samples.rows, batch[:n_batch])


@kernel
def _derive(values, deltas, layer, n_units, width, activation):  # type: ignore[no-untyped-def]
    one = values.dtype.type(1)
    for unit in range(n_units):
        if activation == TANH:
            for i in range(width):
                a = values[layer, unit, i]
                deltas[layer, unit, i] *= one - a * a
        elif activation == LOGISTIC:
            for i in range(width):
                a = values[layer, unit, i]
                deltas[layer, unit, i] *= a * (one - a)
        elif activation == RELU:
            for i in range(width):
                if values[layer, unit, i] == 0:
                    deltas[layer, unit, i] = 0
