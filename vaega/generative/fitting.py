"""From rows and settings to a fitted engine: split, train, place the classes, calibrate."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from vaega.core.randomness import derive_rng, derive_seed
from vaega.generative.calibration import blocks_of, calibrate, measure_residuals
from vaega.generative.engine import Codec, Engine
from vaega.generative.heldout import choose_heldouts
from vaega.generative.hierarchical import HierarchicalNetwork
from vaega.generative.history import History
from vaega.generative.latent import ClassGaussians
from vaega.generative.networks import Network, build_network
from vaega.generative.precision import resolve_precision
from vaega.generative.report import FitReport, write_report
from vaega.generative.rows import Rows
from vaega.generative.scaling import MOST_SINGLE, Scaling, check_size
from vaega.generative.settings import FitSettings
from vaega.generative.table import Table
from vaega.generative.training import Callback, Trainee, TrainingSettings, fit_loop, repeat_loop

# Points drawn of a posterior that has no moments in closed form.
POSTERIOR_POINTS = 64


def fit_engine(
    X: np.ndarray,
    codes: np.ndarray,
    settings: FitSettings,
    *,
    labelled: bool,
    seed: int,
    class_weights: np.ndarray | None = None,
    callback: Callback | None = None,
) -> tuple[Engine, FitReport, History]:
    """Fit everything an autoencoder learns."""
    if not settings.standardize:
        check_size(X, MOST_SINGLE, owner=settings.owner)
    scaling = Scaling.fitted(X, owner=settings.owner, standardize=settings.standardize)
    splits, order = _split(codes, settings, derive_rng(seed, "split"))
    table = Table.of(X, codes, scaling, labelled=labelled, order=order)
    table.check_values(settings)
    fit = _Fit(table, settings, class_weights, seed)
    trainees = [fit.trainee(*split, turn) for turn, split in enumerate(splits)]
    history = fit_loop(trainees, callback)
    learned = [trainee.spread.value.detach() for trainee in trainees]
    codecs = [fit.codec(trainee.network) for trainee in trainees]
    held = [heldout for _, heldout in splits]
    if len(trainees) > 1:
        whole = fit.trainee(np.arange(len(X)), None, len(splits))
        repeat_loop(whole, history)
        learned, codec = [whole.spread.value.detach()], fit.codec(whole.network)
    else:
        codec = codecs[0]
    residuals = measure_residuals(codecs, table, held, seed=seed)
    engine = _place_classes(codec, scaling, table, derive_rng(seed, "classes"))
    engine = calibrate(engine, table, residuals, settings, learned[0], seed=seed)
    report = write_report(engine, codecs, table, splits, history, settings, seed=seed)
    return engine, report, history


def _split(
    codes: np.ndarray, settings: FitSettings, rng: np.random.Generator
) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Return training and held-out places, once or twice, and which row is at each place.

    With one split the rows that train come first, so that neither part has to be copied.
    """
    crossed = settings.crosses(len(codes))
    splits = choose_heldouts(codes, settings.validation_fraction, crossed=crossed, rng=rng)
    if crossed:
        return splits, np.arange(len(codes))
    order = np.concatenate(splits[0])
    training, heldout = np.split(np.arange(len(codes)), [len(splits[0][0])])
    return [(training, heldout)], order


@dataclass(frozen=True)
class _Fit:
    """What all networks of a fit have in common."""

    table: Table
    settings: FitSettings
    class_weights: np.ndarray | None
    seed: int

    def trainee(self, training: np.ndarray, heldout: np.ndarray | None, turn: int) -> Trainee:
        """Return a network with weights of its own and the rows that train it."""
        network = self._network(turn)
        device = self.settings.device
        steps = derive_seed(self.seed, "training", *([turn] if turn else []))
        return Trainee(
            network,
            self._on_device(training),
            None if heldout is None else self._on_device(heldout),
            self._training_settings(network),
            torch.Generator(device=device).manual_seed(steps),
            chances=self._chances(training),
        )

    def codec(self, network: Network) -> Codec:
        """Return a trained network, for use."""
        return Codec(
            network.double(),
            self.table.class_share,
            self.settings.conditional,
            self.settings.training.objective.likelihood,
        )

    def _network(self, turn: int) -> Network:
        generator = torch.Generator().manual_seed(
            derive_seed(self.seed, "weights", *([turn] if turn else []))
        )
        sizes = self.settings.network_sizes(self.table.values.shape[1], len(self.table.class_share))
        network = build_network(generator, kind=self.settings.architecture, **sizes)
        return network.to(self.settings.device)

    def _training_settings(self, network: Network) -> TrainingSettings:
        settings = self.settings
        n_weights = sum(part.numel() for part in network.parameters())
        products = resolve_precision(
            settings.precision, settings.device, n_weights, owner=settings.owner
        )
        return dataclasses.replace(settings.training, products=products)

    def _on_device(self, index: np.ndarray) -> Rows:
        def tensor(values: Any) -> torch.Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=self.settings.device)

        table, codes = self.table, self.table.codes[index]
        one_hot = np.eye(len(table.class_share))[codes] if self.settings.conditional else None
        weights = None if self.class_weights is None else self.class_weights[codes]
        return Rows(
            tensor(table.take(index)),
            None if one_hot is None else tensor(one_hot),
            None if table.seen is None else tensor(table.seen[index]),
            None if weights is None else tensor(weights),
        )

    def _chances(self, index: np.ndarray) -> torch.Tensor | None:
        if not self.settings.balanced_batches:
            return None
        codes = self.table.codes[index]
        counts = np.bincount(codes, minlength=len(self.table.class_share))
        chances = torch.from_numpy(1.0 / counts[codes])
        return chances.to(dtype=torch.float32, device=self.settings.device)


def _place_classes(
    codec: Codec, scaling: Scaling, table: Table, rng: np.random.Generator
) -> Engine:
    layered = isinstance(codec.network, HierarchicalNetwork)
    find = partial(_sampled_moments, codec, rng) if layered else codec.posterior
    blocks = [
        find(table.values[block], table.codes[block])
        for block in blocks_of(np.arange(len(table)), table)
    ]
    means, variances = (torch.cat(part) for part in zip(*blocks, strict=True))
    codes = torch.from_numpy(table.codes).to(means.device)
    if layered:
        parts = [variances[codes == code].mean(dim=0) for code in range(len(table.class_share))]
        variances = torch.stack(parts)
    offsets = np.zeros((len(table.class_share), table.values.shape[1]))
    gaussians = ClassGaussians.fitted(means, variances, codes)
    return Engine(codec, scaling, gaussians, sigma=offsets[0], noise=offsets[0], offsets=offsets)


def _sampled_moments(
    codec: Codec, rng: np.random.Generator, rows: np.ndarray, codes: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean (n, latent) and covariance (n, latent, latent) of the posteriors of rows.

    Layers of a hierarchy undo each other's noise: apart, each with its own variance, they would
    make rows that vary by a quarter too much.
    """
    noise = rng.standard_normal((POSTERIOR_POINTS, len(rows), codec.latent))
    points, _ = codec.infer(rows, codes, codec.tensor(noise))
    mean = points.mean(dim=0)
    centred = (points - mean).transpose(0, 1)
    return mean, centred.mT @ centred / (POSTERIOR_POINTS - 1)
