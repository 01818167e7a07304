"""The training loop of `_training`, compiled: small networks on a processor, all rows a step.

One pass over few rows is so little work that calling torch costs ten times what is computed. The
kernels here do the same steps (layers, batch norm, ReLU, reparameterisation, negative ELBO, Adam,
validation by held-out rows) for one network after the other, so that a network has the same bits
whatever is trained beside it, and release Python's lock, so that threads train several fits.

Weights of a network are one vector. Widths are padded to whole vectors of 64 bytes; what is padded
starts at 0, has gradients of 0 and stays 0.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaega.core.compilation import are_kernels_compiled
from vaega.core.kernels import (
    LANES,
    kernel,
    multiply,
    multiply_transposed_part,
    padded,
)
from vaega.generative._networks import (
    LOG_VARIANCE_RANGE,
    DeterministicNetwork,
    Gaussian,
    VariationalNetwork,
)
from vaega.generative._state import LOG_TWO_PI
from vaega.generative._training import (
    ACTIVE,
    LEARNED,
    SMALLEST,
    Batch,
    TrainingSettings,
    initial_sigma,
)

# Columns of the table of layers: where its weights, bias, norm's weight and bias, running mean and
# variance lie in the vector; padded widths; where its outputs, normalised inputs and standard
# deviations lie in the workspace; whether a norm and a ReLU follow.
_W, _B, _GAIN, _SHIFT, _MEAN, _VARIANCE, _IN, _OUT, _ACT, _UNIT, _INVERSE, _HIDDEN = range(12)
_N_COLUMNS = 12
_EPSILON, _MOMENTUM = 1e-5, 0.1  # of torch's batch norm
_DECAY_1, _DECAY_2, _ADAM_EPSILON = 0.9, 0.999, 1e-8  # of torch's Adam
_WORDS = (0, True, False)  # given from outside: for words of its own numba compiles a kernel anew
_LEAST, _MOST = LOG_VARIANCE_RANGE
_LANES = LANES[np.dtype(np.float32)]
# With more weights, the products are what a step costs, and torch makes them as quickly.
MOST_WEIGHTS = 500_000
# Figures of an epoch that the kernel writes for each network
RECONSTRUCTION, ERROR, KL, UNITS, HELDOUT_ERROR, HELDOUT_KL = range(6)
N_FIGURES = 6


@kernel
def _matrix(vector, start, n_rows, n_columns):  # type: ignore[no-untyped-def]
    return vector[start : start + n_rows * n_columns].reshape(n_rows, n_columns)


@kernel
def _forward(weights, layers, first, last, inputs, n, steps, space, training):  # type: ignore[no-untyped-def]
    """Run some layers on `n` rows of `inputs` (n, padded); return the outputs of the last.

    In training batch norms use the rows' own moments, and follow them.
    """
    for index in range(first, last):
        layer = layers[index]
        n_in, n_out = layer[_IN], layer[_OUT]
        outputs = _matrix(space, layer[_ACT], n, n_out)
        matrix = _matrix(weights, layer[_W], n_in, n_out)
        multiply(outputs, inputs[:n], steps[:n_in], matrix, steps[:n_in])
        bias = weights[layer[_B] : layer[_B] + n_out]
        for row in range(n):
            line = outputs[row]
            for column in range(n_out):
                line[column] += bias[column]
        if layer[_GAIN] >= 0:
            _normalise(weights, layer, outputs, n, space, training)
        if layer[_HIDDEN]:
            for row in range(n):
                line = outputs[row]
                for column in range(n_out):
                    line[column] = max(line[column], np.float32(0.0))
        inputs = outputs
    return inputs


@kernel
def _normalise(weights, layer, outputs, n, space, training):  # type: ignore[no-untyped-def]
    n_out = layer[_OUT]
    gain = weights[layer[_GAIN] : layer[_GAIN] + n_out]
    shift = weights[layer[_SHIFT] : layer[_SHIFT] + n_out]
    running_mean = weights[layer[_MEAN] : layer[_MEAN] + n_out]
    running_variance = weights[layer[_VARIANCE] : layer[_VARIANCE] + n_out]
    inverse = space[layer[_INVERSE] : layer[_INVERSE] + n_out]
    units, share, one = _matrix(space, layer[_UNIT], n, n_out), np.float32(1.0 / n), np.float32(1.0)
    if not training:
        for column in range(n_out):
            inverse[column] = one / np.sqrt(running_variance[column] + np.float32(_EPSILON))
        for row in range(n):
            line = outputs[row]
            for column in range(n_out):
                unit = (line[column] - running_mean[column]) * inverse[column]
                line[column] = unit * gain[column] + shift[column]
        return
    mean, momentum = np.zeros(n_out, np.float32), np.float32(_MOMENTUM)
    inverse[:] = 0.0
    for row in range(n):
        line = outputs[row]
        for column in range(n_out):
            mean[column] += line[column] * share
    for row in range(n):
        line, unit_line = outputs[row], units[row]
        for column in range(n_out):
            unit = line[column] - mean[column]
            unit_line[column] = unit
            inverse[column] += unit * unit * share
    unbiased = np.float32(n / max(n - 1, 1))
    for column in range(n_out):
        variance = inverse[column]
        running_mean[column] += momentum * (mean[column] - running_mean[column])
        running_variance[column] += momentum * (variance * unbiased - running_variance[column])
        inverse[column] = one / np.sqrt(variance + np.float32(_EPSILON))
    for row in range(n):
        line, unit_line = outputs[row], units[row]
        for column in range(n_out):
            unit = unit_line[column] * inverse[column]
            unit_line[column] = unit
            line[column] = unit * gain[column] + shift[column]


@kernel
def _backward(weights, gradient, layers, first, last, inputs, outer, n, steps, space, below):  # type: ignore[no-untyped-def]
    """Write the gradients of some layers; `outer` (n, padded) is that of the last one's outputs.

    Is overwritten. Returns the gradient of the inputs where `below` says that it is wanted.
    """
    for index in range(last - 1, first - 1, -1):
        layer = layers[index]
        n_in, n_out = layer[_IN], layer[_OUT]
        if layer[_HIDDEN]:
            outputs = _matrix(space, layer[_ACT], n, n_out)
            for row in range(n):
                line, out = outer[row], outputs[row]
                for column in range(n_out):
                    line[column] = line[column] if out[column] > 0.0 else np.float32(0.0)
        if layer[_GAIN] >= 0:
            _normalise_backward(weights, gradient, layer, outer, n, space)
        bias = gradient[layer[_B] : layer[_B] + n_out]
        bias[:] = 0.0
        for row in range(n):
            line = outer[row]
            for column in range(n_out):
                bias[column] += line[column]
        source = inputs
        if index > first:
            source = _matrix(space, layers[index - 1][_ACT], n, n_in)
        product = _matrix(gradient, layer[_W], n_in, n_out)
        multiply(product, source[:n].T, steps[:n], outer, steps[:n])
        if index > first or below:
            inner = np.empty((n, n_in), np.float32)
            matrix = _matrix(weights, layer[_W], n_in, n_out)
            multiply_transposed_part(inner, 0, n, n_in, outer, 0, n_out // _LANES, matrix, steps, 0)
            outer = inner
    return outer


@kernel
def _normalise_backward(weights, gradient, layer, outer, n, space):  # type: ignore[no-untyped-def]
    n_out, share = layer[_OUT], np.float32(1.0 / n)
    gain = weights[layer[_GAIN] : layer[_GAIN] + n_out]
    inverse = space[layer[_INVERSE] : layer[_INVERSE] + n_out]
    units = _matrix(space, layer[_UNIT], n, n_out)
    by_gain = gradient[layer[_GAIN] : layer[_GAIN] + n_out]
    by_shift = gradient[layer[_SHIFT] : layer[_SHIFT] + n_out]
    by_gain[:] = 0.0
    by_shift[:] = 0.0
    for row in range(n):
        line, unit = outer[row], units[row]
        for column in range(n_out):
            by_gain[column] += line[column] * unit[column]
            by_shift[column] += line[column]
    for row in range(n):
        line, unit = outer[row], units[row]
        for column in range(n_out):
            rest = line[column] - share * (by_shift[column] + unit[column] * by_gain[column])
            line[column] = rest * inverse[column] * gain[column]


@kernel
def _adam(weights, gradient, first, second, start, n_learned, step, rate):  # type: ignore[no-untyped-def]
    a, b = np.float32(_DECAY_1), np.float32(_DECAY_2)
    bias_1 = 1.0 - _DECAY_1**step
    size = np.float32(rate / bias_1)
    root = np.float32(1.0 / math.sqrt(1.0 - _DECAY_2**step))
    epsilon, one = np.float32(_ADAM_EPSILON), np.float32(1.0)
    for index in range(start, n_learned):
        slope = gradient[index]
        first[index] += (one - a) * (slope - first[index])
        second[index] = b * second[index] + (one - b) * slope * slope
        weights[index] -= size * first[index] / (np.sqrt(second[index]) * root + epsilon)


@kernel
def _draw_points(heads, noise, condition, n, latent, width, points):  # type: ignore[no-untyped-def]
    """Write latent points, and behind them what the decoder is told of the class."""
    half = np.float32(0.5)
    points[:] = 0.0
    for row in range(n):
        for unit in range(latent):
            spread = min(max(heads[row, width + unit], np.float32(_LEAST)), np.float32(_MOST))
            points[row, unit] = heads[row, unit] + np.exp(half * spread) * noise[row, unit]
        for other in range(condition.shape[1]):
            points[row, width + other] = condition[row, other]


@kernel
def train_step(  # type: ignore[no-untyped-def]
    weights, moments, layers, n_encoder, shape, rows, condition, noise, scale, sigma, settings,
    step, steps, space, words, figures,
):  # fmt: skip
    """Update the weights once by all rows; write reconstruction, error, KL and active units."""
    n, latent, width, n_columns, seen, n_learned, stochastic = shape
    start, yes, no = words
    scale_of_error, n_entries = scale
    beta, free_bits, rate, first_rate = settings
    gradient = moments[2]
    heads = _forward(weights, layers, start, n_encoder, rows, n, steps, space, yes)
    points = np.empty((n, layers[n_encoder, _IN]), np.float32)
    _draw_points(heads, noise, condition, n, latent, width, points)
    outputs = _forward(weights, layers, n_encoder, len(layers), points, n, steps, space, yes)
    outer = np.zeros_like(outputs)
    error: Any = 0.0
    slope = np.float32(scale_of_error / (sigma * sigma * n))
    for row in range(n):
        partial = np.float32(0.0)
        for column in range(n_columns):
            difference = outputs[row, column] - rows[row, column]
            outer[row, column] = difference * slope
            partial += difference * difference
        error += partial
    error *= scale_of_error
    inner = _backward(
        weights, gradient, layers, n_encoder, len(layers), points, outer, n, steps, space, yes
    )
    outer = np.zeros((n, layers[n_encoder - 1, _OUT]), np.float32)
    kl, units = _latent_backward(
        heads, noise, inner, outer, n, latent, width, beta, free_bits, stochastic
    )
    _backward(weights, gradient, layers, start, n_encoder, rows, outer, n, steps, space, no)
    n_first = seen * layers[0, _OUT]  # the weights of the rows' values, not of the class
    _adam(weights, gradient, moments[0], moments[1], start, n_first, step, first_rate)
    _adam(weights, gradient, moments[0], moments[1], n_first, n_learned, step, rate)
    cost = 0.5 * error / (sigma * sigma) + n_entries * n * _constant(sigma)
    figures[RECONSTRUCTION], figures[ERROR] = -cost / n, error / n
    figures[KL], figures[UNITS] = kl, units


@kernel
def _constant(sigma):  # type: ignore[no-untyped-def]
    return 0.5 * LOG_TWO_PI + math.log(sigma)


@kernel
def _latent_backward(  # type: ignore[no-untyped-def]
    heads, noise, inner, outer, n, latent, width, beta, free_bits, stochastic
):
    """Write the gradients of means and log-variances; return the KL a row, and active units."""
    total, n_active, half, one = 0.0, 0, np.float32(0.5), np.float32(1.0)
    for unit in range(latent):
        kl, mean, square = 0.0, 0.0, 0.0
        for row in range(n):
            center, spread = heads[row, unit], heads[row, width + unit]
            mean += center
            square += center * center
            if stochastic:
                clipped = min(max(spread, np.float32(_LEAST)), np.float32(_MOST))
                kl += half * (center * center + np.exp(clipped) - one - clipped)
        kl, mean, square = kl / n, mean / n, square / n
        n_active += square - mean * mean > ACTIVE
        total += kl
        counts = free_bits == 0.0 or kl >= free_bits
        weight = np.float32(beta / n if counts else 0.0)
        for row in range(n):
            center, spread, flow = heads[row, unit], heads[row, width + unit], inner[row, unit]
            outer[row, unit] = flow + (weight * center if stochastic else np.float32(0.0))
            if stochastic and spread > _LEAST and spread < _MOST:
                deviation = np.exp(half * spread)
                pull = weight * (deviation * deviation - one)
                outer[row, width + unit] = half * (flow * noise[row, unit] * deviation + pull)
    return total, n_active


@kernel
def validate(  # type: ignore[no-untyped-def]
    weights, layers, n_encoder, shape, rows, condition, noise, scale, steps, space, words, figures
):
    """Write error and KL of held-out rows, sums, each at its noise and at the negative of it."""
    n, latent, width, n_columns, _, _, stochastic = shape
    start, _, no = words
    error: Any = 0.0
    kl, half, one = 0.0, np.float32(0.5), np.float32(1.0)
    heads = _forward(weights, layers, start, n_encoder, rows, n, steps, space, no)
    points = np.empty((n, layers[n_encoder, _IN]), np.float32)
    for row in range(n):
        for unit in range(latent):
            if stochastic:
                center = heads[row, unit]
                spread = min(max(heads[row, width + unit], np.float32(_LEAST)), np.float32(_MOST))
                kl += half * (center * center + np.exp(spread) - one - spread)
    for sign in (np.float32(1.0), np.float32(-1.0)):
        _draw_points(heads, sign * noise, condition, n, latent, width, points)
        outputs = _forward(weights, layers, n_encoder, len(layers), points, n, steps, space, no)
        for row in range(n):
            partial = np.float32(0.0)
            for column in range(n_columns):
                difference = outputs[row, column] - rows[row, column]
                partial += difference * difference
            error += partial
    figures[HELDOUT_ERROR], figures[HELDOUT_KL] = 0.5 * error * scale[0], kl


@dataclass(frozen=True)
class _Linear:
    """A linear layer, and the norm behind it: modules of torch, and the units' padded positions."""

    linear: nn.Linear
    norm: nn.BatchNorm1d | None
    hidden: bool  # Whether a ReLU follows
    inputs: np.ndarray  # Position of each input
    outputs: np.ndarray
    n_in: int  # Padded
    n_out: int


@dataclass(frozen=True)
class _Rows:
    """Rows as the kernels take them."""

    values: np.ndarray  # (n, padded): values, and the class behind them where the network sees it
    condition: np.ndarray  # (n, n_classes) or (n, 0): the class alone

    @property
    def n(self) -> int:
        return len(self.values)


class CompiledNetwork:
    """A `VariationalNetwork` as one vector of weights, with the space that its rows need.

    Parameters
    ----------
    network : VariationalNetwork
        Whose weights it starts with; `store` writes them back.
    n_features : int
        Columns of the rows; conditions are what is left of the encoder's inputs.
    n_rows : int
        Most rows at once.
    """

    def __init__(self, network: VariationalNetwork, n_features: int, n_rows: int) -> None:
        self.parts, self.n_encoder = _parts(network, n_features)
        self.n_features, self.latent = n_features, network.latent
        self.stochastic = network.stochastic
        n_learned = sum(
            part.n_out * (part.n_in + 1 + 2 * (part.norm is not None)) for part in self.parts
        )
        n_norms = sum(part.n_out for part in self.parts if part.norm is not None)
        self.n_learned = n_learned
        self.layers = np.full((len(self.parts), _N_COLUMNS), -1, dtype=np.int64)
        learned, running, space = 0, n_learned, 0
        for layer, part in zip(self.layers, self.parts, strict=True):
            layer[[_IN, _OUT, _HIDDEN, _ACT]] = part.n_in, part.n_out, part.hidden, space
            layer[_W], layer[_B] = learned, learned + part.n_in * part.n_out
            learned, space = int(layer[_B]) + part.n_out, space + n_rows * part.n_out
            if part.norm is not None:
                layer[_GAIN], layer[_SHIFT] = learned, learned + part.n_out
                layer[_MEAN], layer[_VARIANCE] = running, running + part.n_out
                layer[_UNIT], layer[_INVERSE] = space, space + n_rows * part.n_out
                learned, running = learned + 2 * part.n_out, running + 2 * part.n_out
                space = int(layer[_INVERSE]) + part.n_out
        self.weights = np.zeros(n_learned + 2 * n_norms, dtype=np.float32)
        self.space = np.zeros(space, dtype=np.float32)
        self.moments = np.zeros((3, n_learned), dtype=np.float32)  # two of Adam, and the gradient
        self.steps = np.arange(max(n_rows, int(self.layers[:, [_IN, _OUT]].max())))
        self.width = padded(network.latent, np.float32)
        for view, index, tensor in self._tensors():
            view[index] = tensor.detach().numpy()

    def rows_of(self, batch: Batch) -> "_Rows":
        """Return rows as the kernels take them."""
        n, n_values = len(batch), batch.n_features
        values = np.zeros((n, int(self.layers[0, _IN])), dtype=np.float32)
        values[:, :n_values] = batch.values.numpy()
        condition = np.zeros((n, 0), dtype=np.float32)
        if batch.condition is not None:
            condition = np.ascontiguousarray(batch.condition.numpy())
            start = padded(n_values, np.float32)
            values[:, start : start + condition.shape[1]] = condition
        return _Rows(values, condition)

    def shape(self, rows: "_Rows") -> tuple[int, int, int, int, int, int, bool]:
        """Return what the kernels are told of sizes."""
        p = self.n_features
        sizes = self.latent, self.width, p, padded(p, np.float32), self.n_learned
        return rows.n, *sizes, self.stochastic

    def store(self) -> None:
        """Write the weights back to the network."""
        with torch.no_grad():
            for view, index, tensor in self._tensors():
                tensor.copy_(torch.from_numpy(view[index]))

    def _tensors(self) -> Iterator[tuple[np.ndarray, Any, Tensor]]:
        """Yield parts of the vector, the elements of them that are used, and what torch has."""
        for layer, part in zip(self.layers, self.parts, strict=True):
            matrix = self.weights[layer[_W] : layer[_B]].reshape(part.n_in, part.n_out).T
            yield matrix, np.ix_(part.outputs, part.inputs), part.linear.weight
            units: list[tuple[int, Any]] = [(layer[_B], part.linear.bias)]
            if part.norm is not None:
                units += [(layer[_GAIN], part.norm.weight), (layer[_SHIFT], part.norm.bias)]
                units += [(layer[_MEAN], part.norm.running_mean)]
                units += [(layer[_VARIANCE], part.norm.running_var)]
            for start, tensor in units:
                yield self.weights[start : start + part.n_out], part.outputs, tensor


def _parts(network: VariationalNetwork, n_features: int) -> tuple[list[_Linear], int]:
    """Return the layers of a network from rows to outputs, and how many the encoder has."""
    latent, width = network.latent, padded(network.latent, np.float32)
    n_moments = 1 + network.stochastic
    heads = np.concatenate([k * width + np.arange(latent) for k in range(n_moments)])
    outputs = np.arange(int(network.decoder.output.out_features))
    sides: Any = (
        (network.encoder.body, network.encoder.heads, n_features, heads, 2 * width),
        (network.decoder.body, network.decoder.output, latent, outputs, None),
    )
    parts: list[_Linear] = []
    counts = []
    for body, last, n_values, ends, n_out in sides:
        modules: list[Any] = list(body)
        linears: list[nn.Linear] = [*modules[::3], last]
        # The class, which the first layer sees too, stands behind whole vectors of values.
        n_told = linears[0].in_features - n_values
        whole = padded(n_values, np.float32)
        inputs = np.concatenate([np.arange(n_values), whole + np.arange(n_told)])
        n_in = whole + padded(n_told, np.float32)
        for index, linear in enumerate(linears):
            hidden = linear is not last
            own = np.arange(linear.out_features) if hidden else ends
            after = modules[3 * index + 1] if hidden else None
            norm = after if isinstance(after, nn.BatchNorm1d) else None
            n_own = padded(linear.out_features, np.float32) if hidden or n_out is None else n_out
            parts.append(_Linear(linear, norm, hidden, inputs, own, n_in, n_own))
            inputs, n_in = own, n_own
        counts.append(len(linears))
    return parts, counts[0]


_NOISE_EPOCHS = 32  # for which noise is drawn at once


class CompiledTrainer:
    """A network in training whose steps the kernels make; takes what `Trainer` takes."""

    def __init__(
        self,
        network: VariationalNetwork,
        training: Batch,
        heldout: Batch | None,
        settings: TrainingSettings,
        generator: torch.Generator,
    ) -> None:
        self.network, self.settings, self.generator = network, settings, generator
        self.sigma = initial_sigma(training, training if heldout is None else heldout, settings)
        self._sigma = float(self.sigma.value)  # while training, in which torch's would cost more
        n_rows = max(len(training), 0 if heldout is None else len(heldout))
        self._compiled = CompiledNetwork(network, training.n_features, n_rows)
        self._rows, self._noise = self._compiled.rows_of(training), np.empty((0, 0, 0))
        self._step, self._figures = 0, np.zeros(N_FIGURES)
        weight = settings.objective.likelihood.weight
        self._scale = weight, weight * training.n_features
        if heldout is not None:
            self._heldout = self._compiled.rows_of(heldout)
            self._heldout_noise = self._draw_noise(1, self._heldout.n)[0]

    @classmethod
    def run_epochs(cls, trainers: Sequence["CompiledTrainer"], kl_share: float) -> list[float]:
        """As `Trainer.run_epochs`."""
        for trainer in trainers:
            trainer.run_epoch(kl_share=kl_share)
            trainer._validate()
        totals = np.sum([trainer._figures for trainer in trainers], axis=0).tolist()
        errors, kl = totals[HELDOUT_ERROR], totals[HELDOUT_KL]
        n_rows = sum(trainer._heldout.n for trainer in trainers)
        n_entries = trainers[0]._scale[1]
        for trainer in trainers:
            trainer._follow(errors / (n_entries * n_rows))
        sigma = trainers[0]._sigma
        cost = 0.5 * errors / sigma**2 / n_rows + n_entries * (0.5 * LOG_TWO_PI + math.log(sigma))
        means = [total / len(trainers) for total in totals[:4]]
        return [*means, -cost, errors / n_rows, kl / n_rows, sigma]

    def run_epoch(self, *, kl_share: float) -> None:
        """Update the weights once by all rows."""
        compiled, objective, rows = self._compiled, self.settings.objective, self._rows
        at = self._step % _NOISE_EPOCHS
        if at == 0:
            self._noise = self._draw_noise(_NOISE_EPOCHS, rows.n)
        self._step += 1
        rate, first_rate = self.settings.learning_rate, self.settings.first_rate
        train_step(
            compiled.weights, compiled.moments, compiled.layers, compiled.n_encoder,
            compiled.shape(rows), rows.values, rows.condition, self._noise[at],
            self._scale, self._sigma,
            (objective.beta * kl_share, objective.free_bits, rate, first_rate),
            self._step, compiled.steps, compiled.space, _WORDS, self._figures,
        )  # fmt: skip

    def save_best(self) -> None:
        """Copy the present weights."""
        self._best = self._compiled.weights.copy(), self._sigma

    def restore_best(self) -> None:
        """Take the weights that were saved, for use."""
        self._compiled.weights[:], self._sigma = self._best
        self.finish()

    def set_sigma(self, value: float) -> None:
        """Set the decoder's sigma."""
        self._sigma = value

    def finish(self) -> None:
        """Make the network ready for use."""
        self.sigma.set(torch.full_like(self.sigma.value, self._sigma))
        self._compiled.store()
        self.network.eval()

    def _follow(self, error: float) -> None:
        if self.sigma.rule == "heldout":
            self._sigma = max(math.sqrt(error), SMALLEST)

    def _validate(self) -> None:
        compiled, rows = self._compiled, self._heldout
        validate(
            compiled.weights, compiled.layers, compiled.n_encoder, compiled.shape(rows),
            rows.values, rows.condition, self._heldout_noise, self._scale,
            compiled.steps, compiled.space, _WORDS, self._figures,
        )  # fmt: skip

    def _draw_noise(self, n_epochs: int, n_rows: int) -> np.ndarray:
        shape = n_epochs, n_rows, self.network.latent
        if not self.network.stochastic:
            return np.zeros(shape, dtype=np.float32)
        drawn: np.ndarray = torch.randn(shape, generator=self.generator).numpy()
        return drawn


def can_compile(
    settings: TrainingSettings, network: Any, training: Batch, n_rows: int | None = None
) -> bool:
    """Return whether the kernels make the steps of trainings of at most `n_rows` rows.

    Of those of `training` when absent. Networks that are trained side by side go one way.
    """
    n_rows = len(training) if n_rows is None else n_rows
    return (
        are_kernels_compiled()
        and type(network) in (VariationalNetwork, DeterministicNetwork)
        and network.norm in (None, "batch")
        and isinstance(network.decoder.output_norm, nn.Identity)
        and isinstance(settings.objective.likelihood, Gaussian)
        and settings.sigma not in LEARNED
        and settings.n_draws == 1
        and settings.dtype == torch.float32
        and training.values.device.type == "cpu"
        and training.observed is None
        and training.weight is None
        and n_rows <= settings.batch_size
        and sum(part.numel() for part in network.parameters()) <= MOST_WEIGHTS
    )
