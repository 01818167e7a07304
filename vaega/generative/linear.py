"""A linear Gaussian model in the place of a network: posteriors and densities in closed form."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vaega.generative.likelihoods import Gaussian, Likelihood

LOG_TWO_PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Posterior:
    """The posteriors of rows that lack the same entries; they differ by their means alone."""

    index: Tensor  # Which rows these are
    present: Tensor  # The entries that they have
    mean: Tensor  # Their means
    root: Tensor  # Times a standard normal column, plus a mean, gives a draw
    log_root: float  # Log determinant of `root`


@dataclass(frozen=True)
class LinearCodec:
    """Rows ``x = mean + weights z + sigma noise`` with z and noise standard normal.

    Has what `vaega.generative.engine.Codec` has, on the same scale, and log densities besides.
    Entries that are missing, NaN, are left out: posteriors condition on the others.
    """

    weights: Tensor
    means: Tensor  # One for each class, or one for all
    sigma: Tensor  # Standard deviation of the noise
    class_share: np.ndarray  # Share of each class in the fit rows
    likelihood: Likelihood = field(default_factory=Gaussian)  # Gaussian

    exact = True
    stochastic = True

    def __post_init__(self) -> None:
        # The last bits of a product depend on how its factors lie in memory.
        for name in ("weights", "means", "sigma"):
            object.__setattr__(self, name, getattr(self, name).contiguous())

    has_prior = True

    @property
    def latent(self) -> int:
        """Dimensions of the latent space."""
        return self.weights.shape[1]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.weights.device

    @property
    def conditional(self) -> bool:
        """Whether classes have means of their own."""
        return len(self.means) > 1

    def posterior(self, rows: np.ndarray, codes: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """Return mean and variance (n, latent) of the posteriors of `rows` (n, n_varying)."""
        mean = self.tensor(np.empty((len(rows), self.latent)))
        variance = torch.empty_like(mean)
        for part in self._posteriors(self.tensor(rows) - self._centres(codes, len(rows))):
            mean[part.index] = part.mean
            variance[part.index] = part.root.square().sum(dim=1)
        return mean, variance

    def infer(
        self, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return points of the posteriors of rows, and the log density of each point."""
        points = torch.empty_like(noise)
        log_q = -0.5 * (noise.square() + LOG_TWO_PI).sum(dim=-1)
        for part in self._posteriors(self.tensor(rows) - self._centres(codes, len(rows))):
            points[..., part.index, :] = part.mean + noise[..., part.index, :] @ part.root.T
            log_q[..., part.index] -= part.log_root
        return points, log_q

    def raw(
        self, points: Tensor, codes: np.ndarray | None, features: np.ndarray | None = None
    ) -> Tensor:
        """Return the means of rows (n, n_varying) at latent `points` (n, latent), or `features`."""
        if features is None:
            return self._centres(codes, len(points)) + points @ self.weights.T
        index = torch.from_numpy(features).to(self.device)
        weights, means = self.weights[index], self.means[:, index]
        return self._chosen(means, codes) + points @ weights.T

    def decode(
        self,
        points: Tensor,
        codes: np.ndarray | None,
        features: np.ndarray | None = None,
        *,
        single: bool = False,
    ) -> np.ndarray:
        """Return `raw` as an array; `single`, for networks, changes nothing."""
        return self.raw(points, codes, features).cpu().numpy()

    def log_density(self, rows: np.ndarray, codes: np.ndarray | None) -> Tensor:
        """Return the log density (n,) of the entries that rows (n, n_varying) have, in nats."""
        centred = self.tensor(rows) - self._centres(codes, len(rows))
        density = self.tensor(np.empty(len(rows)))
        for part in self._posteriors(centred):
            sigma, weights = self.sigma[part.present], self.weights[part.present]
            # Equals the Mahalanobis form, and takes no small difference of large numbers.
            left = (centred[part.index][:, part.present] - part.mean @ weights.T) / sigma
            distance = left.square().sum(dim=1) + part.mean.square().sum(dim=1)
            constant = len(sigma) * LOG_TWO_PI + 2 * sigma.log().sum() - 2 * part.log_root
            density[part.index] = -0.5 * (distance + constant)
        return density

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return `values` as float64 where the codec computes."""
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).to(self.device)

    def _centres(self, codes: np.ndarray | None, n: int) -> Tensor:
        return self._chosen(self.means, codes).expand(n, -1)

    def _chosen(self, means: Tensor, codes: np.ndarray | None) -> Tensor:
        if not self.conditional:
            return means
        if codes is None:
            return self.tensor(self.class_share[None]) @ means
        return means[torch.from_numpy(codes).to(self.device)]

    def _posteriors(self, centred: Tensor) -> Iterator[Posterior]:
        """Yield the posteriors of centred rows (n, n_varying), by the entries that they lack."""
        lacking = centred.isnan()
        incomplete = lacking.any(dim=1)
        whole = torch.nonzero(~incomplete).squeeze(1)
        if len(whole):
            yield self._posterior_of(centred, whole, ~lacking[whole[0]])
        if len(whole) == len(centred):
            return
        some = torch.nonzero(incomplete).squeeze(1)
        patterns, which = torch.unique(lacking[some], dim=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            yield self._posterior_of(centred, some[which == number], ~pattern)

    def _posterior_of(self, centred: Tensor, index: Tensor, present: Tensor) -> Posterior:
        scaled = self.weights / self.sigma[:, None]
        if bool(present.all()):
            # Orthogonal columns: the precision is diagonal.
            precision = 1.0 + scaled.square().sum(dim=0)
            mean = (centred[index] / self.sigma) @ scaled / precision
            root, log_root = torch.diag(precision.rsqrt()), -0.5 * float(precision.log().sum())
            return Posterior(index, present, mean, root, log_root)
        scaled = scaled[present]
        moments = (centred[index][:, present] / self.sigma[present]) @ scaled
        identity = torch.eye(self.latent, dtype=scaled.dtype, device=scaled.device)
        factor = torch.linalg.cholesky(identity + scaled.T @ scaled)
        root = torch.linalg.solve_triangular(factor.T, identity, upper=True)
        mean = moments @ root @ root.T
        return Posterior(index, present, mean, root, -float(factor.diagonal().log().sum()))
