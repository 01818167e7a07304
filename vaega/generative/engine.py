"""The fitted machine inside a generative model: codec, scale, latent classes and noise."""

import copy
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from vaega.generative.latent import ClassGaussians, StandardGaussians
from vaega.generative.likelihoods import Gaussian, Likelihood
from vaega.generative.linear import LinearCodec
from vaega.generative.networks import Network
from vaega.generative.origins import Around, LatentPoints, draw_points
from vaega.generative.scaling import Scaling


@dataclass(frozen=True)
class Codec:
    """A trained network as a function of rows and class codes, on the network's own scale.

    Computes in float64, so that the way rows are batched shows in the last bits at most. Missing
    entries, NaN, are seen as 0, the mean.
    """

    network: Network  # In float64 and evaluation mode
    # Share of each class in the fit rows; stands in for a label that is not given
    class_share: np.ndarray
    conditional: bool  # Whether the network sees the class
    # What the decoder's outputs say about an entry
    likelihood: Likelihood = field(default_factory=Gaussian)

    # Densities and conditional means need samples of the posterior; see `LinearCodec`.
    exact = False

    @property
    def has_prior(self) -> bool:
        """Whether latent points have a distribution before any row is seen."""
        return self.network.stochastic

    @property
    def latent(self) -> int:
        """Dimensions of the latent space."""
        return self.network.latent

    @property
    def stochastic(self) -> bool:
        """Whether posteriors have a variance, and the latent space a prior."""
        return bool(getattr(self.network, "stochastic", True))

    @cached_property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @torch.no_grad()
    def posterior(self, rows: np.ndarray, codes: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """Return mean and variance (n, latent) of the posteriors of `rows` (n, n_varying)."""
        condition = self.condition(codes, len(rows))
        mean, log_variance = self.network.encode(self._seen(rows), condition)
        return mean, log_variance.exp()

    @torch.no_grad()
    def infer(
        self, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return points of the posteriors of rows, and the log density of each point."""
        seen, condition = self._seen(rows), self.condition(codes, len(rows))
        if noise.ndim == 2 or isinstance(self.network, Network):
            points, _, log_variance = self.network.infer(seen, noise, condition)
        else:  # what one layer infers depends on the noise of another
            times = len(noise)
            repeated = None if condition is None else condition.repeat(times, 1)
            found = self.network.infer(seen.repeat(times, 1), noise.flatten(0, 1), repeated)
            points, log_variance = (part.view(noise.shape) for part in (found[0], found[2]))
        log_q = -0.5 * (noise.square() + log_variance + math.log(2 * math.pi)).sum(dim=-1)
        return points, log_q

    @torch.no_grad()
    def raw(
        self, points: Tensor, codes: np.ndarray | None, features: np.ndarray | None = None
    ) -> Tensor:
        """Return what the decoder's last layer gives at latent `points` (n, latent).

        With `features`, numbers of varying columns, only those: (n, n_asked).
        """
        return self.network.decode(
            points, self.condition(codes, len(points)), self._index(features)
        )

    @torch.no_grad()
    def decode(
        self,
        points: Tensor,
        codes: np.ndarray | None,
        features: np.ndarray | None = None,
        *,
        single: bool = False,
    ) -> np.ndarray:
        """Return the decoder's means (n, n_varying) at latent `points`, or `features` of them.

        With `single` it computes in single precision, as the network was trained, in half the time.
        """
        if not single:
            return self.likelihood.location(self.raw(points, codes, features)).cpu().numpy()
        condition = self.condition(codes, len(points))
        raw = self._single.decode(
            points.float(),
            None if condition is None else condition.float(),
            self._index(features),
        )
        return self.likelihood.location(raw).cpu().numpy().astype(np.float64)

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

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def _seen(self, rows: np.ndarray) -> Tensor:
        return self.tensor(rows).nan_to_num(nan=0.0)

    def _index(self, features: np.ndarray | None) -> Tensor | None:
        return None if features is None else torch.from_numpy(features).to(self.device)

    @cached_property
    def _single(self) -> Network:
        network = copy.deepcopy(self.network)
        for body in [part for part in network.modules() if isinstance(part, nn.Sequential)]:
            for i in range(len(body) - 1):
                layer, norm = body[i], body[i + 1]
                if isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                    body[i] = fuse_linear_bn_eval(layer, norm)
                    body[i + 1] = nn.Identity()
        return network.float()


@dataclass(frozen=True)
class Engine:
    """All that a fit learned; encodes, decodes and generates rows of the user's scale."""

    codec: Codec | LinearCodec  # The network, or the closed form in its place
    scaling: Scaling  # Between the user's rows and the network's
    gaussians: ClassGaussians | StandardGaussians  # Aggregate posterior of each class
    # Standard deviation of the decoder's likelihood, calibrated on held-out residuals
    sigma: np.ndarray
    noise: np.ndarray  # Standard deviation of what `sample` adds
    # How far `sample` moves the rows of each class: values, or logits of probabilities
    offsets: np.ndarray

    def encode(self, X: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
        """Return posterior means (n, latent) of rows (n, n_features)."""
        return self.codec.posterior(self.scaling.forward(X), codes)[0].cpu().numpy()

    def decode(
        self,
        points: np.ndarray,
        codes: np.ndarray | None,
        features: np.ndarray | None = None,
        *,
        rng: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Return decoder means (n, n_features) at latent points (n, latent), or `features` only.

        With `rng`, entries drawn from the decoder's likelihood in their place.
        """
        scaling, columns = self._part(features)
        rows = self.codec.decode(self.codec.tensor(points), codes, columns)
        if rng is not None:
            sigma = self.sigma if columns is None else self.sigma[columns]
            rows = self.codec.likelihood.draw(rows, sigma, rng)
        return scaling.backward(rows)

    def sample(
        self,
        wanted: int | np.ndarray,
        *,
        noise: bool,
        rng: np.random.Generator,
        features: np.ndarray | None = None,
        source: str | None = None,
        around: Around | None = None,
    ) -> np.ndarray:
        """Generate rows."""
        points = self._points(wanted, source, around, rng)
        scaling, columns = self._part(features)
        single = features is not None
        rows = self.codec.decode(points.values, points.codes, columns, single=single)
        chosen: Any = slice(None) if columns is None else columns
        if points.placed:
            rows = self.codec.likelihood.move(rows, self.offsets[:, chosen][points.codes])
        if noise:
            rows = self.codec.likelihood.draw(rows, self.noise[chosen], rng)
        return scaling.backward(rows)

    def draw(self, wanted: int | np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """Return decoder means (n, n_varying) at random latent points, on the network's scale."""
        points = self._points(wanted, None, None, rng)
        return self.codec.decode(points.values, points.codes)

    def _points(
        self,
        wanted: int | np.ndarray,
        source: str | None,
        around: Around | None,
        rng: np.random.Generator,
    ) -> LatentPoints:
        if source is None:
            drawn = isinstance(wanted, np.ndarray) or not self.codec.has_prior
            source = "posterior" if drawn else "prior"
        return draw_points(
            self.codec, self.gaussians, wanted, source=source, around=around, rng=rng
        )

    def _part(self, features: np.ndarray | None) -> tuple[Scaling, np.ndarray | None]:
        """Return the scaling of some columns, and the codec's numbers of those that vary."""
        whole = self.scaling
        if features is None:
            return whole, None
        varies = whole.varies[features]
        part = Scaling(whole.shift[features], whole.scale[features], varies)
        return part, (np.cumsum(whole.varies) - 1)[features[varies]]
