"""What the autoencoders share: their parameters and their fit."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

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
        >>> from vaega.generative.autoencoders import VAE
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
