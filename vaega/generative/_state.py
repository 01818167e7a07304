"""The fitted state of a generative model: what encodes, decodes and generates rows after a fit.

`FittedState` joins the scale of the columns, a codec (a trained network, or a linear model in
closed form), the aggregate posterior of each class in the latent space, and the decoder's
calibrated standard deviation. Latent points are drawn from one of three sources: the prior, the
aggregate posterior of a class, or the posteriors of given rows.
"""

import copy
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from vaega.core.threads import SharedContext
from vaega.generative._data import Scaling
from vaega.generative._kinds import ColumnKinds
from vaega.generative._networks import Gaussian, Likelihood, VariationalNetwork

SOURCES = ("prior", "posterior", "rows")
LOG_TWO_PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class FittedState:
    """All that a fit learned; encodes, decodes and generates rows of the user's scale."""

    codec: "Codec"  # The network, or the closed form in its place
    scaling: Scaling  # Between the user's rows and the network's
    gaussians: "ClassGaussians | StandardGaussians"  # Aggregate posterior of each class
    # Decoder standard deviation (n_varying,), calibrated on held-out residuals
    sigma: np.ndarray
    noise: np.ndarray  # Standard deviation of what `sample` adds, (n_varying,)
    # How far `sample` moves the rows of each class, (n_classes, n_varying): values, or logits of
    # probabilities
    offsets: np.ndarray
    kinds: ColumnKinds | None = None  # What columns may hold; None where it is anything
    # How much further `sample` moves rows with noise, so that classes have their means when the
    # columns are kept to their kinds, (n_classes, n_varying); None for not at all
    kind_offsets: np.ndarray | None = None

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
        scaling, columns = self._columns(features)
        rows = self.codec.decode(self.codec.tensor(points), codes, columns)
        if rng is not None:
            sigma = self.sigma if columns is None else self.sigma[columns]
            rows = self.codec.likelihood.draw(rows, sigma, rng)
        return scaling.backward(rows)

    def sample(
        self,
        request: int | np.ndarray,
        *,
        noise: bool,
        rng: np.random.Generator,
        features: np.ndarray | None = None,
        source: str | None = None,
        rows: "SourceRows | None" = None,
    ) -> np.ndarray:
        """Generate rows (n, n_features), or `features` of them: a number, or one for each code."""
        latent = self._draw_latent(request, source, rows, rng)
        scaling, columns = self._columns(features)
        single = features is not None
        decoded = self.codec.decode(latent.points, latent.codes, columns, single=single)
        chosen: Any = slice(None) if columns is None else columns
        if latent.in_class:
            offsets = self.offsets[:, chosen][latent.codes]
            decoded = self.codec.likelihood.move(decoded, offsets)
        if noise:
            decoded = self._with_noise(decoded, latent, chosen, rng)
        generated = scaling.backward(decoded)
        if self.kinds is None:
            return generated
        kinds = self.kinds if features is None else self.kinds.of_columns(features)
        return kinds.enforce(generated)

    def sample_means(self, request: int | np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
        """Return decoder means (n, n_varying) at random latent points, on the network's scale."""
        latent = self._draw_latent(request, None, None, rng)
        return self.codec.decode(latent.points, latent.codes)

    def _with_noise(
        self, decoded: np.ndarray, latent: "LatentSample", chosen: Any, rng: np.random.Generator
    ) -> np.ndarray:
        if self.kind_offsets is not None:
            moves = self.kind_offsets[:, chosen]
            # Points of the prior are of no class's place: they get what classes get on average.
            decoded = decoded + (
                moves[latent.codes] if latent.in_class else self.codec.class_priors @ moves
            )
        return self.codec.likelihood.draw(decoded, self.noise[chosen], rng)

    def _draw_latent(
        self,
        request: int | np.ndarray,
        source: str | None,
        rows: "SourceRows | None",
        rng: np.random.Generator,
    ) -> "LatentSample":
        if source is None:
            by_class = isinstance(request, np.ndarray) or not self.codec.has_prior
            source = "posterior" if by_class else "prior"
        return draw_latent(self.codec, self.gaussians, request, source=source, rows=rows, rng=rng)

    def _columns(self, features: np.ndarray | None) -> tuple[Scaling, np.ndarray | None]:
        """Return the scaling of some columns, and the codec's indices of those that vary."""
        if features is None:
            return self.scaling, None
        varies = self.scaling.varies
        index = (np.cumsum(varies) - 1)[features[varies[features]]]
        return self.scaling.of_columns(features), index


@dataclass(frozen=True)
class FitReport:
    """The figures of one fit; all but the counts on the standardised scale.

    Attributes
    ----------
    n_training, n_heldout : int
        Rows that trained the weights that are used; rows that stopped the training and calibrated
        the noise. Where few rows were split twice, all of them trained in the end.
    n_epochs, best_epoch : int
        Epochs run; number of the best one, from 1, whose weights are used. Closed forms have none.
    heldout_elbo : float
        ELBO of the held-out rows with the calibrated sigma, nats per row.
    kl : float
        KL of the held-out rows, nats per row: what the latent space carries.
    sigma : float
        Root mean square of the decoder's sigma, calibrated on held-out residuals.
    noise : float
        Root mean square of the noise that `sample` adds.
    variance_ratio : float
        Within-class variance, summed over features, of a sample over that of the fit rows.
    active_units : int
        Latent dimensions in use at the best epoch.
    n_coordinates : int
        Inputs of the network: columns that vary, or, where these outnumber the rows and the noise
        has one level, the dimensions of the rows' span (docs/generators.md). Closed forms: 0.
    heldout_log_likelihood : float or None
        Mean log density of held-out rows, whatever their class, importance-weighted, nats per row;
        None where rows have none.
    references : dict of str to float
        The same of closed forms that were fitted on the same rows; empty for large tables.
    remarks : list of str
        What went wrong, a sentence each: a collapsed posterior, a training that ran away.

    Examples
    --------
    >>> report = FitReport(30, 8, 71, 31, -9810.2, 28.4, 0.96, 0.84, 1.0)
    >>> report.variance_ratio
    1.0
    """

    n_training: int
    n_heldout: int
    n_epochs: int
    best_epoch: int
    heldout_elbo: float
    kl: float
    sigma: float
    noise: float
    variance_ratio: float
    active_units: int = 0
    n_coordinates: int = 0
    heldout_log_likelihood: float | None = None
    references: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def comparison(self) -> str:
        """Which model explains held-out rows best, in a sentence; empty where none is told."""
        if self.heldout_log_likelihood is None or not self.references:
            return ""
        best = max(self.references, key=self.references.__getitem__)
        lead = self.heldout_log_likelihood - self.references[best]
        figures = f"{abs(lead):.4g} nats a row"
        if lead > 0.0:
            return f"held-out rows are more likely than under {best}, by {figures}."
        return f"{best} explains held-out rows better, by {figures}."


class FitWarning(UserWarning):
    """A fit that ended, and of which something is wrong; `report_.remarks` has the sentence.

    Examples
    --------
    >>> issubclass(FitWarning, UserWarning)
    True
    """


def warn_remarks(model: Any, remarks: Sequence[str], *, stacklevel: int) -> None:
    """Warn of what the report of a fit remarks."""
    for remark in remarks:
        warnings.warn(f"{type(model).__name__}: {remark}", FitWarning, stacklevel=stacklevel)


class Codec:
    """What encodes and decodes on the network's scale; missing entries are NaN."""

    exact = False  # Whether densities and conditional means have a closed form
    class_priors: np.ndarray  # Of the fit rows (n_classes,); stands in for a label not given
    conditional: bool  # Whether encoding and decoding depend on the class
    likelihood: Likelihood

    @property
    def latent(self) -> int:
        """Dimensions of the latent space."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        raise NotImplementedError

    @property
    def has_prior(self) -> bool:
        """Whether the latent space has a prior, and posteriors a variance."""
        return True

    @property
    def factorised(self) -> bool:
        """Whether the posterior of a complete row is a Gaussian of independent dimensions."""
        return True

    def posterior(self, rows: np.ndarray, codes: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """Return mean and variance (n, latent) of the posteriors of `rows` (n, n_varying)."""
        raise NotImplementedError

    def infer(
        self, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return points of the posteriors of rows, and the log density of each point in nats.

        `noise`, standard normal, is (n, latent) or (k, n, latent), as are the points; densities
        are (n,) or (k, n).
        """
        raise NotImplementedError

    def raw(
        self,
        points: Tensor,
        codes: np.ndarray | None,
        features: np.ndarray | None = None,
        *,
        single: bool = False,
    ) -> Tensor:
        """Return the decoder's last layer (n, n_varying) at latent `points` (n, latent).

        With `features`, indices of varying columns, only those. With `single` a network computes in
        single precision, as it was trained, in half the time.
        """
        raise NotImplementedError

    def decode(
        self,
        points: Tensor,
        codes: np.ndarray | None,
        features: np.ndarray | None = None,
        *,
        single: bool = False,
    ) -> np.ndarray:
        """Return the decoder's means (n, n_varying) where `raw` returns its last layer."""
        location = self.likelihood.location(self.raw(points, codes, features, single=single))
        return location.cpu().numpy().astype(np.float64, copy=False)

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return `values` as float64 where the codec computes."""
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).to(self.device)


@dataclass(frozen=True)
class NetworkCodec(Codec):
    """A trained network as a function of rows and class codes.

    Computes in float64, so that the way rows are batched shows in the last bits at most. Missing
    entries are seen as 0, the mean.
    """

    network: VariationalNetwork  # In float64 and evaluation mode
    class_priors: np.ndarray
    conditional: bool  # Whether the network sees the class
    likelihood: Likelihood = field(default_factory=Gaussian)

    @property
    def latent(self) -> int:
        return self.network.latent

    @property
    def has_prior(self) -> bool:
        return self.network.stochastic

    @property
    def factorised(self) -> bool:
        return self.network.factorised

    @cached_property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @torch.no_grad()
    def posterior(self, rows: np.ndarray, codes: np.ndarray | None) -> tuple[Tensor, Tensor]:
        condition = self.condition(codes, len(rows))
        mean, log_variance = self.network.encode(self._without_nan(rows), condition)
        return mean, log_variance.exp()

    @torch.no_grad()
    def infer(
        self, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        inputs, condition = self._without_nan(rows), self.condition(codes, len(rows))
        if noise.ndim == 2 or self.factorised:
            points, _, log_variance = self.network.infer(inputs, noise, condition)
        else:  # what one layer infers depends on the noise of another
            k = len(noise)
            repeated = None if condition is None else condition.repeat(k, 1)
            parts = self.network.infer(inputs.repeat(k, 1), noise.flatten(0, 1), repeated)
            points, log_variance = (part.view(noise.shape) for part in (parts[0], parts[2]))
        log_q = -0.5 * (noise.square() + log_variance + LOG_TWO_PI).sum(dim=-1)
        return points, log_q

    @torch.no_grad()
    def raw(
        self,
        points: Tensor,
        codes: np.ndarray | None,
        features: np.ndarray | None = None,
        *,
        single: bool = False,
    ) -> Tensor:
        condition = self.condition(codes, len(points))
        index = None if features is None else torch.from_numpy(features).to(self.device)
        if not single:
            return self.network.decode(points, condition, index)
        condition = None if condition is None else condition.float()
        return self._single.decode(points.float(), condition, index)

    def condition(self, codes: np.ndarray | None, n: int) -> Tensor | None:
        """Return the one-hot classes (n, n_classes), their shares for None; None if unseen."""
        if not self.conditional:
            return None
        if codes is None:
            return self.tensor(np.tile(self.class_priors, (n, 1)))
        return self.tensor(np.eye(len(self.class_priors))[codes])

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def _without_nan(self, rows: np.ndarray) -> Tensor:
        return self.tensor(rows).nan_to_num(nan=0.0)

    @cached_property
    def _single(self) -> VariationalNetwork:
        """The network in float32, batch norms fused into the linear layers before them."""
        network = copy.deepcopy(self.network)
        for body in [part for part in network.modules() if isinstance(part, nn.Sequential)]:
            for i in range(len(body) - 1):
                layer, norm = body[i], body[i + 1]
                if isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                    body[i] = fuse_linear_bn_eval(layer, norm)
                    body[i + 1] = nn.Identity()
        return network.float()


@dataclass(frozen=True)
class LinearCodec(Codec):
    """Rows ``x = mean + weights z + sigma noise`` with z and noise standard normal.

    Posteriors and densities are exact, and condition on the entries that are observed (Tipping and
    Bishop 1999, sections 3.1 and 3.3).
    """

    # (n_varying, latent); ``weights / sigma`` has orthogonal columns, so that the posterior of a
    # whole row has a diagonal covariance
    weights: Tensor
    means: Tensor  # (n_classes, n_varying), or (1, n_varying) for all classes
    sigma: Tensor  # Standard deviation of the noise (n_varying,)

    class_priors: np.ndarray
    likelihood: Likelihood = field(default_factory=Gaussian)

    exact = True

    def __post_init__(self) -> None:
        # The last bits of a product depend on how its factors lie in memory.
        for name in ("weights", "means", "sigma"):
            object.__setattr__(self, name, getattr(self, name).contiguous())

    @property
    def latent(self) -> int:
        return self.weights.shape[1]

    @property
    def device(self) -> torch.device:
        return self.weights.device

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        """Whether classes have means of their own."""
        return len(self.means) > 1

    def posterior(self, rows: np.ndarray, codes: np.ndarray | None) -> tuple[Tensor, Tensor]:
        mean = self.tensor(np.empty((len(rows), self.latent)))
        variance = torch.empty_like(mean)
        for part in self._posteriors(self._centred(rows, codes)):
            mean[part.index] = part.mean
            variance[part.index] = part.root.square().sum(dim=1)
        return mean, variance

    def infer(
        self, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        points = torch.empty_like(noise)
        log_q = -0.5 * (noise.square() + LOG_TWO_PI).sum(dim=-1)
        for part in self._posteriors(self._centred(rows, codes)):
            points[..., part.index, :] = part.mean + noise[..., part.index, :] @ part.root.T
            log_q[..., part.index] -= part.log_root
        return points, log_q

    def raw(
        self,
        points: Tensor,
        codes: np.ndarray | None,
        features: np.ndarray | None = None,
        *,
        single: bool = False,
    ) -> Tensor:
        if features is None:
            means = self._means_of(codes, self.means)
            return means.expand(len(points), -1) + points @ self.weights.T
        index = torch.from_numpy(features).to(self.device)
        return self._means_of(codes, self.means[:, index]) + points @ self.weights[index].T

    def log_density(self, rows: np.ndarray, codes: np.ndarray | None) -> Tensor:
        """Return the log density (n,) of the observed entries of rows (n, n_varying), in nats."""
        centred = self._centred(rows, codes)
        density = self.tensor(np.empty(len(rows)))
        for part in self._posteriors(centred):
            sigma, weights = self.sigma[part.observed], self.weights[part.observed]
            # Equals the Mahalanobis form, and takes no small difference of large numbers.
            residual = centred[part.index][:, part.observed] - part.mean @ weights.T
            distance = (residual / sigma).square().sum(dim=1) + part.mean.square().sum(dim=1)
            constant = len(sigma) * LOG_TWO_PI + 2 * sigma.log().sum() - 2 * part.log_root
            density[part.index] = -0.5 * (distance + constant)
        return density

    def _centred(self, rows: np.ndarray, codes: np.ndarray | None) -> Tensor:
        return self.tensor(rows) - self._means_of(codes, self.means).expand(len(rows), -1)

    def _means_of(self, codes: np.ndarray | None, means: Tensor) -> Tensor:
        if not self.conditional:
            return means
        if codes is None:
            return self.tensor(self.class_priors[None]) @ means
        return means[torch.from_numpy(codes).to(self.device)]

    def _posteriors(self, centred: Tensor) -> Iterator["_Posterior"]:
        """Yield the posteriors of centred rows (n, n_varying), by the entries that are missing."""
        missing = centred.isnan()
        incomplete = missing.any(dim=1)
        complete = torch.nonzero(~incomplete).squeeze(1)
        if len(complete):
            yield self._posterior_of(centred, complete, ~missing[complete[0]])
        if len(complete) == len(centred):
            return
        some = torch.nonzero(incomplete).squeeze(1)
        patterns, which = torch.unique(missing[some], dim=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            yield self._posterior_of(centred, some[which == number], ~pattern)

    def _posterior_of(self, centred: Tensor, index: Tensor, observed: Tensor) -> "_Posterior":
        scaled = self.weights / self.sigma[:, None]
        if bool(observed.all()):
            # Orthogonal columns: the precision is diagonal.
            precision = 1.0 + scaled.square().sum(dim=0)
            mean = (centred[index] / self.sigma) @ scaled / precision
            root, log_root = torch.diag(precision.rsqrt()), -0.5 * float(precision.log().sum())
            return _Posterior(index, observed, mean, root, log_root)
        scaled = scaled[observed]
        moments = (centred[index][:, observed] / self.sigma[observed]) @ scaled
        identity = torch.eye(self.latent, dtype=scaled.dtype, device=scaled.device)
        factor = torch.linalg.cholesky(identity + scaled.T @ scaled)
        root = torch.linalg.solve_triangular(factor.T, identity, upper=True)
        mean = moments @ root @ root.T
        return _Posterior(index, observed, mean, root, -float(factor.diagonal().log().sum()))


@dataclass(frozen=True)
class _Posterior:
    """The posteriors of rows with the same observed entries; they differ by their means alone."""

    index: Tensor  # Of the rows (m,)
    observed: Tensor  # Mask of the entries (n_varying,)
    mean: Tensor  # (m, latent)
    root: Tensor  # (latent, latent); times a standard normal column, plus a mean, gives a draw
    log_root: float  # Log determinant of `root`


@dataclass(frozen=True)
class SourceRows:
    """Rows whose posteriors latent points are drawn from, and their classes where known."""

    values: np.ndarray  # On the network's scale (n, n_varying); may be NaN
    codes: np.ndarray | None


@dataclass(frozen=True)
class LatentSample:
    """Latent points to decode."""

    points: Tensor  # (n, latent)
    codes: np.ndarray | None  # The classes to decode them with
    # Whether they lie where the rows of these classes lie, so that class offsets apply
    in_class: bool


def draw_latent(
    codec: Codec,
    gaussians: "ClassGaussians | StandardGaussians",
    request: int | np.ndarray,
    *,
    source: str,
    rows: SourceRows | None,
    rng: np.random.Generator,
) -> LatentSample:
    """Return latent points of a source: a number of them, or one for each class code requested.

    A number draws classes in proportion to their share; from "rows", each row is drawn around as
    often as the others (of its class).
    """
    if source == "rows" and rows is not None:
        return _around_rows(codec, request, rows, rng)
    codes = request
    if not isinstance(codes, np.ndarray):
        codes = rng.choice(len(codec.class_priors), size=codes, p=codec.class_priors)
    if source == "posterior":
        points = codec.tensor(np.empty((len(codes), codec.latent)))
        for code in np.unique(codes).tolist():
            index = np.flatnonzero(codes == code)
            drawn = gaussians.draw(code, len(index), rng=rng)
            points[torch.from_numpy(index).to(points.device)] = drawn
        return LatentSample(points, codes, in_class=True)
    points = codec.tensor(rng.standard_normal((len(codes), codec.latent)))
    return LatentSample(points, codes, in_class=False)


def _around_rows(
    codec: Codec, request: int | np.ndarray, rows: SourceRows, rng: np.random.Generator
) -> LatentSample:
    index = _source_index(request, rows, rng)
    codes = None if rows.codes is None else rows.codes[index]
    noise = codec.tensor(rng.standard_normal((len(index), codec.latent)))
    points, _ = codec.infer(rows.values[index], codes, noise)
    return LatentSample(points, codes, in_class=codes is not None)


def _source_index(
    request: int | np.ndarray, rows: SourceRows, rng: np.random.Generator
) -> np.ndarray:
    """Return the row of each point, every row (of the class) as often as the others."""
    if not isinstance(request, np.ndarray) or rows.codes is None:
        n = len(request) if isinstance(request, np.ndarray) else request
        return _share_out(np.arange(len(rows.values)), n, rng)
    index = np.empty(len(request), dtype=int)
    for code in np.unique(request).tolist():
        in_class = request == code
        sources = np.flatnonzero(rows.codes == code)
        index[in_class] = _share_out(sources, int(in_class.sum()), rng)
    return index


def _share_out(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` of the rows, in order: each as often, those left over chosen at random."""
    remaining = np.sort(rng.permutation(rows)[: n % len(rows)])
    return np.concatenate([np.tile(rows, n // len(rows)), remaining])


# A class of this many rows more than one is worth as much as all classes pooled.
PRIOR_ROWS = 10

# Far below any posterior variance that matters; keeps the Cholesky factor defined.
JITTER = 1e-8


@dataclass(frozen=True)
class ClassGaussians:
    """One Gaussian a class over the latent space: its aggregate posterior, moment-matched."""

    means: Tensor  # Centres of the classes (n_classes, latent)
    factors: Tensor  # Lower Cholesky factors of their covariances (n_classes, latent, latent)

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
            within = variances[code]
            if variances.ndim == 2:
                within = torch.diag(variances[codes == code].mean(dim=0))
            within = within + JITTER * torch.eye(len(within)).to(within)
            factors.append(torch.linalg.cholesky(covariance + within))
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


# Sums are split over threads, so their last bits depend on how many there are: always the same.
N_TORCH_THREADS = 1


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run torch on one thread, so that bits don't depend on the process around.

    Torch keeps a setting of its own beside those of the BLAS and OpenMP libraries.
    """
    with _RESTORED_THREADS:
        torch.set_num_threads(N_TORCH_THREADS)
        yield


@contextmanager
def _restored_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


_RESTORED_THREADS = SharedContext(_restored_threads)
