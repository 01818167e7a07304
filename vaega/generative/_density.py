"""Densities under a fitted generative model, and what follows from them.

The evidence lower bound (Kingma and Welling 2014), log densities by importance sampling (the IWAE
bound; Burda, Grosse and Salakhutdinov 2016), missing entries by the same weights (MIWAE; Mattei and
Frellsen 2019), and anomaly scores: reconstruction errors and distances in the latent space.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaega.generative._state import LOG_TWO_PI, Codec, FittedState, LinearCodec
from vaega.generative._training import gaussian_kl

KINDS = ("reconstruction", "latent", "likelihood")
REFERENCES = ("prior", "posterior")

# Importance samples of a row, of its density and of its missing entries, by default.
N_DENSITY_SAMPLES, N_IMPUTATION_SAMPLES = 64, 256
# Rounds in which missing entries are set to what the row, so filled, decodes to.
FILL_ROUNDS = 20
# Nats by which a filling has to be more likely than the best so far: rounding must not decide.
LEAST_GAIN = 1e-6
# How much wider than estimated a proposal is: one too narrow gives all weight to a few samples.
PROPOSAL_MARGIN = 1.2
# Numbers in the largest array of a block: a few megabytes, as the processor's cache has.
BLOCK_ENTRIES = 1 << 18
# Numbers in the latent points of the rows whose missing entries are filled in together.
IMPUTATION_BLOCK_ENTRIES = 1 << 22


def log_densities(
    state: FittedState,
    X: np.ndarray,
    codes: np.ndarray | None,
    *,
    n_importance_samples: int | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the log density of rows on the user's scale, in nats."""
    codec, rows = state.codec, state.scaling.forward(X)
    noise = draw_noise(state, n_importance_samples, N_DENSITY_SAMPLES, rng)
    if codec.conditional and codes is None:
        density = class_log_densities(state, rows, noise).logsumexp(dim=1)
    else:
        density = row_log_densities(state, rows, codes, noise)
    return density.cpu().numpy() - _log_scales(state, rows)


def _log_scales(state: FittedState, rows: np.ndarray) -> np.ndarray:
    """Return what the scale of X takes off log densities of rows on the network's scale, (n,)."""
    log_scale = np.log(state.scaling.scale[state.scaling.varies])
    return np.where(np.isnan(rows), 0.0, log_scale).sum(axis=1)


def class_log_densities(state: FittedState, rows: np.ndarray, noise: Tensor | None) -> Tensor:
    """Return log (share of the class times density in it) of rows on the network's scale."""
    share = state.codec.class_priors
    by_class = [
        row_log_densities(state, rows, np.full(len(rows), code), noise)
        for code in range(len(share))
    ]
    return torch.stack(by_class, dim=1) + state.codec.tensor(np.log(share))


def row_log_densities(
    state: FittedState, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> Tensor:
    """Return log densities (n,) of rows (n, n_varying) on the network's scale, given classes."""
    if noise is None and isinstance(state.codec, LinearCodec):
        return state.codec.log_density(rows, codes)
    assert noise is not None, "only linear models have a closed form"
    return average(log_weights(state, propose(state, rows, codes, noise)))


def draw_noise(
    state: FittedState, n_samples: int | None, default: int, rng: np.random.Generator
) -> Tensor | None:
    """Return the noise (k, latent) of importance samples; None where a closed form does better."""
    if n_samples is None and state.codec.exact:
        return None
    shape = (n_samples or default, state.codec.latent)
    return state.codec.tensor(rng.standard_normal(shape))


@dataclass(frozen=True)
class Proposal:
    """Rows to which importance samples are drawn, and the noise that all rows share.

    Shared noise makes the score of a row a function of the row alone, whatever rows come with it.
    Its error is shared too; where the mean over rows is all that is asked for, each has its own.
    """

    rows: np.ndarray  # On the network's scale (n, n_varying); NaN where missing
    encoder_rows: np.ndarray  # What the encoder gets: missing entries filled in
    codes: np.ndarray | None  # Classes (n,)
    noise: Tensor  # Standard normal (k, latent), or (k, n, latent)
    widths: Tensor  # How many times as far as the encoder says points are drawn, (n, latent)

    def __len__(self) -> int:
        return len(self.rows)

    def codes_of(self, index: np.ndarray) -> np.ndarray | None:
        """Return the classes of the rows that `index` names."""
        return None if self.codes is None else self.codes[index]

    def points(self, codec: Codec, index: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return latent points (k, m, latent) of rows `index` (m,) and their log density (k, m)."""
        widths = self.widths[torch.from_numpy(index).to(self.widths.device)]
        noise = self.noise
        noise = noise[:, index] if noise.ndim == 3 else noise[:, None].expand(-1, len(index), -1)
        wide = noise * widths
        points, log_q = codec.infer(self.encoder_rows[index], self.codes_of(index), wide)
        # That is the density had the wide noise been standard normal.
        excess = 0.5 * (wide.square() - noise.square()) - widths.log()
        return points, log_q + excess.sum(dim=-1)


def propose(
    state: FittedState, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor
) -> Proposal:
    """Prepare importance samples of rows.

    An encoder knows complete rows. Missing entries start as 0 and are replaced several times by
    what the row then decodes to. Any such choice leaves the weighted result right; a good one needs
    fewer samples. So each row keeps the filling whose posterior mean is the most likely with the
    entries that are there: an encoder that was trained on rows with gaps makes up for their zeros,
    and on filled ones it overshoots further in each round. Points of rows with missing entries are
    drawn from wider posteriors.
    """
    codec, missing = state.codec, np.isnan(rows)
    widths = torch.ones(len(rows), codec.latent, dtype=noise.dtype, device=noise.device)
    if codec.exact or not missing.any():
        return Proposal(rows, rows, codes, noise, widths)
    filled, some = np.where(missing, 0.0, rows), np.flatnonzero(missing.any(axis=1))
    some_codes = None if codes is None else codes[some]
    current, best = filled[some], np.full(len(some), -np.inf)
    for _ in range(FILL_ROUNDS + 1):
        mean, _ = codec.posterior(current, some_codes)
        likelihood = _log_likelihoods(state, mean[None], rows[some], some_codes, BLOCK_ENTRIES)[0]
        joint = (likelihood + log_priors(mean)).cpu().numpy()
        better = joint > best + LEAST_GAIN
        filled[some[better]], best[better] = current[better], joint[better]
        current = np.where(missing[some], codec.decode(mean, some_codes), current)
    variance = codec.posterior(filled[some], some_codes)[1]
    share = codec.tensor(1.0 - missing[some].mean(axis=1, keepdims=True))
    widths[torch.from_numpy(some).to(widths.device)] = _widths(variance, share)
    return Proposal(rows, filled, codes, noise, widths)


def _widths(variance: Tensor, share: Tensor) -> Tensor:
    """Return how much wider posteriors (n, latent) are when a share (n, 1) of the entries is known.

    As if every entry said as much about every dimension: the precision that the rows add to the
    prior's 1 shrinks with the share.
    """
    gain = (1.0 / variance - 1.0).clamp_min(0.0)
    return (1.0 / ((1.0 + share * gain) * variance)).sqrt().clamp_min(1.0) * PROPOSAL_MARGIN


def log_weights(state: FittedState, proposal: Proposal, *, entries: int = BLOCK_ENTRIES) -> Tensor:
    """Return log p(x | z) + log p(z) - log q(z | x) at every importance sample, (k, n)."""
    conditional, prior, posterior = log_terms(state, proposal, entries=entries)
    return conditional + prior - posterior


def log_terms(state: FittedState, proposal: Proposal, *, entries: int = BLOCK_ENTRIES) -> Tensor:
    """Return log p(x | z), log p(z) and log q(z | x) at every importance sample, (3, k, n).

    Computed in blocks. Each row's samples are decoded together, and blocks are of equal size, the
    last filled up with copies, so that every product has the same shape however many rows there
    are.
    """
    n, k = len(proposal), len(proposal.noise)
    terms = state.codec.tensor(np.empty((3, k, n)))
    for index, padded in _blocks(n, max(1, entries // (k * state.sigma.size))):
        points, log_q = proposal.points(state.codec, padded)
        rows, codes = proposal.rows[padded], proposal.codes_of(padded)
        conditional = _log_likelihoods(state, points, rows, codes, entries)
        block = torch.stack([conditional, log_priors(points), log_q])
        terms[:, :, index] = block[:, :, : len(index)]
    return terms


def log_conditionals(
    state: FittedState, X: np.ndarray, codes: np.ndarray | None, points: Tensor
) -> np.ndarray:
    """Return log p(x | z) (k, n) of rows at points (k, n, latent), on the user's scale, in nats."""
    rows, (k, n, _) = state.scaling.forward(X), points.shape
    density = np.empty((k, n))
    for index, padded in _blocks(n, max(1, BLOCK_ENTRIES // (k * state.sigma.size))):
        classes = None if codes is None else codes[padded]
        block = _log_likelihoods(state, points[:, padded], rows[padded], classes, BLOCK_ENTRIES)
        density[:, index] = block[:, : len(index)].cpu().numpy()
    return density - _log_scales(state, rows)


def log_priors(points: Tensor) -> Tensor:
    """Return the log density of points (..., latent) under N(0, I), in nats."""
    return -0.5 * (points.square() + LOG_TWO_PI).sum(dim=-1)


def bound_terms(
    state: FittedState,
    X: np.ndarray,
    codes: np.ndarray | None,
    *,
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return E log p(x | z) on the user's scale, and the KL to the prior, of each row, in nats.

    The expectation is a mean over draws of q, the KL a closed form. A hierarchy has none, as a
    layer's prior depends on what is drawn above: its KL is a mean over the same draws.
    """
    rows, codec = state.scaling.forward(X), state.codec
    noise = codec.tensor(rng.standard_normal((n_draws, codec.latent)))
    widths = torch.ones(len(rows), codec.latent, dtype=noise.dtype, device=noise.device)
    conditional, prior, posterior = log_terms(state, Proposal(rows, rows, codes, noise, widths))
    kl = (posterior - prior).mean(dim=0)
    if codec.factorised:
        mean, variance = codec.posterior(rows, codes)
        kl = gaussian_kl(mean, variance.log())
    reconstruction = conditional.mean(dim=0).cpu().numpy() - _log_scales(state, rows)
    return reconstruction, kl.cpu().numpy()


def _blocks(n: int, width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of `n` rows in blocks, each also filled up with copies to `width`."""
    for start in range(0, n, width):
        index = np.arange(start, min(start + width, n))
        yield index, np.resize(index, width)


def _log_likelihoods(
    state: FittedState, points: Tensor, rows: np.ndarray, codes: np.ndarray | None, entries: int
) -> Tensor:
    """Return log p(x | z) (k, m) of rows (m, n_varying) at points (k, m, latent)."""
    observed, sigma = state.codec.tensor(rows), state.codec.tensor(state.sigma)
    depth = max(1, entries // observed.numel())
    parts = [
        _log_likelihood(state.codec, part, observed, codes, sigma) for part in points.split(depth)
    ]
    return torch.cat(parts)


def _log_likelihood(
    codec: Codec,
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


def average(weights: Tensor) -> Tensor:
    """Return the log of the mean over the first dimension of the exponentials of `weights`."""
    return weights.logsumexp(dim=0) - np.log(len(weights))


def impute_means(
    state: FittedState,
    X: np.ndarray,
    codes: np.ndarray | None,
    *,
    n_importance_samples: int | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return rows with the conditional means of their missing entries, given the others."""
    noise = draw_noise(state, n_importance_samples, N_IMPUTATION_SAMPLES, rng)
    filled = _without_constants(state, X)
    for i, columns, candidates in _incomplete_rows(state, X, codes, noise):
        # A weight this small cannot be seen in the sum.
        chosen = np.flatnonzero(candidates.weights > 1e-12 * candidates.weights.max())
        weights = candidates.weights[chosen]
        decoded = candidates.decode(state, chosen, columns)
        # No product of matrices: numpy's may depend on the number of threads.
        filled[i, columns] = (weights[:, None] * decoded).sum(axis=0) / weights.sum()
    return filled


def impute_draws(
    state: FittedState,
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
    noise = draw_noise(state, n_importance_samples, N_IMPUTATION_SAMPLES, rng)
    filled = np.repeat(_without_constants(state, X)[None], n_imputations, axis=0)
    if noise is None:
        return _draw_exactly(state, X, codes, filled, rng)
    for i, columns, candidates in _incomplete_rows(state, X, codes, noise):
        chosen = rng.choice(len(candidates.weights), size=n_imputations, p=candidates.weights)
        filled[:, i, columns] = candidates.decode(state, chosen, columns, rng=rng)
    return filled


@dataclass(frozen=True)
class Candidates:
    """Latent points of a row with missing entries, weighed by how well they explain the others."""

    points: np.ndarray  # (k, latent)
    weights: np.ndarray  # (k,), sum to one
    codes: np.ndarray | None  # The classes to decode them with (k,)

    def decode(
        self,
        state: FittedState,
        chosen: np.ndarray,
        columns: np.ndarray,
        *,
        rng: np.random.Generator | None = None,
    ) -> np.ndarray:
        """Return `columns` at the chosen points, with the decoder's noise where `rng` is given."""
        codes = None if self.codes is None else self.codes[chosen]
        return state.decode(self.points[chosen], codes, columns, rng=rng)


def _draw_exactly(
    state: FittedState,
    X: np.ndarray,
    codes: np.ndarray | None,
    filled: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Fill in draws from the posteriors of a closed form, each row's independent of the others'.

    Importance samples are shared by all rows, so that what the few of them are off shows in every
    row, and in the mean of a column.
    """
    missing = np.isnan(X) & state.scaling.varies
    some, n_draws = np.flatnonzero(missing.any(axis=1)), len(filled)
    width = max(1, IMPUTATION_BLOCK_ENTRIES // (n_draws * X.shape[1]))
    for start in range(0, len(some), width):
        index = some[start : start + width]
        rows = np.tile(state.scaling.forward(X[index]), (n_draws, 1))
        classes = None if codes is None else np.tile(codes[index], n_draws)
        if classes is None and state.codec.conditional:
            classes = _draw_classes(state, rows, rng)
        noise = state.codec.tensor(rng.standard_normal((len(rows), state.codec.latent)))
        points = state.codec.infer(rows, classes, noise)[0].cpu().numpy()
        drawn = state.decode(points, classes, rng=rng).reshape(n_draws, len(index), -1)
        filled[:, index] = np.where(missing[index], drawn, filled[:, index])
    return filled


def _draw_classes(state: FittedState, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a class of each row (n, n_varying), drawn by what its entries say."""
    weights = _normalised(class_log_densities(state, rows, None).T).T.cpu().numpy()
    chosen = (rng.random((len(rows), 1)) > weights.cumsum(axis=1)).sum(axis=1)
    return np.minimum(chosen, weights.shape[1] - 1)


def _incomplete_rows(
    state: FittedState, X: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> Iterator[tuple[int, np.ndarray, Candidates]]:
    """Yield the index of each row with missing entries, their columns, and its candidates."""
    missing = np.isnan(X) & state.scaling.varies
    some = np.flatnonzero(missing.any(axis=1))
    per_row = 1 if noise is None else noise.numel()
    width = max(1, IMPUTATION_BLOCK_ENTRIES // per_row)
    for start in range(0, len(some), width):
        index = some[start : start + width]
        of_rows = _candidates(state, X[index], None if codes is None else codes[index], noise)
        for i, candidates in zip(index.tolist(), of_rows, strict=True):
            yield i, np.flatnonzero(missing[i]), candidates


def _candidates(
    state: FittedState, X: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> list[Candidates]:
    """Return the candidates of each row, of all classes where the class matters and is unknown."""
    rows, share = state.scaling.forward(X), state.codec.class_priors
    classes: list[np.ndarray | None] = [codes]
    log_share = [0.0]
    if codes is None and state.codec.conditional:
        classes = [np.full(len(X), code) for code in range(len(share))]
        log_share = np.log(share).tolist()
    parts = [_weigh(state, rows, of_class, noise) for of_class in classes]
    points = np.concatenate([part[0] for part in parts])
    log_weights = torch.cat([part[1] + log for part, log in zip(parts, log_share, strict=True)])
    weights = _normalised(log_weights).cpu().numpy()
    k = len(parts[0][0])
    tiled = [np.tile(of_class, (k, 1)) for of_class in classes if of_class is not None]
    known = np.concatenate(tiled) if tiled else None
    return [
        Candidates(points[:, i], weights[:, i], None if known is None else known[:, i])
        for i in range(len(X))
    ]


def _weigh(
    state: FittedState, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor | None
) -> tuple[np.ndarray, Tensor]:
    """Return points (k, n, latent) and log weights (k, n); the posterior mean without noise."""
    if noise is None:
        points = state.codec.posterior(rows, codes)[0][None]
        return points.cpu().numpy(), row_log_densities(state, rows, codes, None)[None]
    proposal = propose(state, rows, codes, noise)
    points = proposal.points(state.codec, np.arange(len(rows)))[0]
    return points.cpu().numpy(), log_weights(state, proposal)


def _normalised(log_weights: Tensor) -> Tensor:
    """Return weights (k, n) that sum to one; equal ones where no sample explains a row at all."""
    known = torch.where(log_weights.isnan(), -torch.inf, log_weights)
    return torch.where(known.isneginf().all(dim=0), 0.0, known).softmax(dim=0)


def _without_constants(state: FittedState, X: np.ndarray) -> np.ndarray:
    """Return a copy of rows in which the missing entries of constant columns are filled in."""
    scaling = state.scaling
    return np.where(np.isnan(X) & ~scaling.varies, scaling.shift, X)


def reconstruction_errors(
    state: FittedState, X: np.ndarray, codes: np.ndarray | None
) -> np.ndarray:
    """Return the mean squared residual of each row's entries on the standardised scale."""
    rows = state.scaling.forward(X)
    counts = np.maximum(np.count_nonzero(~np.isnan(rows), axis=1), 1)

    def errors(classes: np.ndarray | None) -> np.ndarray:
        decoded = state.codec.decode(state.codec.posterior(rows, classes)[0], classes)
        return np.square(np.nan_to_num(rows - decoded, nan=0.0)).sum(axis=1) / counts

    return _least_over_classes(state, errors, len(X), codes)


def latent_distances(
    state: FittedState, X: np.ndarray, codes: np.ndarray | None, *, reference: str
) -> np.ndarray:
    """Return the squared Mahalanobis distance of each row's posterior mean."""
    rows = state.scaling.forward(X)

    def distances(classes: np.ndarray | None) -> np.ndarray:
        points = state.codec.posterior(rows, classes)[0]
        if reference == "prior":
            return points.square().sum(dim=1).cpu().numpy()
        squares = state.gaussians.squared_distances(points).cpu().numpy()
        return squares.min(axis=1) if classes is None else squares[np.arange(len(X)), classes]

    return _least_over_classes(state, distances, len(X), codes)


def _least_over_classes(
    state: FittedState,
    measure: Callable[[np.ndarray | None], np.ndarray],
    n: int,
    codes: np.ndarray | None,
) -> np.ndarray:
    """Return `measure` of rows in their classes, or the least over all where these are unknown."""
    if codes is not None or not state.codec.conditional:
        return measure(codes)
    classes = range(len(state.codec.class_priors))
    return np.min([measure(np.full(n, code)) for code in classes], axis=0)
