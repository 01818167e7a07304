"""How far rows lie from what a network decodes, and the noise that generated rows carry."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from vaega.core.randomness import derive_rng
from vaega.generative._fitted import (
    Codec,
    Engine,
    Scaling,
    class_means,
    column_blocks,
    lacking_variance,
    logit_offsets,
    shrink_to_pooled,
    within_class_variance,
)

if TYPE_CHECKING:
    from vaega.generative._settings import FitSettings


@dataclass(frozen=True)
class Table:
    """Rows with their classes, in single precision, as networks are trained."""

    values: np.ndarray  # The rows; 0, the mean, where nothing was measured
    codes: np.ndarray  # Their classes, all zero without labels
    class_share: np.ndarray  # Share of each class
    seen: np.ndarray | None  # Which entries were measured; None when all were
    labelled: bool  # Whether there were labels

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        codes: np.ndarray,
        scaling: Scaling,
        *,
        labelled: bool,
        order: np.ndarray | None = None,
    ) -> "Table":
        """Put rows (n, n_features) on the network's scale, in the given order."""
        order = np.arange(len(X)) if order is None else order
        codes = codes[order]
        columns = np.flatnonzero(scaling.varies)
        values = np.empty((len(X), len(columns)), dtype=np.float32)
        seen, complete = np.empty(0, dtype=bool), True
        for own in column_blocks(len(X), len(columns)):
            block = (X[:, columns[own]] - scaling.shift[columns[own]]) / scaling.scale[columns[own]]
            gaps = np.isnan(block)
            if gaps.any():
                if complete:
                    seen, complete = np.ones(values.shape, dtype=bool), False
                seen[:, own] = ~gaps[order]
                block[gaps] = 0.0
            values[:, own] = block[order]
        share = np.bincount(codes) / len(codes)
        return cls(values, codes, share, None if complete else seen, labelled)

    def check_values(self, settings: "FitSettings") -> None:
        """Refuse rows that the likelihood is not for."""
        likelihood = settings.training.objective.likelihood
        likelihood.check_entries(self.values, owner=settings.owner)

    def take(self, index: np.ndarray) -> np.ndarray:
        """Return the values of some rows; not copied where they follow one another."""
        first = int(index[0])
        in_line = bool((index == np.arange(first, first + len(index))).all())
        return self.values[first : first + len(index)] if in_line else self.values[index]

    def gappy(self, index: np.ndarray) -> np.ndarray:
        """Return the values of some rows as float64, NaN where nothing was measured."""
        values = self.values[index].astype(np.float64)
        return values if self.seen is None else np.where(self.seen[index], values, np.nan)

    def within_class_variance(self) -> np.ndarray:
        """Return the variance around the class means of what was measured, (n_varying,)."""
        return within_class_variance(self.values, self.codes, self.seen)

    def class_means(self) -> np.ndarray:
        """Return the mean of each class over what was measured, (n_classes, n_varying)."""
        return class_means(self.values, self.codes, self.seen)


# Rows drawn for a calibration, and for a report as many more as narrow tables allow.
CALIBRATION_ROWS = 512
REPORT_ROWS, REPORT_ENTRIES = 4096, 1 << 20
LEAST_OF_A_CLASS = 32
# Pairs of noise and its negative behind an expectation over the posterior.
POSTERIOR_PAIRS = 4
# Entries decoded at once, about: 40 MiB. Smaller arrays come from the heap, which small tensors
# that stay in between keep from being used again (half a GiB at 6000 x 16000).
BLOCK_ENTRIES = 5 << 20


@dataclass(frozen=True)
class Residuals:
    """Mean squared residual of each feature on rows that a network was not trained on."""

    squares: np.ndarray  # E[(x - decoded z)^2] over the posteriors
    counts: np.ndarray  # Over how many rows


def measure_residuals(
    codecs: Sequence[Codec], table: Table, held: Sequence[np.ndarray], *, seed: int
) -> Residuals:
    """Return the residuals of each network's held-out rows, pooled."""
    n_features = table.values.shape[1]
    total, counts = np.zeros(n_features), np.zeros(n_features, dtype=int)
    for codec, index in zip(codecs, held, strict=True):
        for rows, raw, seen in posterior_outputs(codec, table, index, seed=seed):
            squares = (rows - codec.likelihood.location(raw)).square()
            total += (squares if seen is None else squares * seen).sum(dim=0).cpu().numpy()
        counts += len(index) if table.seen is None else table.seen[index].sum(axis=0)
    return Residuals(total / (2 * POSTERIOR_PAIRS) / np.maximum(1, counts), counts)


def posterior_outputs(
    codec: Codec, table: Table, index: np.ndarray, *, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Yield rows, what is decoded at points of their posteriors, and which entries were seen.

    Each row comes ``2 * POSTERIOR_PAIRS`` times; equal seeds give equal points.
    """
    rng = derive_rng(seed, "residuals")
    for block in blocks_of(index, table):
        values, codes = table.values[block].astype(np.float64), table.codes[block]
        rows = codec.tensor(values)
        seen = None if table.seen is None else codec.tensor(table.seen[block])
        for _ in range(POSTERIOR_PAIRS):
            noise = codec.tensor(rng.standard_normal((len(block), codec.latent)))
            for own in (noise, -noise):
                points, _ = codec.infer(values, codes, own)
                yield rows, codec.raw(points, codes), seen


def blocks_of(index: np.ndarray, table: Table) -> Iterator[np.ndarray]:
    """Yield `index` in parts so short that what is computed of their rows stays small."""
    size = max(16, BLOCK_ENTRIES // table.values.shape[1])
    return (index[start : start + size] for start in range(0, len(index), size))


def calibrate(
    engine: Engine,
    table: Table,
    residuals: Residuals,
    settings: "FitSettings",
    learned: Tensor,
    *,
    seed: int,
) -> Engine:
    """Return `engine` with its sigma, its noise and its offsets."""
    n_features = table.values.shape[1]
    if not engine.codec.likelihood.has_sigma:
        ones, offsets = np.ones(n_features), _probability_offsets(engine, table, settings, seed)
        return dataclasses.replace(engine, sigma=ones, noise=ones, offsets=offsets)
    sigma = np.broadcast_to(learned.cpu().numpy().astype(np.float64), n_features).copy()
    if settings.training.sigma == "heldout":
        sigma = np.sqrt(shrink_to_pooled(residuals.squares, residuals.counts))
    if settings.calibration == "heldout":
        return dataclasses.replace(engine, sigma=sigma, noise=sigma)
    wanted = in_proportion(table)
    decoded = engine.draw(wanted, rng=derive_rng(seed, "calibration"))
    missing = lacking_variance(table.within_class_variance(), variance_of(decoded, wanted))
    offsets = engine.offsets
    if isinstance(wanted, np.ndarray):
        offsets = table.class_means() - class_means(decoded, wanted)
    return dataclasses.replace(engine, sigma=sigma, noise=np.sqrt(missing), offsets=offsets)


def _probability_offsets(
    engine: Engine, table: Table, settings: "FitSettings", seed: int
) -> np.ndarray:
    """Return what moves the logits of each class to its mean, (n_classes, n_varying).

    The variance of 0 and 1 follows from their mean: matching the one matches the other.
    """
    wanted = in_proportion(table)
    if settings.calibration == "heldout" or not isinstance(wanted, np.ndarray):
        return engine.offsets
    decoded = engine.draw(wanted, rng=derive_rng(seed, "calibration"))
    counts = np.bincount(table.codes)[:, None]
    overall = table.class_share @ table.class_means()
    # As if every class had one row more, that of all rows: no mean is 0 or 1.
    means = (counts * table.class_means() + overall) / (counts + 1)
    parts = [logit_offsets(decoded[wanted == code], mean) for code, mean in enumerate(means)]
    return np.stack(parts)


def report_rows(n_features: int) -> int:
    """Return how many rows to draw to measure what generated rows are like.

    The variance of 512 rows in a few latent dimensions is off by 4 %, which says little of a ratio
    that should be 1.
    """
    return min(REPORT_ROWS, max(CALIBRATION_ROWS, REPORT_ENTRIES // n_features))


def in_proportion(table: Table, n_rows: int = CALIBRATION_ROWS) -> int | np.ndarray:
    """Return what to draw to stand for the fit rows: class codes in proportion, or a number."""
    if not table.labelled:
        return n_rows
    counts = np.maximum(LEAST_OF_A_CLASS, np.rint(n_rows * table.class_share))
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def variance_of(drawn: np.ndarray, wanted: int | np.ndarray) -> np.ndarray:
    """Return the within-class variance of rows drawn for `wanted`, (n_varying,)."""
    codes = wanted if isinstance(wanted, np.ndarray) else np.zeros(len(drawn), dtype=int)
    return within_class_variance(drawn, codes)
