"""Multilayer perceptrons: one network a mask, trained in a kernel from scikit-learn's own draws."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
from scipy.special import expit, softmax
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from vaega.core.kernels import (
    kernel,
    multiply_part,
    multiply_transposed_part,
    padded,
    part,
    sum_in_parts,
)
from vaega.data._splits import Fold
from vaega.engines._base import DECISION, PREDICT, PROBA, Predictions, cached_on, has_valid_params

RESPONSE_METHODS: tuple[str, ...] = (PREDICT, DECISION, PROBA)
SAMPLE_WEIGHT = True
EXACT = False
RANDOM = True

IDENTITY, LOGISTIC, TANH, RELU = range(4)
ADAM, SGD = range(2)
CONSTANT, INVSCALING, ADAPTIVE = range(3)
_ACTIVATIONS = {"identity": IDENTITY, "logistic": LOGISTIC, "tanh": TANH, "relu": RELU}
_SOLVERS = {"adam": ADAM, "sgd": SGD}
_RATES = {"constant": CONSTANT, "invscaling": INVSCALING, "adaptive": ADAPTIVE}
_REFUSED = "a setting that scikit-learn refuses"
_CLIPPED = (
    "UserWarning: Got `batch_size` less than 1 or larger than sample size. It is going to be "
    "clipped"
)


def unsupported(estimator: Any) -> str | None:
    """Return which setting of a multilayer perceptron is not computed here, if any."""
    if not has_valid_params(estimator) or np.min(estimator.hidden_layer_sizes, initial=1) < 1:
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
    """Return the predictions of a network for each mask."""
    fit, validate = cached_on(fold, "mlp", lambda: make_rows(fold, np.dtype(np.float32)))
    shape, n_classes = (len(masks), len(fold.y_validate)), int(fit.codes.max()) + 1
    if n_classes < 2:
        return Predictions.uncertain(*shape)
    outputs = np.full((*shape, 1 if n_classes == 2 else n_classes), np.nan)
    converged = np.ones(len(masks), dtype=bool)
    if seeds is None:
        seeds = _user_seeds(estimator, len(masks))
    stream = np.random.RandomState(0)  # to make one takes longer than to seed it
    for row, (mask, seed) in enumerate(zip(masks, seeds, strict=True)):
        columns = np.flatnonzero(mask)
        stream.seed(int(seed))
        trained = fit_network(estimator, fit, columns, stream)
        if trained is not None:
            converged[row] = trained.converged
            if all(np.isfinite(weights).all() for weights in trained.network):
                outputs[row] = network_outputs(estimator, trained, validate, columns)
    return predictions_of(
        outputs,
        np.isfinite(outputs).all(axis=(1, 2)),
        response_method,
        warnings_of(estimator, ~converged, len(fit.X)),
    )


def predict_on_device(
    estimator: MLPClassifier, fold: Fold, masks: np.ndarray, **options: Any
) -> Predictions:
    """Return `predict` as torch computes it on a device, whole populations at once."""
    from vaega.engines import _torch_mlp

    return _torch_mlp.predict(estimator, fold, masks, **options)


def predictions_of(
    outputs: np.ndarray, certain: np.ndarray, response_method: str, warnings: dict[str, np.ndarray]
) -> Predictions:
    """Return the predictions of outputs: of the second of two classes, or of each."""
    if outputs.shape[2] == 1:
        values = np.concatenate([1.0 - outputs, outputs], axis=2)
        codes = (values[:, :, 1] > 0.5).astype(int)
    else:
        values, codes = outputs, outputs.argmax(axis=2)
    if response_method == PREDICT:
        return Predictions(codes, certain, warnings=warnings)
    values = values[:, :, 1] if response_method == DECISION else values
    return Predictions(codes, certain, values, warnings=warnings)


def warnings_of(
    estimator: MLPClassifier, unfinished: np.ndarray, n_rows: int
) -> dict[str, np.ndarray]:
    """Return what scikit-learn would warn of, by text, and for which networks."""
    text = (
        f"ConvergenceWarning: Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) "
        "reached and the optimization hasn't converged yet."
    )
    is_clipped = estimator.batch_size != "auto" and estimator.batch_size > n_rows
    return {text: unfinished, _CLIPPED: np.full(len(unfinished), is_clipped)}


def _user_seeds(estimator: MLPClassifier, n_masks: int) -> np.ndarray:
    if estimator.random_state is None:
        return np.random.default_rng().integers(2**32, size=n_masks)
    return np.full(n_masks, estimator.random_state, dtype=np.int64)


# What is trained ---------------------------------------------------------------------------------


class Rows(NamedTuple):
    """Rows of a fold."""

    X: np.ndarray
    codes: np.ndarray  # Classes
    weights: np.ndarray  # Of the dtype of `X`


def make_rows(fold: Fold, dtype: np.dtype) -> tuple[Rows, Rows]:
    """Return the fit and the validation rows, whose classes are not looked at."""
    codes = np.unique(fold.y_fit, return_inverse=True)[1].astype(np.int64)
    weights = np.ones(len(codes)) if fold.weight_fit is None else fold.weight_fit
    n_validate = len(fold.y_validate)
    fit = Rows(np.array(fold.X_fit, dtype, order="C"), codes, np.array(weights, dtype))
    no_codes, ones = np.zeros(n_validate, np.int64), np.ones(n_validate, dtype)
    return fit, Rows(np.array(fold.X_validate, dtype, order="C"), no_codes, ones)


class Settings(NamedTuple):
    """Settings of a training, named as those of scikit-learn's ``MLPClassifier``.

    `activation`, `solver` and `learning_rate` are numbers, see above; `n_iter_no_change` may be
    infinite.
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


def settings_of(estimator: MLPClassifier, n_rows: int) -> Settings:
    """Return the settings of a training on some rows."""
    size = min(200, n_rows) if estimator.batch_size == "auto" else estimator.batch_size
    coded: dict[str, Any] = {
        "activation": _ACTIVATIONS[estimator.activation],
        "solver": _SOLVERS[estimator.solver],
        "batch_size": int(min(size, n_rows)),
        "learning_rate": _RATES[estimator.learning_rate] if estimator.solver == "sgd" else CONSTANT,
    }
    kinds = {name: kind for name, kind in Settings.__annotations__.items() if name not in coded}
    others = {name: kind(getattr(estimator, name)) for name, kind in kinds.items()}
    return Settings(**coded, **others)


class Network(NamedTuple):
    """Weights of a network, or anything that there is one of for each weight."""

    first: np.ndarray  # From the columns and a one to the first layer; (units, padded columns + 1)
    rest: np.ndarray  # From each layer and a one to the next, one below the other


class Layout(NamedTuple):
    """Where the layers are in the arrays of a network and its workspace."""

    units: np.ndarray  # Sizes of the hidden layers, then of the outputs: one for two classes
    value_rows: np.ndarray  # First row of each layer among the values
    delta_rows: np.ndarray  # First row of each layer among the deltas
    # Rows of the values that feed the layer after each: its units, the ones, then zeros
    feeding: np.ndarray
    steps: np.ndarray  # 0, 1, 2, ...: as many as any product has terms


class Trained(NamedTuple):
    """A network after its training."""

    network: Network
    layout: Layout
    converged: bool  # False where `max_iter` stopped it
    losses: np.ndarray  # Of the fit rows, a mean for each epoch


@lru_cache(maxsize=8)
def make_layout(sizes: tuple[int, ...], n_terms: int, dtype: np.dtype) -> Layout:
    """Return where the layers of a network are."""
    units = np.array(sizes, dtype=np.int64)
    delta_rows = np.cumsum(units) - units
    value_rows = delta_rows + np.arange(len(units))
    n_values = int((units + 1).sum())
    feeding = np.full((len(units), padded(int(units.max()) + 1, dtype)), n_values)
    for layer, (start, size) in enumerate(zip(value_rows, units, strict=True)):
        feeding[layer, : size + 1] = np.arange(start, start + size + 1)
    steps = np.arange(max(n_terms, n_values + 1))
    return Layout(units, value_rows, delta_rows, feeding.ravel(), steps)


def units_of(estimator: MLPClassifier, n_classes: int) -> np.ndarray:
    """Return the sizes of the hidden layers and of the outputs."""
    hidden = np.atleast_1d(estimator.hidden_layer_sizes).astype(np.int64)
    return np.append(hidden, 1 if n_classes == 2 else n_classes)


def initial_network(
    estimator: MLPClassifier,
    n_columns: int,
    units: np.ndarray,
    stream: np.random.RandomState,
    dtype: np.dtype,
) -> Network:
    """Draw initial weights (Glorot and Bengio 2010) in the order in which scikit-learn does."""
    gain = 2.0 if estimator.activation == "logistic" else 6.0
    first = np.zeros((units[0], padded(n_columns + 1, dtype)), dtype)
    rest = np.zeros((units.sum() - units[0], padded(int(units.max()) + 1, dtype)), dtype)
    n_in, row = n_columns, 0
    for layer, n_out in enumerate(units.tolist()):
        bound = np.sqrt(gain / (n_in + n_out))
        drawn = stream.uniform(-bound, bound, (n_in + 1, n_out))  # the last are the biases
        if layer == 0:
            first[:, : n_in + 1] = drawn.T
        else:
            rest[row : row + n_out, : n_in + 1] = drawn.T
            row += n_out
        n_in = n_out
    return Network(first, rest)


def split_rows(
    estimator: MLPClassifier, codes: np.ndarray, stream: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the rows to fit and to validate by in early stopping; None where that would fail."""
    rows = np.arange(len(codes))
    if not estimator.early_stopping:
        return rows, rows[:0]
    try:
        fit, held_out = train_test_split(
            rows,
            random_state=stream,
            test_size=estimator.validation_fraction,
            stratify=codes if codes.max() == 1 else None,
        )
    except ValueError:
        return None
    return (fit, held_out) if len(held_out) > 1 else None


def draw_orders(stream: np.random.RandomState, order: np.ndarray, n_epochs: int) -> np.ndarray:
    """Return the rows' order in each epoch, (n_epochs, n_rows): each shuffles the one before."""
    orders = np.empty((n_epochs, len(order)), dtype=np.int64)
    for epoch in range(n_epochs):
        indices = np.arange(len(order))
        stream.shuffle(indices)
        order = orders[epoch] = order[indices]
    return orders


# Training ----------------------------------------------------------------------------------------

_SHUFFLED_EPOCHS, _EPOCHS = 16, 1024  # in one call of the kernel, which no interrupt ends


def fit_network(
    estimator: MLPClassifier, rows: Rows, columns: np.ndarray, stream: np.random.RandomState
) -> Trained | None:
    """Train the network of one mask; None where scikit-learn would fail.

    Its rows are shuffled by NumPy, a few epochs ahead of the kernel.
    """
    units = units_of(estimator, int(rows.codes.max()) + 1)
    dtype = rows.X.dtype
    network = initial_network(estimator, len(columns), units, stream, dtype)
    split = split_rows(estimator, rows.codes, stream)
    if split is None or (len(split[1]) and not rows.weights[split[1]].any()):
        return None
    fit, held_out = split
    settings = settings_of(estimator, len(fit))
    layout = make_layout(tuple(units.tolist()), max(rows.X.shape[1] + 1, len(rows.X)), dtype)
    workspace = allocate_workspace(rows, fit, columns, settings.batch_size, layout)
    validation = allocate_workspace(rows, held_out, columns, len(held_out), layout)
    descent = _begin_descent(len(columns), layout, network, settings)
    best = Network(network.first.copy(), network.rest.copy())
    status = np.array([settings.learning_rate_init, np.inf, 0.0, 0.0])
    status[BEST] = -np.inf if settings.early_stopping else np.inf
    is_shuffled = settings.shuffle and settings.batch_size < len(fit)
    order, losses, n_epochs = np.arange(len(fit)), [], 0
    while n_epochs < settings.max_iter and not status[DONE]:
        size = min(_SHUFFLED_EPOCHS if is_shuffled else _EPOCHS, settings.max_iter - n_epochs)
        orders = draw_orders(stream, order, size) if is_shuffled else order[None]
        curve = np.empty(size)
        n_run = run_epochs(
            workspace, validation, descent, best, network, layout, settings,
            orders, status, n_epochs, curve,
        )  # fmt: skip
        losses.append(curve[:n_run])
        order, n_epochs = orders[-1], n_epochs + n_run
    is_converged = bool(status[STALLED] > settings.n_iter_no_change)
    return Trained(
        best if settings.early_stopping else network, layout, is_converged, np.concatenate(losses)
    )


def network_outputs(
    estimator: MLPClassifier, trained: Trained, rows: Rows, columns: np.ndarray
) -> np.ndarray:
    """Return the outputs of a network for all rows; (n_rows, n_outputs).

    Trained in float32, and made probabilities in float64: those of rows far from the border are
    equal in float32 long before they are in scikit-learn, and a metric of ranks would see ties.
    """
    network, layout = trained.network, trained.layout
    n_rows = len(rows.X)
    workspace = allocate_workspace(rows, np.arange(n_rows), columns, n_rows, layout)
    compute_logits(workspace, layout, network, _ACTIVATIONS[estimator.activation])
    row = layout.value_rows[-1]
    logits = workspace.values[row : row + layout.units[-1], :n_rows].T.astype(np.float64)
    return expit(logits) if logits.shape[1] == 1 else softmax(logits, axis=1)


class Workspace(NamedTuple):
    """Rows of a network, and what it computes for a mini-batch of them."""

    rows: np.ndarray  # Samples, with a column of ones after the last; (n_rows, padded columns)
    columns: np.ndarray  # The same transposed, where all rows are one batch; else of length 0
    codes: np.ndarray  # Classes of the samples
    weights: np.ndarray  # Weights of the samples
    order: np.ndarray  # In which mini-batches take them
    batch: np.ndarray  # Samples of the mini-batch
    batch_codes: np.ndarray
    batch_weights: np.ndarray  # 0 behind the last sample
    losses: np.ndarray
    values: np.ndarray  # Activations by unit; the last row is zero
    deltas: np.ndarray  # Derivatives of the summed loss by what goes into each unit
    scratch: np.ndarray


def allocate_workspace(
    rows: Rows, chosen: np.ndarray, columns: np.ndarray, size: int, layout: Layout
) -> Workspace:
    """Return a workspace for all rows or chosen ones, some columns, and mini-batches of a size."""
    n_rows, dtype, units = len(chosen), rows.X.dtype, layout.units
    n_batch = padded(size, dtype)
    samples = np.zeros((n_rows, padded(len(columns) + 1, dtype)), dtype)
    X = rows.X if n_rows == len(rows.X) else rows.X[chosen]
    samples[:, : len(columns)] = X.take(columns, axis=1)
    samples[:, len(columns)] = 1.0
    is_whole = size == n_rows
    transposed = np.zeros((len(columns) + 1 if is_whole else 0, n_batch), dtype)
    if is_whole:
        transposed[:, :n_rows] = samples[:, : len(columns) + 1].T
    values = np.zeros((units.sum() + len(units) + 1, n_batch), dtype)
    values[layout.value_rows + units] = 1.0
    return Workspace(
        samples,
        transposed,
        rows.codes[chosen],
        rows.weights[chosen],
        np.arange(n_rows),
        np.zeros(n_batch, np.int64),
        np.zeros(n_batch, np.int64),
        np.zeros(n_batch, dtype),
        np.zeros(n_batch, dtype),
        values,
        np.zeros((units.sum(), n_batch), dtype),
        np.zeros((2, n_batch), dtype),
    )


class Descent(NamedTuple):
    """What a solver keeps between steps."""

    gradient: Network
    first_moment: Network  # Of Adam; the velocity of gradient descent
    second_moment: Network
    # Factors of the L2 penalty, in one row for the first layer: biases and padding have none
    decay: Network
    penalties: np.ndarray  # By column, the penalty of the weights as they are
    powers: np.ndarray  # beta_1 and beta_2 to the power of the number of steps


def _begin_descent(n_columns: int, layout: Layout, network: Network, settings: Settings) -> Descent:
    zeros = [Network(np.zeros_like(network.first), np.zeros_like(network.rest)) for _ in range(3)]
    decay = Network(np.zeros_like(network.first[:1]), np.zeros_like(network.rest))
    decay.first[0, :n_columns] = settings.alpha
    for layer in range(1, len(layout.units)):
        row = layout.delta_rows[layer] - layout.units[0]
        decay.rest[row : row + layout.units[layer], : layout.units[layer - 1]] = settings.alpha
    n_first, widths = len(network.first), (network.first.shape[1], network.rest.shape[1])
    terms = np.zeros((n_first + len(network.rest), max(widths)), network.first.dtype)
    terms[:n_first, : widths[0]] = decay.first * (network.first * network.first)
    terms[n_first:, : widths[1]] = decay.rest * (network.rest * network.rest)
    penalties = np.add.reduce(terms, axis=0)
    return Descent(zeros[0], zeros[1], zeros[2], decay, penalties, np.ones(2))


RATE, BEST, STALLED, DONE = range(4)  # of `status`, what a training goes on from
_SLOWEST = 1e-6  # below this rate an adaptive training stops, as in scikit-learn


@kernel
def run_epochs(  # type: ignore[no-untyped-def]
    workspace, validation, descent, best, network, layout, settings, orders, status, start, losses
):
    """Train for as many epochs as `losses` holds, from epoch `start` on; return how many were run.

    An epoch takes its row of `orders` (n_epochs, n_rows), or the only one. Writes `status`, and to
    `best` the best weights of an early stopping.
    """
    n_rows, back = len(workspace.order), network.rest.T
    for epoch in range(len(losses)):
        for i in range(n_rows):
            workspace.order[i] = orders[epoch if len(orders) > 1 else 0, i]
        loss = _run_epoch(workspace, layout, network, back, descent, status[RATE], settings)
        losses[epoch] = loss
        if settings.early_stopping:
            score = _score(validation, layout, network, settings.activation)
            is_worse = score < status[BEST] + settings.tol
            if score > status[BEST]:
                status[BEST] = score
                _copy_into(best, network)
        else:
            is_worse = loss > status[BEST] - settings.tol
            status[BEST] = min(status[BEST], loss)
        status[STALLED] = status[STALLED] + 1.0 if is_worse else 0.0
        if settings.learning_rate == INVSCALING:
            n_seen = (start + epoch + 1) * n_rows + 1
            status[RATE] = settings.learning_rate_init / n_seen**settings.power_t
        if status[STALLED] > settings.n_iter_no_change or np.isnan(loss):
            if settings.learning_rate != ADAPTIVE or status[RATE] <= _SLOWEST or np.isnan(loss):
                status[DONE] = 1.0
                return epoch + 1
            status[RATE], status[STALLED] = status[RATE] / 5.0, 0.0
    return len(losses)


@kernel
def _copy_into(best, network):  # type: ignore[no-untyped-def]
    for unit in range(len(best.first)):  # a slice to assign to would take long to compile
        for j in range(best.first.shape[1]):
            best.first[unit, j] = network.first[unit, j]
    for unit in range(len(best.rest)):
        for j in range(best.rest.shape[1]):
            best.rest[unit, j] = network.rest[unit, j]


@part
def _run_epoch(workspace, layout, network, back, descent, rate, settings):  # type: ignore[no-untyped-def]
    """Take a step for each batch, and return the mean loss."""
    n_rows, loss, activation = len(workspace.order), 0.0, settings.activation
    size = settings.batch_size
    for start in range(0, n_rows, size):
        n_batch = min(size, n_rows - start)
        total = load_batch(workspace, start, n_batch)
        pass_forward(network, layout, activation, workspace, n_batch)
        summed = loss_and_deltas(layout, workspace, n_batch)
        summed += 0.5 * sum_in_parts(descent.penalties, len(descent.penalties))
        loss += summed / total * n_batch
        pass_backward(network, back, layout, activation, workspace, n_batch, descent.gradient)
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
        length = rate * np.sqrt(1.0 - powers[1]) / (1.0 - powers[0])
        step_adam(
            network.first, gradient.first, first.first, second.first, decay.first, scale, length,
            settings.beta_1, settings.beta_2, settings.epsilon, penalties,
        )  # fmt: skip
        step_adam(
            network.rest, gradient.rest, first.rest, second.rest, decay.rest, scale, length,
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
def _score(validation, layout, network, activation):  # type: ignore[no-untyped-def]
    """Return the weighted accuracy on the held out rows."""
    right, n_rows = 0.0, len(validation.order)
    total = load_batch(validation, 0, n_rows)
    pass_forward(network, layout, activation, validation, n_rows)
    row = layout.value_rows[-1]
    for i in range(n_rows):
        code = most_likely(validation.values[row : row + layout.units[-1], i])
        right += validation.batch_weights[i] if code == validation.batch_codes[i] else 0.0
    return right / total


@kernel
def most_likely(outputs):  # type: ignore[no-untyped-def]
    """Return the class of a sample from its probabilities: of the second class, or of each."""
    if len(outputs) == 1:
        return int(outputs[0] > 0.5)
    return int(outputs.argmax())


@kernel
def compute_logits(workspace, layout, network, activation):  # type: ignore[no-untyped-def]
    """Compute what goes into the outputs of a network for all rows, the last of the values."""
    n_rows = len(workspace.order)
    load_batch(workspace, 0, n_rows)
    pass_to_outputs(network, layout, activation, workspace, n_rows)


# A mini-batch through the layers ------------------------------------------------------------------

_HIGHEST_LOSS = -np.log(np.finfo(np.float64).eps)  # where scikit-learn cuts probabilities


@kernel
def load_batch(workspace, start, n_batch):  # type: ignore[no-untyped-def]
    """Load a mini-batch, from an index of the order on; return the sum of its weights."""
    total = 0.0
    for i in range(len(workspace.batch)):
        workspace.batch_weights[i] = 0
    for i in range(n_batch):
        row = workspace.order[start + i]
        workspace.batch[i] = row
        workspace.batch_codes[i] = workspace.codes[row]
        workspace.batch_weights[i] = workspace.weights[row]
        total += workspace.weights[row]
    return total


@part
def pass_forward(network, layout, activation, workspace, n_batch):  # type: ignore[no-untyped-def]
    """Compute the values of all layers for the mini-batch, and the losses.

    The last values are probabilities.
    """
    pass_to_outputs(network, layout, activation, workspace, n_batch)
    values, lanes = workspace.values, 64 // workspace.values.itemsize
    row, width = layout.value_rows[-1], (n_batch + lanes - 1) // lanes * lanes
    output_layer(
        values, row, layout.units[-1], width,
        workspace.batch_codes, workspace.losses, workspace.scratch,
    )  # fmt: skip


@part
def pass_to_outputs(network, layout, activation, workspace, n_batch):  # type: ignore[no-untyped-def]
    """Compute the values of all layers, the last ones before they are made probabilities."""
    units, values, lanes = layout.units, workspace.values, 64 // workspace.values.itemsize
    width, step = (n_batch + lanes - 1) // lanes * lanes, network.rest.shape[1]
    if len(workspace.columns):
        multiply_part(
            values, 0, units[0], width, network.first, 0, layout.steps, 0,
            workspace.columns, layout.steps, 0, len(workspace.columns),
        )  # fmt: skip
    else:
        n_vectors = network.first.shape[1] // lanes
        multiply_transposed_part(
            values, 0, units[0], width, network.first, 0, n_vectors,
            workspace.rows, workspace.batch, 0,
        )  # fmt: skip
    for layer in range(1, len(units)):
        below = layer - 1
        activate(values, layout.value_rows[below], units[below], width, activation)
        multiply_part(
            values, layout.value_rows[layer], units[layer], width,
            network.rest, layout.delta_rows[layer] - units[0], layout.steps, 0,
            values, layout.feeding, below * step, units[below] + 1,
        )  # fmt: skip


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
def output_layer(values, row, n_outputs, width, codes, losses, scratch):  # type: ignore[no-untyped-def]
    """Turn the rows of values from `row` on into probabilities, and write the losses.

    Losses come from what goes into the outputs: in float32 a probability cannot tell an error of
    seven orders of magnitude from one of sixteen, where scikit-learn's float64 can. Its bound of
    16 orders holds here too.
    """
    if n_outputs == 1:
        _output_of_two(values, row, width, codes, losses)
    else:
        _output_of_many(values, row, n_outputs, width, codes, losses, scratch)
    highest = values.dtype.type(_HIGHEST_LOSS)
    for i in range(width):
        losses[i] = min(losses[i], highest)


@kernel
def _output_of_two(values, row, width, codes, losses):  # type: ignore[no-untyped-def]
    one = values.dtype.type(1)
    for i in range(width):
        z = values[row, i]
        wrong = -z if codes[i] == 1 else z
        losses[i] = max(wrong, 0) + logarithm(one + exponential(-abs(z)))
        values[row, i] = logistic(z)


@kernel
def _output_of_many(values, row, n_outputs, width, codes, losses, scratch):  # type: ignore[no-untyped-def]
    highest, total = 0, 1  # rows of the scratch
    for i in range(width):
        scratch[highest, i] = values[row, i]
        scratch[total, i] = 0
    for unit in range(row, row + n_outputs):
        for i in range(width):
            scratch[highest, i] = max(scratch[highest, i], values[unit, i])
    for i in range(width):
        losses[i] = scratch[highest, i] - values[row + codes[i], i]
    for unit in range(row, row + n_outputs):
        for i in range(width):
            values[unit, i] = exponential(values[unit, i] - scratch[highest, i])
            scratch[total, i] += values[unit, i]
    for unit in range(row, row + n_outputs):
        for i in range(width):
            values[unit, i] /= scratch[total, i]
    for i in range(width):
        losses[i] += logarithm(scratch[total, i])


@part
def loss_and_deltas(layout, workspace, n_batch):  # type: ignore[no-untyped-def]
    """Return the summed log loss of the batch, and write the deltas of the last layer."""
    values, deltas, losses = workspace.values, workspace.deltas, workspace.losses
    codes, weights = workspace.batch_codes, workspace.batch_weights
    lanes = 64 // values.itemsize
    width, n_outputs = (n_batch + lanes - 1) // lanes * lanes, layout.units[-1]
    from_row, out = layout.value_rows[-1], layout.delta_rows[-1]
    for unit in range(n_outputs):
        positive = 1 if n_outputs == 1 else unit
        for i in range(width):
            target = values.dtype.type(codes[i] == positive)
            deltas[out + unit, i] = (values[from_row + unit, i] - target) * weights[i]
    for i in range(width):
        losses[i] *= weights[i]
    return sum_in_parts(losses, width)


@part
def pass_backward(network, back, layout, activation, workspace, n_batch, gradient):  # type: ignore[no-untyped-def]
    """Compute the derivatives of the summed loss by every weight; `back` is `rest` transposed."""
    units, lanes = layout.units, 64 // workspace.values.itemsize
    width, step = (n_batch + lanes - 1) // lanes * lanes, network.rest.shape[1]
    for layer in range(len(units) - 1, 0, -1):
        below, delta_row = layer - 1, layout.delta_rows[layer]
        row = delta_row - units[0]
        multiply_transposed_part(
            gradient.rest, row, units[layer], step,
            workspace.deltas, delta_row, width // lanes,
            workspace.values, layout.feeding, below * step,
        )  # fmt: skip
        multiply_part(
            workspace.deltas, layout.delta_rows[below], units[below], width,
            back, 0, layout.steps, row, workspace.deltas, layout.steps, delta_row, units[layer],
        )  # fmt: skip
        activation_gradient(
            workspace, layout.value_rows[below], layout.delta_rows[below],
            units[below], width, activation,
        )  # fmt: skip
    multiply_part(
        gradient.first, 0, units[0], gradient.first.shape[1],
        workspace.deltas, 0, layout.steps, 0, workspace.rows, workspace.batch, 0, n_batch,
    )  # fmt: skip


@part
def activation_gradient(workspace, value_row, delta_row, n_units, width, activation):  # type: ignore[no-untyped-def]
    """Multiply deltas from one row on by the activation's derivatives at values from another on."""
    values, deltas, one = workspace.values, workspace.deltas, workspace.values.dtype.type(1)
    for unit in range(n_units):
        if activation == TANH:
            for i in range(width):
                a = values[value_row + unit, i]
                deltas[delta_row + unit, i] *= one - a * a
        elif activation == LOGISTIC:
            for i in range(width):
                a = values[value_row + unit, i]
                deltas[delta_row + unit, i] *= a * (one - a)
        elif activation == RELU:
            for i in range(width):
                if values[value_row + unit, i] == 0:
                    deltas[delta_row + unit, i] = 0


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


# Functions in float32, in vectors ----------------------------------------------------------------

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
