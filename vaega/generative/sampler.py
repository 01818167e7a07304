"""Over-sampling with a generative model, for the pipelines of imbalanced-learn."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed
from vaega.generative.autoencoders import VAE
from vaega.generative.base import GenerativeModel, check_model
from vaega.generative.base_sampler import BaseSampler
from vaega.generative.cache import ModelCache


class GenerativeSampler(BaseSampler):
    """Add rows that a generative model, fitted on the rows given, draws for each class.

    The original rows come first, unchanged and in order, then the new ones, class by class. Works
    as a step of imbalanced-learn's ``Pipeline``, which resamples in `fit` only, so that no
    synthetic row is ever predicted or scored.

    Parameters
    ----------
    model : GenerativeModel or None, default=None
        `VAE`, `ConditionalVAE`, `HierarchicalVAE`, `Autoencoder`, `ProbabilisticPCA` or
        `ClassGaussian`, not fitted; a clone is. None is ``VAE()``.
    sampling_strategy : str, float, mapping or callable, default="auto"
        As in imbalanced-learn's over-samplers: "auto" or "not majority", "minority",
        "not minority", "all", a ratio for two classes, ``{label: rows afterwards}``, or a callable
        that makes such a mapping from y.
    n_per_class : int, mapping of label to int, or None, default=None
        Rows to add to each class, whatever `sampling_strategy` says.
    noise : bool, default=True
        Whether new rows carry the decoder's noise; see `VAE.sample`.
    source : {"prior", "posterior", "rows"} or None, default=None
        Where latent points come from, see `VAE.sample`: of the class's aggregate posterior for
        None and "posterior"; "rows" draws around rows of the class.
    cache : None, "auto", str or path, default=None
        Where fitted models are kept: nowhere, in the default folder, or in that folder.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the rows and the model; None draws fresh rows and keeps a seed of the model's own.

    Attributes
    ----------
    sampling_strategy_ : dict of label to int
        Rows added.
    model_ : GenerativeModel or None
        The fitted model; None before `fit_resample`, and when there was nothing to add.
    n_features_in_ : int
        Columns of X.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = GenerativeSampler(VAE(max_epochs=20), n_per_class=10, random_state=0)
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> X_new.shape, bool((X_new[:150] == X).all())
    ((180, 4), True)
    """

    def __init__(
        self,
        model: GenerativeModel | None = None,
        *,
        sampling_strategy: Any = "auto",
        n_per_class: Any = None,
        noise: bool = True,
        source: str | None = None,
        cache: Any = None,
        random_state: Any = None,
    ):
        self.model = model
        self.sampling_strategy = sampling_strategy
        self.n_per_class = n_per_class
        self.noise = noise
        self.source = source
        self.cache = cache
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Check the data and resolve the strategy; nothing is trained.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When the strategy does not fit the labels.
        """
        self.model_: GenerativeModel | None = None
        return super().fit(X, y)

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the rows given, then as many new ones as the strategy asks for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; an array, a list or a DataFrame.
        y : array-like of shape (n_samples,)
            Labels; an array, a list, a Series or a one-column DataFrame; also one-hot.

        Returns
        -------
        X_resampled, y_resampled
            In the containers of X and y. Columns of floats keep their dtype; others become float64
            where rows were added.

        Raises
        ------
        InputError
            When the strategy does not fit the labels, or the model cannot be fitted.
        """
        self.model_ = None
        return super().fit_resample(X, y)

    def _check_settings(self) -> None:
        if self.model is not None:
            check_model(self.model, "sample", owner="GenerativeSampler")

    def _draw(
        self, X: np.ndarray, y: np.ndarray, wanted: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        model = self.model_ = self._fitted_model(X, y, derive_seed(seed, "model"))
        how = {"noise": self.noise, "random_state": derive_seed(seed, "sample")}
        if self.source is None:
            return model.sample(wanted, **how)
        given = {"rows": X, "labels": y} if self.source == "rows" else {}
        return model.sample(wanted, source=self.source, **given, **how)

    def _fitted_model(self, X: np.ndarray, y: np.ndarray, seed: int) -> Any:
        model = VAE() if self.model is None else clone(self.model)
        params = model.get_params(deep=False)
        if "random_state" in params and (
            self.random_state is not None or params["random_state"] is None
        ):
            model.set_params(random_state=seed)
        if self.cache is None:
            return model.fit(X, y)
        return self._cache().fit(model, X, y)

    def _cache(self) -> ModelCache:
        if not isinstance(self.cache, str | Path):
            raise InputError(
                f"GenerativeSampler: cache must be None, 'auto' or a folder, got {self.cache!r}."
            )
        return ModelCache(None if self.cache == "auto" else self.cache)
