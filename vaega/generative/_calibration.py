"""Calibration of the decoder's noise on held-out residuals, and the report of a fit.

The decoder's standard deviation is estimated feature by feature from residuals of rows that a
network was not trained on, drawn to their mean (empirical Bayes). `calibrate` then sets the noise
that generated rows carry, and `measure_fit` the figures of `FitReport`: ELBO, KL, held-out log
likelihood beside that of closed forms, and the variance of generated rows over that of real ones.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor

from vaega.core.randomness import derive_rng
from vaega.generative._data import TrainingData, class_means, within_class_variance
from vaega.generative._density import class_log_densities, row_log_densities
from vaega.generative._gaussians import choose_latent, fill_in, fit_components, fit_pooled
from vaega.generative._kinds import match_moments
from vaega.generative._networks import Gaussian
from vaega.generative._settings import FitSettings
from vaega.generative._span import Columns
from vaega.generative._state import Codec, FitReport, FittedState, LinearCodec, NetworkCodec
from vaega.generative._training import History, gaussian_kl

# Rows drawn for a calibration, and for a report as many more as narrow tables allow.
CALIBRATION_ROWS = 512
REPORT_ROWS, REPORT_ENTRIES = 4096, 1 << 20
LEAST_OF_A_CLASS = 32
# Entries, and rows of a class at least, on which noise is brought in line with kinds of columns.
MATCHED_ENTRIES, LEAST_OF_A_MATCH = 1 << 19, 16
# Pairs of noise and its negative behind an expectation over the posterior.
POSTERIOR_PAIRS = 4
# Entries decoded at once, about: 40 MiB. Smaller arrays come from the heap, which small tensors
# that stay in between keep from being used again (half a GiB at 6000 x 16000).
BLOCK_ENTRIES = 5 << 20
# Probabilities searched for a class mean: closer than this to 0 or 1 they count as this; how close
# to the mean, and after how many Newton steps the search ends at the latest.
LEAST_PROBABILITY, CLOSE_MEANS, NEWTON_STEPS = 1e-12, 1e-6, 50
# Importance samples of a row for a report, and held-out rows at most.
REPORT_SAMPLES, MOST_HELDOUT = 16, 256
# Larger tables have no references: these would cost more than the training.
MOST_ENTRIES = 4_000_000
# Training that ends with errors so much larger than it began with has run away.
RUN_AWAY = 2.0

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Residuals:
    """Mean squared residual of each feature on rows that a network was not trained on."""

    squares: np.ndarray  # E[(x - decoded z)^2] over the posteriors (n_varying,)
    counts: np.ndarray  # Over how many rows (n_varying,)


def measure_residuals(
    codecs: Sequence[Codec], frame: Columns, heldout: Sequence[np.ndarray], *, seed: int
) -> Residuals:
    """Return the residuals of each network's held-out rows, pooled."""
    data, counts = frame.data, np.zeros(frame.n_columns, dtype=int)
    total: Tensor | float = 0.0
    for codec, index in zip(codecs, heldout, strict=True):
        for rows, raw, observed in posterior_outputs(codec, data, index, seed=seed):
            total = total + frame.squares(rows - codec.likelihood.location(raw), observed)
        counts += len(index) if data.observed is None else data.observed[index].sum(axis=0)
    squares = frame.of_squares(torch.as_tensor(total))
    return Residuals(squares / (2 * POSTERIOR_PAIRS) / np.maximum(1, counts), counts)


def calibrate(
    state: FittedState,
    frame: Columns,
    residuals: Residuals,
    settings: FitSettings,
    learned: Tensor,
    *,
    seed: int,
) -> FittedState:
    """Return `state` with its sigma, its noise and its offsets.

    `learned` is the sigma at the end of the training. With calibration "matched" the noise is what
    decoded rows lack to vary as real ones, at least 0, and offsets bring classes to their means;
    where columns are kept to their kinds, both after that.
    """
    data, n_features = frame.data, frame.n_columns
    if not state.codec.likelihood.has_sigma:
        ones, offsets = np.ones(n_features), _probability_offsets(state, data, settings, seed)
        return dataclasses.replace(state, sigma=ones, noise=ones, offsets=offsets)
    sigma = np.broadcast_to(learned.cpu().numpy().astype(np.float64), n_features).copy()
    if settings.training.sigma == "heldout":
        sigma = np.sqrt(shrink_to_pooled(residuals.squares, residuals.counts))
    if settings.calibration == "heldout":
        return dataclasses.replace(state, sigma=sigma, noise=sigma)
    request = in_proportion(data)
    decoded = state.sample_means(request, rng=derive_rng(seed, "calibration"))
    decoded_variance = frame.within_class_variance(decoded, codes_drawn(decoded, request))
    missing = np.maximum(frame.data_variance() - decoded_variance, 0.0)
    offsets = state.offsets
    if isinstance(request, np.ndarray):
        offsets = frame.widen(data.class_means() - class_means(decoded, request))
    state = dataclasses.replace(state, sigma=sigma, noise=np.sqrt(missing), offsets=offsets)
    codes = codes_drawn(decoded, request)
    return match_kinds(
        state,
        lambda index, columns: frame.widen(decoded[index], columns),
        codes,
        means=frame.widen(data.class_means()),
        variance=frame.data_variance(),
        rng=derive_rng(seed, "kinds"),
    )


def match_kinds(
    state: FittedState,
    decoded: Callable[[Any, np.ndarray], np.ndarray],
    codes: np.ndarray,
    *,
    means: np.ndarray,
    variance: np.ndarray,
    rng: np.random.Generator,
) -> FittedState:
    """Return `state` with noise and offsets for rows that are kept to the kinds of their columns.

    ``decoded(index, columns)`` are decoder means, some rows and columns, of the sorted classes
    `codes` (m,); class means (n_classes, n_varying) and variance (n_varying,) of the fit rows say
    where these lie. The more columns have a kind, the fewer rows are looked at.
    """
    if state.kinds is None:
        return state
    kinds, likelihood = state.kinds.scaled(state.scaling), state.codec.likelihood
    noise, moves = state.noise.copy(), np.zeros_like(means)
    blocks = kinds.affected(means, variance)
    most_apart = max(1, int(np.bincount(codes).min()) // LEAST_OF_A_MATCH)
    apart = sum(map(len, blocks)) * len(codes) // MATCHED_ENTRIES
    index = slice(None, None, min(max(1, apart), most_apart))
    codes = codes[index]
    for columns in blocks:
        rows = decoded(index, columns)
        rows = rows + (means[:, columns] - class_means(rows, codes))[codes]
        noise[columns], moves[:, columns] = match_moments(
            kinds.of_columns(columns),
            rows,
            codes,
            noise[columns],
            likelihood.draw(np.zeros_like(rows), np.ones(1), rng),
        )
    if not moves.any():
        return state
    return dataclasses.replace(state, noise=noise, kind_offsets=moves)


def _probability_offsets(
    state: FittedState, data: TrainingData, settings: FitSettings, seed: int
) -> np.ndarray:
    """Return what moves the logits of each class to its mean, (n_classes, n_varying).

    The variance of 0 and 1 follows from their mean: matching the one matches the other.
    """
    request = in_proportion(data)
    if settings.calibration == "heldout" or not isinstance(request, np.ndarray):
        return state.offsets
    decoded = state.sample_means(request, rng=derive_rng(seed, "calibration"))
    counts = np.bincount(data.codes)[:, None]
    overall = data.class_priors @ data.class_means()
    # As if every class had one row more, that of all rows: no mean is 0 or 1.
    means = (counts * data.class_means() + overall) / (counts + 1)
    parts = [logit_offsets(decoded[request == code], mean) for code, mean in enumerate(means)]
    return np.stack(parts)


def shrink_to_pooled(variances: np.ndarray, counts: np.ndarray | int) -> np.ndarray:
    """Draw each feature's variance, estimated from few squared residuals, to the pooled value.

    Linear empirical Bayes: the weight of a feature's estimate is the share of the variance
    between features that the sampling error of a variance, ``2 sigma^4 / n``, leaves unexplained.
    Few rows or equal features give the pooled value, many rows the feature's estimate.
    """
    counts = np.broadcast_to(counts, variances.shape)
    some = counts > 0
    pooled = float(np.average(variances[some], weights=counts[some]))
    # E[v^2] is sigma^4 (n + 2) / n, so that this is an unbiased estimate of 2 sigma^4 / n.
    sampling = np.square(variances[some]).mean() * np.mean(2.0 / (counts[some] + 2))
    between = max(0.0, variances[some].var() - sampling)
    weight = between / (between + sampling) if between > 0 else 0.0
    return np.where(some, weight * variances + (1.0 - weight) * pooled, pooled)


def logit_offsets(probabilities: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what added to the logits of probabilities (n, p) gives them the means (p,) in (0, 1).

    By Newton's steps.
    """
    logits = logit(probabilities.clip(LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY))
    offsets = np.zeros(probabilities.shape[1])
    for _ in range(NEWTON_STEPS):
        moved = expit(logits + offsets)
        gap, slope = mean - moved.mean(axis=0), (moved * (1.0 - moved)).mean(axis=0)
        if np.abs(gap).max() < CLOSE_MEANS:
            break
        # Far out the curve is flat, and a whole step would leave it on the other side.
        offsets += (gap / np.maximum(slope, LEAST_PROBABILITY)).clip(-1.0, 1.0)
    return offsets


def measure_fit(
    state: FittedState,
    codecs: Sequence[NetworkCodec],
    frame: Columns,
    splits: Sequence[Split],
    residuals: Residuals,
    history: History,
    settings: FitSettings,
    remarks: list[str],
    *,
    seed: int,
    groups: np.ndarray | None = None,
) -> FitReport:
    """Return the figures of a fit whose `codecs` were each validated on the rows of a split.

    `groups` (n,) are rows that belong together, for the references.
    """
    data = frame.data
    generated = _generated_variance(state, frame, derive_rng(seed, "report"))
    heldout = [index for _, index in splits]
    n_heldout = sum(len(index) for index in heldout)
    pairs = list(zip(codecs, heldout, strict=True))
    kl = 0.0
    if settings.network.stochastic:
        kl = sum(_kl(codec, data, index) for codec, index in pairs) / n_heldout
    density = _expected_density(state, frame, pairs, residuals, seed=seed)
    real = frame.data_variance().sum()
    likelihood, references = heldout_densities(
        state, codecs, frame, splits, seed=seed, groups=groups
    )
    return FitReport(
        n_training=len(data) if len(splits) > 1 else len(data) - n_heldout,
        n_heldout=n_heldout,
        n_epochs=len(history.elbo),
        best_epoch=history.best_epoch + 1,
        heldout_elbo=density / n_heldout - kl,
        kl=kl,
        sigma=_root_mean_square(state.sigma),
        noise=_root_mean_square(state.noise),
        variance_ratio=float(generated.sum() / real) if real else 1.0,
        active_units=int(history.active_units[history.best_epoch]),
        n_coordinates=data.n_features,
        heldout_log_likelihood=likelihood,
        references=references,
        remarks=remarks,
    )


def _generated_variance(state: FittedState, frame: Columns, rng: np.random.Generator) -> np.ndarray:
    """Return the within-class variance of generated rows, (n_varying,)."""
    request = in_proportion(frame.data, report_rows(frame.n_columns))
    decoded, likelihood = state.sample_means(request, rng=rng), state.codec.likelihood
    codes = codes_drawn(decoded, request)
    if likelihood.has_sigma:
        variance = frame.within_class_variance(decoded, codes) + np.square(state.noise)
        return _kept_variance(state, frame, decoded, codes, variance, rng)
    if isinstance(request, np.ndarray):
        decoded = likelihood.move(decoded, state.offsets[request])
    return within_class_variance(likelihood.draw(decoded, state.noise, rng), codes)


def _kept_variance(
    state: FittedState,
    frame: Columns,
    decoded: np.ndarray,
    codes: np.ndarray,
    variance: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the variance of generated rows, where it is another one for being kept to kinds."""
    if state.kinds is None:
        return variance
    kinds, means = state.kinds.scaled(state.scaling), frame.widen(frame.data.class_means())
    for columns in kinds.affected(means, frame.data_variance()):
        rows = frame.widen(decoded, columns) + state.offsets[:, columns][codes]
        if state.kind_offsets is not None:
            rows = rows + state.kind_offsets[:, columns][codes]
        rows = state.codec.likelihood.draw(rows, state.noise[columns], rng)
        rows = kinds.of_columns(columns).enforce(rows)
        variance[columns] = within_class_variance(rows, codes)
    return variance


def _kl(codec: Codec, data: TrainingData, index: np.ndarray) -> float:
    total = 0.0
    for block in blocks_of(index, data):
        mean, variance = codec.posterior(data.values[block], data.codes[block])
        total += float(gaussian_kl(mean, variance.log()).sum())
    return total


def _expected_density(
    state: FittedState,
    frame: Columns,
    pairs: Sequence[tuple[Codec, np.ndarray]],
    residuals: Residuals,
    *,
    seed: int,
) -> float:
    """Return the sum over rows of E[log p(x | z)], in nats, under the calibrated sigma."""
    if isinstance(state.codec.likelihood, Gaussian):  # of the residuals, which are known
        sigma, of_columns = torch.from_numpy(state.sigma), Gaussian()
        cost = of_columns.rate(sigma) * torch.from_numpy(residuals.squares)
        cost += of_columns.constant(sigma)
        return -float((cost * torch.from_numpy(residuals.counts)).sum())
    total = 0.0
    for codec, index in pairs:
        sigma = codec.tensor(state.sigma)
        for rows, raw, observed in posterior_outputs(codec, frame.data, index, seed=seed):
            entries = codec.likelihood.log_density(rows, raw, sigma)
            total += float((entries if observed is None else entries * observed).sum())
    return total / (2 * POSTERIOR_PAIRS)


def heldout_densities(
    state: FittedState,
    codecs: Sequence[NetworkCodec],
    frame: Columns,
    splits: Sequence[Split],
    *,
    seed: int,
    groups: np.ndarray | None = None,
) -> tuple[float | None, dict[str, float]]:
    """Return mean log densities of held-out rows, whatever their class, in nats a row."""
    if not state.codec.has_prior or not state.codec.likelihood.has_sigma:
        return None, {}
    splits = [(training, heldout[:MOST_HELDOUT]) for training, heldout in splits]
    n_rows = sum(len(heldout) for _, heldout in splits)
    total, data = 0.0, frame.table
    for codec, (_, heldout) in zip(codecs, splits, strict=True):
        dense, rows, constant = frame.with_density(state, codec, heldout)
        total += _network_density(dense, rows, seed) + constant * len(rows)
    if data.values.size > MOST_ENTRIES:
        return total / n_rows, {}
    parts = [_reference_densities(data, *split, groups, seed=seed) for split in splits]
    means = {name: sum(part[name] for part in parts) / n_rows for name in parts[0]}
    return total / n_rows, means


def _network_density(state: FittedState, rows: np.ndarray, seed: int) -> float:
    rng = derive_rng(seed, "heldout density")
    shape = (REPORT_SAMPLES, len(rows), state.codec.latent)
    noise = state.codec.tensor(rng.standard_normal(shape))  # of each row: errors average out
    if state.codec.conditional:
        density = class_log_densities(state, rows, noise).logsumexp(dim=1)
    else:
        density = row_log_densities(state, rows, None, noise)
    return float(density.sum())


def _reference_densities(
    data: TrainingData,
    training: np.ndarray,
    heldout: np.ndarray,
    groups: np.ndarray | None,
    *,
    seed: int,
) -> dict[str, float]:
    rows, codes = torch.from_numpy(data.with_nan(training)), torch.from_numpy(data.codes[training])
    heldout_rows, share = data.with_nan(heldout), data.class_priors
    # A column that varies in all rows may be constant in these, or have no entry.
    members = None if groups is None else np.unique(groups[training], return_inverse=True)[1]
    latent, _ = choose_latent(fill_in(rows), rng=derive_rng(seed, "reference"), groups=members)
    components = fit_components(rows, latent)
    principal = LinearCodec(components.weights, components.mean[None], components.sigma, np.ones(1))
    pooled = fit_pooled(rows, codes, len(share))
    classes = LinearCodec(pooled.weights, pooled.means, pooled.variances.sqrt(), share)
    by_class = [
        classes.log_density(heldout_rows, np.full(len(heldout_rows), code)) + float(np.log(part))
        for code, part in enumerate(share)
    ]
    return {
        "ProbabilisticPCA": float(principal.log_density(heldout_rows, None).sum()),
        "ClassGaussian": float(torch.stack(by_class, dim=1).logsumexp(dim=1).sum()),
    }


def fit_remarks(history: History, settings: FitSettings, data: TrainingData) -> list[str]:
    """Return what went wrong in a training, a sentence each."""
    best = history.best_epoch
    remarks = settings.training.objective.likelihood.remarks(data.values)
    if settings.network.stochastic and history.active_units[best] == 0:
        remarks.append(
            f"the posterior collapsed: no latent dimension is in use (KL {history.kl[best]:.2g} "
            "nats a row), so that rows differ by noise alone; lower beta, or let the columns be "
            "fewer or related."
        )
    if history.error[-1] > RUN_AWAY * history.error[0]:
        remarks.append(
            f"the training ran away: the error grew from {history.error[0]:.3g} to "
            f"{history.error[-1]:.3g} a row; epoch {best + 1} is kept; lower learning_rate, which "
            f"is {settings.training.learning_rate:g}."
        )
    return remarks


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def posterior_outputs(
    codec: Codec, data: TrainingData, index: np.ndarray, *, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Yield rows, what is decoded at points of their posteriors, and which entries are observed.

    Each row comes ``2 * POSTERIOR_PAIRS`` times; equal seeds give equal points.
    """
    rng = derive_rng(seed, "residuals")
    for block in blocks_of(index, data):
        values, codes = data.values[block].astype(np.float64), data.codes[block]
        rows = codec.tensor(values)
        observed = None if data.observed is None else codec.tensor(data.observed[block])
        # One call for as many pairs as stay small
        n_at_once = max(1, BLOCK_ENTRIES // max(2 * values.size, 1))
        for first in range(0, POSTERIOR_PAIRS, n_at_once):
            n_pairs = min(n_at_once, POSTERIOR_PAIRS - first)
            noise = codec.tensor(rng.standard_normal((n_pairs, len(block), codec.latent)))
            points, _ = codec.infer(values, codes, torch.cat([noise, -noise]))
            raw = codec.raw(points.flatten(0, 1), np.tile(codes, 2 * n_pairs))
            everywhere = None if observed is None else observed.repeat(2 * n_pairs, 1)
            yield rows.repeat(2 * n_pairs, 1), raw, everywhere


def blocks_of(index: np.ndarray, data: TrainingData) -> Iterator[np.ndarray]:
    """Yield `index` in parts so short that what is computed of their rows stays small."""
    size = max(16, BLOCK_ENTRIES // data.n_features)
    return (index[start : start + size] for start in range(0, len(index), size))


def report_rows(n_features: int) -> int:
    """Return how many rows to draw to measure what generated rows are like.

    The variance of 512 rows in a few latent dimensions is off by 4 %, which says little of a ratio
    that should be 1.
    """
    return min(REPORT_ROWS, max(CALIBRATION_ROWS, REPORT_ENTRIES // n_features))


def in_proportion(data: TrainingData, n_rows: int = CALIBRATION_ROWS) -> int | np.ndarray:
    """Return what to draw to stand for the fit rows: class codes in proportion, or a number."""
    if not data.labelled:
        return n_rows
    return codes_in_proportion(data.class_priors, n_rows)


def codes_in_proportion(share: np.ndarray, n_rows: int = CALIBRATION_ROWS) -> np.ndarray:
    """Return about `n_rows` class codes, sorted, in proportion to the shares of classes."""
    counts = np.maximum(LEAST_OF_A_CLASS, np.rint(n_rows * share))
    return np.repeat(np.arange(len(counts)), counts.astype(int))


def codes_drawn(drawn: np.ndarray, request: int | np.ndarray) -> np.ndarray:
    """Return the class of each row drawn for `request`, all zero where it names none."""
    return request if isinstance(request, np.ndarray) else np.zeros(len(drawn), dtype=int)
