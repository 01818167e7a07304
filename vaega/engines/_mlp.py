"""Multilayer perceptrons: one network a mask, trained in a kernel from scikit-learn's own draws."""

import math
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from vaega.data._folds import Fold
from vaega.engines._base import DECISION, PREDICT, PROBA, Predictions
from vaega.engines._kernels import kernel, part, select
from vaega.engines._linear_algebra import multiply_part, multiply_transposed_part, padded

# exp(r) on |r| <= log(2) / 2: Taylor's coefficients, 1 / k!, from the sixth power down.
_EXP = tuple(np.float32(1.0 / math.factorial(k)) for k in range(7, -1, -1))
# log(m) = 2 atanh(s) with s = (m - 1) / (m + 1) on [sqrt(1/2), sqrt(2)], where |s| < 0.172.
_LOG = tuple(np.float32(2.0 / k) for k in (9, 7, 5, 3, 1))
_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # 9 bits, so that its products with exponents are exact
_LN2_LOW = np.float32(math.log(2.0) - 0.693359375)
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_SQRT_HALF_BITS = 0x3F3504F3
_ONE, _TWO = np.float32(1.0), np.float32(2.0)


def _reinterpret(kind: Any, to_kind: Any, code: ir.Type) -> Any:
    @intrinsic
    def reinterpret(context, value):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.bitcast(arguments[0], code)

        return to_kind(kind), generate

    return reinterpret


_to_bits = _reinterpret(types.float32, types.int32, ir.IntType(32))
_from_bits = _reinterpret(types.int32, types.float32, ir.FloatType())


def exponential(x: float) -> float:
    """Return e to the power of `x`."""
    return math.exp(x)


def logarithm(x: float) -> float:
    """Return the natural logarithm of `x`."""
    return math.log(x)


def hyperbolic_tangent(x: float) -> float:
    """Return tanh of `x`."""
    return math.tanh(x)


def logistic(x: float) -> float:
    """Return 1 / (1 + e^-x)."""
    return 1.0 / (1.0 + math.exp(-x))


@overload(exponential)
def _exponential(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.exp(x)  # noqa: PLW0108 (numba wants the same signature)

    def short(x):  # type: ignore[no-untyped-def]
        x = min(max(x, _LOWEST), _HIGHEST)
        power = np.rint(x * _LOG2_E)
        r = x - power * _LN2_HIGH - power * _LN2_LOW
        y = _EXP[0]
        y = y * r + _EXP[1]
        y = y * r + _EXP[2]
        y = y * r + _EXP[3]
        y = y * r + _EXP[4]
        y = y * r + _EXP[5]
        y = y * r + _EXP[6]
        y = y * r + _EXP[7]
        return y * _from_bits(np.int32((np.int32(power) + np.int32(127)) << np.int32(23)))

    return short


@overload(logarithm)
def _logarithm(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.log(x)  # noqa: PLW0108 (numba wants the same signature)

    def short(x):  # type: ignore[no-untyped-def]
        bits = np.int32(_to_bits(x) - np.int32(_SQRT_HALF_BITS))
        power = np.int32(bits >> np.int32(23))
        m = _from_bits(np.int32(_to_bits(x) - np.int32(power << np.int32(23))))
        s = (m - _ONE) / (m + _ONE)
        square = s * s
        y = _LOG[0]
        y = y * square + _LOG[1]
        y = y * square + _LOG[2]
        y = y * square + _LOG[3]
        y = y * square + _LOG[4]
        high = np.float32(power)
        return high * _LN2_HIGH + (y * s + high * _LN2_LOW)

    return short


@overload(hyperbolic_tangent)
def _hyperbolic_tangent(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.tanh(x)  # noqa: PLW0108 (numba wants the same signature)
    return lambda x: _ONE - _TWO / (_ONE + exponential(_TWO * x))


@overload(logistic)
def _logistic(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: 1.0 / (1.0 + math.exp(-x))
    return lambda x: _ONE / (_ONE + exponential(-x))


_SIZE, _AHEAD = 624, 397
_UPPER, _LOWER, _MATRIX = 0x80000000, 0x7FFFFFFF, 0x9908B0DF
_MASK_B, _MASK_C, _ALL = 0x9D2C5680, 0xEFC60000, 0xFFFFFFFF
_SPREAD = 1812433253  # Knuth's multiplier, by which a seed becomes a state


def words_of(random_state: np.random.RandomState) -> np.ndarray:
    """Return the state of a stream as a kernel takes it."""
    _, key, position, *_ = random_state.get_state()
    words = np.concatenate([key, np.zeros(_SIZE), [position]]).astype(np.int64)
    _temper(words)
    return words


def advance(random_state: np.random.RandomState, words: np.ndarray) -> None:
    """Put a stream where a kernel left it."""
    key, position = words[:_SIZE].astype(np.uint32), int(words[-1])
    random_state.set_state(("MT19937", key, position, 0, 0.0))


@kernel
def start(words, seed):  # type: ignore[no-untyped-def]
    """Write the state of ``numpy.random.RandomState(seed)``."""
    word = seed
    for place in range(_SIZE):
        words[place] = word
        word = (_SPREAD * (word ^ (word >> 30)) + place + 1) & _ALL
    words[-1] = _SIZE  # all are used up


@kernel
def draw(words):  # type: ignore[no-untyped-def]
    """Draw a number from [0, 1) as ``numpy.random.RandomState.random_sample`` does."""
    high = _next(words) >> 5
    return (high * 67108864.0 + (_next(words) >> 6)) / 9007199254740992.0


@kernel
def _next(words):  # type: ignore[no-untyped-def]
    if words[-1] >= _SIZE:
        _renew(words)
        words[-1] = 0
    words[-1] += 1
    return words[_SIZE + words[-1] - 1]


@kernel
def shuffle(values, words):  # type: ignore[no-untyped-def]
    """Shuffle an array in place as ``numpy.random.RandomState.shuffle`` does."""
    mask, used = 0, words[-1]
    while mask < len(values) - 1:
        mask = 2 * mask + 1
    for last in range(len(values) - 1, 0, -1):
        while mask >> 1 >= last:
            mask >>= 1
        other = last + 1
        while other > last:  # a draw is cut to the bits of the bound until it is not above
            if used >= _SIZE:
                _renew(words)
                used = 0
            other = words[_SIZE + used] & mask
            used += 1
        values[last], values[other] = values[other], values[last]
    words[-1] = used


@kernel
def _renew(words):  # type: ignore[no-untyped-def]
    # Three stretches, so that no index wraps around within a loop.
    for place in range(_SIZE - _AHEAD):
        words[place] = words[place + _AHEAD] ^ _twist(words[place], words[place + 1])
    for place in range(_SIZE - _AHEAD, _SIZE - 1):
        words[place] = words[place + _AHEAD - _SIZE] ^ _twist(words[place], words[place + 1])
    words[_SIZE - 1] = words[_AHEAD - 1] ^ _twist(words[_SIZE - 1], words[0])
    _temper(words)


@kernel
def _twist(word, following):  # type: ignore[no-untyped-def]
    y = (word & _UPPER) | (following & _LOWER)
    return (y >> 1) ^ ((y & 1) * _MATRIX)


@kernel
def _temper(words):  # type: ignore[no-untyped-def]
    for place in range(_SIZE):
        y = words[place]
        y ^= y >> 11
        y ^= (y << 7) & _MASK_B
        y ^= (y << 15) & _MASK_C
        words[_SIZE + place] = (y ^ (y >> 18)) & _ALL


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


@kernel
def step_adam(  # type: ignore[no-untyped-def]
    weights, gradient, mean, square, decay, scale, rate, beta_1, beta_2, epsilon, penalties
):
    """Take a step of Adam (Kingma and Ba 2015, with the rate that corrects both moments' bias)."""
    kind = weights.dtype.type
    keep_1, keep_2, small = kind(beta_1), kind(beta_2), kind(epsilon)
    new_1, new_2, by, length = kind(1 - beta_1), kind(1 - beta_2), kind(scale), kind(rate)
    for unit in range(len(weights)):
        row = min(unit, len(decay) - 1)
        for j in range(weights.shape[1]):
            w = weights[unit, j]
            g = (gradient[unit, j] + decay[row, j] * w) * by
            m = keep_1 * mean[unit, j] + new_1 * g
            v = keep_2 * square[unit, j] + new_2 * (g * g)
            w -= length * m / (np.sqrt(v) + small)
            mean[unit, j] = m
            square[unit, j] = v
            weights[unit, j] = w
            penalties[j] += decay[row, j] * (w * w)


@kernel
def step_descent(  # type: ignore[no-untyped-def]
    weights, gradient, velocity, decay, scale, rate, momentum, nesterov, penalties
):
    """Take a step of gradient descent with momentum (Sutskever et al. 2013 for Nesterov's)."""
    kind = weights.dtype.type
    keep, by, length = kind(momentum), kind(scale), kind(rate)
    for unit in range(len(weights)):
        row = min(unit, len(decay) - 1)
        for j in range(weights.shape[1]):
            w = weights[unit, j]
            g = (gradient[unit, j] + decay[row, j] * w) * by
            step = keep * velocity[unit, j] - length * g
            velocity[unit, j] = step
            if nesterov:
                step = keep * step - length * g
            w += step
            weights[unit, j] = w
            penalties[j] += decay[row, j] * (w * w)


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
def network_outputs(rows, columns, layout, network, activation):  # type: ignore[no-untyped-def]
    """Return the outputs of a network for all rows."""
    n_rows, width, row = len(rows.X), network.first.shape[1], layout.value_rows[-1]
    everything = np.arange(n_rows)
    desk = new_desk(rows.X, rows.codes, rows.weights, everything, columns, n_rows, layout, width)
    pass_forward(network, layout, activation, desk, n_rows)
    return desk.values[row : row + layout.units[-1], :n_rows].T.copy()


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
        made = network_outputs(validate, columns, layout, network, settings.activation)
        sound = np.isfinite(network.first).all() and np.isfinite(network.rest).all()
        for i in range(made.shape[0]):
            for k in range(made.shape[1]):
                outputs[m, i, k] = made[i, k] if sound else np.nan


RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = True
EXACT = False
RANDOM = True

_ACTIVATIONS = {
    "identity": IDENTITY,
    "logistic": LOGISTIC,
    "tanh": TANH,
    "relu": RELU,
}
_SOLVERS = {"adam": ADAM, "sgd": SGD}
_RATES = {
    "constant": CONSTANT,
    "invscaling": INVSCALING,
    "adaptive": ADAPTIVE,
}
_AT_ONCE = 16  # masks a call of a kernel, which no interrupt ends
_NO_WORDS = np.zeros(0, np.int64)
_REFUSED = "a setting that scikit-learn refuses"
_CLIPPED = (
    "UserWarning: Got `batch_size` less than 1 or larger than sample size. It is going to be "
    "clipped"
)


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a multilayer perceptron is not computed here, if any."""
    try:
        estimator._validate_params()
    except ValueError:
        return _REFUSED
    if np.min(estimator.hidden_layer_sizes, initial=1) < 1:
        return _REFUSED
    if estimator.solver not in _SOLVERS:
        return f"solver={estimator.solver!r}"
    if isinstance(estimator.random_state, np.random.RandomState):
        return "random_state=RandomState(...)"
    for name in ("warm_start", "verbose"):
        if getattr(estimator, name):
            return f"{name}={getattr(estimator, name)!r}"
    return None


def predict(
    estimator: MLPClassifier,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
) -> Predictions:
    """Return the answers of a network for each mask."""
    answers = Predictions.uncertain(len(masks), len(fold.y_validate))
    rows, validate = _rows_of(fold, np.dtype(np.float32))
    n_classes = int(rows.codes.max()) + 1
    if n_classes < 2:
        return answers
    outputs = np.full((*answers.codes.shape, 1 if n_classes == 2 else n_classes), np.nan)
    converged = np.ones(len(masks), dtype=bool)
    if seeds is None:
        seeds = _own_seeds(estimator, len(masks))
    fit = _fit_singly if estimator.early_stopping else _fit_together
    for start in range(0, len(masks), _AT_ONCE):
        own = slice(start, start + _AT_ONCE)
        fit(estimator, (rows, validate), masks[own], seeds[own], outputs[own], converged[own])
    values = np.concatenate([1.0 - outputs, outputs], axis=2) if n_classes == 2 else outputs
    codes = (values[:, :, 1] > 0.5).astype(int) if n_classes == 2 else values.argmax(axis=2)
    ranking = values[:, :, 1] if response_method == DECISION else values
    return Predictions(
        codes,
        np.asarray(np.isfinite(outputs).all(axis=(1, 2))),
        None if response_method == PREDICT else ranking,
        warnings=_warned(estimator, ~converged, len(rows.X)),
    )


def predict_on_device(
    estimator: MLPClassifier, fold: Fold, masks: np.ndarray, **options: Any
) -> Predictions:
    """Return `predict` as torch computes it on a device, whole populations at once."""
    from vaega.engines import _torch_mlp

    return _torch_mlp.predict(estimator, fold, masks, **options)


def _own_seeds(estimator: MLPClassifier, n_masks: int) -> np.ndarray:
    if estimator.random_state is None:
        return np.random.default_rng().integers(2**32, size=n_masks)
    return np.full(n_masks, estimator.random_state, dtype=np.int64)


def _fit_together(
    estimator: MLPClassifier,
    tables: tuple[Rows, Rows],
    masks: np.ndarray,
    seeds: np.ndarray,
    outputs: np.ndarray,
    converged: np.ndarray,
) -> None:
    """Write the outputs of each mask's network for the second table, and whether it converged."""
    rows, validate = tables
    units = _units_of(estimator, outputs.shape[2])
    layout = make_layout(units, max(masks.shape[1] + 1, len(rows.X)), rows.X.dtype)
    fit_and_predict(
        rows,
        validate,
        np.ascontiguousarray(masks),
        np.asarray(seeds, dtype=np.int64),
        layout,
        _gain_of(estimator),
        _settings(estimator, len(rows.X)),
        outputs,
        converged,
    )


def _fit_singly(
    estimator: MLPClassifier,
    tables: tuple[Rows, Rows],
    masks: np.ndarray,
    seeds: np.ndarray,
    outputs: np.ndarray,
    converged: np.ndarray,
) -> None:
    """Do the same where scikit-learn splits the rows first."""
    for place, (mask, seed) in enumerate(zip(masks, seeds, strict=True)):
        columns = np.flatnonzero(mask)
        fitted = fit_network(estimator, tables[0], columns, int(seed))
        if fitted is not None:
            network, layout, outcome = fitted
            converged[place] = outcome.converged
            if np.isfinite(network.first).all() and np.isfinite(network.rest).all():
                activation = _ACTIVATIONS[estimator.activation]
                outputs[place] = network_outputs(tables[1], columns, layout, network, activation)


def _warned(estimator: MLPClassifier, stopped: np.ndarray, n_rows: int) -> dict[str, np.ndarray]:
    unfinished = (
        f"ConvergenceWarning: Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) "
        "reached and the optimization hasn't converged yet."
    )
    clipped = estimator.batch_size != "auto" and estimator.batch_size > n_rows
    return {unfinished: stopped, _CLIPPED: np.full(len(stopped), clipped)}


_KNOWN: WeakKeyDictionary[Fold, dict[np.dtype, tuple[Rows, Rows]]] = WeakKeyDictionary()


def _rows_of(fold: Fold, dtype: np.dtype) -> tuple[Rows, Rows]:
    """Return the fit and the validate rows, as kernels read them."""
    known = _KNOWN.setdefault(fold, {})
    if dtype not in known:
        codes = np.unique(fold.y_fit, return_inverse=True)[1].astype(np.int64)
        weights = np.ones(len(codes)) if fold.weight_fit is None else fold.weight_fit
        fit = Rows(np.array(fold.X_fit, dtype, order="C"), codes, np.array(weights, dtype))
        n_validate = len(fold.y_validate)
        known[dtype] = (
            fit,
            Rows(
                np.array(fold.X_validate, dtype, order="C"),
                np.zeros(n_validate, np.int64),
                np.ones(n_validate, dtype),
            ),
        )
    return known[dtype]


def fit_network(
    estimator: MLPClassifier, rows: Rows, columns: np.ndarray, seed: int | None
) -> tuple[Network, Layout, Outcome] | None:
    """Train the network of one mask."""
    n_classes = int(rows.codes.max()) + 1
    units = _units_of(estimator, 1 if n_classes == 2 else n_classes)
    stream = np.random.RandomState(seed)
    network = _initial(estimator, len(columns), units, stream, rows.X.dtype)
    fit, held_out = np.arange(len(rows.X)), np.arange(0)
    if estimator.early_stopping:
        try:
            fit, held_out = train_test_split(
                fit,
                random_state=stream,
                test_size=estimator.validation_fraction,
                stratify=rows.codes if n_classes == 2 else None,
            )
        except ValueError:
            return None
        if len(held_out) < 2 or not rows.weights[held_out].any():
            return None
    settings = _settings(estimator, len(fit))
    shuffled = settings.shuffle and settings.batch_size < len(fit)
    words = words_of(stream) if shuffled else _NO_WORDS
    layout = make_layout(units, max(len(columns) + 1, len(rows.X)), rows.X.dtype)
    outcome = train(rows, fit, held_out, columns, layout, network, words, settings)
    return network, layout, outcome


def _units_of(estimator: MLPClassifier, n_outputs: int) -> np.ndarray:
    hidden = np.atleast_1d(estimator.hidden_layer_sizes).astype(np.int64)
    return np.append(hidden, n_outputs)


def _gain_of(estimator: MLPClassifier) -> float:
    return 2.0 if estimator.activation == "logistic" else 6.0


def _initial(
    estimator: MLPClassifier,
    n_columns: int,
    units: np.ndarray,
    stream: np.random.RandomState,
    dtype: np.dtype,
) -> Network:
    """Return initial weights; the stream goes on from there."""
    words, layout = words_of(stream), make_layout(units, 1, dtype)
    network = initial_network(words, n_columns, layout, _gain_of(estimator), np.empty(0, dtype))
    advance(stream, words)
    return network


def _settings(estimator: MLPClassifier, n_rows: int) -> Settings:
    size = min(200, n_rows) if estimator.batch_size == "auto" else estimator.batch_size
    return Settings(
        activation=_ACTIVATIONS[estimator.activation],
        solver=_SOLVERS[estimator.solver],
        alpha=float(estimator.alpha),
        batch_size=int(min(size, n_rows)),
        learning_rate=_RATES[estimator.learning_rate] if estimator.solver == "sgd" else 0,
        learning_rate_init=float(estimator.learning_rate_init),
        power_t=float(estimator.power_t),
        max_iter=int(estimator.max_iter),
        shuffle=bool(estimator.shuffle),
        tol=float(estimator.tol),
        momentum=float(estimator.momentum),
        nesterovs_momentum=bool(estimator.nesterovs_momentum),
        early_stopping=bool(estimator.early_stopping),
        beta_1=float(estimator.beta_1),
        beta_2=float(estimator.beta_2),
        epsilon=float(estimator.epsilon),
        n_iter_no_change=float(estimator.n_iter_no_change),
    )
