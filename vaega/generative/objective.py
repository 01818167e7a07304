"""The evidence lower bound and its parts."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vaega.generative.likelihoods import Likelihood
from vaega.generative.rows import Rows


class Parts(NamedTuple):
    """The parts of the bound, weighted sums over rows.

    Attributes
    ----------
    reconstruction : torch.Tensor, scalar
        Log density of the rows at the latent points, in nats.
    error : torch.Tensor, scalar or of shape (n_features,)
        Errors of the likelihood, by feature where sigma is.
    kl : torch.Tensor of shape (latent,)
        KL to the prior, dimension by dimension, in nats.

    Examples
    --------
    >>> Parts(torch.tensor(-3.0), torch.tensor(2.0), torch.zeros(2)).error
    tensor(2.)
    """

    reconstruction: Tensor
    error: Tensor
    kl: Tensor


@dataclass(frozen=True)
class Objective:
    """What is maximised: the reconstruction less `beta` times the KL.

    Attributes
    ----------
    likelihood : Likelihood
        Of an entry around what the decoder gives.
    beta : float
        Weight of the KL; 0 for a network whose latent points are not random.
    free_bits : float
        Nats of each latent dimension, in the mean over rows, that cost nothing while training
        (Kingma et al. 2016, Improved variational inference with inverse autoregressive flow).

    Examples
    --------
    >>> from vaega.generative.likelihoods import Gaussian
    >>> objective = Objective(Gaussian(), beta=1.0)
    >>> x = Rows(torch.zeros(1, 2))
    >>> parts = objective.measure(x, torch.zeros(1, 2), torch.ones(1, 1), torch.zeros(1, 1),
    ...                           torch.tensor(1.0))
    >>> parts.kl
    tensor([0.5000])
    """

    likelihood: Likelihood
    beta: float = 1.0
    free_bits: float = 0.0

    def measure(
        self, rows: Rows, raw: Tensor, mean: Tensor, log_variance: Tensor, sigma: Tensor
    ) -> Parts:
        """Return the parts of the bound for the decoder's output at one latent point a row.

        Computes in the precision of the rows, whatever that of the network's output.

        Parameters
        ----------
        rows : Rows
        raw : torch.Tensor of shape (n, n_features)
            What the decoder gives.
        mean, log_variance : torch.Tensor of shape (n, latent)
            The posteriors, on the conditions from which the points were drawn.
        sigma : torch.Tensor, scalar or of shape (n_features,)

        Returns
        -------
        Parts
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
        """Return what a step descends: the negative bound per row, `share` of the KL's weight.

        Parameters
        ----------
        parts : Parts
        total : float
            Weight of all rows.
        share : float
            As `Annealing.share` gives it.
        """
        kl = parts.kl / total
        if self.free_bits:
            kl = kl.clamp_min(self.free_bits)
        return self.beta * share * kl.sum() - parts.reconstruction / total

    def bound(self, reconstruction: Tensor, kl: Tensor) -> Tensor:
        """Return the evidence lower bound, the KL at its full weight."""
        return reconstruction - self.beta * kl


def kl_by_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) of each entry, in nats.

    Parameters
    ----------
    mean, log_variance : torch.Tensor of shape (n, latent)
        The posteriors.

    Returns
    -------
    torch.Tensor of shape (n, latent)
        Kingma and Welling (2014), appendix B.

    Examples
    --------
    >>> kl_by_dimension(torch.ones(1, 2), torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """
    wide = torch.promote_types(mean.dtype, torch.float32)
    mean, log_variance = mean.to(wide), log_variance.to(wide)
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return `kl_by_dimension`, summed: the KL of each row in nats, (n,).

    Examples
    --------
    >>> gaussian_kl(torch.ones(1, 2), torch.zeros(1, 2))
    tensor([1.])
    """
    return kl_by_dimension(mean, log_variance).sum(dim=1)
