"""Where in the latent space a class lives."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# A class of this many rows more than one is worth as much as all classes pooled.
PRIOR_ROWS = 10
# Far below any posterior variance that matters; keeps the Cholesky factor defined.
JITTER = 1e-8


@dataclass(frozen=True)
class ClassGaussians:
    """One Gaussian a class over the latent space: its aggregate posterior, moment-matched."""

    means: Tensor  # The classes' centres
    factors: Tensor  # Lower Cholesky factors of their covariances

    @classmethod
    def fitted(cls, means: Tensor, variances: Tensor, codes: Tensor) -> "ClassGaussians":
        """Match the posteriors (n, latent) of rows whose classes are `codes` (n,), all present.

        `variances` are those of each row, (n, latent); or, where latent dimensions of a posterior
        depend on each other, the mean covariance of each class, (n_classes, latent, latent).
        """
        parts = [means[codes == code] for code in range(int(codes.max()) + 1)]
        scatters = [_scatter(part) for part in parts]
        pooled = sum(scatters) / max(1, len(means) - len(parts))
        factors = []
        for code, (part, scatter) in enumerate(zip(parts, scatters, strict=True)):
            freedom = len(part) - 1
            covariance = (scatter + PRIOR_ROWS * pooled) / (freedom + PRIOR_ROWS)
            spread = variances[code]
            if variances.ndim == 2:
                spread = torch.diag(variances[codes == code].mean(dim=0))
            spread = spread + JITTER * torch.eye(len(spread)).to(spread)
            factors.append(torch.linalg.cholesky(covariance + spread))
        return cls(torch.stack([part.mean(dim=0) for part in parts]), torch.stack(factors))

    def draw(self, code: int, n: int, *, rng: np.random.Generator) -> Tensor:
        """Return `n` latent points (n, latent) of the class `code`."""
        normal = rng.standard_normal((n, self.means.shape[1]))
        return self.means[code] + torch.from_numpy(normal).to(self.means) @ self.factors[code].T

    def squared_distances(self, points: Tensor) -> Tensor:
        """Return squared Mahalanobis distances (n, n_classes) of points (n, latent) to classes."""
        centred = points[None] - self.means[:, None]
        standard = torch.linalg.solve_triangular(self.factors, centred.mT, upper=False)
        return standard.square().sum(dim=1).T

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file has to hold of them."""
        return {"means": self.means, "factors": self.factors}


@dataclass(frozen=True)
class StandardGaussians:
    """The prior N(0, I) as the aggregate posterior of every class, without factors to hold.

    For models whose classes differ in what is decoded, not in where they lie in the latent space.
    """

    means: Tensor  # Zeros

    def draw(self, code: int, n: int, *, rng: np.random.Generator) -> Tensor:
        """Return `n` latent points (n, latent), whatever the class."""
        return torch.from_numpy(rng.standard_normal((n, self.means.shape[1]))).to(self.means)

    def squared_distances(self, points: Tensor) -> Tensor:
        """Return squared distances (n, n_classes) of points (n, latent) to the origin."""
        return points.square().sum(dim=1, keepdim=True).expand(-1, len(self.means))

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file has to hold of them."""
        return {"means": self.means}


def _scatter(points: Tensor) -> Tensor:
    centred = points - points.mean(dim=0)
    return centred.T @ centred
