"""A variational autoencoder with several layers of latent variables."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaega.generative.networks import Decoder, draw_points, hidden_layers, split_moments

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
