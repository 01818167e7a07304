"""Where to look for the latent points of rows: importance samples and their weights."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaega.generative.engine import Codec, Engine
from vaega.generative.linear import LinearCodec

# Rounds in which missing entries are set to what the row, so filled, decodes to.
ROUNDS = 20
# How much wider still.
SAFETY = 1.2
# Numbers in the largest array of a block: a few megabytes, as the processor's cache has.
BLOCK_ENTRIES = 1 << 18


@dataclass(frozen=True)
class Proposal:
    """Rows to which importance samples are drawn, and the noise that all rows share.

    Shared noise makes the score of a row a function of the row alone, whatever rows come with it.
    Its error is shared too; where the mean over rows is all that is asked for, each has its own.
    """

    rows: np.ndarray  # On the network's scale; NaN where missing
    seen: np.ndarray  # What the encoder is shown: missing entries filled in
    codes: np.ndarray | None  # Classes
    noise: Tensor  # Standard normal
    widths: Tensor  # How many times as far as the encoder says points are drawn

    def __len__(self) -> int:
        return len(self.rows)

    def codes_of(self, index: np.ndarray) -> np.ndarray | None:
        """Return the classes of the rows that `index` names."""
        return None if self.codes is None else self.codes[index]

    def points(self, codec: Codec | LinearCodec, index: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return latent points (k, m, latent) of rows `index` (m,) and their log density (k, m)."""
        widths = self.widths[torch.from_numpy(index).to(self.widths.device)]
        noise = self.noise
        noise = noise[:, index] if noise.ndim == 3 else noise[:, None].expand(-1, len(index), -1)
        wide = noise * widths
        points, log_q = codec.infer(self.seen[index], self.codes_of(index), wide)
        # That is the density had the wide noise been standard normal.
        excess = 0.5 * (wide.square() - noise.square()) - widths.log()
        return points, log_q + excess.sum(dim=-1)


def draw_noise(
    engine: Engine, n_samples: int | None, default: int, rng: np.random.Generator
) -> Tensor | None:
    """Return the noise (k, latent) of importance samples; None where a closed form does better."""
    if n_samples is None and engine.codec.exact:
        return None
    shape = (n_samples or default, engine.codec.latent)
    return engine.codec.tensor(rng.standard_normal(shape))


def propose(engine: Engine, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor) -> Proposal:
    """Prepare importance samples of rows.

    An encoder knows whole rows. Missing entries are first seen as 0; what the row then decodes to
    takes their place, several times. Any such choice leaves the weighted result right; a good one
    needs fewer samples. Points of rows with gaps are drawn from wider posteriors.
    """
    codec, lacking = engine.codec, np.isnan(rows)
    widths = torch.ones(len(rows), codec.latent, dtype=noise.dtype, device=noise.device)
    if codec.exact or not lacking.any():
        return Proposal(rows, rows, codes, noise, widths)
    seen, some = np.where(lacking, 0.0, rows), np.flatnonzero(lacking.any(axis=1))
    some_codes = None if codes is None else codes[some]
    for _ in range(ROUNDS):
        mean, variance = codec.posterior(seen[some], some_codes)
        seen[some] = np.where(lacking[some], codec.decode(mean, some_codes), seen[some])
    share = codec.tensor(1.0 - lacking[some].mean(axis=1, keepdims=True))
    widths[torch.from_numpy(some).to(widths.device)] = _widths(variance, share)
    return Proposal(rows, seen, codes, noise, widths)


def _widths(variance: Tensor, share: Tensor) -> Tensor:
    """Return how much wider posteriors (n, latent) are when a share (n, 1) of the entries is known.

    As if every entry said as much about every dimension, and a little wider: too narrow a proposal
    gives all the weight to its outermost points.
    """
    said = (1.0 / variance - 1.0).clamp_min(0.0)
    return (1.0 / ((1.0 + share * said) * variance)).sqrt().clamp_min(1.0) * SAFETY


def log_weights(engine: Engine, proposal: Proposal, *, entries: int = BLOCK_ENTRIES) -> Tensor:
    """Return log p(x | z) + log p(z) - log q(z | x) at every importance sample.

    Computed in blocks. Each row's samples are decoded together, and blocks are of equal size, the
    last filled up with copies, so that every product has the same shape however many rows there
    are.
    """
    n, k = len(proposal), len(proposal.noise)
    found = engine.codec.tensor(np.empty((k, n)))
    width = max(1, entries // (k * engine.sigma.size))
    numbers = np.arange(n)
    for start in range(0, n, width):
        index = numbers[start : start + width]
        filled = np.resize(index, width)
        found[:, index] = _block(engine, proposal, filled, entries)[:, : len(index)]
    return found


def _block(engine: Engine, proposal: Proposal, index: np.ndarray, entries: int) -> Tensor:
    codec = engine.codec
    points, log_q = proposal.points(codec, index)
    log_prior = -0.5 * (points.square() + math.log(2 * math.pi)).sum(dim=-1)
    rows, sigma = codec.tensor(proposal.rows[index]), codec.tensor(engine.sigma)
    codes = proposal.codes_of(index)
    depth = max(1, entries // (len(index) * len(sigma)))
    parts = [_log_likelihood(codec, part, rows, codes, sigma) for part in points.split(depth)]
    return torch.cat(parts) + log_prior - log_q


def _log_likelihood(
    codec: Codec | LinearCodec,
    points: Tensor,
    rows: Tensor,
    codes: np.ndarray | None,
    sigma: Tensor,
) -> Tensor:
    """Return log p(x | z) (k, m) of rows (m, n_varying) at points (k, m, latent)."""
    repeated = None if codes is None else np.tile(codes, len(points))
    raw = codec.raw(points.flatten(0, 1), repeated).view(*points.shape[:2], -1)
    density = codec.likelihood.log_density(rows, raw, sigma)
    return torch.where(rows.isnan(), 0.0, density).sum(dim=-1)
