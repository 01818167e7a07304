"""Estimates of linear Gaussian models: probabilistic PCA, and class means with a shared covariance.

Probabilistic PCA (Tipping and Bishop 1999) in closed form, or by EM where entries are missing; the
within-class covariance shrunk to a scaled identity (Ledoit and Wolf 2004). Rows (n, p) are float64
tensors, NaN where an entry is missing.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaega.generative._state import LOG_TWO_PI, LinearCodec

# Share of the mean variance below which the noise never falls; keeps densities finite.
LEAST_NOISE = 1e-6
FOLDS = 5
# Components with which missing entries are filled in before their number is chosen.
PILOT_LATENT = 10
MAX_STEPS = 1000
TOLERANCE = 1e-7
# Entries of the largest array that an EM step holds.
BLOCK_ENTRIES = 1 << 22


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues and eigenvectors of a covariance, largest first; as many as its rank."""

    mean: Tensor  # Of the rows (p,)
    values: Tensor  # Eigenvalues of the unbiased covariance (rank,)
    vectors: Tensor  # Orthonormal columns (p, rank)
    total: float  # Sum of all variances

    @property
    def most(self) -> int:
        """Components at most that leave variance for the noise; at least one."""
        return max(1, len(self.values) - 1)

    def noise_variances(self, most: int) -> Tensor:
        """Return the noise variance with 1 to `most` components: the mean of what they leave.

        Tipping and Bishop (1999), equation 8, over all p dimensions, also where rows are fewer.
        """
        p = len(self.mean)
        remaining = self.total - self.values.cumsum(dim=0)
        if most > len(remaining):
            remaining = torch.cat([remaining, remaining[-1:].expand(most - len(remaining))])
        count = p - torch.arange(1, most + 1, dtype=remaining.dtype)
        floor = max(LEAST_NOISE * self.total / p, torch.finfo(remaining.dtype).tiny)
        return (remaining[:most] / count.clamp_min(1)).clamp_min(floor)

    def principal(self, latent: int) -> tuple[Tensor, float]:
        """Return weights (p, latent) and noise variance; columns beyond the rank are zero."""
        noise = self.noise_variances(latent)[-1]
        rank = min(latent, len(self.values))
        weights = torch.zeros(len(self.mean), latent, dtype=self.mean.dtype)
        scale = (self.values[:rank] - noise).clamp_min(0.0).sqrt()
        weights[:, :rank] = self.vectors[:, :rank] * scale
        return weights, float(noise)

    def log_densities(self, rows: Tensor, most: int) -> Tensor:
        """Return log densities (n, most) of `rows` (n, p) under 1 to `most` components."""
        p, numbers = rows.shape[1], torch.arange(1, most + 1)
        centred = rows - self.mean
        squares = (centred @ self.vectors[:, :most]).square()
        noise, values = self.noise_variances(most), self.values[:most]
        norms = centred.square().sum(dim=1, keepdim=True)
        residual = (norms - squares.cumsum(dim=1)).clamp_min(0.0)
        distance = (squares / values).cumsum(dim=1) + residual / noise
        log_volume = values.log().cumsum(dim=0) + (p - numbers) * noise.log()
        return -0.5 * (p * LOG_TWO_PI + log_volume + distance)


def spectrum_of(rows: Tensor) -> Spectrum:
    """Decompose the covariance of rows, by their Gram matrix when they are fewer than columns."""
    mean, freedom = rows.mean(dim=0), len(rows) - 1
    centred = rows - mean
    few = len(rows) <= rows.shape[1]
    product = (centred @ centred.T if few else centred.T @ centred) / freedom
    values, vectors = (part.flip(-1) for part in torch.linalg.eigh(product))
    least = values[0] * len(values) * torch.finfo(values.dtype).eps
    rank = max(1, min(int((values > least).sum()), freedom))
    values, vectors = values[:rank].clamp_min(torch.finfo(values.dtype).tiny), vectors[:, :rank]
    if few:
        vectors = (centred.T @ vectors) / (freedom * values).sqrt()
    return Spectrum(mean, values, vectors, float(product.diagonal().sum()))


def draw_folds(
    n: int, rng: np.random.Generator, groups: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return row indices in five random folds, or in n when rows, or groups, are fewer.

    `groups` (n,) are codes from 0 of rows that stay together.
    """
    if groups is None:
        return np.array_split(rng.permutation(n), min(FOLDS, n))
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        return draw_folds(n, rng)
    parts = np.array_split(rng.permutation(n_groups), min(FOLDS, n_groups))
    return [np.flatnonzero(np.isin(groups, part)) for part in parts]


def choose_latent(
    rows: Tensor,
    *,
    latent: int | None = None,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> tuple[int, float]:
    """Return the number of components with the best cross-validated likelihood, and its mean."""
    folds = draw_folds(len(rows), rng, groups)
    spectra = [spectrum_of(rows[np.setdiff1d(np.arange(len(rows)), fold)]) for fold in folds]
    most = min(spectrum.most for spectrum in spectra)
    total = torch.zeros(most, dtype=rows.dtype)
    for spectrum, fold in zip(spectra, folds, strict=True):
        total += spectrum.log_densities(rows[fold], most).sum(dim=0)
    best = int(total.argmax()) + 1 if latent is None else latent
    return best, float(total[min(best, most) - 1]) / len(rows)


def fill_in(rows: Tensor) -> Tensor:
    """Return rows (n, p), missing entries filled with conditional means under ten components."""
    missing = rows.isnan()
    if not bool(missing.any()):
        return rows
    fitted = fit_components(rows, min(PILOT_LATENT, *rows.shape))
    codec = LinearCodec(fitted.weights, fitted.mean[None], fitted.sigma, np.ones(1))
    return torch.where(missing, codec.raw(codec.posterior(rows.numpy(), None)[0], None), rows)


@dataclass(frozen=True)
class Components:
    """What probabilistic principal components learn."""

    mean: Tensor  # Of the rows (p,)
    weights: Tensor  # Orthogonal columns (p, latent)
    variance: float  # Of the noise

    @property
    def sigma(self) -> Tensor:
        """Standard deviation of the noise, the same for all columns (p,)."""
        return torch.full((len(self.weights),), self.variance**0.5, dtype=self.weights.dtype)


def fit_components(rows: Tensor, latent: int) -> Components:
    """Fit by maximum likelihood: in closed form, or by EM where entries are missing.

    The closed form takes the unbiased covariance, as scikit-learn's PCA does; EM maximises the
    likelihood of the observed entries (Tipping and Bishop 1999, appendix B, with the mean as one
    more weight).
    """
    missing = rows.isnan()
    if not bool(missing.any()):
        spectrum = spectrum_of(rows)
        weights, variance = spectrum.principal(latent)
        return Components(spectrum.mean, weights, variance)
    filled = torch.where(missing, rows.nanmean(dim=0), rows)
    spectrum = spectrum_of(filled)
    weights, variance = spectrum.principal(min(latent, spectrum.most))
    fitted = _maximise(rows, Components(spectrum.mean, weights, variance))
    vectors, scale, _ = torch.linalg.svd(fitted.weights, full_matrices=False)
    weights = torch.zeros(rows.shape[1], latent, dtype=rows.dtype)
    weights[:, : len(scale)] = vectors * scale
    return Components(fitted.mean, weights, fitted.variance)


def _maximise(rows: Tensor, start: Components) -> Components:
    fitted, present = start, (~rows.isnan()).to(rows.dtype)
    known, before = rows.nan_to_num(nan=0.0), -np.inf
    for _ in range(MAX_STEPS):
        fitted, likelihood = _step(known, present, fitted)
        if likelihood - before < TOLERANCE * abs(likelihood):
            break
        before = likelihood
    return fitted


def _step(known: Tensor, present: Tensor, old: Components) -> tuple[Components, float]:
    """Take one EM step; return the new components and the log likelihood before it."""
    n, latent = len(known), old.weights.shape[1]
    centred = (known - old.mean) * present
    identity = torch.eye(latent, dtype=known.dtype)
    precision = old.variance * identity + weighted_gram(present, old.weights)
    moments = centred @ old.weights
    factor = torch.linalg.cholesky(precision)
    inverse = torch.cholesky_inverse(factor)
    points = (inverse @ moments[:, :, None]).squeeze(2)
    likelihood = _likelihood(centred, present, factor, (moments * points).sum(), old.variance)
    # The constant 1 beside z makes the mean one more weight.
    joined = torch.cat([points, torch.ones(n, 1, dtype=known.dtype)], dim=1)
    second = joined[:, :, None] * joined[:, None, :]
    second[:, :latent, :latent] += old.variance * inverse
    products = known.T @ joined
    weights = _solve_by_column(present, second, products)
    error = known.square().sum() - (weights * products).sum()
    floor = LEAST_NOISE * float(known.square().sum() / present.sum())
    variance = max(float(error / present.sum()), floor)
    return Components(weights[:, latent], weights[:, :latent], variance), likelihood


def _likelihood(
    centred: Tensor, present: Tensor, factor: Tensor, explained: Tensor, variance: float
) -> float:
    entries, latent = present.sum(), factor.shape[-1]
    log_volume = 2 * factor.diagonal(dim1=1, dim2=2).log().sum()
    log_volume += (entries - len(centred) * latent) * np.log(variance)
    distance = (centred.square().sum() - explained) / variance
    return float(-0.5 * (entries * LOG_TWO_PI + log_volume + distance))


def weighted_gram(present: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of w w' over the columns that each row has, (n, latent, latent)."""
    latent = weights.shape[1]
    total = torch.zeros(len(present), latent * latent, dtype=weights.dtype)
    for part in feature_blocks(len(weights), latent):
        outer = weights[part, :, None] * weights[part, None, :]
        total += present[:, part] @ outer.flatten(1)
    return total.view(-1, latent, latent)


def _solve_by_column(present: Tensor, second: Tensor, products: Tensor) -> Tensor:
    """Return the regression of each column (p, latent + 1) on the rows that have it."""
    solved = torch.empty_like(products)
    for part in feature_blocks(len(products), products.shape[1]):
        gram = (present[:, part].T @ second.flatten(1)).view(-1, *second.shape[1:])
        solved[part] = torch.linalg.solve(gram, products[part])
    return solved


def feature_blocks(p: int, latent: int) -> list[slice]:
    """Return slices of columns so narrow that ``width * latent ** 2`` numbers stay few."""
    width = max(1, BLOCK_ENTRIES // latent**2)
    return [slice(start, start + width) for start in range(0, p, width)]


POOLED_MAX_STEPS = 100
# Root mean square, over missing entries, of the last change.
POOLED_TOLERANCE = 1e-3


@dataclass(frozen=True)
class PooledGaussians:
    """A Gaussian a class with one covariance, ``weights weights' + diag(variances)``."""

    means: Tensor  # Of the classes (n_classes, p)
    weights: Tensor  # (p, rank); ``weights / sqrt(variances)`` has orthogonal columns
    variances: Tensor  # (p,), all equal unless entries were missing
    shrinkage: float  # Weight of the scaled identity


def fit_pooled(
    rows: Tensor, codes: Tensor, n_classes: int | None = None, *, max_steps: int = POOLED_MAX_STEPS
) -> PooledGaussians:
    """Estimate class means and the shrunk within-class covariance.

    The shrinkage is Ledoit and Wolf's, of the residuals around the class means; the covariance is
    then multiplied by n over the degrees of freedom. When every class has one row, it is that
    around the mean of all rows. Missing entries are filled in with their conditional means, whose
    conditional variances are added to the diagonal, until nothing changes any more; the conditional
    covariance of two entries that one row misses is left out.
    """
    count = int(codes.max()) + 1 if n_classes is None else n_classes
    missing = rows.isnan()
    extra = torch.zeros(rows.shape[1], dtype=rows.dtype)
    if not bool(missing.any()):
        return _estimate(rows, codes, count, extra)
    filled = torch.where(missing, rows.nanmean(dim=0), rows)
    filled = torch.where(missing, _class_means(filled, codes, count)[codes], rows)
    for _ in range(max_steps):
        fitted = _estimate(filled, codes, count, extra)
        before = filled
        filled, extra = _expect(rows, missing, codes, fitted)
        if float((filled - before)[missing].square().mean()) < POOLED_TOLERANCE**2:
            break
    return _estimate(filled, codes, count, extra)


def _estimate(rows: Tensor, codes: Tensor, n_classes: int, extra: Tensor) -> PooledGaussians:
    means = _class_means(rows, codes, n_classes)
    n_present = len(torch.unique(codes))
    is_single = n_present == len(rows)
    residuals = rows - (rows.mean(dim=0) if is_single else means[codes])
    freedom = max(1, len(rows) - (1 if is_single else n_present))
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
    """Return shrinkage and mean variance of centred rows (n, p), by products of the rows.

    Ledoit and Wolf (2004), lemma 3.2 to 3.4, as scikit-learn's `ledoit_wolf` has them.
    """
    n, p = residuals.shape
    gram = residuals @ residuals.T if n <= p else residuals.T @ residuals
    squares = float(gram.square().sum()) / n**2
    level = float(residuals.square().sum()) / n / p
    fourth = float(residuals.square().sum(dim=1).square().sum())
    delta = (squares - p * level**2) / p
    beta = min((fourth / n - squares) / (n * p), delta)
    return (beta / delta if beta > 0 else 0.0), level


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
    rows: Tensor, missing: Tensor, codes: Tensor, fitted: PooledGaussians
) -> tuple[Tensor, Tensor]:
    """Return rows with conditional means of missing entries, and the mean of their variances."""
    filled, extra = rows.clone(), torch.zeros_like(fitted.variances)
    some = torch.nonzero(missing.any(dim=1)).squeeze(1)
    size = max(1, BLOCK_ENTRIES // fitted.weights.shape[1] ** 2)
    for index in some.split(size):
        rows_filled, variances = _expect_block(
            rows[index], missing[index], fitted.means[codes[index]], fitted
        )
        filled[index], extra = rows_filled, extra + variances
    return filled, extra / len(rows)


def _expect_block(
    rows: Tensor, missing: Tensor, means: Tensor, fitted: PooledGaussians
) -> tuple[Tensor, Tensor]:
    """Return rows (m, p) filled in, and the sums over rows of conditional variances (p,)."""
    root, absent = fitted.variances.sqrt(), missing.to(rows.dtype)
    relative = fitted.weights / root[:, None]
    identity = torch.eye(relative.shape[1], dtype=rows.dtype)
    precision = identity + weighted_gram(1.0 - absent, relative)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(precision))
    moments = ((rows - means) / root).nan_to_num(nan=0.0) @ relative
    points = (inverse @ moments[:, :, None]).squeeze(2)
    variances = absent.sum(dim=0) * fitted.variances
    for part in feature_blocks(rows.shape[1], len(identity)):
        weights = fitted.weights[part]
        summed = (absent[:, part].T @ inverse.flatten(1)).view(-1, *identity.shape)
        variances[part] += ((summed @ weights[:, :, None]).squeeze(2) * weights).sum(dim=1)
    return torch.where(missing, means + points @ fitted.weights.T, rows), variances
