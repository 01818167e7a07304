"""The noise of the decoder: how far rows lie from what it decodes."""

import copy
import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Number
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from scipy.special import expit, logit
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_linear_bn_eval

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import InputError
from vaega.generative._networks import Network

# Sums are split over threads, so their last bits depend on how many there are: always the same.
THREADS = 1

_lock = threading.Lock()
_inside = 0
_before = THREADS


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on `THREADS` threads, so that the bits don't depend on the process around.

    The count that was there before comes back when the last of the threads inside leaves.
    """
    global _inside, _before  # noqa: PLW0603 - torch's own setting is one per process
    with _lock:
        if not _inside:
            _before = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                torch.set_num_threads(_before)


def check_labels(y: Any, *, owner: str) -> Any:
    """Return `y`, object labels as an array of one type; no column of labels unchanged."""
    labels = None if y is None else np.asarray(y)
    if labels is None or labels.ndim != 1:
        return y
    missing = [label for label in labels.tolist() if _is_missing(label)]
    if missing:
        raise InputError(f"{owner}: y must hold a label for every row, got {missing[0]!r}.")
    if labels.dtype != object:
        return labels
    if all(isinstance(label, Number | np.bool_) for label in labels):
        return np.array(labels.tolist())
    try:
        np.unique(labels)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise InputError(f"{owner}: y must hold labels of one type, got {kinds}.") from None
    return labels


def encode_labels(
    y: Any, n: int, *, required: bool, owner: str = "encode_labels"
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the classes, sorted, and the code of each row."""
    labels = check_labels(_one_column(y), owner=owner)
    if required and not _are_objects(labels):
        check_classification_targets(labels)
    given = labels is not None and np.shape(labels) == (n,)
    if not given or not (required or _are_classes(labels)):
        return None, np.zeros(n, dtype=int)
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes


def codes_of(y: Any, classes: np.ndarray | None, n: int, *, owner: str) -> np.ndarray | None:
    """Return the codes of labels that fit has seen; None for None."""
    if y is None or classes is None:
        return None
    labels = _one_column(y)
    if labels.shape != (n,):
        raise InputError(f"{owner}: y must hold {n} labels, one a row, got shape {labels.shape}.")
    known = _codes_by_label(classes)
    unknown = [label for label in labels.tolist() if label not in known]
    if unknown:
        raise InputError(f"{owner}: y must hold labels seen in fit, got {unknown[0]!r}.")
    return np.array([known[label] for label in labels.tolist()], dtype=int)


def repeat_codes(
    counts: Mapping[Any, int], classes: np.ndarray | None, *, owner: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the code and the label of each row that `counts` asks for, label by label."""
    if classes is None:
        raise InputError(f"{owner}: rows of a class need a model fitted with labels, y was none.")
    known = _codes_by_label(classes)
    unknown = [label for label in counts if _plain(label) not in known]
    if unknown:
        raise InputError(f"{owner}: can generate classes seen in fit only, got {unknown[0]!r}.")
    wanted = [
        check_count(n, f"rows of {key!r}", owner=owner, minimum=0) for key, n in counts.items()
    ]
    codes = np.repeat(np.array([known[_plain(label)] for label in counts], dtype=int), wanted)
    return codes, classes[codes]


def _codes_by_label(classes: np.ndarray) -> dict[Any, int]:
    return {label: code for code, label in enumerate(classes.tolist())}


def _plain(label: Any) -> Any:
    """Return a numpy scalar as the Python value that `tolist` makes of it."""
    return label.item() if isinstance(label, np.generic) else label


def _one_column(y: Any) -> Any:
    labels = None if y is None else np.asarray(y)
    column = labels is not None and labels.ndim == 2 and labels.shape[1] == 1
    return labels[:, 0] if column and labels is not None else labels


def _is_missing(label: Any) -> bool:
    if label is None or (isinstance(label, float) and math.isnan(label)):
        return True
    return type(label).__name__ in ("NAType", "NaTType")  # pandas', which need not be imported


def _are_objects(labels: Any) -> bool:
    """Return whether labels are neither numbers nor strings; scikit-learn does not know such."""
    if labels is None or labels.dtype != object or labels.ndim != 1:
        return False
    return not all(isinstance(label, str) for label in labels)


def _are_classes(y: np.ndarray) -> bool:
    if _are_objects(y):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "many classes, is this a regression?" is what we ask
        return type_of_target(y) in ("binary", "multiclass")


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


# Probabilities that are searched for a class's mean: closer than this to 0 or 1 they count as this;
# how close to the mean, and after how many steps the search ends at the latest.
LEAST_PROBABILITY, CLOSE_MEANS, NEWTON_STEPS = 1e-12, 1e-6, 50


class Likelihood:
    """A family of distributions of an entry around what the decoder gives.

    The cost of an entry in nats is ``rate(sigma) * error + constant(sigma)``, so that a training
    step sums errors and weighs them once. `sigma` is the standard deviation of an entry, whatever
    the family; families without one ignore it.
    """

    name: ClassVar[str]  # As settings call it
    has_sigma: ClassVar[bool] = True  # Whether entries have a standard deviation of their own

    def check_entries(self, rows: np.ndarray, *, owner: str) -> None:
        """Raise `InputError` for entries (NaN: missing) that the family is not for."""

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

    def spread(self, error: Tensor) -> Tensor:
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

    def error(self, rows: Tensor, raw: Tensor) -> Tensor:
        """Return squared differences."""
        return (rows - raw).square()

    def rate(self, sigma: Tensor) -> Tensor:
        """Return ``1 / (2 sigma^2)``."""
        return 0.5 / sigma.square()

    def constant(self, sigma: Tensor) -> Tensor:
        """Return ``log(2 pi sigma^2) / 2``."""
        return 0.5 * math.log(2 * math.pi) + sigma.log()

    def spread(self, error: Tensor) -> Tensor:
        """Return the root of the mean squared difference."""
        return error.sqrt()

    def draw(self, location: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return normal entries."""
        return location + sigma * rng.standard_normal(location.shape)


class Laplace(Likelihood):
    """Double-exponential entries: absolute error, as the thesis had it (``sigma = 2 ** 0.5``)."""

    name = "laplace"

    def error(self, rows: Tensor, raw: Tensor) -> Tensor:
        """Return absolute differences."""
        return (rows - raw).abs()

    def rate(self, sigma: Tensor) -> Tensor:
        """Return ``sqrt(2) / sigma``, one over the scale."""
        return math.sqrt(2) / sigma

    def constant(self, sigma: Tensor) -> Tensor:
        """Return ``log(sqrt(2) sigma)``."""
        return 0.5 * math.log(2) + sigma.log()

    def spread(self, error: Tensor) -> Tensor:
        """Return the mean absolute difference as a standard deviation."""
        return math.sqrt(2) * error

    def draw(self, location: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return double-exponential entries."""
        return location + sigma / math.sqrt(2) * rng.laplace(size=location.shape)


class Bernoulli(Likelihood):
    """Entries of 0 and 1; the decoder gives logits."""

    name = "bernoulli"
    has_sigma = False

    def check_entries(self, rows: np.ndarray, *, owner: str) -> None:
        """Raise `InputError` for entries that are not from 0 to 1."""
        outside = (rows < 0.0) | (rows > 1.0)  # False for NaN
        if outside.any():
            raise InputError(
                f"{owner}: likelihood {self.name!r} is for values from 0 to 1, got "
                f"{rows[outside][0]:g}."
            )

    def location(self, raw: Tensor) -> Tensor:
        """Return the probability of 1."""
        return raw.sigmoid()

    def error(self, rows: Tensor, raw: Tensor) -> Tensor:
        """Return the cross-entropy in nats, from logits."""
        return functional.softplus(raw) - rows * raw

    def rate(self, sigma: Tensor) -> Tensor:
        """Return 1: errors are nats already."""
        return torch.ones_like(sigma)

    def constant(self, sigma: Tensor) -> Tensor:
        """Return 0."""
        return torch.zeros_like(sigma)

    def spread(self, error: Tensor) -> Tensor:
        """Return 1, a place holder: entries have no sigma of their own."""
        return torch.ones_like(error)

    def move(self, location: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return probabilities whose logits are moved, so that they stay in [0, 1]."""
        return expit(logit(location) + offsets)

    def draw(self, location: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return 0 or 1 with the probability of 1."""
        return (rng.random(location.shape) < location).astype(float)


LIKELIHOODS: dict[str, Likelihood] = {
    kind.name: kind for kind in (Gaussian(), Laplace(), Bernoulli())
}


def find_likelihood(name: object, *, owner: str) -> Likelihood:
    """Return the likelihood of that name."""
    return LIKELIHOODS[check_choice(name, "likelihood", LIKELIHOODS, owner=owner)]


def logit_offsets(probabilities: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what added to the logits of probabilities gives them this mean, by Newton's steps."""
    logits = logit(probabilities.clip(LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY))
    offsets = np.zeros(probabilities.shape[1])
    for _ in range(NEWTON_STEPS):
        moved = expit(logits + offsets)
        gap, slope = mean - moved.mean(axis=0), (moved * (1.0 - moved)).mean(axis=0)
        if np.abs(gap).max() < CLOSE_MEANS:
            break
        # Far out the curve is flat, and a whole step would leave it on the other side.
        offsets += (gap / np.maximum(slope, LEAST_PROBABILITY)).clip(-1.0, 1.0)
    return offsets


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

    Has what `vaega.generative._fitted.Codec` has, on the same scale, and log densities besides.
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


class Inference(Protocol):
    """What drawing latent points asks of a codec; see `vaega.generative._fitted.Codec`."""

    @property
    def class_share(self) -> np.ndarray:
        """Share of each class."""

    @property
    def latent(self) -> int:
        """Dimensions of the latent space."""

    def infer(self, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor) -> tuple[Any, Any]:
        """Return latent points of the posteriors of rows, and their log density."""

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return values on the codec's device."""


@dataclass(frozen=True)
class Around:
    """Rows to draw around, on the network's scale, and their classes where known."""

    rows: np.ndarray
    codes: np.ndarray | None


@dataclass(frozen=True)
class LatentPoints:
    """Latent points to decode."""

    values: Tensor  # The points
    codes: np.ndarray | None  # The classes to decode them with
    # Whether they lie where the rows of these classes lie, so that class offsets apply
    placed: bool


def draw_points(
    codec: Inference,
    gaussians: ClassGaussians | StandardGaussians,
    wanted: int | np.ndarray,
    *,
    source: str,
    around: Around | None,
    rng: np.random.Generator,
) -> LatentPoints:
    """Return latent points, one for each row that is wanted."""
    if source == "rows" and around is not None:
        return _around_rows(codec, wanted, around, rng)
    codes = wanted if isinstance(wanted, np.ndarray) else _classes(codec, wanted, rng)
    if source == "posterior":
        return LatentPoints(_class_points(codec, gaussians, codes, rng), codes, placed=True)
    points = rng.standard_normal((len(codes), codec.latent))
    return LatentPoints(codec.tensor(points), codes, placed=False)


def _classes(codec: Inference, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(len(codec.class_share), size=n, p=codec.class_share)


def _class_points(
    codec: Inference,
    gaussians: ClassGaussians | StandardGaussians,
    codes: np.ndarray,
    rng: np.random.Generator,
) -> Tensor:
    points = codec.tensor(np.empty((len(codes), codec.latent)))
    for code in np.unique(codes).tolist():
        mine = np.flatnonzero(codes == code)
        points[torch.from_numpy(mine).to(points.device)] = gaussians.draw(code, len(mine), rng=rng)
    return points


def _around_rows(
    codec: Inference, wanted: int | np.ndarray, around: Around, rng: np.random.Generator
) -> LatentPoints:
    index = _spread(wanted, around, rng)
    codes = None if around.codes is None else around.codes[index]
    noise = codec.tensor(rng.standard_normal((len(index), codec.latent)))
    points, _ = codec.infer(around.rows[index], codes, noise)
    return LatentPoints(points, codes, placed=codes is not None)


def _spread(wanted: int | np.ndarray, around: Around, rng: np.random.Generator) -> np.ndarray:
    """Return the row around which to draw each point, every row (of the class) as often."""
    if not isinstance(wanted, np.ndarray) or around.codes is None:
        n = len(wanted) if isinstance(wanted, np.ndarray) else wanted
        return _share_out(np.arange(len(around.rows)), n, rng)
    index = np.empty(len(wanted), dtype=int)
    for code in np.unique(wanted).tolist():
        mine = wanted == code
        index[mine] = _share_out(np.flatnonzero(around.codes == code), int(mine.sum()), rng)
    return index


def _share_out(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` of the rows, in order: each as often, those left over chosen at random."""
    rest = np.sort(rng.permutation(rows)[: n % len(rows)])
    return np.concatenate([np.tile(rows, n // len(rows)), rest])


# Numbers in a block of columns, about: 8 MiB of float64.
BLOCK_ENTRIES = 1 << 20
# Squares of numbers of any other size may be infinite, or lose their bits.
LEAST_SQUARED, MOST_SQUARED = 1e-130, 1e140
# Of larger numbers, sums of squares may not be finite in single precision, as networks compute, and
# sums of fourth powers in double precision, as closed forms do.
MOST_SINGLE, MOST_DOUBLE = 1e12, 1e60


@dataclass(frozen=True)
class Scaling:
    """Columns that vary, shifted and divided; columns that don't, remembered.

    A constant column teaches nothing and would dilute the decoder's noise, so that the network
    never sees it; it comes back exactly.
    """

    shift: np.ndarray  # What is subtracted; the value itself where a column is constant
    scale: np.ndarray  # What is divided by, 1 where a column is constant
    varies: np.ndarray  # The columns the network sees

    @classmethod
    def fitted(cls, X: np.ndarray, *, owner: str, standardize: bool = True) -> "Scaling":
        """Learn the scale from rows (n, n_features); with `standardize` False only the constants.

        Entries that are NaN are left out; a column of nothing else counts as a constant 0.
        """
        shift, scale = np.empty(X.shape[1]), np.ones(X.shape[1])
        varies = np.empty(X.shape[1], dtype=bool)
        for own in column_blocks(*X.shape):
            mean, deviation, varies[own] = _measure(X[:, own])
            shift[own] = mean
            if standardize:
                scale[own] = np.where(varies[own], deviation, 1.0)
            else:
                shift[own] = np.where(varies[own], 0.0, mean)
        if not varies.any():
            raise InputError(
                f"{owner}: needs a column that varies, got {X.shape[1]} constant ones."
            )
        return cls(shift, scale, varies)

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Map rows (n, n_features) to the network's scale (n, n_varying)."""
        return (X[:, self.varies] - self.shift[self.varies]) / self.scale[self.varies]

    def backward(self, rows: np.ndarray) -> np.ndarray:
        """Map network rows (n, n_varying) back to rows (n, n_features)."""
        X = np.tile(self.shift, (len(rows), 1))
        X[:, self.varies] += rows * self.scale[self.varies]
        return X


def column_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Return slices of columns, so wide that a copy of a block stays small beside wide data."""
    width = max(16, BLOCK_ENTRIES // max(1, n_rows))
    return (slice(start, min(start + width, n_columns)) for start in range(0, n_columns, width))


def check_size(X: np.ndarray, most: float, *, owner: str) -> None:
    """Refuse rows that are used as they are and too large to compute with."""
    for own in column_blocks(*X.shape):
        largest = float(np.fmax.reduce(np.abs(X[:, own]), axis=None, initial=0.0))
        if largest > most:
            raise InputError(
                f"{owner}: values must be at most {most:g} in size when they are not standardised, "
                f"got {largest:g}."
            )


def binary_units(largest: np.ndarray) -> np.ndarray:
    """Return powers of two near the largest sizes of columns, to divide them by without a loss."""
    return np.exp2(np.floor(np.log2(np.where(largest > 0.0, largest, 1.0))))


def _measure(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, or value, and deviation of each column, and whether it varies."""
    largest = np.fmax.reduce(np.abs(X), axis=0)
    extreme = (largest > MOST_SQUARED) | ((largest < LEAST_SQUARED) & (largest > 0.0))
    if not extreme.any():
        return _moments(X)
    unit = binary_units(np.where(extreme, largest, 1.0))
    mean, deviation, varies = _moments(X / unit)
    return mean * unit, deviation * unit, varies


def _moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not np.isnan(X).any():
        first, largest = X[0], np.abs(X).max(axis=0)
        mean, deviation = X.mean(axis=0), X.std(axis=0)
    else:
        seen = ~np.isnan(X)
        count = np.maximum(seen.sum(axis=0), 1)
        filled = np.where(seen, X, 0.0)
        first = filled[seen.argmax(axis=0), np.arange(X.shape[1])]
        largest, mean = np.abs(filled).max(axis=0), filled.sum(axis=0) / count
        deviation = np.sqrt((np.square(filled - mean) * seen).sum(axis=0) / count)
    # The deviation of equal floats is rounding error, up to a few ulp of their size.
    varies = deviation > 10 * np.finfo(np.float64).eps * largest
    return np.where(varies, mean, first), deviation, varies


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


SOURCES = ("prior", "posterior", "rows")


def column_numbers(features: Any, n_features: int, *, owner: str) -> np.ndarray | None:
    """Return the numbers of the columns that are asked for; None for all."""
    if features is None:
        return None
    asked = np.asarray(features)
    if asked.dtype == bool and asked.shape == (n_features,):
        return np.flatnonzero(asked)
    if asked.shape == (0,) and asked.dtype != bool:
        return np.empty(0, dtype=np.int64)
    if asked.dtype.kind in "iu" and asked.ndim == 1:
        if asked.min() >= 0 and asked.max() < n_features:
            return asked.astype(np.int64)
        raise InputError(
            f"{owner}: features must be column numbers from 0 to {n_features - 1}, got "
            f"{asked.min()} to {asked.max()}."
        )
    raise InputError(
        f"{owner}: features must be a mask of {n_features} booleans or column numbers, got "
        f"shape {asked.shape} and type {asked.dtype}."
    )


def generate(
    engine: Engine,
    classes: np.ndarray | None,
    n: int | Mapping[Any, int],
    *,
    owner: str,
    noise: bool,
    rng: np.random.Generator,
    features: np.ndarray | None,
    source: str | None,
    around: Around | None,
) -> Any:
    """Return rows, and labels for a mapping; see `GenerativeModel.sample`."""
    labelled = isinstance(n, Mapping)
    source = check_source(engine, source, around, labelled=labelled, owner=owner)
    options: dict[str, Any] = {
        "noise": noise,
        "rng": rng,
        "features": features,
        "source": source,
        "around": around,
    }
    if not isinstance(n, Mapping):
        count = check_count(n, "n", owner=owner, minimum=0)
        return engine.sample(count, **options)
    codes, labels = repeat_codes(n, classes, owner=owner)
    if source == "rows":
        _check_rows_of(codes, labels, around, owner)
    return engine.sample(codes, **options), labels


def check_source(
    engine: Engine, source: Any, around: Around | None, *, labelled: bool, owner: str
) -> str | None:
    """Return where latent points come from; None leaves it to the engine."""
    if source is not None:
        check_choice(source, "source", SOURCES, owner=owner)
    if (source == "rows") != (around is not None):
        raise InputError(f"{owner}: rows to draw around and source='rows' need each other.")
    if not engine.codec.stochastic:
        if source == "prior":
            raise InputError(f"{owner}: has no prior; source must be 'posterior' or 'rows'.")
        return source or "posterior"
    if source == "prior" and labelled and not engine.codec.conditional:
        raise InputError(
            f"{owner}: the prior knows no classes; for rows of a class source must be 'posterior' "
            "or 'rows'."
        )
    return source


def _check_rows_of(
    codes: np.ndarray, labels: np.ndarray, around: Around | None, owner: str
) -> None:
    if around is None or around.codes is None:
        raise InputError(f"{owner}: rows of a class drawn around rows need their labels.")
    lacking = labels[~np.isin(codes, around.codes)]
    if len(lacking):
        raise InputError(
            f"{owner}: rows must hold some of class {lacking.tolist()[0]!r}, got none."
        )


def shrink_to_pooled(own: np.ndarray, counts: np.ndarray | int) -> np.ndarray:
    """Draw each feature's variance, estimated from few squared residuals, to the pooled value.

    Linear empirical Bayes: the weight of a feature's own estimate is the share of the variance
    between features that the sampling error of a variance, ``2 sigma^4 / n``, leaves unexplained.
    Few rows or equal features give the pooled value, many rows the feature's own.
    """
    counts = np.broadcast_to(counts, own.shape)
    some = counts > 0
    pooled = float(np.average(own[some], weights=counts[some]))
    # E[own^2] is sigma^4 (n + 2) / n, so that this is an unbiased estimate of 2 sigma^4 / n.
    sampling = np.square(own[some]).mean() * np.mean(2.0 / (counts[some] + 2))
    between = max(0.0, own[some].var() - sampling)
    weight = between / (between + sampling) if between > 0 else 0.0
    return np.where(some, weight * own + (1.0 - weight) * pooled, pooled)


def within_class_variance(
    rows: np.ndarray, codes: np.ndarray, seen: np.ndarray | None = None
) -> np.ndarray:
    """Return each feature's variance around the class means, pooled over classes."""
    present = np.unique(codes)
    if len(present) == len(rows):
        codes, present = np.zeros(len(rows), dtype=int), np.array([0])
    variance = np.empty(rows.shape[1])
    for own in column_blocks(*rows.shape):
        total, freedom = 0.0, -float(len(present))
        for code in present:
            mine = codes == code
            part = rows[mine, own].astype(np.float64)
            weight = np.ones(1) if seen is None else seen[mine, own]
            count = len(part) if seen is None else np.maximum(weight.sum(axis=0), 1)
            mean = (part * weight).sum(axis=0) / count
            total = total + (np.square(part - mean) * weight).sum(axis=0)
            freedom = freedom + count
        variance[own] = total / np.maximum(1, freedom)
    return variance


def class_means(rows: np.ndarray, codes: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of each class, (n_classes, n_features); codes 0, 1, ... are all present.

    A class of which nothing was seen in a column has the mean of the others there.
    """
    means = np.empty((codes.max() + 1, rows.shape[1]))
    for own in column_blocks(*rows.shape):
        for code in range(len(means)):
            mine = codes == code
            part = rows[mine, own].astype(np.float64)
            if seen is None:
                means[code, own] = part.mean(axis=0)
                continue
            there = seen[mine, own]
            with np.errstate(invalid="ignore"):
                means[code, own] = (part * there).sum(axis=0) / there.sum(axis=0)
    gaps = np.isnan(means)
    if gaps.any():
        filled = np.where(gaps, 0.0, means).sum(axis=0) / np.maximum(1, (~gaps).sum(axis=0))
        means = np.where(gaps, filled, means)
    return means


def lacking_variance(real: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Return the variance that noise must add for decoded rows to vary as real ones, at least 0."""
    return np.maximum(real - decoded, 0.0)
