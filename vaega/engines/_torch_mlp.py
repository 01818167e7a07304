"""Multilayer perceptrons on a device: the networks of all masks are trained at once with torch.

Draws are scikit-learn's, as those of the kernels in `_mlp`; a chunk that does not fit is halved.
"""

import gc
import math
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from torch import Tensor

from vaega.core.errors import InputError
from vaega.data._splits import Fold
from vaega.engines._base import PREDICT, Predictions, cached_on
from vaega.engines._mlp import (
    ADAM,
    ADAPTIVE,
    INVSCALING,
    LOGISTIC,
    RELU,
    TANH,
    Network,
    Settings,
    draw_orders,
    initial_network,
    predictions_of,
    settings_of,
    split_rows,
    units_of,
    warnings_of,
)


def predict(
    estimator: MLPClassifier,
    fold: Fold,
    masks: np.ndarray,
    response_method: str = PREDICT,
    seeds: np.ndarray | None = None,
    *,
    device: torch.device | str,
) -> Predictions:
    """Return the predictions of a network for each mask."""
    table = table_of(fold, torch.device(device), torch.float32)
    n_classes, shape = int(table.codes.max()) + 1, (len(masks), len(fold.y_validate))
    if n_classes < 2 or split_rows(estimator, table.codes, np.random.RandomState(0)) is None:
        return Predictions.uncertain(*shape)
    outputs = np.zeros((*shape, len(table.targets)))
    certain, converged = np.zeros(len(masks), dtype=bool), np.zeros(len(masks), dtype=bool)
    seeds = np.full(len(masks), estimator.random_state) if seeds is None else seeds

    def work(indices: np.ndarray) -> None:
        layers, outcome = fit_networks(estimator, table, masks[indices], seeds[indices])
        columns = to_device(selected_columns(masks[indices]), table.fit.device)
        X = table.validate[columns]
        made = probabilities(pass_forward(layers, outcome.weights, X)[-1].double()).mT
        is_finite = made.isfinite().all(dim=2).all(dim=1) & outcome.weights.isfinite().all(dim=1)
        outputs[indices], certain[indices] = made.cpu().numpy(), is_finite.cpu().numpy()
        converged[indices] = outcome.converged

    work_in_chunks(masks, table.fit.device, _bytes_of(estimator, table), work)
    warnings = warnings_of(estimator, ~converged, len(table.codes))
    return predictions_of(outputs, certain, response_method, warnings)


# A mini-batch through the layers ------------------------------------------------------------------

_HIGHEST_LOSS = -math.log(float(np.finfo(np.float64).eps))  # where scikit-learn cuts probabilities


@dataclass(frozen=True)
class Layers:
    """How wide the networks are."""

    units: tuple[int, ...]
    activation: int  # As numbered in `vaega.engines._mlp`

    @property
    def n_weights(self) -> int:
        """Of a network, with its biases."""
        return sum(
            (below + 1) * own for below, own in zip(self.units, self.units[1:], strict=False)
        )

    def split(self, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the matrix and the biases of each layer."""
        parts, start = [], 0
        for below, own in zip(self.units, self.units[1:], strict=False):
            middle, end = start + own * below, start + own * below + own
            matrix = weights[:, start:middle].unflatten(1, (own, below))
            parts.append((matrix, weights[:, middle:end].unsqueeze(2)))
            start = end
        return parts


def pass_forward(layers: Layers, weights: Tensor, X: Tensor) -> list[Tensor]:
    """Return the values of all layers; the last are what goes into the outputs."""
    values, parts = [X], layers.split(weights)
    for index, (matrix, bias) in enumerate(parts):
        into = torch.baddbmm(bias, matrix, values[-1])
        values.append(into if index == len(parts) - 1 else _activate(into, layers.activation))
    return values


def _activate(into: Tensor, activation: int) -> Tensor:
    if activation == TANH:
        return into.tanh_()
    if activation == LOGISTIC:
        return into.sigmoid_()
    return into.relu_() if activation == RELU else into


def probabilities(into: Tensor) -> Tensor:
    """Return the probabilities that the outputs give: of the second class, or of each."""
    return into.sigmoid() if into.shape[1] == 1 else into.softmax(dim=1)


def losses_and_deltas(into: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the summed log loss of each mask, and its derivatives by the outputs' inputs."""
    if into.shape[1] == 1:
        wrong = torch.where(targets > 0.5, -into, into)[:, 0]
        losses = wrong.clamp(min=0.0) + torch.log1p(torch.exp(-wrong.abs()))
        shares = into.sigmoid()
    else:
        logarithms = into.log_softmax(dim=1)
        losses = -(logarithms * targets).sum(dim=1)
        shares = logarithms.exp()
    losses = losses.clamp(max=_HIGHEST_LOSS) * weights
    return losses.sum(dim=1, dtype=torch.float64), (shares - targets) * weights.unsqueeze(1)


def pass_backward(
    layers: Layers, weights: Tensor, values: list[Tensor], deltas: Tensor, gradient: Tensor
) -> None:
    """Write the derivatives of the summed losses by every weight."""
    parts, slopes = layers.split(weights), layers.split(gradient)
    for index in range(len(parts) - 1, -1, -1):
        matrix, bias = slopes[index]
        torch.bmm(deltas, values[index].mT, out=matrix)
        torch.sum(deltas, dim=2, keepdim=True, out=bias)
        if index:
            below = torch.bmm(parts[index][0].mT, deltas)
            deltas = _activation_gradient(below, values[index], layers.activation)


def _activation_gradient(deltas: Tensor, values: Tensor, activation: int) -> Tensor:
    if activation == TANH:
        return deltas.mul_(1.0 - values * values)
    if activation == LOGISTIC:
        return deltas.mul_(values * (1.0 - values))
    return deltas.mul_(values > 0.0) if activation == RELU else deltas


# Rows and draws ----------------------------------------------------------------------------------


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Return a copy of an array on a device."""
    return torch.tensor(np.ascontiguousarray(array), device=device)


def rows_by_column(X: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return rows transposed, with a column of zeros after the last."""
    columns = torch.zeros((X.shape[1] + 1, len(X)), dtype=dtype, device=device)
    columns[:-1] = to_device(X.T, device)
    return columns


def selected_columns(masks: np.ndarray) -> np.ndarray:
    """Return which columns each mask selects, filled up with the number of columns."""
    widths = masks.sum(axis=1)
    columns = np.full((len(masks), widths.max(initial=0)), masks.shape[1], dtype=np.int64)
    rows, own = np.nonzero(masks)
    columns[rows, np.arange(len(rows)) - np.repeat(np.cumsum(widths) - widths, widths)] = own
    return columns


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a fold on a device."""

    fit: Tensor  # (n_columns + 1, n_fit); the last column is zeros
    validate: Tensor  # (n_columns + 1, n_validate)
    codes: np.ndarray  # Classes, all of which have a row
    targets: Tensor  # 1 for the class of a row, 0 for others; (n_outputs, n_fit)
    weights: Tensor  # (n_fit,)


def table_of(fold: Fold, device: torch.device, dtype: torch.dtype) -> Table:
    """Return the rows of a fold on a device, brought there once."""
    return cached_on(fold, ("mlp", str(device), dtype), lambda: _make_table(fold, device, dtype))


def _make_table(fold: Fold, device: torch.device, dtype: torch.dtype) -> Table:
    codes = np.unique(fold.y_fit, return_inverse=True)[1].astype(np.int64)
    n_classes = int(codes.max()) + 1
    targets = codes == np.arange(n_classes)[:, None]
    weights = np.ones(len(codes)) if fold.weight_fit is None else fold.weight_fit
    return Table(
        rows_by_column(fold.X_fit, dtype, device),
        rows_by_column(fold.X_validate, dtype, device),
        codes,
        to_device(targets[1:] if n_classes == 2 else targets, device).to(dtype),
        to_device(np.asarray(weights, dtype=float), device).to(dtype),
    )


@dataclass(frozen=True, eq=False)
class Samples:
    """The rows of networks. The first length is 1 where all masks have the same."""

    X: Tensor
    targets: Tensor  # 1 for the class of a row, 0 for others
    weights: Tensor

    def pick(self, indices: Tensor) -> "Samples":
        """Return some rows of each mask."""
        n_masks = len(indices)

        def along(values: Tensor) -> Tensor:
            shape = (n_masks, *values.shape[1:-1])
            index = indices.reshape(n_masks, *(1 for _ in shape[1:]), -1).expand(*shape, -1)
            return values.expand(*shape, -1).gather(-1, index)

        return Samples(along(self.X), along(self.targets), along(self.weights))

    def of_masks(self, rows: Tensor) -> "Samples":
        """Return the rows of some masks."""
        selected = [
            values[rows] if len(values) == len(self.X) else values
            for values in (self.X, self.targets, self.weights)
        ]
        return Samples(*selected)


def _draw_weights(
    estimator: MLPClassifier,
    layers: Layers,
    masks: np.ndarray,
    streams: Sequence[np.random.RandomState],
    dtype: torch.dtype,
) -> Tensor:
    """Return the initial weights that scikit-learn would draw; (n_masks, n_weights)."""
    units = np.array(layers.units[1:], dtype=np.int64)
    numpy_dtype = np.dtype(np.float32 if dtype == torch.float32 else np.float64)
    weights = torch.zeros((len(masks), layers.n_weights), dtype=dtype)
    for row, mask, stream in zip(weights, masks, streams, strict=True):
        network = initial_network(estimator, int(mask.sum()), units, stream, numpy_dtype)
        _unpack(network, int(mask.sum()), layers, row[None])
    return weights


def _unpack(network: Network, n_columns: int, layers: Layers, weights: Tensor) -> None:
    """Write the weights of a network of the kernels into a row of weights."""
    rest, row = network.rest, 0
    for index, (matrix, bias) in enumerate(layers.split(weights)):
        n_own, n_below = matrix.shape[1], n_columns if index == 0 else matrix.shape[2]
        layer = network.first if index == 0 else rest[row : row + n_own]
        row += 0 if index == 0 else n_own
        matrix[0, :, :n_below] = torch.from_numpy(layer[:n_own, :n_below])
        bias[0, :, 0] = torch.from_numpy(layer[:n_own, n_below])


def _samples_of(table: Table, columns: np.ndarray, rows: np.ndarray) -> "Samples":
    """Return samples; the rows of all masks are the same where all rows are taken."""
    device, has_all = table.fit.device, rows.shape[1] == len(table.codes)
    X = table.fit[to_device(columns, device)]
    samples = Samples(X, table.targets.unsqueeze(0), table.weights.unsqueeze(0))
    return samples if has_all else samples.pick(to_device(rows, device))


# Memory ------------------------------------------------------------------------------------------

_SHARE = 0.6  # of the free memory: the estimates are rough, and others use the device too
_ON_CPU = 64 * 2**20  # bytes; more would leave the caches, and nothing would be faster
# torch before 2.5 knows it by its old name only.
OUT_OF_MEMORY: type[Exception] = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)

# Threads that shared a CUDA device would each count the free memory as theirs.
_DEVICE_LOCK = threading.Lock()


def budget_of(device: torch.device) -> int:
    """Return how many bytes the masks of one chunk may take."""
    if device.type != "cuda":
        return _ON_CPU
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(_SHARE * (free + unused))


def work_in_chunks(
    masks: np.ndarray,
    device: torch.device,
    bytes_of: Callable[[int], int],
    work: Callable[[np.ndarray], None],
) -> None:
    """Do some work for all masks, in chunks that the device has memory for."""
    widths = masks.sum(axis=1)
    order = np.argsort(-widths, kind="stable")
    start, most = 0, len(widths)
    with _DEVICE_LOCK if device.type == "cuda" else nullcontext():
        while start < len(order):
            fitting = budget_of(device) // max(bytes_of(int(widths[order[start]])), 1)
            size = int(min(max(fitting, 1), most))
            indices = order[start : start + size]
            if _fits(work, indices, device):
                start += size
            elif len(indices) == 1:
                raise InputError(
                    "MLPClassifier: the device must have memory for one mask at least, got too "
                    f"little on {device} for one of {widths[indices[0]]} features."
                )
            else:
                most = len(indices) // 2


def _fits(work: Callable[[np.ndarray], None], indices: np.ndarray, device: torch.device) -> bool:
    try:
        work(indices)
    except OUT_OF_MEMORY:
        fits = False
    else:
        fits = True
    if not fits and device.type == "cuda":  # only now has the error let go of its frames
        gc.collect()
        torch.cuda.empty_cache()
    return fits


_COPIES = 8  # of the weights: moments, gradient, and what a step computes with


def _bytes_of(estimator: MLPClassifier, table: Table) -> Callable[[int], int]:
    """Return what a mask takes, by its number of columns."""
    n_fit, n_validate = table.fit.shape[1], table.validate.shape[1]
    batches = settings_of(estimator, n_fit).batch_size < n_fit
    copies = 1 + batches + bool(estimator.early_stopping)

    def bytes_of(width: int) -> int:
        layers = _layers_of(estimator, table, width)
        rows = width * (copies * n_fit + n_validate)
        values = 4 * sum(layers.units[1:]) * max(n_fit, n_validate)
        orders = 24 * n_fit if batches else 0
        return table.fit.element_size() * (rows + values + orders + _COPIES * layers.n_weights)

    return bytes_of


# Training ----------------------------------------------------------------------------------------

_PERIOD = 16  # epochs after which stopped networks are looked for: that waits for the device
_STOPPED = 0.25  # share of stopped networks from which on the others go on without them
_SLOWEST = 1e-6  # below this rate an adaptive training stops, as in scikit-learn


_REACHED = ("weights", "best_weights", "stalled", "loss", "epochs")  # what a training leaves


@dataclass(frozen=True, eq=False)
class Progress:
    """Where each network stands; every tensor is written in index."""

    weights: Tensor
    best_weights: Tensor  # Of an early stopping
    first_moment: Tensor  # Of Adam; the velocity of gradient descent
    second_moment: Tensor
    gradient: Tensor
    powers: Tensor  # beta_1 and beta_2 to the power of the number of steps
    order: Tensor  # In which batches take the rows
    rate: Tensor
    best: Tensor
    stalled: Tensor
    loss: Tensor
    epochs: Tensor
    done: Tensor  # A stopped network stays as it is

    @classmethod
    def begin(cls, weights: Tensor, n_rows: int, settings: Settings) -> "Progress":
        """Return the progress before the first epoch."""
        n_masks, device = len(weights), weights.device
        best = -np.inf if settings.early_stopping else np.inf

        def each(value: float) -> Tensor:
            return torch.full((n_masks,), value, dtype=torch.float64, device=device)

        return cls(
            weights,
            best_weights=weights.clone(),
            first_moment=torch.zeros_like(weights),
            second_moment=torch.zeros_like(weights),
            gradient=torch.zeros_like(weights),
            powers=torch.ones(2, dtype=torch.float64, device=device),
            order=torch.arange(n_rows, device=device).repeat(n_masks, 1),
            rate=each(settings.learning_rate_init),
            best=each(best),
            stalled=each(0.0),
            loss=each(np.nan),
            epochs=torch.zeros(n_masks, dtype=torch.int64, device=device),
            done=torch.zeros(n_masks, dtype=torch.bool, device=device),
        )

    def of_masks(self, rows: Tensor) -> "Progress":
        """Return the progress of some masks."""
        selected = {name: each[rows] for name, each in vars(self).items() if name != "powers"}
        return replace(self, **selected)

    def write(self, indices: np.ndarray, progress: "Progress") -> None:
        """Write what some masks have reached, by their indices."""
        rows = torch.from_numpy(indices).to(self.done.device)
        for name in _REACHED:
            getattr(self, name)[rows] = getattr(progress, name)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training left."""

    weights: Tensor
    converged: np.ndarray  # False where `max_iter` stopped it
    losses: np.ndarray  # Of the last epoch of each
    n_epochs: np.ndarray


@dataclass(frozen=True, eq=False)
class Training:
    """Networks while they are trained."""

    layers: Layers
    settings: Settings
    fit: Samples  # What is trained on
    held_out: Samples  # What early stopping validates by; without it none is looked at
    decay: Tensor  # Factors of the L2 penalty: biases have none
    progress: Progress

    def of_masks(self, rows: Tensor) -> "Training":
        """Return the training of some masks, to go on with."""
        fit, held_out = self.fit.of_masks(rows), self.held_out.of_masks(rows)
        return replace(self, fit=fit, held_out=held_out, progress=self.progress.of_masks(rows))

    def run_epoch(self) -> None:
        """Take a step for each mini-batch, record who has stopped; nothing waits for the device."""
        state, fit, settings = self.progress, self.fit, self.settings
        n_rows = fit.X.shape[2]
        loss = torch.zeros_like(state.loss)
        for start in range(0, n_rows, settings.batch_size):
            end = min(start + settings.batch_size, n_rows)
            whole = end - start == n_rows
            batch = fit if whole else fit.pick(state.order[:, start:end])
            loss += self._take_step(batch) * (end - start)
        self._record(loss / n_rows)

    def _take_step(self, batch: Samples) -> Tensor:
        state = self.progress
        totals = batch.weights.sum(dim=1, dtype=torch.float64)
        values = pass_forward(self.layers, state.weights, batch.X)
        losses, deltas = losses_and_deltas(values[-1], batch.targets, batch.weights)
        penalties = (state.weights.square() * self.decay).sum(dim=1, dtype=torch.float64)
        pass_backward(self.layers, state.weights, values, deltas, state.gradient)
        gradient = state.gradient.addcmul_(self.decay, state.weights)
        gradient *= (1.0 / totals).to(gradient.dtype).unsqueeze(1)
        step = self._step_adam if self.settings.solver == ADAM else self._step_descent
        step(gradient)
        return (losses + 0.5 * penalties) / totals

    def _step_adam(self, gradient: Tensor) -> None:
        state, settings = self.progress, self.settings
        beta_1, beta_2 = settings.beta_1, settings.beta_2
        state.powers[0] *= beta_1
        state.powers[1] *= beta_2
        state.first_moment.mul_(beta_1).add_(gradient, alpha=1.0 - beta_1)
        state.second_moment.mul_(beta_2).addcmul_(gradient, gradient, value=1.0 - beta_2)
        lengths = state.rate * torch.sqrt(1.0 - state.powers[1]) / (1.0 - state.powers[0])
        steps = state.first_moment / state.second_moment.sqrt().add_(settings.epsilon)
        state.weights.sub_(steps.mul_(self._lengthen(lengths)))

    def _step_descent(self, gradient: Tensor) -> None:
        state, settings = self.progress, self.settings
        lengths = state.rate.to(gradient.dtype).unsqueeze(1)
        velocity = state.first_moment.mul_(settings.momentum).sub_(gradient * lengths)
        steps = velocity
        if settings.nesterovs_momentum:
            steps = velocity * settings.momentum - gradient * lengths
        state.weights.add_(steps * self._lengthen(torch.ones_like(state.rate)))

    def _lengthen(self, lengths: Tensor) -> Tensor:
        """Return the lengths of steps by network: a stopped one takes none."""
        state = self.progress
        moving = torch.where(state.done, torch.zeros_like(lengths), lengths)
        return moving.to(state.weights.dtype).unsqueeze(1)

    def _record(self, loss: Tensor) -> None:
        state, settings = self.progress, self.settings
        live = ~state.done
        if settings.early_stopping:
            score = self._score()
            worse, better = score < state.best + settings.tol, live & (score > state.best)
            state.best_weights.copy_(
                torch.where(better.unsqueeze(1), state.weights, state.best_weights)
            )
            state.best.copy_(torch.where(better, score, state.best))
        else:
            worse = loss > state.best - settings.tol
            state.best.copy_(torch.where(live, torch.fmin(state.best, loss), state.best))
        stalled = torch.where(worse, state.stalled + 1.0, torch.zeros_like(state.stalled))
        state.stalled.copy_(torch.where(live, stalled, state.stalled))
        state.loss.copy_(torch.where(live, loss, state.loss))
        state.epochs.add_(live)
        if settings.learning_rate == INVSCALING:
            n_seen = state.epochs * self.fit.X.shape[2] + 1
            state.rate.copy_(settings.learning_rate_init / n_seen.double() ** settings.power_t)
        self._stop(live)

    def _stop(self, live: Tensor) -> None:
        state = self.progress
        failed = state.loss.isnan()
        stop = live & ((state.stalled > self.settings.n_iter_no_change) | failed)
        if self.settings.learning_rate == ADAPTIVE:
            slower = stop & (state.rate > _SLOWEST) & ~failed
            state.rate.copy_(torch.where(slower, state.rate / 5.0, state.rate))
            state.stalled.copy_(torch.where(slower, torch.zeros_like(state.stalled), state.stalled))
            stop = stop & ~slower
        state.done.logical_or_(stop)

    def _score(self) -> Tensor:
        """Return the weighted accuracy of each network on the rows held out."""
        state, rows = self.progress, self.held_out
        shares = probabilities(pass_forward(self.layers, state.weights, rows.X)[-1])
        if shares.shape[1] == 1:
            right = (shares[:, 0] > 0.5) == (rows.targets[:, 0] > 0.5)
        else:
            right = shares.argmax(dim=1) == rows.targets.argmax(dim=1)
        total = rows.weights.sum(dim=1, dtype=torch.float64)
        return (right * rows.weights).sum(dim=1, dtype=torch.float64) / total


def fit_networks(
    estimator: MLPClassifier, table: Table, masks: np.ndarray, seeds: np.ndarray
) -> tuple[Layers, Outcome]:
    """Train the networks of masks."""
    device, dtype = table.fit.device, table.fit.dtype
    columns = selected_columns(masks)
    layers = _layers_of(estimator, table, columns.shape[1])
    streams = [np.random.RandomState(seed) for seed in seeds]
    weights = to_device(_draw_weights(estimator, layers, masks, streams, dtype).numpy(), device)
    splits = [split_rows(estimator, table.codes, stream) for stream in streams]
    fit, held_out = (np.stack([split[part] for split in splits if split]) for part in (0, 1))
    settings = settings_of(estimator, fit.shape[1])
    training = Training(
        layers,
        settings,
        _samples_of(table, columns, fit),
        _samples_of(table, columns, held_out),
        _decay_of(layers, settings, weights),
        Progress.begin(weights, fit.shape[1], settings),
    )
    return layers, train(training, streams)


def _layers_of(estimator: MLPClassifier, table: Table, width: int) -> Layers:
    units = units_of(estimator, int(table.codes.max()) + 1).tolist()
    return Layers((width, *units), settings_of(estimator, 1).activation)


def _decay_of(layers: Layers, settings: Settings, like: Tensor) -> Tensor:
    decay = torch.zeros((1, layers.n_weights), dtype=like.dtype, device=like.device)
    for matrix, _ in layers.split(decay):
        matrix.fill_(settings.alpha)
    return decay[0]


def train(training: Training, streams: Sequence[np.random.RandomState]) -> Outcome:
    """Train networks until each has stopped."""
    settings, begun = training.settings, training.progress
    indices = np.arange(len(begun.done))
    final = replace(begun, **{name: getattr(begun, name).clone() for name in _REACHED})
    orders = np.tile(np.arange(training.fit.X.shape[2]), (len(indices), 1))
    repeated = Repetition(training.run_epoch, begun.done.device)
    for start in range(0, settings.max_iter, _PERIOD):
        n_epochs = min(_PERIOD, settings.max_iter - start)
        orders = _run_epochs(training, repeated, n_epochs, orders, streams)
        done = training.progress.done.cpu().numpy()
        if done.all():
            break
        if done.mean() >= _STOPPED:
            final.write(indices, training.progress)
            rows = np.flatnonzero(~done)
            indices, orders, streams = (
                indices[rows],
                orders[rows],
                [streams[row] for row in rows.tolist()],
            )
            training = training.of_masks(torch.from_numpy(rows).to(begun.done.device))
            repeated = Repetition(training.run_epoch, begun.done.device)
    final.write(indices, training.progress)
    stalled, losses, epochs = (
        reached.cpu().numpy() for reached in (final.stalled, final.loss, final.epochs)
    )
    weights = final.best_weights if settings.early_stopping else final.weights
    return Outcome(weights, stalled > settings.n_iter_no_change, losses, epochs)


def _run_epochs(
    training: Training,
    repeated: "Repetition",
    n_epochs: int,
    orders: np.ndarray,
    streams: Sequence[np.random.RandomState],
) -> np.ndarray:
    """Run some epochs, and return the order of the last one; (n_masks, n_rows)."""
    order = training.progress.order
    if not training.settings.shuffle or training.settings.batch_size >= order.shape[1]:
        for _ in range(n_epochs):
            repeated()
        return orders
    drawn = np.stack(
        [draw_orders(*each, n_epochs) for each in zip(streams, orders, strict=True)], axis=1
    )
    for epoch_order in torch.from_numpy(drawn).to(order.device):
        order.copy_(epoch_order)
        repeated()
    return drawn[-1]


class Repetition:
    """Work that is called again and again.

    On a CUDA device its launches are recorded once as a graph, and replayed: an epoch of small
    networks is hundreds of short steps, and launching each from Python takes longer than the step.
    """

    def __init__(self, work: Callable[[], object], device: torch.device) -> None:
        self._work, self._device = work, device
        self._n_calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Do the work once."""
        self._n_calls += 1
        if self._device.type != "cuda":
            self._work()
        elif self._n_calls == 1:
            self._warm_up()
        else:
            self._replay()

    def _warm_up(self) -> None:
        with torch.cuda.device(self._device):
            stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                self._work()
            current.wait_stream(stream)

    def _replay(self) -> None:
        with torch.cuda.device(self._device):
            if self._graph is None:
                self._graph = self._record()
            self._graph.replay()

    def _record(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._work()
        except RuntimeError as error:
            # Closing a recording that ran out of memory fails with an error of its own.
            if isinstance(error.__context__, OUT_OF_MEMORY):
                raise error.__context__ from None
            raise
        return graph
