"""How likely held-out rows are under a fitted network, and under closed forms beside it."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from vaega.core.randomness import derive_rng
from vaega.generative.density import class_log_densities, row_log_densities
from vaega.generative.engine import Codec, Engine
from vaega.generative.linear import LinearCodec
from vaega.generative.pooled import fit_pooled
from vaega.generative.principal import choose_latent, fill_in, fit_components
from vaega.generative.table import Table

# Importance samples of a row, and held-out rows that are judged at most.
N_SAMPLES, MOST_HELDOUT = 16, 256
# Larger tables have no references: these would cost more than the training.
MOST_ENTRIES = 4_000_000
PPCA, CLASS_GAUSSIAN = "ProbabilisticPCA", "ClassGaussian"

Split = tuple[np.ndarray, np.ndarray]


def judge_heldout(
    engine: Engine, codecs: Sequence[Codec], table: Table, splits: Sequence[Split], *, seed: int
) -> tuple[float | None, dict[str, float]]:
    """Return mean log densities of held-out rows, whatever their class, in nats a row."""
    if not engine.codec.has_prior or not engine.codec.likelihood.has_sigma:
        return None, {}
    splits = [(training, heldout[:MOST_HELDOUT]) for training, heldout in splits]
    n_rows = sum(len(heldout) for _, heldout in splits)
    own = sum(
        _network_density(dataclasses.replace(engine, codec=codec), table.gappy(heldout), seed)
        for codec, (_, heldout) in zip(codecs, splits, strict=True)
    )
    if table.values.size > MOST_ENTRIES:
        return own / n_rows, {}
    parts = [_reference_densities(table, *split, seed=seed) for split in splits]
    return own / n_rows, {name: sum(part[name] for part in parts) / n_rows for name in parts[0]}


def _network_density(engine: Engine, rows: np.ndarray, seed: int) -> float:
    rng = derive_rng(seed, "heldout density")
    shape = (N_SAMPLES, len(rows), engine.codec.latent)
    noise = engine.codec.tensor(rng.standard_normal(shape))  # of each row: errors average out
    if engine.codec.conditional:
        found = class_log_densities(engine, rows, noise).logsumexp(dim=1)
    else:
        found = row_log_densities(engine, rows, None, noise)
    return float(found.sum())


def _reference_densities(
    table: Table, training: np.ndarray, heldout: np.ndarray, *, seed: int
) -> dict[str, float]:
    rows, codes = torch.from_numpy(table.gappy(training)), torch.from_numpy(table.codes[training])
    asked, share = table.gappy(heldout), table.class_share
    # A column that varies in all rows may be constant in these, or have no entry.
    latent, _ = choose_latent(fill_in(rows), rng=derive_rng(seed, "reference"))
    found = fit_components(rows, latent)
    sigma = torch.full((rows.shape[1],), found.variance**0.5, dtype=rows.dtype)
    principal = LinearCodec(found.weights, found.mean[None], sigma, np.ones(1))
    pooled = fit_pooled(rows, codes, len(share))
    classes = LinearCodec(pooled.weights, pooled.means, pooled.variances.sqrt(), share)
    by_class = [
        classes.log_density(asked, np.full(len(asked), code)) + float(np.log(part))
        for code, part in enumerate(share)
    ]
    return {
        PPCA: float(principal.log_density(asked, None).sum()),
        CLASS_GAUSSIAN: float(torch.stack(by_class, dim=1).logsumexp(dim=1).sum()),
    }
