"""The evidence lower bound and its parts."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vaega.generative.likelihoods import Likelihood
from vaega.generative.rows import Rows


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
