"""Log densities of rows under a fitted generative model."""

import numpy as np
from torch import Tensor, stack

from vaega.generative.engine import Engine
from vaega.generative.linear import LinearCodec
from vaega.generative.proposal import draw_noise, log_weights, propose

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
