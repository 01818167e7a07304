"""How unusual rows are to a fitted generative model; higher is more unusual."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, stack

from vaega.generative._fitted import Codec, Engine, LinearCodec

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


# Importance samples of a row when nobody says how many.
N_IMPORTANCE_SAMPLES = 64


def log_densities(
    engine: Engine,
    X: np.ndarray,
    codes: np.ndarray | None,
    *,
    n_importance_samples: int | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the log density of rows on the user's scale, in nats."""
    scaling, codec = engine.scaling, engine.codec
    rows = scaling.forward(X)
    noise = draw_noise(engine, n_importance_samples, N_IMPORTANCE_SAMPLES, rng)
    if codec.conditional and codes is None:
        found = class_log_densities(engine, rows, noise).logsumexp(dim=1)
    else:
        found = row_log_densities(engine, rows, codes, noise)
    log_scale = np.log(scaling.scale[scaling.varies])
    return found.cpu().numpy() - np.where(np.isnan(rows), 0.0, log_scale).sum(axis=1)


def class_log_densities(engine: Engine, rows: np.ndarray, noise: Tensor | None) -> Tensor:
    """Return log (share of the class times density in it) of rows on the network's scale."""
    share = engine.codec.class_share
    found = [
        row_log_densities(engine, rows, np.full(len(rows), code), noise)
        for code in range(len(share))
    ]
    return stack(found, dim=1) + engine.codec.tensor(np.log(share))


def row_log_densities(
    engine: Engine, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> Tensor:
    """Return log densities (n,) of rows (n, n_varying) on the network's scale, given classes."""
    if noise is None and isinstance(engine.codec, LinearCodec):
        return engine.codec.log_density(rows, codes)
    assert noise is not None, "only linear models have a closed form"
    return average(log_weights(engine, propose(engine, rows, codes, noise)))


def average(weights: Tensor) -> Tensor:
    """Return the log of the mean over the first dimension of the exponentials of `weights`."""
    return weights.logsumexp(dim=0) - np.log(len(weights))


# Importance samples of a row when nobody says how many.
N_IMPUTATION_SAMPLES = 256
# Numbers in the latent points of the rows that are treated together.
IMPUTATION_BLOCK_ENTRIES = 1 << 22


@dataclass(frozen=True)
class Candidates:
    """Latent points of a row that lacks entries, weighed by how well they explain the others."""

    points: np.ndarray  # The points
    weights: np.ndarray  # Sum to one
    codes: np.ndarray | None  # The classes to decode them with

    def decode(
        self,
        engine: Engine,
        chosen: np.ndarray,
        columns: np.ndarray,
        *,
        rng: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Return `columns` at the chosen points, with the decoder's noise where `rng` is given."""
        codes = None if self.codes is None else self.codes[chosen]
        return engine.decode(self.points[chosen], codes, columns, rng=rng)


def impute_means(
    engine: Engine,
    X: np.ndarray,
    codes: np.ndarray | None,
    *,
    n_importance_samples: int | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return rows with the conditional means of their missing entries, given the others."""
    noise = draw_noise(engine, n_importance_samples, N_IMPUTATION_SAMPLES, rng)
    filled = _without_constants(engine, X)
    for number, hole, candidates in _holes(engine, X, codes, noise):
        # A weight this small cannot be seen in the sum.
        kept = np.flatnonzero(candidates.weights > 1e-12 * candidates.weights.max())
        weights = candidates.weights[kept]
        decoded = candidates.decode(engine, kept, hole)
        # No product of matrices: numpy's may depend on the number of threads.
        filled[number, hole] = (weights[:, None] * decoded).sum(axis=0) / weights.sum()
    return filled


def impute_draws(
    engine: Engine,
    X: np.ndarray,
    codes: np.ndarray | None,
    *,
    n_imputations: int,
    n_importance_samples: int | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return rows several times, each with other draws of their missing entries, given the others.

    Latent points are drawn by their weights among the importance samples, or from the posterior
    itself where there is a closed form, and the decoder's noise is added.
    """
    noise = draw_noise(engine, n_importance_samples, N_IMPUTATION_SAMPLES, rng)
    filled = np.repeat(_without_constants(engine, X)[None], n_imputations, axis=0)
    if noise is None:
        return _draw_exactly(engine, X, codes, filled, rng)
    for number, hole, candidates in _holes(engine, X, codes, noise):
        chosen = rng.choice(len(candidates.weights), size=n_imputations, p=candidates.weights)
        filled[:, number, hole] = candidates.decode(engine, chosen, hole, rng=rng)
    return filled


def _draw_exactly(
    engine: Engine,
    X: np.ndarray,
    codes: np.ndarray | None,
    filled: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Fill in draws from the posteriors of a closed form, each row's independent of the others'.

    Importance samples are shared by all rows, so that what the few of them are off shows in every
    row, and in the mean of a column.
    """
    lacking = np.isnan(X) & engine.scaling.varies
    some, times = np.flatnonzero(lacking.any(axis=1)), len(filled)
    width = max(1, IMPUTATION_BLOCK_ENTRIES // (times * X.shape[1]))
    for start in range(0, len(some), width):
        index = some[start : start + width]
        rows = np.tile(engine.scaling.forward(X[index]), (times, 1))
        own = None if codes is None else np.tile(codes[index], times)
        if own is None and engine.codec.conditional:
            own = _draw_classes(engine, rows, rng)
        noise = engine.codec.tensor(rng.standard_normal((len(rows), engine.codec.latent)))
        points = engine.codec.infer(rows, own, noise)[0].cpu().numpy()
        drawn = engine.decode(points, own, rng=rng).reshape(times, len(index), -1)
        filled[:, index] = np.where(lacking[index], drawn, filled[:, index])
    return filled


def _draw_classes(engine: Engine, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a class of each row (n, n_varying), drawn by what its entries say."""
    weights = _normalised(class_log_densities(engine, rows, None).T).T.cpu().numpy()
    chosen = (rng.random((len(rows), 1)) > weights.cumsum(axis=1)).sum(axis=1)
    return np.minimum(chosen, weights.shape[1] - 1)


def _normalised(log_weights: Tensor) -> Tensor:
    """Return weights (k, n) that sum to one; equal ones where no sample explains a row at all."""
    known = torch.where(log_weights.isnan(), -torch.inf, log_weights)
    return torch.where(known.isneginf().all(dim=0), 0.0, known).softmax(dim=0)


def _without_constants(engine: Engine, X: np.ndarray) -> np.ndarray:
    """Return a copy of rows in which the missing entries of constant columns are filled in."""
    scaling = engine.scaling
    return np.where(np.isnan(X) & ~scaling.varies, scaling.shift, X)


def _holes(
    engine: Engine, X: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> Iterator[tuple[int, np.ndarray, Candidates]]:
    """Yield each row that lacks entries of varying columns: its number, which ones, candidates."""
    lacking = np.isnan(X) & engine.scaling.varies
    some = np.flatnonzero(lacking.any(axis=1))
    per_row = 1 if noise is None else noise.numel()
    width = max(1, IMPUTATION_BLOCK_ENTRIES // per_row)
    for start in range(0, len(some), width):
        index = some[start : start + width]
        found = _candidates(engine, X[index], None if codes is None else codes[index], noise)
        for number, candidates in zip(index.tolist(), found, strict=True):
            yield number, np.flatnonzero(lacking[number]), candidates


def _candidates(
    engine: Engine, X: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> list[Candidates]:
    """Return the candidates of each row, of all classes where the class matters and is unknown."""
    rows, share = engine.scaling.forward(X), engine.codec.class_share
    classes: list[np.ndarray | None] = [codes]
    log_share = [0.0]
    if codes is None and engine.codec.conditional:
        classes = [np.full(len(X), code) for code in range(len(share))]
        log_share = np.log(share).tolist()
    parts = [_weigh(engine, rows, own, noise) for own in classes]
    points = np.concatenate([part[0] for part in parts])
    log_weights = torch.cat([part[1] + log for part, log in zip(parts, log_share, strict=True)])
    weights = _normalised(log_weights).cpu().numpy()
    given = [np.tile(own, (len(parts[0][0]), 1)) for own in classes if own is not None]
    known = np.concatenate(given) if given else None
    return [
        Candidates(points[:, i], weights[:, i], None if known is None else known[:, i])
        for i in range(len(X))
    ]


def _weigh(
    engine: Engine, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> tuple[np.ndarray, Tensor]:
    """Return points (k, n, latent) and log weights (k, n); the posterior mean without noise."""
    if noise is None:
        points = engine.codec.posterior(rows, codes)[0][None]
        return points.cpu().numpy(), row_log_densities(engine, rows, codes, None)[None]
    proposal = propose(engine, rows, codes, noise)
    points = proposal.points(engine.codec, np.arange(len(rows)))[0]
    return points.cpu().numpy(), log_weights(engine, proposal)


KINDS = ("reconstruction", "latent", "likelihood")
REFERENCES = ("prior", "posterior")


def reconstruction_errors(engine: Engine, X: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
    """Return the mean squared residual of each row's entries on the standardised scale."""
    rows = engine.scaling.forward(X)
    counts = np.maximum(np.count_nonzero(~np.isnan(rows), axis=1), 1)

    def errors(own: np.ndarray | None) -> np.ndarray:
        decoded = engine.codec.decode(engine.codec.posterior(rows, own)[0], own)
        return np.square(np.nan_to_num(rows - decoded, nan=0.0)).sum(axis=1) / counts

    return _least_over_classes(engine, errors, len(X), codes)


def latent_distances(
    engine: Engine, X: np.ndarray, codes: np.ndarray | None, *, reference: str
) -> np.ndarray:
    """Return the squared Mahalanobis distance of each row's posterior mean."""
    rows = engine.scaling.forward(X)

    def distances(own: np.ndarray | None) -> np.ndarray:
        points = engine.codec.posterior(rows, own)[0]
        if reference == "prior":
            return points.square().sum(dim=1).cpu().numpy()
        found = engine.gaussians.squared_distances(points).cpu().numpy()
        return found.min(axis=1) if own is None else found[np.arange(len(X)), own]

    return _least_over_classes(engine, distances, len(X), codes)


def _least_over_classes(
    engine: Engine,
    measure: Callable[[np.ndarray | None], np.ndarray],
    n: int,
    codes: np.ndarray | None,
) -> np.ndarray:
    """Return what `measure` says of rows in their classes, or in those where it says least."""
    if codes is not None or not engine.codec.conditional:
        return measure(codes)
    classes = range(len(engine.codec.class_share))
    return np.min([measure(np.full(n, code)) for code in classes], axis=0)
