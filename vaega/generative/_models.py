"""Autoencoders as scikit-learn estimators: VAE, conditional, hierarchical, deterministic.

`fit` holds out validation rows, trains with early stopping (`vaega.generative._training`),
calibrates the decoder's noise on held-out residuals (`_calibration`) and reports. An autoencoder of
another kind is a subclass of `BaseAutoencoder` whose `network_class` is a network like
`vaega.generative._networks.VariationalNetwork`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, derive_seed, draw_seed
from vaega.data._splits import encode_groups
from vaega.generative._base import GenerativeModel
from vaega.generative._calibration import (
    blocks_of,
    calibrate,
    fit_remarks,
    measure_fit,
    measure_residuals,
)
from vaega.generative._compiled import CompiledTrainer, can_compile
from vaega.generative._data import (
    MOST_SINGLE,
    Scaling,
    TrainingData,
    check_size,
    encode_labels,
    grouped_splits,
    validation_splits,
)
from vaega.generative._kinds import ColumnKinds
from vaega.generative._networks import (
    DeterministicNetwork,
    HierarchicalNetwork,
    VariationalNetwork,
    empty_network,
    initialise,
)
from vaega.generative._settings import (
    FitSettings,
    check_latent,
    check_latent_layers,
    check_settings,
    find_preset,
)
from vaega.generative._span import Columns, frame_of
from vaega.generative._state import (
    ClassGaussians,
    FitReport,
    FittedState,
    NetworkCodec,
    one_torch_thread,
    warn_remarks,
)
from vaega.generative._training import (
    Batch,
    Callback,
    History,
    Trainer,
    fit_loop,
    repeat_loop,
    resolve_precision,
)
from vaega.generative._variational import VariationalModel

# Points drawn of a posterior that has no moments in closed form.
POSTERIOR_POINTS = 64


@dataclass(eq=False, repr=False)
class BaseAutoencoder(GenerativeModel):
    """Training and settings of the autoencoders; a subclass names its network.

    Attributes
    ----------
    network_class : type
        The network that is trained.
    """

    network_class: ClassVar[type[VariationalNetwork]] = VariationalNetwork
    has_presets = True
    _check_latent: ClassVar[Any] = staticmethod(check_latent)

    hidden: Sequence[int] = (128, 64)
    latent: Any = 16
    _: KW_ONLY
    norm: str | None = "batch"
    output_norm: bool = False
    standardize: bool = True
    likelihood: str = "gaussian"
    sigma: float | str = "heldout"
    calibration: str = "matched"
    enforce_min_max_values: bool | str = "auto"
    enforce_rounding: bool = True
    learning_rate: float = 2e-3
    batch_size: int = 256
    max_epochs: int = 1000
    patience: int = 25
    validation: str = "auto"
    validation_fraction: float = 0.2
    class_weight: Any = None
    balanced_batches: bool = False
    precision: str = "auto"
    device: str = "auto"
    random_state: Any = None

    @classmethod
    def from_preset(cls, name: str, **changes: Any) -> Self:
        """Return a model with the settings of a published network.

        Parameters
        ----------
        name : str
            "thesis", or one of the thesis's networks: "thesis_leukemia", "thesis_madelon",
            "thesis_gisette", "thesis_gcm", "thesis_all".
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
        >>> from vaega import VAE
        >>> VAE.from_preset("thesis", random_state=0).hidden
        (346, 178, 178)
        """
        return cls(**(find_preset(name, owner=cls.__name__) | changes))

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        groups: Any = None,
        callback: Callback | None = None,
    ) -> Self:
        """Train on rows, stop on the part of them that is held out, calibrate the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least three rows; NaN where a value is missing.
        y : array-like of shape (n_samples,), optional
            Class labels.
        groups : array-like of shape (n_samples,), optional
            Rows that belong together: they are held out together, and few groups count as few
            rows.
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
            When the posterior collapsed, the training ran away, or "bernoulli" got grey values.
        """
        settings = self._check_settings()
        if callback is not None and not callable(callback):
            raise InputError(f"{type(self).__name__}: callback must be callable, got {callback!r}.")
        X, y = self._validated(X, y)
        seed = draw_seed(self.random_state)
        owner = type(self).__name__
        members = None if groups is None else encode_groups(groups, len(X), owner=owner)
        classes, codes = encode_labels(y, len(X), required=self.sees_labels, owner=owner)
        weights = self._class_weights(settings.class_weight, classes, codes)
        if weights is not None and (weights == 1.0).all():
            weights = None
        with one_torch_thread():
            self.state_, report, self.history_, remarks = fit_autoencoder(
                X,
                codes,
                settings,
                labelled=classes is not None,
                seed=seed,
                class_weights=weights,
                groups=members,
                callback=callback,
            )
        self.seed_, self.classes_ = seed, classes
        self._report: Any = report  # a FitReport, or what measures it
        warn_remarks(self, remarks, stacklevel=3)
        return self

    @property
    def report_(self) -> FitReport:
        """Figures of the fit, measured when they are first asked for."""
        report = vars(self).get("_report")
        if report is None:
            raise AttributeError(f"{type(self).__name__} has no report_ before it is fitted.")
        if not isinstance(report, FitReport):
            with one_torch_thread():
                self._report = report = report()
        measured: FitReport = report
        return measured

    @report_.setter
    def report_(self, report: FitReport) -> None:
        self._report = report

    def __getstate__(self) -> Any:
        if "_report" in vars(self):
            self._report = self.report_  # the rows that it is measured on are no part of the model
        return super().__getstate__()

    def _check_settings(self) -> FitSettings:
        return check_settings(self)

    def _class_weights(
        self, class_weight: Any, classes: np.ndarray | None, codes: np.ndarray
    ) -> np.ndarray | None:
        if class_weight is None:
            return None
        owner = type(self).__name__
        if classes is None:
            raise InputError(f"{owner}: class_weight needs class labels, y holds none.")
        if isinstance(class_weight, Mapping):
            unknown = [label for label in class_weight if label not in classes.tolist()]
            if unknown:
                raise InputError(
                    f"{owner}: class_weight must name labels of y, got {unknown[0]!r}."
                )
            return np.array([float(class_weight.get(label, 1.0)) for label in classes.tolist()])
        # scikit-learn's "balanced"; its function imports packages that draw from Python's generator
        weights: np.ndarray = len(codes) / (len(classes) * np.bincount(codes).astype(np.float64))
        return weights

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@dataclass(eq=False, repr=False)
class VariationalAutoencoder(VariationalModel, BaseAutoencoder):
    """An autoencoder with latent noise, whose loss has the KL to a prior."""

    _: KW_ONLY
    beta: float = 1.0
    annealing: str | None = None
    annealing_epochs: int = 100
    n_cycles: int = 1
    free_bits: float = 0.0
    n_draws: int = 1


class VAE(VariationalAutoencoder):
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
        values 0 and 1, which are not standardised. Values between are taken as probabilities, with
        a warning: generated entries are 0 or 1 all the same.
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
    enforce_min_max_values : {"auto"} or bool, default="auto"
        Between which values generated rows stay. "auto": what is never negative in the fit rows is
        not in others (and is above 0 where it is so in all), shares stay between 0 and 1, and
        columns of a few levels, such as 0/1, between the least and the greatest. True: all columns
        between the least and the greatest value of the fit rows. False: anywhere.
    enforce_rounding : bool, default=True
        Whether columns of whole numbers, or of other numbers at equal distances (counts or 0/1 that
        were standardised), get such values alone. Means and spread are calibrated after both.
    learning_rate : float, default=2e-3
        Of Adam.
    batch_size : int, default=256
        Rows of a mini-batch at most; with no more training rows, each step sees all.
    max_epochs : int, default=1000
        Passes over the training rows at most.
    patience : int, default=25
        Epochs without a better held-out ELBO before the training stops (early stopping). The
        weights are those of the best epoch.
    validation : {"auto", "split", "crossfit"}, default="auto"
        "split": one part of the rows stops the training and calibrates the noise. "crossfit": two
        networks are trained side by side with different rows held out; a third is then trained on
        all rows for as many epochs. "auto" crosses below 60 rows.
    validation_fraction : float, default=0.2
        Share of the fit rows that is held out, by class, at least one row.
    beta : float, default=1.0
        Weight of the KL.
    annealing : {None, "linear", "cyclical"}, default=None
        How the KL comes to its weight: "linear" climbs over
        `annealing_epochs`; "cyclical" does so `n_cycles` times within them, each cycle climbing in
        its first half and staying in its second (Fu et al. 2019).
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


class ConditionalVAE(VariationalAutoencoder):
    """Variational autoencoder whose encoder and decoder see the class label.

    The one-hot label is joined to the encoder's input and to z. Parameters, attributes and loss are
    those of `VAE`; `fit` needs labels. Where a label is not given, `transform`, `reconstruct` and
    `inverse_transform` put the class shares of the fit rows in its place.

    References
    ----------
    Sohn, Lee and Yan (2015), Learning structured output representation using deep conditional
    generative models, NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ConditionalVAE(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> model.transform(X, y).shape
    (150, 2)
    """

    sees_labels = True
    class_sources = ("prior", "posterior", "rows")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class HierarchicalVAE(VariationalAutoencoder):
    """Variational autoencoder with several latent layers, each the prior of the one below.

    Bottom-up and top-down inference as in a ladder. Parameters and attributes are those of `VAE`,
    but `latent` names the layers from the lowest to the topmost, and as a number n means
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

    network_class = HierarchicalNetwork  # type: ignore[assignment]
    _check_latent = staticmethod(check_latent_layers)


class Autoencoder(BaseAutoencoder):
    """Autoencoder: the error alone, a latent space without noise and without prior.

    The baseline of variational models. Parameters and attributes are those of `VAE` but for those
    of the KL and of latent noise (`beta`, `annealing`, `annealing_epochs`, `n_cycles`, `free_bits`,
    `n_draws`). Rows are generated from the aggregate of the codes of the fit rows, there being no
    prior to draw from; they have no density.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = Autoencoder(hidden=(16,), latent=2, max_epochs=50, random_state=0).fit(X, y)
    >>> model.reconstruct(X).shape
    (150, 4)
    """

    network_class = DeterministicNetwork
    has_density = False


def fit_autoencoder(
    X: np.ndarray,
    codes: np.ndarray,
    settings: FitSettings,
    *,
    labelled: bool,
    seed: int,
    class_weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    callback: Callback | None = None,
) -> tuple[FittedState, Callable[[], FitReport], History, list[str]]:
    """Fit everything an autoencoder learns of rows (n, n_features) and their class codes (n,).

    Returns the state, what measures the figures of the fit, the history and remarks.
    """
    if not settings.standardize:
        check_size(X, MOST_SINGLE, owner=settings.owner)
    scaling = Scaling.fitted(X, owner=settings.owner, standardize=settings.standardize)
    splits, order = _split(codes, groups, settings, derive_rng(seed, "split"))
    data = TrainingData.of(X, codes, scaling, labelled=labelled, order=order)
    settings.training.objective.likelihood.check_entries(data.values, owner=settings.owner)
    frame = frame_of(data, settings)
    kinds = None
    if settings.training.objective.likelihood.has_sigma:  # others draw values of their own kind
        kinds = ColumnKinds.learned(X, bounds=settings.bounds, rounding=settings.rounding)
    crossed = len(splits) > 1  # a last network is then trained on all rows
    most_rows = len(X) if crossed else len(splits[0][0])
    trainers = _Trainers(frame.data, frame.settings, class_weights, seed, most_rows)
    fold_trainers = [trainers.make(*split, number) for number, split in enumerate(splits)]
    history = fit_loop(fold_trainers, callback)
    codecs = [trainers.codec(trainer) for trainer in fold_trainers]
    codec, final = codecs[0], fold_trainers[0]
    if crossed:  # for as many epochs
        final = trainers.make(np.arange(len(X)), None, len(splits))
        repeat_loop(final, history)
        codec = trainers.codec(final)
    heldout = [index for _, index in splits]
    residuals = measure_residuals(codecs, frame, heldout, seed=seed)
    state = _uncalibrated(codec, scaling, frame, kinds, derive_rng(seed, "classes"))
    sigma = final.sigma.value.detach()
    state = calibrate(state, frame, residuals, settings, sigma, seed=seed)
    remarks = fit_remarks(history, settings, data)
    measured = (state, codecs, frame, splits, residuals, history, settings, remarks)
    members = None if groups is None else groups[order]
    report = partial(measure_fit, *measured, seed=seed, groups=members)
    return dataclasses.replace(state, codec=frame.wide_codec(codec)), report, history, remarks


def _split(
    codes: np.ndarray,
    groups: np.ndarray | None,
    settings: FitSettings,
    rng: np.random.Generator,
) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Return training and validation indices, once or twice, and the order of rows they refer to.

    With one split the rows that train come first, so that neither part has to be copied.
    """
    fraction = settings.validation_fraction
    crossed = settings.is_crossed(len(codes) if groups is None else int(groups.max()) + 1)
    if groups is None:
        splits = validation_splits(codes, fraction, crossed=crossed, rng=rng)
    else:
        splits = grouped_splits(codes, groups, fraction, crossed=crossed, rng=rng)
    if crossed:
        return splits, np.arange(len(codes))
    training, heldout = np.split(np.arange(len(codes)), [len(splits[0][0])])
    return [(training, heldout)], np.concatenate(splits[0])


@dataclass(frozen=True)
class _Trainers:
    """Makes the trainers of a fit, which share everything but weights and rows."""

    data: TrainingData
    settings: FitSettings
    class_weights: np.ndarray | None
    seed: int
    most_rows: int  # That train a network

    def make(
        self, training: np.ndarray, heldout: np.ndarray | None, number: int
    ) -> Trainer | CompiledTrainer:
        """Return a trainer with weights of its own, and the rows that train it."""
        settings, labels = self.settings, [number] if number else []
        weights = torch.Generator().manual_seed(derive_seed(self.seed, "weights", *labels))
        sizes = settings.network_sizes(self.data.n_features, len(self.data.class_priors))
        network = empty_network(network=settings.network, **sizes)
        initialise(network, weights)
        network.to(settings.device)
        n_weights = sum(part.numel() for part in network.parameters())
        dtype = resolve_precision(
            settings.precision, settings.device, n_weights, owner=settings.owner
        )
        own, rows = dataclasses.replace(settings.training, dtype=dtype), self._on_device(training)
        validation = None if heldout is None else self._on_device(heldout)
        steps = torch.Generator(device=settings.device)
        steps.manual_seed(derive_seed(self.seed, "training", *labels))
        if not settings.balanced_batches and can_compile(own, network, rows, self.most_rows):
            return CompiledTrainer(network, rows, validation, own, steps)
        weighted = self._row_weights(training)
        return Trainer(network, rows, validation, own, steps, row_weights=weighted)

    def codec(self, trainer: Trainer | CompiledTrainer) -> NetworkCodec:
        """Return the network of a trainer, for use."""
        settings = self.settings
        return NetworkCodec(
            trainer.network.double(),
            self.data.class_priors,
            settings.sees_labels,
            settings.training.objective.likelihood,
        )

    def _on_device(self, index: np.ndarray) -> Batch:
        def tensor(values: Any) -> Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=self.settings.device)

        data, codes = self.data, self.data.codes[index]
        one_hot = np.eye(len(data.class_priors))[codes] if self.settings.sees_labels else None
        weights = None if self.class_weights is None else self.class_weights[codes]
        return Batch(
            tensor(data.take(index)),
            None if one_hot is None else tensor(one_hot),
            None if data.observed is None else tensor(data.observed[index]),
            None if weights is None else tensor(weights),
        )

    def _row_weights(self, index: np.ndarray) -> Tensor | None:
        """Return with what weights rows are drawn into mini-batches, where these are balanced."""
        if not self.settings.balanced_batches:
            return None
        codes = self.data.codes[index]
        counts = np.bincount(codes, minlength=len(self.data.class_priors))
        weights = torch.from_numpy(1.0 / counts[codes])
        return weights.to(dtype=torch.float32, device=self.settings.device)


def _uncalibrated(
    codec: NetworkCodec,
    scaling: Scaling,
    frame: Columns,
    kinds: ColumnKinds | None,
    rng: np.random.Generator,
) -> FittedState:
    """Return a fitted state with the aggregate posterior of each class, still without noise."""
    blocks, data = [], frame.data
    for index in blocks_of(np.arange(len(data)), data):
        rows, codes = data.values[index], data.codes[index]
        if codec.factorised:
            blocks.append(codec.posterior(rows, codes))
        else:
            blocks.append(_sampled_moments(codec, rng, rows, codes))
    means, variances = (torch.cat(part) for part in zip(*blocks, strict=True))
    codes = torch.from_numpy(data.codes).to(means.device)
    if not codec.factorised:
        by_class = [variances[codes == code].mean(dim=0) for code in range(len(data.class_priors))]
        variances = torch.stack(by_class)
    gaussians = ClassGaussians.fitted(means, variances, codes)
    zeros = np.zeros((len(data.class_priors), frame.n_columns))
    return FittedState(codec, scaling, gaussians, zeros[0], zeros[0], zeros, kinds)


def _sampled_moments(
    codec: NetworkCodec, rng: np.random.Generator, rows: np.ndarray, codes: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Return mean (n, latent) and covariance (n, latent, latent) of the posteriors of rows.

    Layers of a hierarchy undo each other's noise: apart, each with its own variance, they would
    make rows that vary by a quarter too much.
    """
    noise = rng.standard_normal((POSTERIOR_POINTS, len(rows), codec.latent))
    points, _ = codec.infer(rows, codes, codec.tensor(noise))
    mean = points.mean(dim=0)
    centred = (points - mean).transpose(0, 1)
    return mean, centred.mT @ centred / (POSTERIOR_POINTS - 1)
