"""A variational autoencoder with several layers of latent variables."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# exp() of a log-variance outside this range over- or underflows float32 sums; a useful posterior
# never comes near it, so the clamp only keeps a diverging step finite enough to be reported.
LOG_VARIANCE_RANGE = (-20.0, 10.0)

# Starting close to "every row is the mean" spares the first epochs, in which a decoder with
# full-size output weights is worse than no decoder (measured on five data sets), and keeps wide
# networks from being stopped before they learned anything.
OUTPUT_GAIN = 0.1

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


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


class Network(nn.Module):
    """An encoder and a decoder that see the same optional condition."""

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        latent: int,
        *,
        norm: str | None = "batch",
        output_norm: bool = False,
        n_conditions: int = 0,
        stochastic: bool = True,
    ):
        super().__init__()
        self.latent, self.norm, self.stochastic = latent, norm, stochastic
        self.encoder = Encoder(
            n_features + n_conditions, hidden, latent, norm=norm, stochastic=stochastic
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
        return draw_points(mean, log_variance, noise), mean, log_variance

    def decode(
        self, points: Tensor, condition: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Return the outputs (n, n_features) at latent `points` (n, latent).

        With `features`, numbers of columns, only those: (n, n_asked).
        """
        return self.decoder(_join(points, condition), features)

    def forward(
        self, rows: Tensor, noise: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs at ``z = mean + sd * noise``, mean and log-variance."""
        points, mean, log_variance = self.infer(rows, noise, condition)
        return self.decode(points, condition), mean, log_variance


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


def build_network(
    generator: torch.Generator, *sizes: Any, kind: Any = Network, **settings: Any
) -> Any:
    """Return a network with weights from `generator`, leaving torch's global state alone."""
    network = empty_network(*sizes, kind=kind, **settings)
    initialise(network, generator)
    return network


def empty_network(*sizes: Any, kind: Any = Network, **settings: Any) -> Any:
    """Return a network on the CPU whose weights are still to be filled in.

    Modules draw their first weights from torch's global generator, unless they are made without.
    """
    with torch.device("meta"):
        network = kind(*sizes, **settings)
    return network.to_empty(device="cpu")


def split_moments(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and clamped log-variance (n, k) of the output (n, 2 k) of both heads."""
    mean, log_variance = heads.chunk(2, dim=1)
    return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)


def draw_points(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return ``mean + sd * noise`` in the precision of the noise."""
    mean, log_variance = mean.to(noise.dtype), log_variance.to(noise.dtype)
    return mean + torch.exp(0.5 * log_variance) * noise


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


# The size at which weights of the lower priors start.
PRIOR_GAIN = 0.1


class HierarchicalNetwork(nn.Module):
    """Latent layers from the rows up, each the prior of the one below."""

    stochastic = True

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
        z = draw_points(*moments[0], parts[0])
        points = [z]
        for level, part in zip(reversed(range(len(self.priors))), parts[1:], strict=True):
            prior = self._prior(level, z)
            moments.append(_combine(bottom_up[level], prior))
            points.append(draw_points(*moments[-1], part))
            z = draw_points(*prior, points[-1])
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
            z = draw_points(*self._prior(level, z), part)
        return self.decoder(z, features)

    def forward(
        self, rows: Tensor, noise: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs at points drawn with `noise`, means and log-variances."""
        points, mean, log_variance = self.infer(rows, noise, condition)
        return self.decode(points, condition), mean, log_variance

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
