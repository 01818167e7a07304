"""The training loop of the autoencoders: Adam on the negative ELBO, stopped on held-out rows."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.generative._fitted import Likelihood
from vaega.generative._networks import Network

ANNEALINGS = (None, "linear", "cyclical")


@dataclass(frozen=True)
class Annealing:
    """The KL's share of its full weight, epoch by epoch.

    "linear" climbs to the full weight over `n_epochs`. "cyclical" does so `n_cycles` times within
    `n_epochs`, each cycle climbing in its first half and staying in its second (Fu et al. 2019,
    Cyclical annealing schedule, NAACL). Afterwards, and without annealing, the weight is full.
    """

    kind: str | None = None
    n_epochs: int = 0  # After how many epochs the weight stays full
    n_cycles: int = 1  # Climbs within them; one for "linear"

    @property
    def length(self) -> int:
        """Epochs in which the weight may still be below the full one."""
        return 0 if self.kind is None else self.n_epochs

    def share(self, epoch: int) -> float:
        """Return the share of the full weight in an epoch, counted from 0; in (0, 1]."""
        if epoch >= self.length:
            return 1.0
        if self.kind == "linear":
            return (epoch + 1) / self.n_epochs
        cycle = self.n_epochs / self.n_cycles
        climb = math.ceil(cycle / 2)
        return min(1.0, (math.floor(epoch % cycle) + 1) / climb)


def split_heldout(
    codes: np.ndarray, fraction: float, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into those that train and those held out, each class in proportion.

    Every class keeps at least one training row, and at least one row is held out. Only when every
    class has a single row are rows held out whatever their class.
    """
    if np.bincount(codes).max() < 2:
        codes = np.zeros_like(codes)
    counts = np.bincount(codes)
    most = len(codes) - max(2, int(np.count_nonzero(counts)))
    quotas = _quotas(counts, max(1, min(round(fraction * len(codes)), most)), rng)
    heldout = np.concatenate(
        [rng.permutation(np.flatnonzero(codes == code))[:n] for code, n in enumerate(quotas)]
    )
    return np.setdiff1d(np.arange(len(codes)), heldout), np.sort(heldout)


def choose_heldouts(
    codes: np.ndarray, fraction: float, *, crossed: bool, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split rows once, or twice with other rows held out."""
    training, heldout = split_heldout(codes, fraction, rng=rng)
    if not crossed:
        return [(training, heldout)]
    present, left = np.unique(codes[training], return_inverse=True)
    if len(training) <= max(2, len(present)):
        return [(training, heldout)] * 2
    own = split_heldout(left, len(heldout) / len(training), rng=rng)[1]
    second = training[own]
    return [(training, heldout), (np.setdiff1d(np.arange(len(codes)), second), second)]


def _quotas(counts: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """Share `total` among classes in proportion to `counts` (largest remainder), one row kept."""
    shares = total * counts / counts.sum()
    room = np.maximum(counts - 1, 0)
    quotas = np.minimum(shares.astype(int), room)
    order = rng.permutation(len(counts))  # ties fall to no class in particular
    while quotas.sum() < total:
        wanted = np.where(quotas < room, shares - quotas, -np.inf)
        quotas[order[np.argmax(wanted[order])]] += 1
    return quotas


@dataclass(frozen=True)
class History:
    """Lists with one entry an epoch; figures are means per row on the network's scale."""

    elbo: list[float] = field(default_factory=list)
    reconstruction: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    heldout_elbo: list[float] = field(default_factory=list)
    heldout_reconstruction: list[float] = field(default_factory=list)
    heldout_error: list[float] = field(default_factory=list)
    heldout_kl: list[float] = field(default_factory=list)
    active_units: list[float] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    kl_weight: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Number of the epoch, from 0, that was best on the held-out rows: where training ends."""
        return self.heldout_elbo.index(max(self.heldout_elbo))

    def append(self, **figures: float) -> None:
        """Add an epoch; figures that are not given are not recorded."""
        for item in fields(self):
            if item.name in figures:
                getattr(self, item.name).append(figures[item.name])


PRECISIONS = ("auto", "float32", "bfloat16")

# With fewer weights, casting them costs more than the faster products save.
FEWEST_WEIGHTS = 500_000


def resolve_precision(
    precision: Any, device: torch.device, n_weights: int, *, owner: str
) -> torch.dtype:
    """Return the format of the products of a training step; losses are float32 in any case."""
    check_choice(precision, "precision", PRECISIONS, owner=owner)
    if precision == "auto":
        fast = n_weights >= FEWEST_WEIGHTS and multiplies_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether the device has instructions for products of bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


def products_in(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which linear layers multiply in `dtype`."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


@dataclass(frozen=True)
class Rows:
    """Rows on the device, with what belongs to each."""

    values: Tensor  # On the network's scale; 0, the mean, where nothing was measured
    condition: Tensor | None = None  # One-hot; None for a network without condition
    seen: Tensor | None = None  # 1 where an entry was measured, else 0; None when all were
    weight: Tensor | None = None  # What a row counts in the loss; None when all count 1

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_features(self) -> int:
        """Columns of a row."""
        return self.values.shape[1]

    def take(self, index: Tensor | slice) -> "Rows":
        """Return the rows that `index` names; those of a slice are not copied."""
        parts = (self.values, self.condition, self.seen, self.weight)
        return Rows(*(None if part is None else part[index] for part in parts))  # type: ignore[arg-type]

    def repeated(self, times: int) -> "Rows":
        """Return all rows, `times` one after the other."""
        if times == 1:
            return self
        return self.take(torch.arange(len(self), device=self.values.device).repeat(times))

    def total_weight(self) -> Tensor | float:
        """Return the sum of the rows' weights."""
        return float(len(self)) if self.weight is None else self.weight.sum()

    def sum_entries(self, entries: Tensor, *, by_feature: bool) -> Tensor:
        """Return the weighted sum of observed entries (n, n_features): (), or (n_features,)."""
        if self.seen is not None:
            entries = entries * self.seen
        if self.weight is not None:
            entries = entries * self.weight[:, None]
        return entries.sum(dim=0) if by_feature else entries.sum()

    def count_entries(self, *, by_feature: bool) -> Tensor | float:
        """Return how many entries were seen, weighted, in all or of each feature."""
        if self.seen is None and self.weight is None:
            return float(len(self) * (1 if by_feature else self.n_features))
        return self.sum_entries(torch.ones_like(self.values), by_feature=by_feature)


def shuffled_batches(
    rows: Rows,
    batch_size: int,
    generator: torch.Generator,
    *,
    least: int = 2,
    chances: Tensor | None = None,
) -> Iterator[Rows]:
    """Yield `rows` in random order, in batches of nearly equal size."""
    n_batches = min(math.ceil(len(rows) / batch_size), len(rows) // least)
    if n_batches == 1 and chances is None:
        yield rows  # the order within a batch says nothing
        return
    if chances is None:
        order = torch.randperm(len(rows), generator=generator, device=rows.values.device)
    else:
        order = torch.multinomial(chances, len(rows), replacement=True, generator=generator)
    for index in order.tensor_split(n_batches):  # one copy at a time
        yield rows.take(index)


class Parts(NamedTuple):
    """The parts of the bound, weighted sums over rows."""

    reconstruction: Tensor  # Log density of the rows at the latent points, in nats
    error: Tensor  # Errors of the likelihood, by feature where sigma is
    kl: Tensor  # KL to the prior, dimension by dimension, in nats


@dataclass(frozen=True)
class Objective:
    """What is maximised: the reconstruction less `beta` times the KL."""

    likelihood: Likelihood  # Of an entry around what the decoder gives
    beta: float = 1.0  # Weight of the KL; 0 for a network whose latent points are not random
    free_bits: float = 0.0

    def measure(
        self, rows: Rows, raw: Tensor, mean: Tensor, log_variance: Tensor, sigma: Tensor
    ) -> Parts:
        """Return the parts of the bound for the decoder's output at one latent point a row.

        Computes in the precision of the rows, whatever that of the network's output.
        """
        dtype, by_feature = rows.values.dtype, sigma.ndim == 1
        entries = self.likelihood.error(rows.values, raw.to(dtype))
        error = rows.sum_entries(entries, by_feature=by_feature)
        cost = self.likelihood.rate(sigma) * error
        cost = cost + self.likelihood.constant(sigma) * rows.count_entries(by_feature=by_feature)
        kl = kl_by_dimension(mean, log_variance)
        if rows.weight is not None:
            kl = kl * rows.weight[:, None]
        return Parts(-cost.sum(), error, kl.sum(dim=0) if self.beta else torch.zeros_like(kl[0]))

    def loss(self, parts: Parts, total: Tensor | float, share: float) -> Tensor:
        """Return what a step descends: the negative bound per row, `share` of the KL's weight."""
        kl = parts.kl / total
        if self.free_bits:
            kl = kl.clamp_min(self.free_bits)
        return self.beta * share * kl.sum() - parts.reconstruction / total

    def bound(self, reconstruction: Tensor, kl: Tensor) -> Tensor:
        """Return the evidence lower bound, the KL at its full weight."""
        return reconstruction - self.beta * kl


def kl_by_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) of each entry, in nats."""
    wide = torch.promote_types(mean.dtype, torch.float32)
    mean, log_variance = mean.to(wide), log_variance.to(wide)
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return `kl_by_dimension`, summed: the KL of each row in nats, (n,)."""
    return kl_by_dimension(mean, log_variance).sum(dim=1)


# Keeps the logarithm finite when rows are reproduced exactly.
SMALLEST = 1e-3
LEARNED = ("shared", "feature")


class Spread:
    """Sigma, as one of four rules has it."""

    def __init__(self, rule: Any, likelihood: Likelihood, error: Tensor):
        self.rule, self.likelihood = rule, likelihood
        self._logarithm: torch.nn.Parameter | None = None
        start = likelihood.spread(error if rule == "feature" else error.mean()).clamp_min(SMALLEST)
        if rule in LEARNED and likelihood.has_sigma:
            self._logarithm = torch.nn.Parameter(start.log())
        self._fixed = start if isinstance(rule, str) else torch.full_like(start, rule)

    @property
    def value(self) -> Tensor:
        """The sigma of now; gradients flow into it where it is learned."""
        if self._logarithm is None:
            return self._fixed
        return self._logarithm.exp().clamp_min(SMALLEST)

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """What is learned."""
        return [] if self._logarithm is None else [self._logarithm]

    def follow(self, error: Tensor) -> None:
        """Take the mean error of held-out entries, a scalar, as the measure of sigma."""
        if self.rule == "heldout":
            self._fixed = self.likelihood.spread(error).clamp_min(SMALLEST)

    def set(self, value: Tensor) -> None:
        """Make `value` the sigma of now."""
        if self._logarithm is None:
            self._fixed = value
        else:
            with torch.no_grad():
                self._logarithm.copy_(value.log())


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
