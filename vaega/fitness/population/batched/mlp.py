"""Multilayer perceptrons on a device: the networks of all masks are trained at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from torch import Tensor

from vaega.fitness.folds import Fold
from vaega.fitness.population import mlp as compiled
from vaega.fitness.population.batched.blocks import rows_by_column, selected_columns, to_device
from vaega.fitness.population.batched.memory import keep, work_in_chunks
from vaega.fitness.population.batched.network import Layers, conclude, pass_forward
from vaega.fitness.population.batched.training import Outcome, Progress, Samples, Training, train
from vaega.fitness.population.kernels.mersenne import words_of
from vaega.fitness.population.kernels.network import Network
from vaega.fitness.population.kernels.training import Settings
from vaega.fitness.population.mlp import EXACT, NEEDS, RANDOM, WEIGHTS, accepts
from vaega.fitness.population.responses import LABELS, RANKING, Responses


_COPIES = 8  # of the weights: moments, gradient, and what a step computes with


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a fold on a device."""

    fit: Tensor  # By column; the last one is zeros
    validate: Tensor  # By column; the last one is zeros
    codes: np.ndarray  # Classes, all of which have a row
    targets: Tensor  # 1 for the class of a row, 0 for others
    weights: Tensor


@dataclass(frozen=True, eq=False)
class Draws:
    """What scikit-learn would draw for each mask."""

    weights: np.ndarray  # Initial ones
    fit: np.ndarray  # Rows to train on and to stop early by; the latter may be none
    held_out: np.ndarray  # Rows to train on and to stop early by; the latter may be none
    words: np.ndarray  # The random streams afterwards


def respond(
    estimator: MLPClassifier,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
    device: torch.device,
) -> Responses:
    """Return the answers of a network for each mask."""
    answers = Responses.undecided(len(masks), len(fold.y_validate))
    table = table_of(fold, device, torch.float32)
    n_classes = int(table.codes.max()) + 1
    if n_classes < 2 or _split(estimator, table.codes, np.random.RandomState(0)) is None:
        return answers
    values = np.zeros((*answers.codes.shape, n_classes))
    converged = np.zeros(len(masks), dtype=bool)
    seeds = np.full(len(masks), estimator.random_state) if seeds is None else seeds

    def work(places: np.ndarray) -> None:
        layers, outcome = fit_networks(estimator, table, masks[places], seeds[places])
        X = table.validate[to_device(selected_columns(masks[places]), device)]
        shares = conclude(pass_forward(layers, outcome.weights, X)[-1]).mT
        sound = shares.isfinite().all(dim=2).all(dim=1) & outcome.weights.isfinite().all(dim=1)
        out = shares.cpu().numpy()
        values[places] = np.concatenate([1.0 - out, out], axis=2) if n_classes == 2 else out
        answers.decided[places] = sound.cpu().numpy()
        converged[places] = outcome.converged

    work_in_chunks(masks, device, _bytes_of(estimator, table), work, owner="MLPClassifier")
    codes = (values[:, :, 1] > 0.5).astype(int) if n_classes == 2 else values.argmax(axis=2)
    ranking = values[:, :, 1] if need == RANKING else values
    return Responses(
        codes,
        answers.decided,
        None if need == LABELS else ranking,
        warned=compiled._warned(estimator, ~converged, len(table.codes)),
    )


def table_of(fold: Fold, device: torch.device, dtype: torch.dtype) -> Table:
    """Return the rows of a fold on a device, brought there once."""
    return keep(fold, device, ("mlp", dtype), lambda: _make_table(fold, device, dtype))


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


def fit_networks(
    estimator: MLPClassifier, table: Table, masks: np.ndarray, seeds: np.ndarray
) -> tuple[Layers, Outcome]:
    """Train the networks of masks."""
    device, dtype = table.fit.device, table.fit.dtype
    columns = selected_columns(masks)
    layers = _layers_of(estimator, table, columns.shape[1])
    draws = _draw(estimator, table, layers, masks, seeds)
    weights = to_device(draws.weights, device).to(dtype)
    settings = compiled._settings(estimator, draws.fit.shape[1])
    training = Training(
        layers,
        settings,
        _samples_of(table, columns, draws.fit),
        _samples_of(table, columns, draws.held_out),
        _decay_of(layers, settings, weights),
        Progress.begin(weights, draws.fit.shape[1], settings),
    )
    return layers, train(training, draws.words)


def _layers_of(estimator: MLPClassifier, table: Table, width: int) -> Layers:
    hidden = np.atleast_1d(estimator.hidden_layer_sizes).astype(int).tolist()
    activation = compiled._ACTIVATIONS[estimator.activation]
    return Layers((width, *hidden, len(table.targets)), activation)


def _decay_of(layers: Layers, settings: Settings, like: Tensor) -> Tensor:
    decay = torch.zeros((1, layers.n_weights), dtype=like.dtype, device=like.device)
    for matrix, _ in layers.split(decay):
        matrix.fill_(settings.alpha)
    return decay[0]


def _samples_of(table: Table, columns: np.ndarray, rows: np.ndarray) -> Samples:
    """Return samples; the rows of all masks are the same where all rows are taken."""
    device, everything = table.fit.device, rows.shape[1] == len(table.codes)
    X = table.fit[to_device(columns, device)]
    samples = Samples(X, table.targets.unsqueeze(0), table.weights.unsqueeze(0))
    return samples if everything else samples.pick(to_device(rows, device))


def _draw(
    estimator: MLPClassifier, table: Table, layers: Layers, masks: np.ndarray, seeds: np.ndarray
) -> Draws:
    dtype = np.dtype(np.float32 if table.fit.dtype == torch.float32 else np.float64)
    units = np.array(layers.units[1:], dtype=np.int64)
    weights = torch.zeros((len(masks), layers.n_weights), dtype=table.fit.dtype)
    splits, words = [], []
    for own, mask, seed in zip(weights, masks, seeds, strict=True):
        stream = np.random.RandomState(seed)
        network = compiled._initial(estimator, int(mask.sum()), units, stream, dtype)
        _unpack(network, int(mask.sum()), layers, own[None])
        split = _split(estimator, table.codes, stream)
        assert split is not None  # it depends on the classes of the rows alone
        splits.append(split)
        words.append(words_of(stream))
    fit, held_out = (np.stack(rows) for rows in zip(*splits, strict=True))
    return Draws(weights.numpy(), fit, held_out, np.stack(words))


def _unpack(network: Network, n_columns: int, layers: Layers, weights: Tensor) -> None:
    """Write the weights of a network as kernels have them into a row of a block."""
    rest, row = network.rest, 0
    for place, (matrix, bias) in enumerate(layers.split(weights)):
        n_own, n_below = matrix.shape[1], n_columns if place == 0 else matrix.shape[2]
        own = network.first if place == 0 else rest[row : row + n_own]
        row += 0 if place == 0 else n_own
        matrix[0, :, :n_below] = torch.from_numpy(own[:n_own, :n_below])
        bias[0, :, 0] = torch.from_numpy(own[:n_own, n_below])


def _split(
    estimator: MLPClassifier, codes: np.ndarray, stream: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the rows to train on and to stop early by; None where scikit-learn would fail."""
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


def _bytes_of(estimator: MLPClassifier, table: Table) -> Callable[[int], int]:
    """Return what a mask takes, by its number of columns."""
    n_fit, n_validate = table.fit.shape[1], table.validate.shape[1]
    batches = compiled._settings(estimator, n_fit).batch_size < n_fit
    copies = 1 + batches + bool(estimator.early_stopping)

    def bytes_of(width: int) -> int:
        layers = _layers_of(estimator, table, width)
        rows = width * (copies * n_fit + n_validate)
        values = 4 * sum(layers.units[1:]) * max(n_fit, n_validate)
        orders = 24 * n_fit if batches else 0
        return table.fit.element_size() * (rows + values + orders + _COPIES * layers.n_weights)

    return bytes_of
