"""Encoder and decoder networks of the autoencoders, and likelihoods of what a decoder gives.

A network maps rows to the moments of a Gaussian over the latent space, draws latent points from it
(reparameterisation: ``z = mean + sd * noise``; Kingma and Welling 2014, section 2.4; Rezende et al.
2014) and decodes them. A `Likelihood` says what the decoder's output means for an entry of a row.
"""

import copy
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor, nn
from torch.nn import functional

from vaega.core.errors import InputError

# exp() of a log-variance outside this range over- or underflows float32 sums; a useful posterior
# never comes near it, so the clamp only keeps a diverging step finite enough to be reported.
LOG_VARIANCE_RANGE = (-20.0, 10.0)

# Starting close to "every row is the mean" spares the first epochs, in which a decoder with
# full-size output weights is worse than no decoder (measured on five data sets), and keeps wide
# networks from being stopped before they learned anything.
OUTPUT_GAIN = 0.1

# The size at which weights of the lower priors start.
PRIOR_GAIN = 0.1

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class VariationalNetwork(nn.Module):
    """An encoder and a decoder that see the same optional condition, the one-hot class.

    Whatever a `BaseAutoencoder` trains has these methods and attributes.
    """

    stochastic = True  # Whether posteriors have a variance, and the latent space a prior
    factorised = True  # Whether latent dimensions are independent given the row
    # Whether rows are seen by `first_layer` alone and made by ``decoder.output``: such a network
    # can be trained in the span of the rows. A subclass that changes them says no.
    linear_ends = True

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        latent: int,
        *,
        norm: str | None = "batch",
        output_norm: bool = False,
        n_conditions: int = 0,
    ):
        super().__init__()
        self.latent, self.norm = latent, norm
        self.encoder = Encoder(
            n_features + n_conditions, hidden, latent, norm=norm, stochastic=self.stochastic
        )
        self.decoder = Decoder(
            latent + n_conditions, hidden, n_features, norm=norm, output_norm=output_norm
        )

    def encode(self, rows: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return posterior mean and log-variance of `rows`, each (n, latent)."""
        return self.encoder(_join(rows, condition))

    def infer(
        self, rows: Tensor, noise: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return latent points ``z = mean + sd * noise``, mean and log-variance, (n, latent)."""
        mean, log_variance = self.encode(rows, condition)
        return reparameterise(mean, log_variance, noise), mean, log_variance

    @property
    def first_layer(self) -> nn.Linear:
        """The layer that sees the rows."""
        layer: nn.Linear = self.encoder.body[0]  # type: ignore[assignment]
        return layer

    def decode(
        self, points: Tensor, condition: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Return the outputs (n, n_features) at latent `points` (n, latent).

        With `features`, column indices, only those: (n, n_asked).
        """
        return self.decoder(_join(points, condition), features)

    def forward(
        self, rows: Tensor, noise: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs at ``z = mean + sd * noise``, mean and log-variance."""
        points, mean, log_variance = self.infer(rows, noise, condition)
        return self.decode(points, condition), mean, log_variance


class DeterministicNetwork(VariationalNetwork):
    """An encoder without latent noise, and its decoder."""

    stochastic = False


class HierarchicalNetwork(nn.Module):
    """Latent layers from the rows up, each the prior of the one below.

    A ladder (Sonderby et al. 2016): the posterior of a layer is the product of what the rows say,
    bottom-up, and of its prior, top-down. Points hold all layers, the topmost first, in units of
    their priors, so that the prior of all of them is N(0, I).
    """

    stochastic = True
    factorised = False
    linear_ends = True

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        latent: Sequence[int],
        *,
        norm: str | None = "batch",
        output_norm: bool = False,
    ):
        super().__init__()
        self.sizes, self.norm, self.latent = tuple(latent), norm, sum(latent)
        width = hidden[-1]
        between = len(self.sizes) - 1
        self.bodies = nn.ModuleList([hidden_layers((n_features, *hidden), norm)])
        self.bodies.extend(hidden_layers((width, width), norm) for _ in range(between))
        self.heads = nn.ModuleList(nn.Linear(width, 2 * size) for size in self.sizes)
        self.priors = nn.ModuleList(
            nn.Sequential(hidden_layers((above, width), norm), nn.Linear(width, 2 * size))
            for size, above in zip(self.sizes, self.sizes[1:], strict=False)
        )
        self.decoder = Decoder(
            self.sizes[0], hidden, n_features, norm=norm, output_norm=output_norm
        )

    def infer(
        self, rows: Tensor, noise: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return latent points, means and log-variances, each (n, latent).

        Moments of a layer depend on the noise of those above.
        """
        bottom_up = [
            split_moments(head(summary))
            for head, summary in zip(self.heads, self._summaries(rows), strict=True)
        ]
        parts = noise.split(self.sizes[::-1], dim=1)
        moments = [bottom_up[-1]]
        z = reparameterise(*moments[0], parts[0])
        points = [z]
        for level, part in zip(reversed(range(len(self.priors))), parts[1:], strict=True):
            prior = self._prior(level, z)
            moments.append(_combine(bottom_up[level], prior))
            points.append(reparameterise(*moments[-1], part))
            z = reparameterise(*prior, points[-1])
        means, log_variances = zip(*moments, strict=True)
        return torch.cat(points, 1), torch.cat(means, 1), torch.cat(log_variances, 1)

    def encode(self, rows: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (n, latent), each layer's at the means of those above."""
        noise = rows.new_zeros(len(rows), self.latent)
        _, mean, log_variance = self.infer(rows, noise, condition)
        return mean, log_variance

    def decode(
        self, points: Tensor, condition: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Return the outputs (n, n_features) at latent `points` (n, latent), or `features` only."""
        parts = points.split(self.sizes[::-1], dim=1)
        z = parts[0]
        for level, part in zip(reversed(range(len(self.priors))), parts[1:], strict=True):
            z = reparameterise(*self._prior(level, z), part)
        return self.decoder(z, features)

    forward = VariationalNetwork.forward  # with the layers' own `infer` and `decode`

    @property
    def first_layer(self) -> nn.Linear:
        """The layer that sees the rows."""
        layer: nn.Linear = self.bodies[0][0]  # type: ignore[index]
        return layer

    def start_at_the_mean(self) -> None:
        """Start with lower priors close to N(0, I), whatever the layer above says."""
        with torch.no_grad():
            for prior in self.priors:
                for last in list(prior.children())[-1:]:
                    for part, gain in zip(last.parameters(), (PRIOR_GAIN, 0.0), strict=True):
                        part.mul_(gain)

    def _summaries(self, rows: Tensor) -> list[Tensor]:
        summaries = []
        for body in self.bodies:
            rows = body(rows)
            summaries.append(rows)
        return summaries

    def _prior(self, level: int, above: Tensor) -> tuple[Tensor, Tensor]:
        return split_moments(self.priors[level](above))


def _combine(
    bottom_up: tuple[Tensor, Tensor], prior: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the moments of the two Gaussians' product, in the prior's units around its mean."""
    (mean, log_variance), (prior_mean, prior_log_variance) = bottom_up, prior
    gain = prior_log_variance - log_variance  # log of the ratio of precisions
    distance = (mean - prior_mean) * torch.exp(-0.5 * prior_log_variance)
    return torch.sigmoid(gain) * distance, -functional.softplus(gain)


class Encoder(nn.Module):
    """Rows to the mean and the log-variance of a diagonal Gaussian over the latent space."""

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        latent: int,
        *,
        norm: str | None,
        stochastic: bool = True,
    ):
        super().__init__()
        self.body = hidden_layers((n_inputs, *hidden), norm)
        self.stochastic = stochastic
        # Both linear heads in one matrix: one product instead of two.
        self.heads = nn.Linear((n_inputs, *hidden)[-1], (1 + stochastic) * latent)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Map inputs (n, n_inputs) to posterior mean and log-variance, each (n, latent)."""
        heads = self.heads(self.body(inputs))
        if not self.stochastic:
            return heads, torch.full_like(heads, -torch.inf)
        return split_moments(heads)


class Decoder(nn.Module):
    """Latent points to the mean of the row they stand for; the encoder mirrored."""

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        n_features: int,
        *,
        norm: str | None,
        output_norm: bool,
    ):
        super().__init__()
        widths = (n_inputs, *reversed(hidden))
        self.body = hidden_layers(widths, norm)
        self.output = nn.Linear(widths[-1], n_features)
        self.output_norm = _norm_layer(norm if output_norm else None, n_features)

    def start_at_the_mean(self) -> None:
        """Shrink the output layer, so that every point decodes to about zero, the rows' mean."""
        with torch.no_grad():
            self.output.weight.mul_(OUTPUT_GAIN)
            self.output.bias.zero_()

    def forward(self, inputs: Tensor, features: Tensor | None = None) -> Tensor:
        """Map latent points (n, n_inputs) to outputs (n, n_features), or to `features` of them.

        Given the latent point, features don't depend on each other: those that are asked for cost
        their part of the last layer alone.
        """
        hidden = self.body(inputs)
        if features is None:
            return self.output_norm(self.output(hidden))
        if isinstance(self.output_norm, nn.LayerNorm):  # mixes all features
            return self.output_norm(self.output(hidden))[:, features]
        weight, bias = self.output.weight[features], self.output.bias[features]
        outputs = nn.functional.linear(hidden, weight, bias)
        return _normalise_some(self.output_norm, outputs, features)


def hidden_layers(widths: Sequence[int], norm: str | None) -> nn.Sequential:
    """Return Linear, norm and ReLU from each width to the next."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), _norm_layer(norm, after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _norm_layer(norm: str | None, width: int) -> nn.Module:
    return nn.Identity() if norm is None else NORMS[norm](width)


def _normalise_some(norm: nn.Module, outputs: Tensor, features: Tensor) -> Tensor:
    """Return what `norm`, in evaluation, makes of some columns of its input."""
    if isinstance(norm, nn.Identity):
        return outputs
    mean, variance, weight, bias = (
        getattr(norm, name)[features] for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (outputs - mean) / torch.sqrt(variance + norm.eps) * weight + bias


def _join(values: Tensor, condition: Tensor | None) -> Tensor:
    return values if condition is None else torch.cat([values, condition], dim=1)


def split_moments(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and clamped log-variance (n, k) of the output (n, 2 k) of both heads."""
    mean, log_variance = heads.chunk(2, dim=1)
    return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)


def reparameterise(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return ``mean + sd * noise`` in the precision of the noise (reparameterisation)."""
    mean, log_variance = mean.to(noise.dtype), log_variance.to(noise.dtype)
    return mean + torch.exp(0.5 * log_variance) * noise


def build_network(
    generator: torch.Generator, *sizes: Any, network: Any = VariationalNetwork, **settings: Any
) -> Any:
    """Return a network with weights from `generator`, leaving torch's global state alone."""
    built = empty_network(*sizes, network=network, **settings)
    initialise(built, generator)
    return built


def empty_network(*sizes: Any, network: Any = VariationalNetwork, **settings: Any) -> Any:
    """Return a network on the CPU whose weights are still to be filled in."""
    named = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
    plain = tuple(tuple(v) if isinstance(v, list) else v for v in sizes)
    return copy_network(_template(network, plain, tuple(named.items())), _empty)


@lru_cache(maxsize=64)
def _template(network: Any, sizes: tuple[Any, ...], settings: tuple[tuple[str, Any], ...]) -> Any:
    # Modules draw their first weights from torch's global generator, unless they are made without;
    # that takes milliseconds, a copy none.
    with torch.device("meta"):
        return network(*sizes, **dict(settings))


def _empty(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype)  # empty_like of a meta tensor is slow


def copy_network(network: Any, copy_tensor: Callable[[Tensor], Tensor] = torch.clone) -> Any:
    """Return a network with weights of its own: a deep copy, without what makes that slow."""
    copied = copy.copy(network)
    for name, value in vars(network).items():
        if isinstance(value, dict | set):  # hooks, say, which are of one module alone
            vars(copied)[name] = value.copy()
    with torch.no_grad():
        for name, part in network._parameters.items():
            if part is not None:
                copied._parameters[name] = nn.Parameter(copy_tensor(part))
        for name, part in network._buffers.items():
            if part is not None:
                copied._buffers[name] = copy_tensor(part)
    for name, part in network._modules.items():
        copied._modules[name] = copy_network(part, copy_tensor)
    return copied


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights anew from `generator`, in place: torch's defaults, a small last layer."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, tuple(NORMS.values())):
            module.reset_parameters()  # type: ignore[operator]
    for module in network.modules():
        if hasattr(module, "start_at_the_mean"):
            module.start_at_the_mean()  # type: ignore[operator]


class Likelihood:
    """A family of distributions of an entry around what the decoder gives.

    The cost of an entry in nats is ``rate(sigma) * error + constant(sigma)``, so that a training
    step sums errors and weighs them once. `sigma` is the standard deviation of an entry, whatever
    the family; families without one ignore it.
    """

    name: ClassVar[str]  # As settings call it
    has_sigma: ClassVar[bool] = True  # Whether entries have a standard deviation of their own
    weight = 1.0  # How many entries of the table's columns an entry stands for, see `Span`

    def check_entries(self, rows: np.ndarray, *, owner: str) -> None:
        """Raise `InputError` for entries (NaN: missing) that the family is not for."""

    def check_density(self, rows: np.ndarray, *, owner: str) -> None:
        """Raise `InputError` for entries (NaN: missing) of which the family has no density."""

    def remarks(self, rows: np.ndarray) -> list[str]:
        """Return what is doubtful about this family for rows (0: missing), a sentence each."""
        return []

    def location(self, raw: Tensor) -> Tensor:
        """Return the mean of each entry, of what the decoder's last layer gives."""
        return raw

    def error(self, rows: Tensor, raw: Tensor) -> Tensor:
        """Return the error of each entry; of the shape of `rows` and `raw` broadcast."""
        raise NotImplementedError

    def rate(self, sigma: Tensor) -> Tensor:
        """Return the nats that one unit of error costs."""
        raise NotImplementedError

    def constant(self, sigma: Tensor) -> Tensor:
        """Return the nats that an entry without error costs."""
        raise NotImplementedError

    def fit_sigma(self, error: Tensor) -> Tensor:
        """Return the sigma under which entries of this mean error are most likely."""
        raise NotImplementedError

    def move(self, location: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return locations moved by what brings a class to its mean; `offsets` are broadcast."""
        return location + offsets

    def draw(self, location: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return an entry around each location; `sigma` is broadcast."""
        raise NotImplementedError

    def log_density(self, rows: Tensor, raw: Tensor, sigma: Tensor) -> Tensor:
        """Return the log density of each entry in nats."""
        return -(self.rate(sigma) * self.error(rows, raw) + self.constant(sigma))


class Gaussian(Likelihood):
    """Normal entries: squared error, as the thesis had it (with ``sigma = 2 ** -0.5``)."""

    name = "gaussian"

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def error(self, rows: Tensor, raw: Tensor) -> Tensor:
        errors = (rows - raw).square()
        return errors if self.weight == 1.0 else self.weight * errors

    def rate(self, sigma: Tensor) -> Tensor:
        return 0.5 / sigma.square()

    def constant(self, sigma: Tensor) -> Tensor:
        return self.weight * (0.5 * math.log(2 * math.pi) + sigma.log())

    def fit_sigma(self, error: Tensor) -> Tensor:
        return (error / self.weight).sqrt()

    def draw(self, location: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return location + sigma * rng.standard_normal(location.shape)


class Laplace(Likelihood):
    """Double-exponential entries: absolute error, as the thesis had it (``sigma = 2 ** 0.5``)."""

    name = "laplace"

    def error(self, rows: Tensor, raw: Tensor) -> Tensor:
        return (rows - raw).abs()

    def rate(self, sigma: Tensor) -> Tensor:
        return math.sqrt(2) / sigma  # one over the scale

    def constant(self, sigma: Tensor) -> Tensor:
        return 0.5 * math.log(2) + sigma.log()

    def fit_sigma(self, error: Tensor) -> Tensor:
        return math.sqrt(2) * error

    def draw(self, location: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return location + sigma / math.sqrt(2) * rng.laplace(size=location.shape)


class Bernoulli(Likelihood):
    """Entries of 0 and 1; the decoder gives logits."""

    name = "bernoulli"
    has_sigma = False

    def check_entries(self, rows: np.ndarray, *, owner: str) -> None:
        outside = (rows < 0.0) | (rows > 1.0)  # False for NaN
        if outside.any():
            raise InputError(
                f"{owner}: likelihood {self.name!r} is for values from 0 to 1, got "
                f"{rows[outside][0]:g}."
            )

    def check_density(self, rows: np.ndarray, *, owner: str) -> None:
        grey = (rows > 0.0) & (rows < 1.0)  # False for NaN
        if grey.any():
            raise InputError(
                f"{owner}: the density of likelihood {self.name!r} is that of 0 and 1, got "
                f"{rows[grey][0]:g}; round the rows, or take likelihood='gaussian'."
            )

    def remarks(self, rows: np.ndarray) -> list[str]:
        grey = np.mean((rows > 0.0) & (rows < 1.0))
        if not grey:
            return []
        return [
            f"likelihood 'bernoulli' is for 0 and 1, and {grey:.0%} of the values lie between: "
            "generated entries are 0 or 1, vary more than those of X (report_.variance_ratio), and "
            "the density is none of grey values; take likelihood='gaussian', round X, or sample "
            "with noise=False."
        ]

    def location(self, raw: Tensor) -> Tensor:
        return raw.sigmoid()

    def error(self, rows: Tensor, raw: Tensor) -> Tensor:
        return functional.softplus(raw) - rows * raw  # cross-entropy of logits

    def rate(self, sigma: Tensor) -> Tensor:
        return torch.ones_like(sigma)  # errors are nats already

    def constant(self, sigma: Tensor) -> Tensor:
        return torch.zeros_like(sigma)

    def fit_sigma(self, error: Tensor) -> Tensor:
        return torch.ones_like(error)  # for none: entries have no sigma of their own

    def move(self, location: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        return expit(logit(location) + offsets)  # stays in [0, 1]

    def draw(self, location: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (rng.random(location.shape) < location).astype(float)


LIKELIHOODS: dict[str, Likelihood] = {
    kind.name: kind for kind in (Gaussian(), Laplace(), Bernoulli())
}
