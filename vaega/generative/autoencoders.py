"""Variational autoencoders as scikit-learn estimators that encode, decode and generate rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from vaega.core.checks import check_count
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng, draw_seed
from vaega.generative.compute import one_thread
from vaega.generative.fitting import fit_engine
from vaega.generative.labels import codes_of, encode_labels, repeat_codes
from vaega.generative.settings import check_settings


class BaseAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What the autoencoders share; a subclass says whether the networks see the label.

    A subclass sets `_conditional`. What is learned is in `engine_`.

    Examples
    --------
    >>> issubclass(VAE, BaseAutoencoder) and issubclass(ConditionalVAE, BaseAutoencoder)
    True
    """

    _conditional = False

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

    def transform(self, X: Any) -> np.ndarray:
        """Return the posterior means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        numpy.ndarray of shape (n_samples, latent)
        """
        return self._transform(X, None)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decode latent points, without noise.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent)
            Latent points.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._inverse_transform(Z, None)

    def reconstruct(self, X: Any) -> np.ndarray:
        """Decode the posterior means of rows, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features)
        """
        return self._reconstruct(X, None)

    def sample(
        self,
        n: int | Mapping[Any, int] = 1,
        *,
        noise: bool = True,
        random_state: Any = None,
    ) -> Any:
        """Generate rows.

        Parameters
        ----------
        n : int or mapping of label to int, default=1
            How many rows. An int draws z from the prior N(0, I). A mapping draws z from the
            aggregate posterior of each class: a Gaussian with the moments of its rows' posteriors.
        noise : bool, default=True
            Whether to add the decoder's noise. Without it rows are decoder means, which keep only
            part of the within-class variance.
        random_state : int, RandomState, Generator or None, default=None
            None gives new rows on every call.

        Returns
        -------
        X : numpy.ndarray of shape (n_rows, n_features)
            The rows; for a mapping in its order, class by class.
        y : numpy.ndarray of shape (n_rows,)
            Their labels; only for a mapping.

        Raises
        ------
        InputError
            When a label was not in fit, a count is no whole number at least 0, or the model was
            fitted without labels.
        """
        check_is_fitted(self)
        owner, rng = type(self).__name__, derive_rng(draw_seed(random_state), "sample")
        with one_thread():
            if not isinstance(n, Mapping):
                check_count(n, "n", owner=owner, minimum=0)
                return self.engine_.sample(n, noise=noise, rng=rng)
            codes, labels = repeat_codes(n, self.classes_, owner=owner)
            return self.engine_.sample(codes, noise=noise, rng=rng), labels

    @property
    def _n_features_out(self) -> int:
        return self.engine_.codec.latent

    def _validated(self, X: Any, y: Any) -> tuple[np.ndarray, Any]:
        if not self._conditional:
            X = validate_data(self, X, dtype=np.float64, ensure_min_samples=3)
            check_consistent_length(X, y)
            return X, y
        return validate_data(self, X, y, dtype=np.float64, ensure_min_samples=3)

    def _transform(self, X: Any, y: Any) -> np.ndarray:
        X, codes = self._known(X, y)
        with one_thread():
            return self.engine_.encode(X, codes)

    def _inverse_transform(self, Z: Any, y: Any) -> np.ndarray:
        check_is_fitted(self)
        Z = check_array(Z, dtype=np.float64, estimator=self, input_name="Z")
        owner, latent = type(self).__name__, self.engine_.codec.latent
        if Z.shape[1] != latent:
            raise InputError(f"{owner}: Z must have {latent} columns, got {Z.shape[1]}.")
        with one_thread():
            return self.engine_.decode(Z, codes_of(y, self.classes_, len(Z), owner=owner))

    def _reconstruct(self, X: Any, y: Any) -> np.ndarray:
        X, codes = self._known(X, y)
        with one_thread():
            return self.engine_.decode(self.engine_.encode(X, codes), codes)

    def _known(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray | None]:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X, codes_of(y, self.classes_, len(X), owner=type(self).__name__)


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
