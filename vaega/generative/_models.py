"""Autoencoders as scikit-learn estimators that encode, decode and generate rows."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import torch

from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, derive_seed, draw_seed
from vaega.generative._base import GenerativeModel, LabelledUses
from vaega.generative._calibration import Table, blocks_of, calibrate, measure_residuals
from vaega.generative._fitted import (
    MOST_SINGLE,
    ClassGaussians,
    Codec,
    Engine,
    Scaling,
    check_size,
    encode_labels,
    one_thread,
)
from vaega.generative._networks import HierarchicalNetwork, Network, build_network
from vaega.generative._report import FitReport, write_report
from vaega.generative._settings import FitSettings, check_settings, find_preset
from vaega.generative._training import (
    Callback,
    History,
    Rows,
    Trainee,
    TrainingSettings,
    choose_heldouts,
    fit_loop,
    repeat_loop,
    resolve_precision,
)

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


class FitWarning(UserWarning):
    """A fit that ended, and of which something is wrong; `report_.remarks` has the sentence.

    Examples
    --------
    >>> issubclass(FitWarning, UserWarning)
    True
    """


def say_remarks(model: GenerativeModel, *, stacklevel: int) -> None:
    """Warn of what the report of a fit remarks."""
    for remark in model.report_.remarks:
        warnings.warn(f"{type(model).__name__}: {remark}", FitWarning, stacklevel=stacklevel)


class BaseAutoencoder(GenerativeModel):
    """What the autoencoders share; a subclass names its network in `_kind`.

    What is learned is in `engine_`.
    """

    _kind = "vae"

    def __init__(
        self,
        hidden: Sequence[int] = (128, 64),
        latent: Any = 16,
        *,
        norm: str | None = "batch",
        output_norm: bool = False,
        standardize: bool = True,
        likelihood: str = "gaussian",
        sigma: float | str = "heldout",
        calibration: str = "matched",
        learning_rate: float = 1e-3,
        batch_size: int = 256,
        max_epochs: int = 1000,
        patience: int = 40,
        validation: str = "auto",
        validation_fraction: float = 0.2,
        beta: float = 1.0,
        annealing: str | None = None,
        annealing_epochs: int = 100,
        n_cycles: int = 1,
        free_bits: float = 0.0,
        n_draws: int = 1,
        class_weight: Any = None,
        balanced_batches: bool = False,
        precision: str = "auto",
        device: str = "auto",
        random_state: Any = None,
    ):
        self.hidden = hidden
        self.latent = latent
        self.norm = norm
        self.output_norm = output_norm
        self.standardize = standardize
        self.likelihood = likelihood
        self.sigma = sigma
        self.calibration = calibration
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation = validation
        self.validation_fraction = validation_fraction
        self.beta = beta
        self.annealing = annealing
        self.annealing_epochs = annealing_epochs
        self.n_cycles = n_cycles
        self.free_bits = free_bits
        self.n_draws = n_draws
        self.class_weight = class_weight
        self.balanced_batches = balanced_batches
        self.precision = precision
        self.device = device
        self.random_state = random_state

    @classmethod
    def from_preset(cls, name: str, **changes: Any) -> Self:
        """Return a model with the settings of a published network.

        Parameters
        ----------
        name : str
            One of `vaega.generative._settings.PRESETS`: "thesis" and its kin.
        **changes
            Parameters that differ from the preset's.

        Returns
        -------
        BaseAutoencoder
            Not fitted.

        Raises
        ------
        InputError
            When there is no such preset.

        Examples
        --------
        >>> from vaega.generative._models import VAE
        >>> VAE.from_preset("thesis", random_state=0).hidden
        (346, 178, 178)
        """
        return cls(**(find_preset(name, owner=cls.__name__) | changes))

    def fit(self, X: Any, y: Any = None, *, callback: Callback | None = None) -> Self:
        """Train on rows, stop on the part of them that is held out, calibrate the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least three rows; NaN where a value is missing.
        y : array-like of shape (n_samples,), optional
            Class labels.
        callback : callable, optional
            Called as ``callback(epoch, history)`` after each epoch, counted from 0, with what
            `history_` will hold; training ends when it returns True.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When a parameter breaks its rule, no column varies, or the loss is not finite.
        ValueError
            When X or y is not what scikit-learn calls valid.

        Warns
        -----
        FitWarning
            When the posterior collapsed or the training ran away.
        """
        settings = check_settings(self)
        if callback is not None and not callable(callback):
            raise InputError(f"{type(self).__name__}: callback must be callable, got {callback!r}.")
        X, y = self._validated(X, y)
        seed = draw_seed(self.random_state)
        owner = type(self).__name__
        classes, codes = encode_labels(y, len(X), required=self._conditional, owner=owner)
        weights = self._class_weights(settings.class_weight, classes, codes)
        with one_thread():
            self.engine_, self.report_, self.history_ = fit_engine(
                X,
                codes,
                settings,
                labelled=classes is not None,
                seed=seed,
                class_weights=weights,
                callback=callback,
            )
        self.seed_, self.classes_ = seed, classes
        say_remarks(self, stacklevel=3)
        return self

    def _class_weights(
        self, wanted: Any, classes: np.ndarray | None, codes: np.ndarray
    ) -> np.ndarray | None:
        if wanted is None:
            return None
        owner = type(self).__name__
        if classes is None:
            raise InputError(f"{owner}: class_weight needs class labels, y holds none.")
        if isinstance(wanted, Mapping):
            unknown = [label for label in wanted if label not in classes.tolist()]
            if unknown:
                raise InputError(
                    f"{owner}: class_weight must name labels of y, got {unknown[0]!r}."
                )
            return np.array([float(wanted.get(label, 1.0)) for label in classes.tolist()])
        # scikit-learn's "balanced"; its function imports packages that draw from Python's generator
        weights: np.ndarray = len(codes) / (len(classes) * np.bincount(codes).astype(np.float64))
        return weights

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class VAE(BaseAutoencoder):
    """Variational autoencoder: rows to a Gaussian latent space, and new rows out of it.

    Loss: squared error summed over features, divided by twice the decoder's variance, plus the KL
    to N(0, I), mean over rows; or another `likelihood`. Part of the fit rows is held out: it stops
    the training, sets the decoder's variance and calibrates the noise that generated rows carry.
    Missing values, NaN, are seen as the mean, and left out of the loss.

    Parameters
    ----------
    hidden : sequence of int, default=(128, 64)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent : int, default=16
        Dimensions of the latent space.
    norm : {"batch", "layer"} or None, default="batch"
        What follows each hidden Linear layer, before the ReLU.
    output_norm : bool, default=False
        Whether the decoder's last layer has a norm too, as in the thesis.
    standardize : bool, default=True
        Whether the model standardises rows itself, by the fit rows; what it returns is on the scale
        of the input. False assumes rows that are standardised already.
    likelihood : {"gaussian", "laplace", "bernoulli"}, default="gaussian"
        Of an entry around what is decoded: squared error, absolute error, or cross-entropy of
        values from 0 to 1, which are not standardised.
    sigma : {"heldout", "shared", "feature"} or float, default="heldout"
        The decoder's standard deviation, after standardisation: following the held-out residuals
        and in the end calibrated on them, feature by feature, drawn to their mean; learned with the
        weights, one or one a feature; or fixed. The thesis has ``2 ** -0.5`` (squared error without
        the half).
    calibration : {"matched", "heldout"}, default="matched"
        "matched": generated rows of a class have the class's mean and, with their noise, the
        within-class variance of the fit rows, feature by feature, pooled over classes; for
        "bernoulli" the mean, from which the variance follows. "heldout": the noise is `sigma`,
        and classes are where the decoder puts them; that is the likelihood's own noise, but too
        much of it when rows are few.
    learning_rate : float, default=1e-3
        Of Adam.
    batch_size : int, default=256
        Rows a step at most; with no more training rows, each step sees all.
    max_epochs : int, default=1000
        Passes over the training rows at most.
    patience : int, default=40
        Epochs without a better held-out ELBO before the training stops. Kept are the weights of
        the best epoch.
    validation : {"auto", "split", "crossfit"}, default="auto"
        "split": one part of the rows stops the training and calibrates the noise. "crossfit": two
        networks are trained side by side with different rows held out; a third is then trained on
        all rows for as many epochs. "auto" crosses below 60 rows.
    validation_fraction : float, default=0.2
        Share of the fit rows that is held out, by class, at least one row.
    beta : float, default=1.0
        Weight of the KL.
    annealing : {None, "linear", "cyclical"}, default=None
        How the KL comes to its weight; see `vaega.generative._training.Annealing`.
    annealing_epochs : int, default=100
        After how many epochs it has it for good.
    n_cycles : int, default=1
        Climbs within these epochs, for "cyclical".
    free_bits : float, default=0.0
        Nats of each latent dimension that cost nothing while training.
    n_draws : int, default=1
        Latent points of each row in the expectation of a training step.
    class_weight : {None, "balanced"} or mapping of label to float, default=None
        What rows count in the loss.
    balanced_batches : bool, default=False
        Whether epochs draw rows with replacement, each class as often, instead of every row once.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the products of a training step; losses and weights are float32. "auto" takes bfloat16
        for large networks where the processor or GPU has it. What is fitted computes in float64.
    device : str, default="auto"
        "auto" (CUDA where there is one), "cpu" or "cuda".
    random_state : int, RandomState, Generator or None, default=None
        An int gives the same bits on every call; None fresh randomness.

    Attributes
    ----------
    engine_ : Engine
        The fitted network, scale, latent classes and noise.
    classes_ : numpy.ndarray or None
        Sorted labels; None when fitted without.
    report_ : FitReport
        Epochs, held-out ELBO, calibrated sigma, variance ratio of synthetic to real rows.
    history_ : History
        ELBO, error, KL, active units of every epoch, training and held-out.
    seed_ : int
        The seed of the fit.
    n_features_in_ : int
        Columns of fit.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR. Rybkin, Daniilidis and Levine
    (2021), Simple and effective VAE training with calibrated decoders, ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> vae = VAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> vae.transform(X).shape
    (150, 2)
    >>> rows, labels = vae.sample({2: 3, 0: 1}, random_state=0)
    >>> rows.shape, labels.tolist()
    ((4, 4), [2, 2, 2, 0])
    """


class ConditionalVAE(LabelledUses, BaseAutoencoder):
    """Variational autoencoder whose encoder and decoder see the class label.

    The one-hot label is joined to the encoder's input and to z. Parameters, attributes and loss are
    those of `VAE`; `fit` needs labels. Where a label is not given, `transform`, `reconstruct` and
    `inverse_transform` put the class shares of the fit rows in its place.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ConditionalVAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> model.transform(X, y).shape
    (150, 2)
    """

    _kind = "conditional"
    _conditional = True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class Autoencoder(BaseAutoencoder):
    """Autoencoder: the error alone, a latent space without noise and without prior.

    The yardstick of `VAE`, whose parameters and attributes it has; those of the KL and of latent
    noise (`beta`, `annealing`, `free_bits`, `n_draws`) say nothing here. Rows are generated from
    the aggregate of the codes of the fit rows, there being no prior to draw from.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = Autoencoder(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> model.reconstruct(X).shape
    (150, 4)
    """

    _kind = "autoencoder"


class HierarchicalVAE(BaseAutoencoder):
    """Variational autoencoder with several latent layers, each the prior of the one below.

    Bottom-up and top-down inference as in a ladder; see
    `vaega.generative._networks.HierarchicalNetwork`. Parameters and attributes are those of
    `VAE`, but `latent` names the layers from the lowest to the topmost, and as a number n means
    (n, n // 2). Latent points hold all layers, the topmost first, in coordinates whose prior is
    N(0, I).

    References
    ----------
    Sonderby, Raiko, Maaloe, Sonderby and Winther (2016), Ladder variational autoencoders, NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = HierarchicalVAE((16,), (3, 2), max_epochs=50, random_state=0).fit(X, y)
    >>> model.transform(X).shape
    (150, 5)
    """

    _kind = "hierarchical"
