"""Variational autoencoders as scikit-learn estimators that encode, decode and generate rows."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from vaega.core.randomness import draw_seed
from vaega.generative.base import GenerativeModel
from vaega.generative.compute import one_thread
from vaega.generative.fitting import fit_engine
from vaega.generative.labels import encode_labels
from vaega.generative.settings import check_settings


class BaseAutoencoder(GenerativeModel):
    """What the autoencoders share; a subclass says whether the networks see the label.

    A subclass sets `_conditional`. What is learned is in `engine_`.

    Examples
    --------
    >>> issubclass(VAE, BaseAutoencoder) and issubclass(ConditionalVAE, BaseAutoencoder)
    True
    """

    def __init__(
        self,
        hidden: Sequence[int] = (128, 64),
        latent: int = 16,
        *,
        norm: str | None = "batch",
        output_norm: bool = False,
        standardize: bool = True,
        learning_rate: float = 1e-3,
        batch_size: int = 256,
        max_epochs: int = 1000,
        patience: int = 40,
        validation_fraction: float = 0.2,
        beta: float = 1.0,
        sigma: float | str = "heldout",
        calibration: str = "matched",
        device: str = "auto",
        random_state: Any = None,
    ):
        self.hidden = hidden
        self.latent = latent
        self.norm = norm
        self.output_norm = output_norm
        self.standardize = standardize
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.beta = beta
        self.sigma = sigma
        self.calibration = calibration
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on rows, stop on the part of them that is held out, calibrate the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least three rows, no missing values.
        y : array-like of shape (n_samples,), optional
            Class labels.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When a parameter breaks its rule, no column varies, or the loss is not finite.
        ValueError
            When X or y is not what scikit-learn calls valid.
        """
        settings = check_settings(self, conditional=self._conditional)
        X, y = self._validated(X, y)
        self.seed_ = draw_seed(self.random_state)
        self.classes_, codes = encode_labels(y, len(X), required=self._conditional)
        labelled = self.classes_ is not None
        with one_thread():
            self.engine_, self.report_, self.history_ = fit_engine(
                X, codes, settings, labelled=labelled, seed=self.seed_
            )
        return self


class VAE(BaseAutoencoder):
    """Variational autoencoder: rows to a Gaussian latent space, and new rows out of it.

    Loss: squared error summed over features, divided by twice the decoder's variance, plus the KL
    to N(0, I), mean over rows. Part of the fit rows is held out: it stops the training, sets the
    decoder's variance and calibrates the noise that generated rows carry.

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
    learning_rate : float, default=1e-3
        Of Adam.
    batch_size : int, default=256
        Rows a step at most; with no more training rows, each step sees all.
    max_epochs : int, default=1000
        Passes over the training rows at most.
    patience : int, default=40
        Epochs without a better held-out ELBO before the training stops. Kept are the weights of
        the best epoch.
    validation_fraction : float, default=0.2
        Share of the fit rows that is held out, by class, at least one row.
    beta : float, default=1.0
        Weight of the KL.
    sigma : "heldout" or float, default="heldout"
        The decoder's standard deviation during training, after standardisation: following the
        held-out residuals, or fixed. The thesis has ``2 ** -0.5`` (squared error without the half).
    calibration : {"matched", "heldout"}, default="matched"
        "matched": generated rows of a class have the class's mean and, with their noise, the
        within-class variance of the fit rows, feature by feature. "heldout": the noise is that of
        the held-out residuals, drawn to their mean over features, and classes are where the decoder
        puts them; that is the likelihood's own noise, but too much of it when rows are few.
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
        ELBO, squared error and KL of every epoch, training and held-out.
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
