"""How unusual rows are to a fitted generative model; higher is more unusual."""

from collections.abc import Callable

import numpy as np

from vaega.generative.engine import Engine

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
