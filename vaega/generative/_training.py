"""The training loop of the autoencoders: mini-batches, Adam on the negative ELBO, early stopping.

A `Trainer` holds one network in training. `fit_loop` runs one or two of them side by side and
validates after each epoch on held-out rows; it stops when the validation ELBO has not improved for
`patience` epochs, and gives each network the weights of the best epoch.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.generative._networks import Likelihood, VariationalNetwork

ANNEALINGS = (None, "linear", "cyclical")
PRECISIONS = ("auto", "float32", "bfloat16")
# Rules of the decoder's standard deviation under which it is learned with the weights.
LEARNED = ("shared", "feature")

# With fewer weights, casting them costs more than the faster products save.
FEWEST_WEIGHTS = 500_000
# A latent dimension is active when its posterior means vary more than this over rows (Burda,
# Grosse and Salakhutdinov 2016, section 5).
ACTIVE = 0.01
# Smallest standard deviation of the decoder: keeps the logarithm finite when rows are reproduced
# exactly.
SMALLEST = 1e-3
# Entries of held-out rows validated at once, about, and rows at least.
VALIDATION_ENTRIES, VALIDATION_ROWS = 1 << 21, 32


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


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; fields as the parameters of `VAE`."""

    objective: "TrainingObjective"
    learning_rate: float = 1e-3
    batch_size: int = 256
    max_epochs: int = 1000
    patience: int = 40
    sigma: float | str = "heldout"
    n_draws: int = 1
    annealing: Annealing = field(default_factory=Annealing)
    dtype: torch.dtype = torch.float32  # Of the matrix products of a step
    owner: str = "VAE"

    @property
    def first_rate(self) -> float:
        """The rate of the weights by which the first layer sees the rows.

        Of columns, many weights share in what one of their span learns: a step of each moves its
        outputs by the more, the more columns there are. With the root of their number over that of
        the coordinates, trainings on both end alike (benchmarks/augmented_fit.py).
        """
        return self.learning_rate * self.objective.likelihood.weight**0.5


@dataclass(frozen=True)
class History:
    """Lists with one entry an epoch; figures are means per row on the network's scale.

    Training figures are means over the epoch's steps; held-out ones belong to the weights at its
    end.

    Parameters
    ----------
    elbo, heldout_elbo : list of float
        Evidence lower bound in nats with the full weight of the KL, at the sigma of that epoch:
        `reconstruction` less `kl` times beta.
    reconstruction, heldout_reconstruction : list of float
        Expected log density, nats.
    error, heldout_error : list of float
        The likelihood's error summed over features: squared, absolute, or cross-entropy.
    kl, heldout_kl : list of float
        KL divergence of the posteriors from the prior, nats.
    active_units : list of float
        Latent dimensions whose posterior means vary over the training rows (variance above 0.01;
        Burda, Grosse and Salakhutdinov 2016).
    sigma : list of float
        The decoder's standard deviation.
    kl_weight : list of float
        Weight of the KL in the loss.
    """

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


Callback = Callable[[int, History], Any]


@dataclass(frozen=True)
class Batch:
    """Rows on the device, all or a mini-batch of them, with what belongs to each."""

    values: Tensor  # On the network's scale (n, n_features); 0, the mean, where missing
    condition: Tensor | None = None  # One-hot class; None for a network without condition
    observed: Tensor | None = None  # 1 where an entry is observed, else 0; None when all are
    weight: Tensor | None = None  # What a row counts in the loss (n,); None when all count 1

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_features(self) -> int:
        """Columns of a row."""
        return self.values.shape[1]

    def take(self, index: Tensor | slice) -> "Batch":
        """Return the rows that `index` names; those of a slice are not copied."""
        parts = (self.values, self.condition, self.observed, self.weight)
        return Batch(*(None if part is None else part[index] for part in parts))  # type: ignore[arg-type]

    def repeated(self, n_times: int) -> "Batch":
        """Return all rows, `n_times` one after the other."""
        if n_times == 1:
            return self
        return self.take(torch.arange(len(self), device=self.values.device).repeat(n_times))

    def total_weight(self) -> Tensor | float:
        """Return the sum of the rows' weights."""
        return float(len(self)) if self.weight is None else self.weight.sum()

    def sum_entries(self, entries: Tensor, *, by_feature: bool) -> Tensor:
        """Return the weighted sum of observed entries (n, n_features): (), or (n_features,)."""
        if self.observed is not None:
            entries = entries * self.observed
        if self.weight is not None:
            entries = entries * self.weight[:, None]
        return entries.sum(dim=0) if by_feature else entries.sum()

    def count_entries(self, *, by_feature: bool) -> Tensor | float:
        """Return how many entries are observed, weighted, in all or of each feature."""
        if self.observed is None and self.weight is None:
            return float(len(self) * (1 if by_feature else self.n_features))
        return self.sum_entries(torch.ones_like(self.values), by_feature=by_feature)


def mini_batches(
    rows: Batch,
    batch_size: int,
    generator: torch.Generator,
    *,
    min_size: int = 2,
    row_weights: Tensor | None = None,
) -> Iterator[Batch]:
    """Yield `rows` in random order, in mini-batches of nearly equal size.

    With `row_weights` (n,), rows are drawn by them, with replacement.
    """
    n_batches = min(math.ceil(len(rows) / batch_size), len(rows) // min_size)
    if n_batches == 1 and row_weights is None:
        yield rows  # the order within a batch says nothing
        return
    if row_weights is None:
        order = torch.randperm(len(rows), generator=generator, device=rows.values.device)
    else:
        order = torch.multinomial(row_weights, len(rows), replacement=True, generator=generator)
    for index in order.tensor_split(n_batches):  # one copy at a time
        yield rows.take(index)


class Trainer:
    """A network in training, with its rows, its optimizer and its best weights so far."""

    def __init__(
        self,
        network: VariationalNetwork,
        training: Batch,
        heldout: Batch | None,
        settings: TrainingSettings,
        generator: torch.Generator,
        *,
        row_weights: Tensor | None = None,
    ):
        self.network, self.training, self.settings = network, training, settings
        self.generator, self.row_weights = generator, row_weights
        self.sigma = initial_sigma(training, training if heldout is None else heldout, settings)
        self.optimizer = torch.optim.Adam(
            [*network.parameters(), *self.sigma.parameters], lr=settings.learning_rate, fused=True
        )
        self._min_batch_size = 2 if network.norm == "batch" else 1
        self._best: dict[str, Tensor] = {}
        if heldout is not None:
            # One draw, and its negative, in all epochs: they differ by their weights alone.
            self.heldout, self.heldout_noise = heldout, self._noise(len(heldout))

    @classmethod
    def run_epochs(cls, trainers: Sequence["Trainer"], kl_share: float) -> list[float]:
        """Run an epoch of networks side by side, and validate them by their held-out rows.

        Returns reconstruction, error, KL and active units of training; of validation the first
        three; and sigma: means over networks, or over their rows.
        """
        trained = [trainer.run_epoch(kl_share=kl_share) for trainer in trainers]
        validated = _validate_all(trainers)
        sigma = torch.stack([t.sigma.value.detach().square().mean() for t in trainers]).mean()
        figures = torch.cat([torch.stack(trained).mean(dim=0), validated, sigma.sqrt()[None]])
        return figures.tolist()  # the epoch's one synchronisation

    def run_epoch(self, *, kl_share: float) -> Tensor:
        """Pass once over the training rows in mini-batches, with a share of the KL's weight.

        Returns reconstruction, error, KL and active units, means per row, (4,).
        """
        self.network.train()
        total: Tensor | float = 0.0
        sums = torch.zeros(3, device=self._device)
        moments = torch.zeros(2, self.network.latent, device=self._device)
        for batch in mini_batches(
            self.training,
            self.settings.batch_size,
            self.generator,
            min_size=self._min_batch_size,
            row_weights=self.row_weights,
        ):
            rows = batch.repeated(self.settings.n_draws)
            terms, mean = self.train_step(rows, kl_share=kl_share)
            sums, total = sums + terms, total + rows.total_weight()
            moments = moments + torch.stack([mean.sum(dim=0), mean.square().sum(dim=0)])
        n_rows = len(self.training) * self.settings.n_draws
        first, second = moments / n_rows
        active = (second - first.square() > ACTIVE).sum()
        return torch.cat([sums / total, active[None].to(sums)])

    def train_step(self, rows: Batch, *, kl_share: float) -> tuple[Tensor, Tensor]:
        """Update the weights once; return the ELBO's terms, summed (3,), and posterior means."""
        terms, mean = self._elbo(rows, self._noise(len(rows)))
        loss = self.settings.objective.loss(terms, rows.total_weight(), kl_share)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        with self._first_rate():
            self.optimizer.step()
        sums = [term.detach().sum() for term in terms]
        return torch.stack(sums), mean.detach().float()

    @contextmanager
    def _first_rate(self) -> Iterator[None]:
        """Lengthen the step of the weights that see the rows, see `TrainingSettings.first_rate`."""
        longer = self.settings.first_rate / self.settings.learning_rate
        if longer == 1.0:
            yield
            return
        seen = self.network.first_layer.weight.detach()[:, : self.training.n_features]
        before = seen.clone()
        yield
        seen.copy_(before + longer * (seen - before))

    @torch.no_grad()
    def validate(self) -> Tensor:
        """Return reconstruction, error and KL of the held-out rows, and their weight, (4,)."""
        self.network.eval()
        total = torch.zeros(3, device=self._device)
        for part in _row_blocks(self.heldout):
            noise = self.heldout_noise[part]
            rows = self.heldout.take(part).repeated(2)
            terms = self._elbo(rows, torch.cat([noise, -noise]))[0]
            total += torch.stack([term.sum() for term in terms]) / 2
        weight = torch.as_tensor(self.heldout.total_weight(), device=self._device)
        return torch.cat([total, weight[None]])

    def with_present_sigma(self, validation: Tensor, n_entries: Tensor) -> Tensor:
        """Return what `validate` gave, with the reconstruction under the present sigma."""
        likelihood, sigma = self.settings.objective.likelihood, self.sigma.value
        cost = likelihood.rate(sigma) * validation[1] + likelihood.constant(sigma) * n_entries
        return torch.cat([-cost[None], validation[1:]])

    def save_best(self) -> None:
        """Copy the present weights; a reference would go on changing with the training."""
        weights = {**self.network.state_dict(), "sigma": self.sigma.value.detach()}
        if not self._best:
            self._best = {name: value.clone() for name, value in weights.items()}
        for name, value in weights.items():
            self._best[name].copy_(value)

    def restore_best(self) -> None:
        """Load the weights that were saved, for use."""
        self.sigma.set(self._best.pop("sigma"))
        self.network.load_state_dict(self._best)
        self.finish()

    def set_sigma(self, value: float) -> None:
        """Set the decoder's sigma."""
        self.sigma.set(torch.full_like(self.sigma.value, value))

    def finish(self) -> None:
        """Make the network ready for use, and let go of what only a training needs."""
        self.network.eval()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer.state.clear()
        self._best = {}

    @property
    def _device(self) -> torch.device:
        return self.training.values.device

    def _elbo(self, rows: Batch, noise: Tensor) -> tuple["ElboTerms", Tensor]:
        """Return the terms of the ELBO, and the posterior means (n, latent)."""
        with autocast(self.settings.dtype, self._device):
            raw, mean, log_variance = self.network(rows.values, noise, rows.condition)
        objective = self.settings.objective
        return objective.terms(rows, raw, mean, log_variance, self.sigma.value), mean

    def _noise(self, n: int) -> Tensor:
        if not self.network.stochastic:
            return torch.zeros(n, self.network.latent, device=self._device)
        return torch.randn(
            n, self.network.latent, generator=self.generator, device=self.generator.device
        )


def initial_sigma(training: Batch, rows: Batch, settings: TrainingSettings) -> "DecoderSigma":
    """Return sigma as if every row were decoded to the training rows' mean."""
    likelihood = settings.objective.likelihood
    if training.observed is None:
        mean = training.values.mean(dim=0)
    else:
        counts = training.observed.sum(dim=0).clamp_min(1)
        mean = training.values.sum(dim=0) / counts
    errors = torch.zeros_like(mean)
    for index in _row_blocks(rows):
        part = rows.take(index)
        errors += part.sum_entries(likelihood.error(part.values, mean), by_feature=True)
    counts = torch.as_tensor(rows.count_entries(by_feature=True)).clamp_min(1)
    return DecoderSigma(settings.sigma, likelihood, errors / counts)


class Training(Protocol):
    """What the loops need of a network in training: `Trainer`, or one whose steps are compiled."""

    settings: TrainingSettings
    sigma: "DecoderSigma"

    @classmethod
    def run_epochs(cls, trainers: Sequence[Any], kl_share: float) -> list[float]:
        """Run an epoch of networks side by side; see `Trainer.run_epochs`."""

    def run_epoch(self, *, kl_share: float) -> Any:
        """Pass once over the training rows."""

    def save_best(self) -> None:
        """Copy the present weights."""

    def restore_best(self) -> None:
        """Take the weights that were saved, for use."""

    def set_sigma(self, value: float) -> None:
        """Set the decoder's sigma."""

    def finish(self) -> None:
        """Make the network ready for use."""


def fit_loop(trainers: Sequence[Training], callback: Callback | None = None) -> History:
    """Train networks side by side; leave each with the weights of the epoch best for all.

    Every epoch ends with the ELBO of the held-out rows of all trainers. With `sigma` "heldout" it
    is computed with, and the next epoch trained with, the sigma that their errors show: training
    assumes the noise that generated rows will need (Rybkin, Daniilidis and Levine 2021).
    """
    settings, history = trainers[0].settings, History()
    best, epochs_without_improvement = -math.inf, 0
    for epoch in range(settings.max_epochs):
        kl_share = settings.annealing.share(epoch)
        _record(history, type(trainers[0]).run_epochs(trainers, kl_share), settings, kl_share)
        _check_finite(history, settings)
        epochs_without_improvement += 1
        if history.heldout_elbo[-1] > best:
            best, epochs_without_improvement = history.heldout_elbo[-1], 0
            for trainer in trainers:
                trainer.save_best()
        stopped_early = (
            epochs_without_improvement >= settings.patience and epoch >= settings.annealing.length
        )
        if (callback is not None and callback(epoch, history) is True) or stopped_early:
            break
    for trainer in trainers:
        trainer.restore_best()
    return history


def repeat_loop(trainer: Training, history: History) -> None:
    """Train a network without held-out rows for as many epochs as others, with their sigmas."""
    settings, follows = trainer.settings, trainer.sigma.rule == "heldout"
    for epoch in range(history.best_epoch + 1):
        trainer.run_epoch(kl_share=settings.annealing.share(epoch))
        if follows:
            trainer.set_sigma(history.sigma[epoch])
    trainer.finish()


def _validate_all(trainers: Sequence[Trainer]) -> Tensor:
    """Return reconstruction, error and KL of all held-out rows, means per row, (3,)."""
    validations = [trainer.validate() for trainer in trainers]
    if trainers[0].sigma.rule == "heldout":
        n_entries = [_count_heldout_entries(trainer) for trainer in trainers]
        errors = torch.stack([validation[1] for validation in validations])
        error = errors.sum() / torch.stack(n_entries).sum()
        for trainer in trainers:
            trainer.sigma.follow(error)
        validations = [
            trainer.with_present_sigma(validation, count)
            for trainer, validation, count in zip(trainers, validations, n_entries, strict=True)
        ]
    total = torch.stack(validations).sum(dim=0)
    return total[:3] / total[3]


def _count_heldout_entries(trainer: Trainer) -> Tensor:
    rows = trainer.heldout
    return torch.as_tensor(rows.count_entries(by_feature=False), device=rows.values.device)


def _row_blocks(rows: Batch) -> Iterator[slice]:
    """Yield slices of rows so large that what is computed of them stays small beside them."""
    size = max(VALIDATION_ROWS, VALIDATION_ENTRIES // rows.n_features)
    return (slice(start, start + size) for start in range(0, len(rows), size))


def _record(
    history: History, figures: Sequence[float], settings: TrainingSettings, kl_share: float
) -> None:
    names = ("reconstruction", "error", "kl", "active_units")
    record = dict(zip(names, figures[:4], strict=True))
    heldout = ("heldout_reconstruction", "heldout_error", "heldout_kl")
    record |= dict(zip(heldout, figures[4:7], strict=True))
    beta = settings.objective.beta
    record["elbo"] = record["reconstruction"] - beta * record["kl"]
    record["heldout_elbo"] = record["heldout_reconstruction"] - beta * record["heldout_kl"]
    history.append(**record, sigma=figures[7], kl_weight=beta * kl_share)


def _check_finite(history: History, settings: TrainingSettings) -> None:
    if not math.isfinite(history.elbo[-1] + history.heldout_elbo[-1]):
        raise InputError(
            f"{settings.owner}: the loss is not finite in epoch {len(history.elbo)}; lower "
            f"learning_rate, which is {settings.learning_rate:g}."
        )


class ElboTerms(NamedTuple):
    """The terms of the evidence lower bound, weighted sums over rows."""

    reconstruction: Tensor  # Log density of the rows at the latent points, in nats, ()
    error: Tensor  # Errors of the likelihood, (); or by feature (n_features,) where sigma is
    kl: Tensor  # KL to the prior by dimension, in nats, (latent,)


@dataclass(frozen=True)
class TrainingObjective:
    """The evidence lower bound: the reconstruction less `beta` times the KL.

    Kingma and Welling (2014), equation 10; Rezende, Mohamed and Wierstra (2014); with weight `beta`
    (Higgins et al. 2017) and free bits (Kingma et al. 2016, appendix C.8).
    """

    likelihood: Likelihood  # Of an entry around what the decoder gives
    beta: float = 1.0  # Weight of the KL; 0 for a network whose latent points are not random
    free_bits: float = 0.0  # Nats of each dimension, in the mean over rows, without a cost

    def terms(
        self, rows: Batch, raw: Tensor, mean: Tensor, log_variance: Tensor, sigma: Tensor
    ) -> ElboTerms:
        """Return the terms for the decoder's output `raw` at one latent point a row.

        `mean` and `log_variance` (n, latent) are of the posteriors, `sigma` is () or (n_features,).
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
        kl_sum = kl.sum(dim=0) if self.beta else torch.zeros_like(kl[0])
        return ElboTerms(-cost.sum(), error, kl_sum)

    def loss(self, terms: ElboTerms, total: Tensor | float, kl_share: float) -> Tensor:
        """Return the training loss: the negative bound per row, `kl_share` of the KL's weight."""
        kl = terms.kl / total
        if self.free_bits:
            kl = kl.clamp_min(self.free_bits)
        return self.beta * kl_share * kl.sum() - terms.reconstruction / total


def kl_by_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) of each entry (n, latent), in nats.

    Kingma and Welling (2014), appendix B.
    """
    wide = torch.promote_types(mean.dtype, torch.float32)
    mean, log_variance = mean.to(wide), log_variance.to(wide)
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return `kl_by_dimension`, summed: the KL of each row in nats, (n,)."""
    return kl_by_dimension(mean, log_variance).sum(dim=1)


class DecoderSigma:
    """The decoder's standard deviation: fixed, learned, or following held-out errors.

    `rule` is "heldout" (set by `follow` after each epoch), "shared" or "feature" (learned with the
    weights, one for all features or one each), or a number. It starts at what `error`
    (n_features,), mean errors around the rows' mean, shows.
    """

    def __init__(self, rule: Any, likelihood: Likelihood, error: Tensor):
        self.rule, self.likelihood = rule, likelihood
        self._logarithm: torch.nn.Parameter | None = None
        start = likelihood.fit_sigma(error if rule == "feature" else error.mean())
        start = start.clamp_min(SMALLEST)
        if rule in LEARNED and likelihood.has_sigma:
            self._logarithm = torch.nn.Parameter(start.log())
        self._fixed = start if isinstance(rule, str) else torch.full_like(start, rule)

    @property
    def value(self) -> Tensor:
        """The present sigma; gradients flow into it where it is learned."""
        if self._logarithm is None:
            return self._fixed
        return self._logarithm.exp().clamp_min(SMALLEST)

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """What is learned."""
        return [] if self._logarithm is None else [self._logarithm]

    def follow(self, error: Tensor) -> None:
        """Set sigma by the mean error of held-out entries, a scalar, where the rule says so."""
        if self.rule == "heldout":
            self._fixed = self.likelihood.fit_sigma(error).clamp_min(SMALLEST)

    def set(self, value: Tensor) -> None:
        """Set sigma to `value`."""
        if self._logarithm is None:
            self._fixed = value
        else:
            with torch.no_grad():
                self._logarithm.copy_(value.log())


def resolve_precision(
    precision: Any, device: torch.device, n_weights: int, *, owner: str
) -> torch.dtype:
    """Return the dtype of the matrix products of a training step; losses are float32."""
    check_choice(precision, "precision", PRECISIONS, owner=owner)
    if precision == "auto":
        fast = n_weights >= FEWEST_WEIGHTS and supports_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def supports_bfloat16(device: torch.device) -> bool:
    """Return whether the device has instructions for products of bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


def autocast(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which linear layers multiply in `dtype`."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
