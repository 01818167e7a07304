"""What a fit says about itself."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from vaega.core.randomness import derive_rng
from vaega.generative._calibration import (
    POSTERIOR_PAIRS,
    Table,
    blocks_of,
    in_proportion,
    posterior_outputs,
    report_rows,
    variance_of,
)
from vaega.generative._density import class_log_densities, row_log_densities
from vaega.generative._fitted import Codec, Engine, LinearCodec
from vaega.generative._gaussians import choose_latent, fill_in, fit_components, fit_pooled
from vaega.generative._training import History, gaussian_kl

if TYPE_CHECKING:
    from vaega.generative._settings import FitSettings


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


# Training that ends with errors so much larger than it began with has run away.
RUN_AWAY = 2.0


@dataclass(frozen=True)
class FitReport:
    """The figures of one fit; all but the counts on the standardised scale.

    Attributes
    ----------
    n_training, n_heldout : int
        Rows that trained the weights that are used; rows that stopped the training and calibrated
        the noise. Where few rows were split twice, all of them trained in the end.
    n_epochs, best_epoch : int
        Epochs run; number of the kept one, from 1. Closed forms have none.
    heldout_elbo : float
        ELBO of the held-out rows with the calibrated sigma, nats per row.
    kl : float
        KL of the held-out rows, nats per row: what the latent space carries.
    sigma : float
        Root mean square of the decoder's sigma, calibrated on held-out residuals.
    noise : float
        Root mean square of the noise that `sample` adds.
    variance_ratio : float
        Within-class variance, summed over features, of a sample over that of the fit rows.
    active_units : int
        Latent dimensions in use at the kept epoch.
    heldout_log_likelihood : float or None
        Mean log density of held-out rows, whatever their class, importance-weighted, nats per row;
        None where rows have none.
    references : dict of str to float
        The same of closed forms that were fitted on the same rows; empty for large tables.
    remarks : list of str
        What went wrong, a sentence each: a collapsed posterior, a training that ran away.

    Examples
    --------
    >>> report = FitReport(30, 8, 71, 31, -9810.2, 28.4, 0.96, 0.84, 1.0)
    >>> report.variance_ratio
    1.0
    """

    n_training: int
    n_heldout: int
    n_epochs: int
    best_epoch: int
    heldout_elbo: float
    kl: float
    sigma: float
    noise: float
    variance_ratio: float
    active_units: int = 0
    heldout_log_likelihood: float | None = None
    references: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def comparison(self) -> str:
        """Which model explains held-out rows best, in a sentence; empty where none is told."""
        if self.heldout_log_likelihood is None or not self.references:
            return ""
        best = max(self.references, key=self.references.__getitem__)
        lead = self.heldout_log_likelihood - self.references[best]
        figures = f"{abs(lead):.4g} nats a row"
        if lead > 0.0:
            return f"held-out rows are more likely than under {best}, by {figures}."
        return f"{best} explains held-out rows better, by {figures}."


def write_report(
    engine: Engine,
    codecs: Sequence[Codec],
    table: Table,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    history: History,
    settings: "FitSettings",
    *,
    seed: int,
) -> FitReport:
    """Return the figures of a fit."""
    varied = _drawn_variance(engine, table, derive_rng(seed, "report"))
    held = [heldout for _, heldout in splits]
    n_heldout = sum(len(index) for index in held)
    pairs = list(zip(codecs, held, strict=True))
    kl = 0.0
    if codecs[0].network.stochastic:
        kl = sum(_kl(codec, table, index) for codec, index in pairs) / n_heldout
    density = sum(_density(codec, engine, table, index, seed) for codec, index in pairs)
    real = table.within_class_variance().sum()
    likelihood, references = judge_heldout(engine, codecs, table, splits, seed=seed)
    return FitReport(
        n_training=len(table) if len(held) > 1 else len(table) - n_heldout,
        n_heldout=n_heldout,
        n_epochs=len(history.elbo),
        best_epoch=history.best_epoch + 1,
        heldout_elbo=density / n_heldout - kl,
        kl=kl,
        sigma=_root_mean_square(engine.sigma),
        noise=_root_mean_square(engine.noise),
        variance_ratio=float(varied.sum() / real) if real else 1.0,
        active_units=int(history.active_units[history.best_epoch]),
        heldout_log_likelihood=likelihood,
        references=references,
        remarks=_remarks(history, settings),
    )


def _drawn_variance(engine: Engine, table: Table, rng: np.random.Generator) -> np.ndarray:
    """Return the within-class variance of generated rows, (n_varying,)."""
    wanted = in_proportion(table, report_rows(table.values.shape[1]))
    decoded = engine.draw(wanted, rng=rng)
    if engine.codec.likelihood.has_sigma:
        return variance_of(decoded, wanted) + np.square(engine.noise)
    if isinstance(wanted, np.ndarray):
        decoded = engine.codec.likelihood.move(decoded, engine.offsets[wanted])
    return variance_of(engine.codec.likelihood.draw(decoded, engine.noise, rng), wanted)


def _kl(codec: Codec, table: Table, index: np.ndarray) -> float:
    total = 0.0
    for block in blocks_of(index, table):
        mean, variance = codec.posterior(table.values[block], table.codes[block])
        total += float(gaussian_kl(mean, variance.log()).sum())
    return total


def _density(codec: Codec, engine: Engine, table: Table, index: np.ndarray, seed: int) -> float:
    """Return the sum over rows of E[log p(x | z)], in nats, under the calibrated sigma."""
    sigma, total = codec.tensor(engine.sigma), 0.0
    for rows, raw, seen in posterior_outputs(codec, table, index, seed=seed):
        entries = codec.likelihood.log_density(rows, raw, sigma)
        total += float((entries if seen is None else entries * seen).sum())
    return total / (2 * POSTERIOR_PAIRS)


def _remarks(history: History, settings: "FitSettings") -> list[str]:
    found, best = [], history.best_epoch
    if settings.kind != "autoencoder" and history.active_units[best] == 0:
        found.append(
            f"the posterior collapsed: no latent dimension is in use (KL {history.kl[best]:.2g} "
            "nats a row), so that rows differ by noise alone; lower beta, or let the columns be "
            "fewer or related."
        )
    if history.error[-1] > RUN_AWAY * history.error[0]:
        found.append(
            f"the training ran away: the error grew from {history.error[0]:.3g} to "
            f"{history.error[-1]:.3g} a row; epoch {best + 1} is kept; lower learning_rate, which "
            f"is {settings.training.learning_rate:g}."
        )
    return found


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
