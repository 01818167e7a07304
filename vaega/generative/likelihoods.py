"""What a decoder's output says about a row: Gaussian, Laplace or Bernoulli, entry by entry."""

import math
from typing import ClassVar

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor
from torch.nn import functional

from vaega.core.checks import check_choice
from vaega.core.errors import InputError

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
