"""The training of a network: epochs, batches, the learning rate, and when it stops."""

from typing import NamedTuple

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel, part
from vaega.fitness.population.kernels.mersenne import shuffle
from vaega.fitness.population.kernels.network import (
    Network,
    add_up,
    fill,
    lose,
    new_desk,
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
    """The rows of a fold."""

    X: np.ndarray
    codes: np.ndarray  # Classes
    weights: np.ndarray  # The dtype of `X`


class Outcome(NamedTuple):
    """What a training left beside the weights."""

    converged: bool  # False where `max_iter` stopped it
    losses: np.ndarray  # Of the training rows, a mean for each epoch


class Descent(NamedTuple):
    """What a solver keeps between steps."""

    gradient: Network  # Gradient descent has its velocity in the first moment
    first_moment: Network  # Gradient descent has its velocity in the first moment
    second_moment: Network  # Gradient descent has its velocity in the first moment
    # Factors of the L2 penalty, in one row for the first layer: biases and padding have none
    decay: Network
    penalties: np.ndarray  # By column, the penalty of the weights as they are
    powers: np.ndarray  # beta_1 and beta_2 to the power of the number of steps


@kernel
def train(rows, fit, held_out, columns, layout, network, words, settings):  # type: ignore[no-untyped-def]
    """Train a network on chosen rows and columns."""
    n_rows, rate, stalled, width = len(fit), settings.learning_rate_init, 0, network.first.shape[1]
    size = min(settings.batch_size, n_rows)
    desk = new_desk(rows.X, rows.codes, rows.weights, fit, columns, size, layout, width)
    judge = new_desk(
        rows.X, rows.codes, rows.weights, held_out, columns, len(held_out), layout, width
    )
    descent, back, kept = (
        _new_descent(len(columns), layout, network, settings),
        network.rest.T,
        _copy(network),
    )
    best, curve = (
        -np.inf if settings.early_stopping else np.inf,
        np.empty(min(settings.max_iter, 1024)),
    )
    for epoch in range(settings.max_iter):
        if settings.shuffle and size < n_rows:
            _reshuffle(desk.order, words)
        if epoch == len(curve):
            curve = _longer(curve)
        curve[epoch] = _run_epoch(desk, layout, network, back, descent, rate, size, settings)
        if settings.early_stopping:
            score = _score(judge, layout, network, settings.activation)
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
            if settings.learning_rate != ADAPTIVE or rate <= _SLOWEST or np.isnan(curve[epoch]):
                break
            rate, stalled = rate / 5.0, 0
    if settings.early_stopping:
        _copy_into(network, kept)
    return Outcome(stalled > settings.n_iter_no_change, curve[: epoch + 1])


@kernel
def _new_descent(n_columns, layout, network, settings):  # type: ignore[no-untyped-def]
    zeros = Network(np.zeros_like(network.first), np.zeros_like(network.rest))
    decay = Network(np.zeros_like(network.first[:1]), np.zeros_like(network.rest))
    for j in range(n_columns):
        decay.first[0, j] = settings.alpha
    for layer in range(1, len(layout.units)):
        row = layout.delta_rows[layer] - layout.units[0]
        for unit in range(row, row + layout.units[layer]):
            for j in range(layout.units[layer - 1]):
                decay.rest[unit, j] = settings.alpha
    penalties = np.zeros(max(network.first.shape[1], network.rest.shape[1]), network.first.dtype)
    for unit in range(len(network.first)):
        for j in range(n_columns):
            penalties[j] += decay.first[0, j] * network.first[unit, j] ** 2
    for unit in range(len(network.rest)):
        for j in range(network.rest.shape[1]):
            penalties[j] += decay.rest[unit, j] * network.rest[unit, j] ** 2
    return Descent(_copy(zeros), _copy(zeros), zeros, decay, penalties, np.ones(2))


@kernel
def _copy(network):  # type: ignore[no-untyped-def]
    return Network(network.first.copy(), network.rest.copy())


@kernel
def _longer(curve):  # type: ignore[no-untyped-def]
    longer = np.empty(2 * len(curve))
    for epoch in range(len(curve)):
        longer[epoch] = curve[epoch]
    return longer


@kernel
def _copy_into(kept, network):  # type: ignore[no-untyped-def]
    for unit in range(len(kept.first)):  # a slice to assign to would take long to compile
        for j in range(kept.first.shape[1]):
            kept.first[unit, j] = network.first[unit, j]
    for unit in range(len(kept.rest)):
        for j in range(kept.rest.shape[1]):
            kept.rest[unit, j] = network.rest[unit, j]


@kernel
def _reshuffle(order, words):  # type: ignore[no-untyped-def]
    """Put the rows in another order: scikit-learn shuffles what it had shuffled before."""
    places = np.arange(len(order))
    shuffle(places, words)
    old = order.copy()
    for i in range(len(order)):
        order[i] = old[places[i]]


@part
def _run_epoch(desk, layout, network, back, descent, rate, size, settings):  # type: ignore[no-untyped-def]
    """Take a step for each batch, and return the mean loss."""
    n_rows, loss, activation = len(desk.order), 0.0, settings.activation
    for start in range(0, n_rows, size):
        n_batch = min(size, n_rows - start)
        total = fill(desk, start, n_batch)
        pass_forward(network, layout, activation, desk, n_batch)
        summed = lose(layout, desk, n_batch)
        summed += 0.5 * add_up(descent.penalties, len(descent.penalties))
        loss += summed / total * n_batch
        pass_backward(network, back, layout, activation, desk, n_batch, descent.gradient)
        _step(network, descent, 1.0 / total, rate, settings)
    return loss / n_rows


@part
def _step(network, descent, scale, rate, settings):  # type: ignore[no-untyped-def]
    gradient, first, second = descent.gradient, descent.first_moment, descent.second_moment
    decay, penalties, powers = descent.decay, descent.penalties, descent.powers
    for j in range(len(penalties)):
        penalties[j] = 0
    if settings.solver == ADAM:
        powers[0] *= settings.beta_1
        powers[1] *= settings.beta_2
        own = rate * np.sqrt(1.0 - powers[1]) / (1.0 - powers[0])
        step_adam(
            network.first, gradient.first, first.first, second.first, decay.first, scale, own,
            settings.beta_1, settings.beta_2, settings.epsilon, penalties,
        )  # fmt: skip
        step_adam(
            network.rest, gradient.rest, first.rest, second.rest, decay.rest, scale, own,
            settings.beta_1, settings.beta_2, settings.epsilon, penalties,
        )  # fmt: skip
    else:
        nesterov = settings.nesterovs_momentum
        step_descent(
            network.first, gradient.first, first.first, decay.first, scale, rate,
            settings.momentum, nesterov, penalties,
        )  # fmt: skip
        step_descent(
            network.rest, gradient.rest, first.rest, decay.rest, scale, rate,
            settings.momentum, nesterov, penalties,
        )  # fmt: skip


@kernel
def _score(judge, layout, network, activation):  # type: ignore[no-untyped-def]
    """Return the weighted accuracy on the held out rows."""
    right, n_rows = 0.0, len(judge.order)
    total = fill(judge, 0, n_rows)
    pass_forward(network, layout, activation, judge, n_rows)
    row = layout.value_rows[-1]
    for i in range(n_rows):
        code = most_likely(judge.values[row : row + layout.units[-1], i])
        right += judge.batch_weights[i] if code == judge.batch_codes[i] else 0.0
    return right / total


@kernel
def most_likely(outputs):  # type: ignore[no-untyped-def]
    """Return the class of a sample from its probabilities: of the second class, or of each."""
    if len(outputs) == 1:
        return int(outputs[0] > 0.5)
    return int(outputs.argmax())


@kernel
def predict(rows, columns, layout, network, activation):  # type: ignore[no-untyped-def]
    """Return the outputs of a network for all rows."""
    n_rows, width, row = len(rows.X), network.first.shape[1], layout.value_rows[-1]
    everything = np.arange(n_rows)
    desk = new_desk(rows.X, rows.codes, rows.weights, everything, columns, n_rows, layout, width)
    pass_forward(network, layout, activation, desk, n_rows)
    return desk.values[row : row + layout.units[-1], :n_rows].T.copy()
