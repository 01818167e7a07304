"""The fitted machine inside an autoencoder: network, scale, latent classes and noise."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaega.generative.latent import ClassGaussians
from vaega.generative.networks import Network
from vaega.generative.scaling import Scaling


@dataclass(frozen=True)
class Codec:
    """A trained network as a function of rows and class codes, on the network's own scale.

    Computes in float64, so that the way rows are batched cannot show in the results.

    Attributes
    ----------
    network : Network
        In float64 and evaluation mode.
    class_share : numpy.ndarray of shape (n_classes,)
        Share of each class in the fit rows; stands in for a label that is not given.
    conditional : bool
        Whether the network sees the class.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.autoencoders import VAE
    >>> X, y = load_iris(return_X_y=True)
    >>> model = VAE(hidden=(8,), latent=2, max_epochs=2, random_state=0).fit(X, y)
    >>> mean, variance = model.engine_.codec.posterior(model.engine_.scaling.forward(X), None)
    >>> mean.shape, mean.dtype
    (torch.Size([150, 2]), torch.float64)
    """

    network: Network
    class_share: np.ndarray
    conditional: bool

    @property
    def latent(self) -> int:
        """Dimensions of the latent space."""
        return self.network.latent

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.encoder.heads.weight.device

    @torch.no_grad()
    def posterior(self, rows: np.ndarray, codes: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """Return mean and variance (n, latent) of the posteriors of `rows` (n, n_varying)."""
        condition = self.condition(codes, len(rows))
        mean, log_variance = self.network.encode(self.tensor(rows), condition)
        return mean, log_variance.exp()

    @torch.no_grad()
    def decode(self, points: Tensor, codes: np.ndarray | None) -> np.ndarray:
        """Return the decoder's means (n, n_varying) at latent `points` (n, latent)."""
        return self.network.decode(points, self.condition(codes, len(points))).cpu().numpy()

    def condition(self, codes: np.ndarray | None, n: int) -> Tensor | None:
        """Return the one-hot classes (n, n_classes), their shares for None; None if unseen."""
        if not self.conditional:
            return None
        if codes is None:
            return self.tensor(np.tile(self.class_share, (n, 1)))
        return self.tensor(np.eye(len(self.class_share))[codes])

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return `values` as float64 on the network's device."""
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).to(self.device)


@dataclass(frozen=True)
class Engine:
    """All that a fit learned; encodes, decodes and generates rows of the user's scale.

    Attributes
    ----------
    codec : Codec
        The network.
    scaling : Scaling
        Between the user's rows and the network's.
    gaussians : ClassGaussians
        Aggregate posterior of each class.
    sigma : numpy.ndarray of shape (n_varying,)
        Standard deviation of the decoder's likelihood, calibrated on held-out residuals.
    noise : numpy.ndarray of shape (n_varying,)
        Standard deviation of what `sample` adds.
    offsets : numpy.ndarray of shape (n_classes, n_varying)
        What `sample` adds to the rows of each class.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.autoencoders import VAE
    >>> X, y = load_iris(return_X_y=True)
    >>> model = VAE(hidden=(8,), latent=2, max_epochs=2, random_state=0).fit(X, y)
    >>> rng = np.random.default_rng(0)
    >>> model.engine_.sample(np.array([0, 2, 2]), noise=True, rng=rng).shape
    (3, 4)
    """

    codec: Codec
    scaling: Scaling
    gaussians: ClassGaussians
    sigma: np.ndarray
    noise: np.ndarray
    offsets: np.ndarray

    def encode(self, X: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
        """Return posterior means (n, latent) of rows (n, n_features)."""
        return self.codec.posterior(self.scaling.forward(X), codes)[0].cpu().numpy()

    def decode(self, points: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
        """Return decoder means (n, n_features) at latent points (n, latent)."""
        return self.scaling.backward(self.codec.decode(self.codec.tensor(points), codes))

    def sample(
        self, wanted: int | np.ndarray, *, noise: bool, rng: np.random.Generator
    ) -> np.ndarray:
        """Return rows (n, n_features): `wanted` from the prior, or one for each class code."""
        rows = self.draw(wanted, rng=rng)
        if isinstance(wanted, np.ndarray):
            rows += self.offsets[wanted]
        if noise:
            rows += self.noise * rng.standard_normal(rows.shape)
        return self.scaling.backward(rows)

    def draw(self, wanted: int | np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """Return decoder means (n, n_varying) at random latent points, on the network's scale."""
        if isinstance(wanted, np.ndarray):
            return self.codec.decode(self._class_points(wanted, rng), wanted)
        share = self.codec.class_share
        codes = rng.choice(len(share), size=wanted, p=share)
        points = rng.standard_normal((wanted, self.codec.latent))
        return self.codec.decode(self.codec.tensor(points), codes)

    def _class_points(self, codes: np.ndarray, rng: np.random.Generator) -> Tensor:
        points = self.codec.tensor(np.empty((len(codes), self.codec.latent)))
        for code in np.unique(codes).tolist():
            mine = np.flatnonzero(codes == code)
            points[torch.from_numpy(mine).to(points.device)] = self.gaussians.draw(
                code, len(mine), rng=rng
            )
        return points
