"""The training loop of the autoencoders: Adam on the negative ELBO, stopped on held-out rows."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vaega.core.errors import InputError
from vaega.generative.annealing import Annealing
from vaega.generative.history import History
from vaega.generative.networks import Network
from vaega.generative.objective import Objective, Parts
from vaega.generative.precision import products_in
from vaega.generative.rows import Rows, shuffled_batches
from vaega.generative.spread import Spread

Callback = Callable[[int, History], Any]

# A latent dimension is active when its posterior means vary more than this over rows.
ACTIVE = 0.01
# Entries of held-out rows judged at once, about, and rows at least.
JUDGED_ENTRIES, JUDGED_ROWS = 1 << 21, 32


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; fields as the parameters of `VAE`."""

    objective: Objective
    learning_rate: float = 1e-3
    batch_size: int = 256
    max_epochs: int = 1000
    patience: int = 40
    sigma: float | str = "heldout"
    n_draws: int = 1
    annealing: Annealing = field(default_factory=Annealing)
    products: torch.dtype = torch.float32
    owner: str = "VAE"


class Trainee:
    """A network in training, with its rows, its optimizer and its best weights."""

    def __init__(
        self,
        network: Network,
        training: Rows,
        heldout: Rows | None,
        settings: TrainingSettings,
        generator: torch.Generator,
        *,
        chances: Tensor | None = None,
    ):
        self.network, self.training, self.settings = network, training, settings
        self.generator, self.chances = generator, chances
        self.spread = self._first_spread(heldout or training)
        self.optimizer = torch.optim.Adam(
            [*network.parameters(), *self.spread.parameters],
            lr=settings.learning_rate,
            fused=True,
        )
        self._least = 2 if network.norm == "batch" else 1
        self._kept: dict[str, Tensor] = {}
        if heldout is not None:
            # One draw, and its negative, for ever: epochs differ by their weights alone.
            self.heldout, self.heldout_noise = heldout, self._noise(len(heldout))

    def run_epoch(self, *, share: float) -> Tensor:
        """Pass once over the training rows with `share` of the KL's weight."""
        self.network.train()
        total: Tensor | float = 0.0
        sums = torch.zeros(3, device=self._device)
        moments = torch.zeros(2, self.network.latent, device=self._device)
        for batch in shuffled_batches(
            self.training,
            self.settings.batch_size,
            self.generator,
            least=self._least,
            chances=self.chances,
        ):
            rows = batch.repeated(self.settings.n_draws)
            own, mean = self.run_step(rows, share=share)
            sums, total = sums + own, total + rows.total_weight()
            moments = moments + torch.stack([mean.sum(dim=0), mean.square().sum(dim=0)])
        n_rows = len(self.training) * self.settings.n_draws
        first, second = moments / n_rows
        active = (second - first.square() > ACTIVE).sum()
        return torch.cat([sums / total, active[None].to(sums)])

    def run_step(self, rows: Rows, *, share: float) -> tuple[Tensor, Tensor]:
        """Move the weights once."""
        parts, mean = self._measure(rows, self._noise(len(rows)))
        loss = self.settings.objective.loss(parts, rows.total_weight(), share)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        sums = [part.detach().sum() for part in parts]
        return torch.stack(sums), mean.detach().float()

    @torch.no_grad()
    def judge(self) -> Tensor:
        """Return reconstruction, error and KL of the held-out rows, and their weight, (4,)."""
        self.network.eval()
        total = torch.zeros(3, device=self._device)
        for part in _parts(self.heldout):
            noise = self.heldout_noise[part]
            rows = self.heldout.take(part).repeated(2)
            parts = self._measure(rows, torch.cat([noise, -noise]))[0]
            total += torch.stack([value.sum() for value in parts]) / 2
        weight = torch.as_tensor(self.heldout.total_weight(), device=self._device)
        return torch.cat([total, weight[None]])

    def rejudge(self, verdict: Tensor, entries: Tensor) -> Tensor:
        """Return `verdict` with the reconstruction that the sigma of now gives its error."""
        likelihood, sigma = self.settings.objective.likelihood, self.spread.value
        cost = likelihood.rate(sigma) * verdict[1] + likelihood.constant(sigma) * entries
        return torch.cat([-cost[None], verdict[1:]])

    def keep(self) -> None:
        """Copy the weights of now; a reference would go on changing with the training."""
        weights = self._weights()
        if not self._kept:
            self._kept = {name: value.clone() for name, value in weights.items()}
        for name, value in weights.items():
            self._kept[name].copy_(value)

    def restore(self) -> None:
        """Take back the weights that were kept, for use."""
        self.spread.set(self._kept.pop("sigma"))
        self.network.load_state_dict(self._kept)
        self.end()

    def end(self) -> None:
        """Make the network ready for use, and let go of what only a training needs."""
        self.network.eval()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer.state.clear()
        self._kept = {}

    @property
    def _device(self) -> torch.device:
        return self.training.values.device

    def _measure(self, rows: Rows, noise: Tensor) -> tuple[Parts, Tensor]:
        """Return the parts of the bound, and the posterior means (n, latent)."""
        with products_in(self.settings.products, self._device):
            raw, mean, log_variance = self.network(rows.values, noise, rows.condition)
        objective = self.settings.objective
        return objective.measure(rows, raw, mean, log_variance, self.spread.value), mean

    def _weights(self) -> dict[str, Tensor]:
        return {**self.network.state_dict(), "sigma": self.spread.value.detach()}

    def _noise(self, n: int) -> Tensor:
        if not self.network.stochastic:
            return torch.zeros(n, self.network.latent, device=self._device)
        return torch.randn(
            n, self.network.latent, generator=self.generator, device=self.generator.device
        )

    def _first_spread(self, rows: Rows) -> Spread:
        """Return sigma as if every row were decoded to the training rows' mean."""
        likelihood = self.settings.objective.likelihood
        if self.training.seen is None:
            mean = self.training.values.mean(dim=0)
        else:
            mean = self.training.values.sum(dim=0) / self.training.seen.sum(dim=0).clamp_min(1)
        errors = torch.zeros_like(mean)
        for index in _parts(rows):
            part = rows.take(index)
            errors += part.sum_entries(likelihood.error(part.values, mean), by_feature=True)
        counts = rows.count_entries(by_feature=True)
        return Spread(
            self.settings.sigma, likelihood, errors / torch.as_tensor(counts).clamp_min(1)
        )


def fit_loop(trainees: Sequence[Trainee], callback: Callback | None = None) -> History:
    """Train networks in step; leave each with the weights of the epoch that was best for all.

    Every epoch ends with the ELBO of the held-out rows of all trainees. With `sigma` "heldout" it
    is judged by, and the next epoch trained with, the sigma that their errors show: training
    assumes the noise that generated rows will need.
    """
    settings, history = trainees[0].settings, History()
    best, waited = -math.inf, 0
    for epoch in range(settings.max_epochs):
        share = settings.annealing.share(epoch)
        trained = torch.stack([trainee.run_epoch(share=share) for trainee in trainees]).mean(dim=0)
        judged = _judge_all(trainees)
        sigma = torch.stack([t.spread.value.detach().square().mean() for t in trainees]).mean()
        figures = torch.cat([trained, judged, sigma.sqrt()[None]])
        _record(history, figures.tolist(), settings, share)  # the epoch's one synchronisation
        _check_finite(history, settings)
        waited += 1
        if history.heldout_elbo[-1] > best:
            best, waited = history.heldout_elbo[-1], 0
            for trainee in trainees:
                trainee.keep()
        enough = waited >= settings.patience and epoch >= settings.annealing.length
        if (callback is not None and callback(epoch, history) is True) or enough:
            break
    for trainee in trainees:
        trainee.restore()
    return history


def repeat_loop(trainee: Trainee, history: History) -> None:
    """Train a network without held-out rows as long as others were, with their sigmas."""
    settings, follows = trainee.settings, trainee.spread.rule == "heldout"
    for epoch in range(history.best_epoch + 1):
        trainee.run_epoch(share=settings.annealing.share(epoch))
        if follows:
            trainee.spread.set(torch.full_like(trainee.spread.value, history.sigma[epoch]))
    trainee.end()


def _judge_all(trainees: Sequence[Trainee]) -> Tensor:
    """Return reconstruction, error and KL of all held-out rows, means per row, (3,)."""
    verdicts = [trainee.judge() for trainee in trainees]
    if trainees[0].spread.rule == "heldout":
        entries = [_entries(trainee) for trainee in trainees]
        error = torch.stack([verdict[1] for verdict in verdicts]).sum() / torch.stack(entries).sum()
        for trainee in trainees:
            trainee.spread.follow(error)
        verdicts = [
            trainee.rejudge(verdict, count)
            for trainee, verdict, count in zip(trainees, verdicts, entries, strict=True)
        ]
    total = torch.stack(verdicts).sum(dim=0)
    return total[:3] / total[3]


def _parts(rows: Rows) -> Iterator[slice]:
    """Yield slices of rows so large that what is computed of them stays small beside them."""
    size = max(JUDGED_ROWS, JUDGED_ENTRIES // rows.n_features)
    return (slice(start, start + size) for start in range(0, len(rows), size))


def _entries(trainee: Trainee) -> Tensor:
    rows = trainee.heldout
    return torch.as_tensor(rows.count_entries(by_feature=False), device=rows.values.device)


def _record(
    history: History, figures: Sequence[float], settings: TrainingSettings, share: float
) -> None:
    names = ("reconstruction", "error", "kl", "active_units")
    record = dict(zip(names, figures[:4], strict=True))
    heldout = ("heldout_reconstruction", "heldout_error", "heldout_kl")
    record |= dict(zip(heldout, figures[4:7], strict=True))
    beta = settings.objective.beta
    record["elbo"] = record["reconstruction"] - beta * record["kl"]
    record["heldout_elbo"] = record["heldout_reconstruction"] - beta * record["heldout_kl"]
    history.append(**record, sigma=figures[7], kl_weight=beta * share)


def _check_finite(history: History, settings: TrainingSettings) -> None:
    if not math.isfinite(history.elbo[-1] + history.heldout_elbo[-1]):
        raise InputError(
            f"{settings.owner}: the loss is not finite in epoch {len(history.elbo)}; lower "
            f"learning_rate, which is {settings.learning_rate:g}."
        )
