"""Missing entries of rows, from what a generative model knows about the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaega.generative.density import class_log_densities, row_log_densities
from vaega.generative.engine import Engine
from vaega.generative.proposal import draw_noise, log_weights, propose

# Importance samples of a row when nobody says how many.
N_IMPORTANCE_SAMPLES = 256
# Numbers in the latent points of the rows that are treated together.
BLOCK_ENTRIES = 1 << 22


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
    noise = draw_noise(engine, n_importance_samples, N_IMPORTANCE_SAMPLES, rng)
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
    noise = draw_noise(engine, n_importance_samples, N_IMPORTANCE_SAMPLES, rng)
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
    width = max(1, BLOCK_ENTRIES // (times * X.shape[1]))
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
    width = max(1, BLOCK_ENTRIES // per_row)
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
