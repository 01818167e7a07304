"""The decoder's standard deviation while training."""

from typing import Any

import torch
from torch import Tensor

from vaega.generative.likelihoods import Likelihood

# Keeps the logarithm finite when rows are reproduced exactly.
SMALLEST = 1e-3
LEARNED = ("shared", "feature")


class Spread:
    """Sigma, as one of four rules has it."""

    def __init__(self, rule: Any, likelihood: Likelihood, error: Tensor):
        self.rule, self.likelihood = rule, likelihood
        self._logarithm: torch.nn.Parameter | None = None
        start = likelihood.spread(error if rule == "feature" else error.mean()).clamp_min(SMALLEST)
        if rule in LEARNED and likelihood.has_sigma:
            self._logarithm = torch.nn.Parameter(start.log())
        self._fixed = start if isinstance(rule, str) else torch.full_like(start, rule)

    @property
    def value(self) -> Tensor:
        """The sigma of now; gradients flow into it where it is learned."""
        if self._logarithm is None:
            return self._fixed
        return self._logarithm.exp().clamp_min(SMALLEST)

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """What is learned."""
        return [] if self._logarithm is None else [self._logarithm]

    def follow(self, error: Tensor) -> None:
        """Take the mean error of held-out entries, a scalar, as the measure of sigma."""
        if self.rule == "heldout":
            self._fixed = self.likelihood.spread(error).clamp_min(SMALLEST)

    def set(self, value: Tensor) -> None:
        """Make `value` the sigma of now."""
        if self._logarithm is None:
            self._fixed = value
        else:
            with torch.no_grad():
                self._logarithm.copy_(value.log())
