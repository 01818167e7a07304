"""The training of a network: epochs, batches, the learning rate, and when it stops."""

from typing import NamedTuple

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.mersenne import shuffle
from vaega.fitness.population.kernels.network import (
    Layers,
    Network,
    Samples,
    add_up,
    gather,
    lose,
    new_layers,
    pass_backward,
    pass_forward,
)
from vaega.fitness.population.kernels.optimisers import step_adam, step_descent

ADAM, SGD = range(2)
CONSTANT, INVSCALING, ADAPTIVE = range(3)
_SLOWEST = 1e-6  # below this rate an adaptive training stops, as in scikit-learn


class Settings(NamedTuple):
    """Settings of a training, named as those of scikit-learn's ``MLPClassifier``.

    `activation`, `solver` and `learning_rate` are the numbers of this module and of `network`;
    `n_iter_no_change` may be infinite.
    """

    activation: int
    solver: int
    alpha: float
    batch_size: int
    learning_rate: int
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    tol: float
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float


class Rows(NamedTuple):
    """The rows of a fold.

    Parameters
    ----------
    X : numpy.ndarray of float32 or float64, shape (n_rows, n_features)
    codes : numpy.ndarray of int64, shape (n_rows,)
        Classes.
    weights : numpy.ndarray of float, shape (n_rows,)
        The dtype of `X`.
    """

    X: np.ndarray
    codes: np.ndarray
    weights: np.ndarray


class Outcome(NamedTuple):
    """What a training left beside the weights.

    Parameters
    ----------
    converged : bool
        False where `max_iter` stopped it.
    losses : numpy.ndarray of float64, shape (n_epochs,)
        Of the training rows, a mean for each epoch.
    """

    converged: bool
    losses: np.ndarray


class _Desk(NamedTuple):
    """What a training works on: its samples, the batch at hand, and one number a weight of each."""

    samples: Samples
    codes: np.ndarray
    weights: np.ndarray
    order: np.ndarray
    batch: np.ndarray
    batch_codes: np.ndarray
    batch_weights: np.ndarray
    losses: np.ndarray
    layers: Layers
    gradient: Network
    first_moment: Network
    second_moment: Network
    decay: Network
    penalties: np.ndarray


@kernel
def train(rows, fit, held_out, columns, units, network, words, settings):  # type: ignore[no-untyped-def]
    """Train a network on chosen rows and columns.

    Parameters
    ----------
    rows : Rows
    fit, held_out : numpy.ndarray of int64
        Which to train on, and which to stop early by; the latter may be none.
    columns : numpy.ndarray of int64, shape (n_columns,)
    units : numpy.ndarray of int64, shape (n_layers,)
        Hidden layers, then outputs: one for two classes.
    network : Network
        Initial weights; the trained ones afterwards.
    words : numpy.ndarray of uint32, shape (625,)
        Random stream of the shuffles, see `mersenne`.
    settings : Settings

    Returns
    -------
    Outcome
        A loss that is no number ends the training.
    """
    n_rows, rate, n_steps, stalled = len(fit), settings.learning_rate_init, 0, 0
    desk = _new_desk(rows, fit, columns, units, network, settings)
    judge = _new_desk(rows, held_out, columns, units, network, settings)
    kept = _copy(network)
    best = -np.inf if settings.early_stopping else np.inf
    curve = np.empty(settings.max_iter)
    for epoch in range(settings.max_iter):
        if settings.shuffle and len(desk.batch) < n_rows:
            _reshuffle(desk.order, words)
        curve[epoch] = _run_epoch(desk, units, network, rate, n_steps, settings)
        n_steps += -(-n_rows // min(settings.batch_size, n_rows))
        if settings.early_stopping:
            score = _score(judge, units, network, settings.activation)
            stalled = stalled + 1 if score < best + settings.tol else 0
            if score > best:
                best = score
                _copy_into(kept, network)
        else:
            stalled = stalled + 1 if curve[epoch] > best - settings.tol else 0
            best = min(best, curve[epoch])
        if settings.learning_rate == INVSCALING:
            rate = settings.learning_rate_init / ((epoch + 1) * n_rows + 1) ** settings.power_t
        if stalled > settings.n_iter_no_change or np.isnan(curve[epoch]):
            if settings.learning_rate != ADAPTIVE or rate <= _SLOWEST:
                break
            rate, stalled = rate / 5.0, 0
    converged = stalled > settings.n_iter_no_change
    if settings.early_stopping:
        _copy_into(network, kept)
    return Outcome(converged, curve[: epoch + 1])


@kernel
def _new_desk(rows, chosen, columns, units, network, settings):  # type: ignore[no-untyped-def]
    n_rows, dtype = len(chosen), rows.X.dtype
    size = min(settings.batch_size, n_rows)
    lanes = 64 // rows.X.itemsize
    width = (size + lanes - 1) // lanes * lanes
    gathered = np.empty((n_rows, network.first.shape[1]), dtype)
    gather(rows.X, chosen, columns, gathered)
    transposed = np.zeros((len(columns) + 1 if size == n_rows else 0, width), dtype)
    for j in range(len(transposed)):
        for i in range(n_rows):
            transposed[j, i] = gathered[i, j]
    widest = max(network.first.shape[1], network.rest.shape[2])
    return _Desk(
        Samples(gathered, transposed),
        rows.codes[chosen],
        rows.weights[chosen],
        np.arange(n_rows),
        np.zeros(width, np.int64),
        np.zeros(width, np.int64),
        np.zeros(width, dtype),
        np.zeros(width, dtype),
        new_layers(units, width, dtype),
        _zeros_like(network),
        _zeros_like(network),
        _zeros_like(network),
        _new_decay(len(columns), units, network, settings.alpha),
        np.zeros(widest, dtype),
    )


@kernel
def _new_decay(n_columns, units, network, alpha):  # type: ignore[no-untyped-def]
    """Return the factors of the L2 penalty, a row a layer: biases and padding have none."""
    decay = Network(np.zeros_like(network.first[:1]), np.zeros_like(network.rest[:, 0]))
    decay.first[0, :n_columns] = alpha
    for layer in range(len(units) - 1):
        decay.rest[layer, : units[layer]] = alpha
    return decay


@kernel
def _zeros_like(network):  # type: ignore[no-untyped-def]
    return Network(np.zeros_like(network.first), np.zeros_like(network.rest))


@kernel
def _copy(network):  # type: ignore[no-untyped-def]
    return Network(network.first.copy(), network.rest.copy())


@kernel
def _copy_into(kept, network):  # type: ignore[no-untyped-def]
    kept.first[:] = network.first
    kept.rest[:] = network.rest


@kernel
def _reshuffle(order, words):  # type: ignore[no-untyped-def]
    """Put the rows in another order: scikit-learn shuffles what it had shuffled before."""
    places = np.arange(len(order))
    shuffle(places, words)
    order[:] = order[places]


@kernel
def _run_epoch(desk, units, network, rate, n_steps, settings):  # type: ignore[no-untyped-def]
    """Take a step for each batch, and return the mean loss."""
    n_rows, loss = len(desk.order), 0.0
    size = min(settings.batch_size, n_rows)
    for start in range(0, n_rows, size):
        n_batch = min(size, n_rows - start)
        total = _fill(desk, start, n_batch)
        batch_loss = _differentiate(desk, units, network, n_batch, settings)
        if n_steps == 0:  # later ones find it where the step before left it
            _add_penalties(desk, units, network)
        batch_loss += 0.5 * add_up(desk.penalties, len(desk.penalties))
        loss += batch_loss / total * n_batch
        n_steps += 1
        _take_step(desk, units, network, 1.0 / total, rate, n_steps, settings)
    return loss / n_rows


@kernel
def _fill(desk, start, n_batch):  # type: ignore[no-untyped-def]
    """Put a batch on the desk, and return the sum of its weights."""
    total = 0.0
    desk.batch_weights[:] = 0
    for i in range(n_batch):
        row = desk.order[start + i]
        desk.batch[i] = row
        desk.batch_codes[i] = desk.codes[row]
        desk.batch_weights[i] = desk.weights[row]
        total += desk.weights[row]
    return total


@kernel
def _differentiate(desk, units, network, n_batch, settings):  # type: ignore[no-untyped-def]
    activation = settings.activation
    pass_forward(network, units, activation, desk.samples, desk.batch, n_batch, desk.layers)
    loss = lose(units, desk.layers, desk.batch_codes, desk.batch_weights, n_batch, desk.losses)
    pass_backward(
        network, units, activation, desk.samples, desk.batch, n_batch, desk.layers, desk.gradient
    )
    return loss


@kernel
def _add_penalties(desk, units, network):  # type: ignore[no-untyped-def]
    for unit in range(units[0]):
        for j in range(network.first.shape[1]):
            desk.penalties[j] += desk.decay.first[0, j] * network.first[unit, j] ** 2
    for layer in range(len(units) - 1):
        for unit in range(units[layer + 1]):
            for j in range(network.rest.shape[2]):
                desk.penalties[j] += desk.decay.rest[layer, j] * network.rest[layer, unit, j] ** 2


@kernel
def _take_step(desk, units, network, scale, rate, n_steps, settings):  # type: ignore[no-untyped-def]
    desk.penalties[:] = 0
    if settings.solver == ADAM:
        rate *= np.sqrt(1.0 - settings.beta_2**n_steps) / (1.0 - settings.beta_1**n_steps)
    _step(
        network.first,
        desk.gradient.first,
        desk.first_moment.first,
        desk.second_moment.first,
        desk.decay.first[0],
        scale,
        rate,
        settings,
        desk.penalties,
    )
    for layer in range(len(units) - 1):
        n_units = units[layer + 1]
        _step(
            network.rest[layer, :n_units],
            desk.gradient.rest[layer, :n_units],
            desk.first_moment.rest[layer, :n_units],
            desk.second_moment.rest[layer, :n_units],
            desk.decay.rest[layer],
            scale,
            rate,
            settings,
            desk.penalties,
        )


@kernel
def _step(weights, gradient, first, second, decay, scale, rate, settings, penalties):  # type: ignore[no-untyped-def]
    if settings.solver == ADAM:
        step_adam(weights, gradient, first, second, decay, scale, rate, settings, penalties)
    else:
        step_descent(weights, gradient, first, decay, scale, rate, settings, penalties)


@kernel
def _score(judge, units, network, activation):  # type: ignore[no-untyped-def]
    """Return the weighted accuracy on the held out rows."""
    right = total = 0.0
    size = len(judge.batch)
    for start in range(0, len(judge.order), size):
        n_batch = min(size, len(judge.order) - start)
        total += _fill(judge, start, n_batch)
        pass_forward(network, units, activation, judge.samples, judge.batch, n_batch, judge.layers)
        for i in range(n_batch):
            code = most_likely(judge.layers.values[len(units) - 1, : units[-1], i])
            right += judge.batch_weights[i] if code == judge.batch_codes[i] else 0.0
    return right / total


@kernel
def most_likely(outputs):  # type: ignore[no-untyped-def]
    """Return the class of a sample from its probabilities: of the second class, or of each.

    Parameters
    ----------
    outputs : numpy.ndarray of float, shape (n_outputs,)

    Returns
    -------
    int

    Examples
    --------
    >>> most_likely(np.array([0.2])), most_likely(np.array([0.2, 0.7, 0.1]))
    (0, 1)
    """
    if len(outputs) == 1:
        return int(outputs[0] > 0.5)
    return int(outputs.argmax())


@kernel
def predict(rows, columns, units, network, activation):  # type: ignore[no-untyped-def]
    """Return the outputs of a network for all rows.

    Parameters
    ----------
    rows : Rows
    columns : numpy.ndarray of int64, shape (n_columns,)
    units : numpy.ndarray of int64, shape (n_layers,)
    network : Network
    activation : int

    Returns
    -------
    numpy.ndarray of float, shape (n_rows, n_outputs)
    """
    n_rows, n_outputs = len(rows.X), units[-1]
    lanes = 64 // rows.X.itemsize
    width = (n_rows + lanes - 1) // lanes * lanes
    gathered = np.empty((n_rows, network.first.shape[1]), rows.X.dtype)
    gather(rows.X, np.arange(n_rows), columns, gathered)
    batch = np.zeros(width, np.int64)
    batch[:n_rows] = np.arange(n_rows)
    layers = new_layers(units, width, rows.X.dtype)
    samples = Samples(gathered, gathered[:0])
    pass_forward(network, units, activation, samples, batch, n_rows, layers)
    return layers.values[len(units) - 1, :n_outputs, :n_rows].T.copy()
