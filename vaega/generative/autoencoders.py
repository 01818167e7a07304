"""Autoencoders as scikit-learn estimators that encode, decode and generate rows."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_consistent_length, validate_data

from vaega.core.errors import InputError
from vaega.core.randomness import draw_seed
from vaega.generative.base import GenerativeModel
from vaega.generative.compute import one_thread
from vaega.generative.fitting import fit_engine
from vaega.generative.labels import encode_labels
from vaega.generative.presets import find_preset
from vaega.generative.settings import check_settings
from vaega.generative.training import Callback


class FitWarning(UserWarning):
    """A fit that ended, and of which something is wrong; `report_.remarks` has the sentence.

    Examples
    --------
    >>> issubclass(FitWarning, UserWarning)
    True
    """


class BaseAutoencoder(GenerativeModel):
    """What the autoencoders share; a subclass names its network in `_kind`.

    What is learned is in `engine_`.

    Examples
    --------
    >>> issubclass(VAE, BaseAutoencoder) and issubclass(ConditionalVAE, BaseAutoencoder)
    True
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
            One of `vaega.generative.presets.PRESETS`: "thesis" and its kin.
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
        X, y = self._validated(X, y)
        seed = draw_seed(self.random_state)
        classes, codes = encode_labels(y, len(X), required=self._conditional)
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
        for remark in self.report_.remarks:
            warnings.warn(f"{type(self).__name__}: {remark}", FitWarning, stacklevel=2)
        return self

    def _validated(self, X: Any, y: Any) -> tuple[np.ndarray, Any]:
        checks: dict[str, Any] = {
            "dtype": np.float64,
            "ensure_min_samples": 3,
            "ensure_all_finite": "allow-nan",
        }
        if not self._conditional:
            X = validate_data(self, X, **checks)
            check_consistent_length(X, y)
            return X, y
        return validate_data(self, X, y, **checks)

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
        weights: np.ndarray = compute_class_weight(
            "balanced", classes=np.arange(len(classes)), y=codes
        )
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
        within-class variance of the fit rows, feature by feature. "heldout": the noise is `sigma`,
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
        How the KL comes to its weight; see `vaega.generative.annealing.Annealing`.
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


class ConditionalVAE(BaseAutoencoder):
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

    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the posterior means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels.

        Returns
        -------
        numpy.ndarray of shape (n_samples, latent)
        """
        return self._transform(X, y)

    def inverse_transform(self, Z: Any, y: Any = None) -> np.ndarray:
        """Decode latent points, without noise.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent)
            Latent points.
        y : array-like of shape (n_samples,), optional
            The labels to decode them with.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._inverse_transform(Z, y)

    def reconstruct(self, X: Any, y: Any = None) -> np.ndarray:
        """Decode the posterior means of rows, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Their labels.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._reconstruct(X, y)

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
    `vaega.generative.hierarchical.HierarchicalNetwork`. Parameters and attributes are those of
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
