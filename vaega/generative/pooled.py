"""Class means and one covariance for all classes, shrunk as Ledoit and Wolf do."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaega.generative.principal import (
    BLOCK_ENTRIES,
    LEAST_NOISE,
    column_blocks,
    weighted_gram,
)

MAX_STEPS = 100
# Root mean square, over missing entries, of the last change.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class PooledGaussians:
    """A Gaussian a class with one covariance, ``weights weights' + diag(variances)``."""

    means: Tensor  # Of the classes
    weights: Tensor  # ``weights / sqrt(variances)`` has orthogonal columns
    variances: Tensor  # All equal unless entries were missing
    shrinkage: float  # Weight of the scaled identity


def fit_pooled(
    rows: Tensor, codes: Tensor, n_classes: int | None = None, *, max_steps: int = MAX_STEPS
) -> PooledGaussians:
    """Estimate class means and the shrunk within-class covariance."""
    count = int(codes.max()) + 1 if n_classes is None else n_classes
    lacking = rows.isnan()
    extra = torch.zeros(rows.shape[1], dtype=rows.dtype)
    if not bool(lacking.any()):
        return _estimate(rows, codes, count, extra)
    filled = torch.where(lacking, rows.nanmean(dim=0), rows)
    filled = torch.where(lacking, _class_means(filled, codes, count)[codes], rows)
    for _ in range(max_steps):
        found = _estimate(filled, codes, count, extra)
        before = filled
        filled, extra = _expect(rows, lacking, codes, found)
        if float((filled - before)[lacking].square().mean()) < TOLERANCE**2:
            break
    return _estimate(filled, codes, count, extra)


def _estimate(rows: Tensor, codes: Tensor, n_classes: int, extra: Tensor) -> PooledGaussians:
    means = _class_means(rows, codes, n_classes)
    present = len(torch.unique(codes))
    alone = present == len(rows)
    residuals = rows - (rows.mean(dim=0) if alone else means[codes])
    freedom = max(1, len(rows) - (1 if alone else present))
    factor = len(rows) / freedom
    shrinkage, level = _ledoit_wolf(residuals)
    scaled = residuals * (factor / len(rows)) ** 0.5
    floor = LEAST_NOISE * max(level, torch.finfo(rows.dtype).tiny)
    variances = factor * ((1 - shrinkage) * extra + shrinkage * level).clamp_min(floor)
    weights = (1 - shrinkage) ** 0.5 * _orthogonal(scaled, variances, freedom)
    return PooledGaussians(means, weights, variances, shrinkage)


def _class_means(rows: Tensor, codes: Tensor, n_classes: int) -> Tensor:
    overall = rows.mean(dim=0)
    parts = [rows[codes == code] for code in range(n_classes)]
    return torch.stack([part.mean(dim=0) if len(part) else overall for part in parts])


def _ledoit_wolf(residuals: Tensor) -> tuple[float, float]:
    """Return shrinkage and mean variance of centred rows (n, p), by products of the rows."""
    n, p = residuals.shape
    gram = residuals @ residuals.T if n <= p else residuals.T @ residuals
    squares = float(gram.square().sum()) / n**2
    level = float(residuals.square().sum()) / n / p
    fourth = float(residuals.square().sum(dim=1).square().sum())
    away = (squares - p * level**2) / p
    sampling = min((fourth / n - squares) / (n * p), away)
    return (sampling / away if sampling > 0 else 0.0), level


def _orthogonal(scaled: Tensor, variances: Tensor, rank: int) -> Tensor:
    """Return weights with the covariance of `scaled` rows, orthogonal relative to `variances`."""
    root = variances.sqrt()
    if len(scaled) > scaled.shape[1]:
        relative = scaled / root
        values, vectors = torch.linalg.eigh(relative.T @ relative)
        weights = vectors * values.clamp_min(0.0).sqrt()
    else:
        relative = scaled / root
        _, vectors = torch.linalg.eigh(relative @ relative.T)
        weights = relative.T @ vectors
    return root[:, None] * weights.flip(1)[:, : min(rank, weights.shape[1])]


def _expect(
    rows: Tensor, lacking: Tensor, codes: Tensor, found: PooledGaussians
) -> tuple[Tensor, Tensor]:
    """Return rows with conditional means where entries lack, and their mean added variances."""
    filled, extra = rows.clone(), torch.zeros_like(found.variances)
    some = torch.nonzero(lacking.any(dim=1)).squeeze(1)
    size = max(1, BLOCK_ENTRIES // found.weights.shape[1] ** 2)
    for index in some.split(size):
        own, spread = _expect_block(rows[index], lacking[index], found.means[codes[index]], found)
        filled[index], extra = own, extra + spread
    return filled, extra / len(rows)


def _expect_block(
    rows: Tensor, lacking: Tensor, means: Tensor, found: PooledGaussians
) -> tuple[Tensor, Tensor]:
    """Return rows (m, p) filled in, and the sums over rows of conditional variances (p,)."""
    root, gaps = found.variances.sqrt(), lacking.to(rows.dtype)
    relative = found.weights / root[:, None]
    identity = torch.eye(relative.shape[1], dtype=rows.dtype)
    precision = identity + weighted_gram(1.0 - gaps, relative)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(precision))
    moments = ((rows - means) / root).nan_to_num(nan=0.0) @ relative
    points = (inverse @ moments[:, :, None]).squeeze(2)
    spread = gaps.sum(dim=0) * found.variances
    for part in column_blocks(rows.shape[1], len(identity)):
        weights = found.weights[part]
        summed = (gaps[:, part].T @ inverse.flatten(1)).view(-1, *identity.shape)
        spread[part] += ((summed @ weights[:, :, None]).squeeze(2) * weights).sum(dim=1)
    return torch.where(lacking, means + points @ found.weights.T, rows), spread
