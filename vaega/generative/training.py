"""The training loop of the autoencoders: Adam on the negative ELBO, stopped on held-out rows."""

import math
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from vaega.core.errors import InputError
from vaega.generative.networks import Network

# Keeps log(sigma^2) finite when held-out rows are reproduced exactly.
SMALLEST_VARIANCE = 1e-6


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; fields as the parameters of `VAE`, `sigma` None following held-out rows.

    Examples
    --------
    >>> TrainingSettings(1e-3, 256, 1000, 40, beta=1.0, sigma=None).patience
    40
    """

    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    beta: float
    sigma: float | None


@dataclass(frozen=True)
class Rows:
    """Rows on the device, with the one-hot condition that belongs to them.

    Attributes
    ----------
    values : torch.Tensor of shape (n, n_features)
        On the network's scale.
    condition : torch.Tensor of shape (n, n_conditions) or None
        None for a network without condition.

    Examples
    --------
    >>> import torch
    >>> Rows(torch.eye(3)).take(torch.tensor([2])).values
    tensor([[0., 0., 1.]])
    """

    values: Tensor
    condition: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Tensor) -> "Rows":
        """Return the rows that `index` names."""
        return Rows(self.values[index], None if self.condition is None else self.condition[index])


@dataclass(frozen=True)
class History:
    """What each epoch left behind, per row on the network's scale.

    `elbo` and `heldout_elbo` are evidence lower bounds in nats, with the KL weighted by beta, at
    the decoder's sigma of that epoch; `error` is the squared error summed over features. Training
    figures are means over the epoch's steps; held-out ones belong to the weights at its end.

    Examples
    --------
    >>> history = History()
    >>> history.append([-9.0, 8.0, 1.0, -9.5, 8.5, 1.0])
    >>> history.append([-8.0, 7.0, 1.0, -9.9, 8.9, 1.0])
    >>> history.best_epoch
    0
    """

    elbo: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    heldout_elbo: list[float] = field(default_factory=list)
    heldout_error: list[float] = field(default_factory=list)
    heldout_kl: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Number of the epoch, from 0, whose weights were kept."""
        return self.heldout_elbo.index(max(self.heldout_elbo))

    def append(self, record: list[float]) -> None:
        """Add one epoch, in the order of the fields."""
        for name, value in zip(fields(self), record, strict=True):
            getattr(self, name.name).append(value)


def fit_loop(
    network: Network,
    training: Rows,
    heldout: Rows,
    settings: TrainingSettings,
    *,
    generator: torch.Generator,
    owner: str = "VAE",
) -> History:
    """Train `network` in place; leave it with a copy of the weights of its best held-out epoch.

    Every epoch ends with the ELBO of the held-out rows, through one fixed draw of noise and its
    negative, so that epochs differ by their weights alone. With ``settings.sigma`` None the
    decoder's variance is the mean squared held-out residual of the epoch before: training assumes
    the noise that generated rows will need.

    Parameters
    ----------
    network : Network
        On the device of the rows.
    training, heldout : Rows
        At least two, and at least one.
    settings : TrainingSettings
        How to train.
    generator : torch.Generator
        Of that device; the order of rows and all noise come from it.
    owner : str, default="VAE"
        Who asks, for the error.

    Returns
    -------
    History

    Raises
    ------
    InputError
        When the loss is not finite any more.

    Examples
    --------
    >>> import torch
    >>> from vaega.generative.networks import build_network
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_network(generator, 4, (3,), 2)
    >>> rows = Rows(torch.randn(12, 4, generator=generator))
    >>> settings = TrainingSettings(1e-3, 256, 5, 5, beta=1.0, sigma=None)
    >>> history = fit_loop(network, rows, rows, settings, generator=generator)
    >>> len(history.elbo)
    5
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    judge = HeldoutJudge(network, heldout, settings, generator)
    variance = _first_variance(training, heldout, settings)
    history, best, waited = History(), -math.inf, 0
    kept: dict[str, Tensor] = {}
    for _ in range(settings.max_epochs):
        trained = run_epoch(network, training, optimizer, settings, variance, generator)
        judged, variance = judge(variance)
        history.append(torch.cat([trained, judged]).tolist())  # the epoch's one synchronisation
        _check_finite(history, settings, owner)
        waited += 1
        if history.heldout_elbo[-1] > best:
            best, kept, waited = history.heldout_elbo[-1], _copy_weights(network, kept), 0
        if waited >= settings.patience:
            break
    network.load_state_dict(kept)
    network.eval()
    return history


def run_epoch(
    network: Network,
    rows: Rows,
    optimizer: torch.optim.Optimizer,
    settings: TrainingSettings,
    variance: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Pass once over `rows` in random order; return mean ELBO, squared error and KL, (3,).

    Examples
    --------
    >>> import torch
    >>> from vaega.generative.networks import build_network
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_network(generator, 4, (3,), 2)
    >>> rows = Rows(torch.randn(12, 4, generator=generator))
    >>> settings = TrainingSettings(1e-3, 256, 5, 5, beta=1.0, sigma=None)
    >>> adam = torch.optim.Adam(network.parameters())
    >>> run_epoch(network, rows, adam, settings, torch.tensor(1.0), generator).shape
    torch.Size([3])
    """
    network.train()
    total = torch.zeros(2, device=rows.values.device)
    for batch in shuffled_batches(rows, settings.batch_size, generator):
        total += train_step(network, batch, optimizer, settings.beta, variance, generator)
    error, kl = total / len(rows)
    return torch.stack([elbo(error, kl, variance, rows.values.shape[1], settings.beta), error, kl])


def train_step(
    network: Network,
    batch: Rows,
    optimizer: torch.optim.Optimizer,
    beta: float,
    variance: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Move the weights once; return the batch's squared error and KL, summed, (2,), detached.

    Examples
    --------
    >>> import torch
    >>> from vaega.generative.networks import build_network
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_network(generator, 4, (3,), 2)
    >>> rows = Rows(torch.randn(12, 4, generator=generator))
    >>> adam = torch.optim.Adam(network.parameters())
    >>> train_step(network, rows, adam, 1.0, torch.tensor(1.0), generator).shape
    torch.Size([2])
    """
    sums = error_and_kl(network, batch, _draw_noise(network, len(batch), generator))
    loss = (0.5 * sums[0] / variance + beta * sums[1]) / len(batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return sums.detach()


class HeldoutJudge:
    """Judges the weights on the held-out rows, through noise drawn once: equal weights, equal word.

    Parameters
    ----------
    network : Network
        What is judged.
    heldout : Rows
        Never trained on.
    settings : TrainingSettings
        Gives beta and sigma.
    generator : torch.Generator
        Draws the noise, here and never again.

    Examples
    --------
    >>> import torch
    >>> from vaega.generative.networks import build_network
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_network(generator, 4, (3,), 2)
    >>> rows = Rows(torch.randn(12, 4, generator=generator))
    >>> settings = TrainingSettings(1e-3, 256, 5, 5, beta=1.0, sigma=None)
    >>> judge = HeldoutJudge(network, rows, settings, generator)
    >>> one, two = judge(torch.tensor(1.0)), judge(torch.tensor(1.0))
    >>> torch.equal(one[0], two[0])
    True
    """

    def __init__(
        self,
        network: Network,
        heldout: Rows,
        settings: TrainingSettings,
        generator: torch.Generator,
    ):
        noise = _draw_noise(network, len(heldout), generator)
        twice = torch.arange(len(heldout), device=noise.device).repeat(2)
        self.network, self.rows, self.settings = network, heldout.take(twice), settings
        self.noise = torch.cat([noise, -noise])

    @torch.no_grad()
    def __call__(self, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean ELBO, squared error and KL, (3,), and the variance for the next epoch."""
        self.network.eval()
        error, kl = error_and_kl(self.network, self.rows, self.noise) / len(self.rows)
        n_features = self.rows.values.shape[1]
        if self.settings.sigma is None:
            variance = (error / n_features).clamp_min(SMALLEST_VARIANCE)
        bound = elbo(error, kl, variance, n_features, self.settings.beta)
        return torch.stack([bound, error, kl]), variance


def shuffled_batches(rows: Rows, batch_size: int, generator: torch.Generator) -> list[Rows]:
    """Return `rows` in random order, in batches of nearly equal size of at least two rows.

    One row has no variance for a batch norm, so that there are never more batches than pairs of
    rows: where only a batch of one would keep all within `batch_size`, one batch has a row more.

    Examples
    --------
    >>> import torch
    >>> batches = shuffled_batches(Rows(torch.zeros(9, 1)), 4, torch.Generator().manual_seed(0))
    >>> [len(batch) for batch in batches]
    [3, 3, 3]
    """
    n_batches = min(math.ceil(len(rows) / batch_size), len(rows) // 2)
    if n_batches == 1:
        return [rows]  # the order within a batch says nothing
    order = torch.randperm(len(rows), generator=generator, device=rows.values.device)
    return [rows.take(index) for index in order.tensor_split(n_batches)]


def error_and_kl(network: Network, rows: Rows, noise: Tensor) -> Tensor:
    """Return squared error and KL, each summed over features and rows, (2,).

    Summed, never averaged over features: a mean would weigh the KL n_features times too much.

    Examples
    --------
    >>> import torch
    >>> from vaega.generative.networks import build_network
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_network(generator, 4, (3,), 2)
    >>> rows = Rows(torch.randn(12, 4, generator=generator))
    >>> error_and_kl(network, rows, torch.zeros(12, 2)).shape
    torch.Size([2])
    """
    decoded, mean, log_variance = network(rows.values, noise, rows.condition)
    error = (rows.values - decoded).square().sum()
    return torch.stack([error, gaussian_kl(mean, log_variance).sum()])


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) || N(0, I)) of each row, in nats.

    Parameters
    ----------
    mean, log_variance : torch.Tensor of shape (n, latent)
        The posteriors.

    Returns
    -------
    torch.Tensor of shape (n,)
        Summed over dimensions; Kingma and Welling (2014), appendix B.

    Examples
    --------
    >>> import torch
    >>> gaussian_kl(torch.ones(1, 2), torch.zeros(1, 2))
    tensor([1.])
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=1)


def elbo(error: Tensor, kl: Tensor, variance: Tensor, n_features: int, beta: float) -> Tensor:
    """Return the ELBO in nats per row from squared error, KL and the decoder's variance.

    Examples
    --------
    >>> import torch
    >>> elbo(torch.tensor(0.0), torch.tensor(2.0), torch.tensor(1 / (2 * math.pi)), 3, beta=1.0)
    tensor(-2.)
    """
    constant = 0.5 * n_features * torch.log(2 * math.pi * variance)
    return -(0.5 * error / variance + constant) - beta * kl


def _draw_noise(network: Network, n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, network.latent, generator=generator, device=generator.device)


def _first_variance(training: Rows, heldout: Rows, settings: TrainingSettings) -> Tensor:
    if settings.sigma is not None:
        return torch.tensor(settings.sigma**2, device=training.values.device)
    around_mean = heldout.values - training.values.mean(dim=0)
    return around_mean.square().mean().clamp_min(SMALLEST_VARIANCE)


def _copy_weights(network: Network, kept: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy the weights, reusing `kept`; a reference would go on changing with the training."""
    weights = network.state_dict()
    if not kept:
        return {name: value.clone() for name, value in weights.items()}
    for name, value in weights.items():
        kept[name].copy_(value)
    return kept


def _check_finite(history: History, settings: TrainingSettings, owner: str) -> None:
    if not math.isfinite(history.elbo[-1] + history.heldout_elbo[-1]):
        raise InputError(
            f"{owner}: the loss is not finite in epoch {len(history.elbo)}; lower learning_rate, "
            f"which is {settings.learning_rate:g}."
        )
