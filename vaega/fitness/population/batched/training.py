"""The training of many networks at once: epochs, steps, and when each of them stops."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vaega.fitness.population.batched.network import (
    Layers,
    conclude,
    lose,
    pass_backward,
    pass_forward,
)
from vaega.fitness.population.batched.orders import draw_orders
from vaega.fitness.population.batched.progress import Progress
from vaega.fitness.population.batched.repetition import Repetition
from vaega.fitness.population.batched.samples import Samples
from vaega.fitness.population.kernels.training import ADAM, ADAPTIVE, INVSCALING, Settings


_PERIOD = 16  # epochs between two looks at who has stopped: each look waits for the device
_STOPPED = 0.25  # share of stopped networks from which on the others go on without them
_SLOWEST = 1e-6  # below this rate an adaptive training stops, as in scikit-learn


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training left."""

    weights: Tensor
    converged: np.ndarray  # False where `max_iter` stopped it
    losses: np.ndarray  # Of the last epoch of each
    n_epochs: np.ndarray


@dataclass(frozen=True, eq=False)
class Training:
    """Networks on their way."""

    layers: Layers
    settings: Settings
    fit: Samples  # What is trained on
    held_out: Samples  # What early stopping judges by; without it none is looked at
    decay: Tensor  # Factors of the L2 penalty: biases have none
    progress: Progress

    def keep(self, rows: Tensor) -> "Training":
        """Return the training of some masks, to go on with."""
        fit, held_out = self.fit.keep(rows), self.held_out.keep(rows)
        return replace(self, fit=fit, held_out=held_out, progress=self.progress.keep(rows))

    def run_epoch(self) -> None:
        """Take a step for each batch, and note who has stopped; nothing waits for the device."""
        own, fit, settings = self.progress, self.fit, self.settings
        n_rows = fit.X.shape[2]
        loss = torch.zeros_like(own.loss)
        for start in range(0, n_rows, settings.batch_size):
            end = min(start + settings.batch_size, n_rows)
            whole = end - start == n_rows
            batch = fit if whole else fit.pick(own.order[:, start:end])
            loss += self._take_step(batch) * (end - start)
        self._note(loss / n_rows)

    def _take_step(self, batch: Samples) -> Tensor:
        own = self.progress
        totals = batch.weights.sum(dim=1, dtype=torch.float64)
        values = pass_forward(self.layers, own.weights, batch.X)
        losses, deltas = lose(values[-1], batch.targets, batch.weights)
        penalties = (own.weights.square() * self.decay).sum(dim=1, dtype=torch.float64)
        pass_backward(self.layers, own.weights, values, deltas, own.gradient)
        gradient = own.gradient.addcmul_(self.decay, own.weights)
        gradient *= (1.0 / totals).to(gradient.dtype).unsqueeze(1)
        step = self._step_adam if self.settings.solver == ADAM else self._step_descent
        step(gradient)
        return (losses + 0.5 * penalties) / totals

    def _step_adam(self, gradient: Tensor) -> None:
        own, settings = self.progress, self.settings
        beta_1, beta_2 = settings.beta_1, settings.beta_2
        own.powers[0] *= beta_1
        own.powers[1] *= beta_2
        own.first_moment.mul_(beta_1).add_(gradient, alpha=1.0 - beta_1)
        own.second_moment.mul_(beta_2).addcmul_(gradient, gradient, value=1.0 - beta_2)
        lengths = own.rate * torch.sqrt(1.0 - own.powers[1]) / (1.0 - own.powers[0])
        steps = own.first_moment / own.second_moment.sqrt().add_(settings.epsilon)
        own.weights.sub_(steps.mul_(self._lengthen(lengths)))

    def _step_descent(self, gradient: Tensor) -> None:
        own, settings = self.progress, self.settings
        lengths = own.rate.to(gradient.dtype).unsqueeze(1)
        velocity = own.first_moment.mul_(settings.momentum).sub_(gradient * lengths)
        steps = velocity
        if settings.nesterovs_momentum:
            steps = velocity * settings.momentum - gradient * lengths
        own.weights.add_(steps * self._lengthen(torch.ones_like(own.rate)))

    def _lengthen(self, lengths: Tensor) -> Tensor:
        """Return the lengths of steps by network: a stopped one takes none."""
        own = self.progress
        moving = torch.where(own.done, torch.zeros_like(lengths), lengths)
        return moving.to(own.weights.dtype).unsqueeze(1)

    def _note(self, loss: Tensor) -> None:
        own, settings = self.progress, self.settings
        live = ~own.done
        if settings.early_stopping:
            score = self._score()
            worse, better = score < own.best + settings.tol, live & (score > own.best)
            own.kept.copy_(torch.where(better.unsqueeze(1), own.weights, own.kept))
            own.best.copy_(torch.where(better, score, own.best))
        else:
            worse = loss > own.best - settings.tol
            own.best.copy_(torch.where(live, torch.fmin(own.best, loss), own.best))
        stalled = torch.where(worse, own.stalled + 1.0, torch.zeros_like(own.stalled))
        own.stalled.copy_(torch.where(live, stalled, own.stalled))
        own.loss.copy_(torch.where(live, loss, own.loss))
        own.epochs.add_(live)
        if settings.learning_rate == INVSCALING:
            n_seen = own.epochs * self.fit.X.shape[2] + 1
            own.rate.copy_(settings.learning_rate_init / n_seen.double() ** settings.power_t)
        self._stop(live)

    def _stop(self, live: Tensor) -> None:
        own = self.progress
        failed = own.loss.isnan()
        stop = live & ((own.stalled > self.settings.n_iter_no_change) | failed)
        if self.settings.learning_rate == ADAPTIVE:
            slower = stop & (own.rate > _SLOWEST) & ~failed
            own.rate.copy_(torch.where(slower, own.rate / 5.0, own.rate))
            own.stalled.copy_(torch.where(slower, torch.zeros_like(own.stalled), own.stalled))
            stop = stop & ~slower
        own.done.logical_or_(stop)

    def _score(self) -> Tensor:
        """Return the weighted accuracy of each network on the rows held out."""
        own, rows = self.progress, self.held_out
        shares = conclude(pass_forward(self.layers, own.weights, rows.X)[-1])
        if shares.shape[1] == 1:
            right = (shares[:, 0] > 0.5) == (rows.targets[:, 0] > 0.5)
        else:
            right = shares.argmax(dim=1) == rows.targets.argmax(dim=1)
        total = rows.weights.sum(dim=1, dtype=torch.float64)
        return (right * rows.weights).sum(dim=1, dtype=torch.float64) / total


def train(training: Training, words: np.ndarray) -> Outcome:
    """Train networks until each has stopped."""
    settings, begun = training.settings, training.progress
    final = _Results(begun)
    places = np.arange(len(begun.done))
    orders, words = np.tile(np.arange(training.fit.X.shape[2]), (len(places), 1)), words.copy()
    work = Repetition(training.run_epoch, begun.done.device)
    for start in range(0, settings.max_iter, _PERIOD):
        n_epochs = min(_PERIOD, settings.max_iter - start)
        _run_epochs(training, work, n_epochs, orders, words)
        done = training.progress.done.cpu().numpy()
        if done.all():
            break
        if done.mean() >= _STOPPED:
            final.write(training.progress, places)
            rows = np.flatnonzero(~done)
            places, orders, words = places[rows], orders[rows], words[rows]
            training = training.keep(torch.from_numpy(rows).to(begun.done.device))
            work = Repetition(training.run_epoch, begun.done.device)
    final.write(training.progress, places)
    return final.outcome(settings)


def _run_epochs(
    training: Training, work: Repetition, n_epochs: int, orders: np.ndarray, words: np.ndarray
) -> None:
    settings, order = training.settings, training.progress.order
    if not settings.shuffle or settings.batch_size >= order.shape[1]:
        for _ in range(n_epochs):
            work()
        return
    drawn = np.empty((n_epochs, *orders.shape), np.int32)
    draw_orders(orders, words, drawn)
    for own in torch.from_numpy(drawn).to(order.device):
        order.copy_(own)
        work()


class _Results:
    """What has been reached, by the places of all masks."""

    def __init__(self, begun: Progress) -> None:
        self._weights, self._kept = begun.weights.clone(), begun.kept.clone()
        self._each = {name: getattr(begun, name).clone() for name in ("stalled", "loss", "epochs")}

    def write(self, progress: Progress, places: np.ndarray) -> None:
        rows = torch.from_numpy(places).to(progress.done.device)
        self._weights[rows], self._kept[rows] = progress.weights, progress.kept
        for name, values in self._each.items():
            values[rows] = getattr(progress, name)

    def outcome(self, settings: Settings) -> Outcome:
        stalled, losses, epochs = (values.cpu().numpy() for values in self._each.values())
        weights = self._kept if settings.early_stopping else self._weights
        return Outcome(weights, stalled > settings.n_iter_no_change, losses, epochs)
