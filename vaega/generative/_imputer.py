"""Imputation of missing entries by a generative model, as a scikit-learn transformer."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from vaega.core.checks import check_count, check_flag
from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed, draw_seed, seed_unset
from vaega.generative._data import dense_rows
from vaega.generative._registry import check_model, default_model

OWNER = "VAEImputer"


@dataclass(eq=False, repr=False)
class VAEImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill in missing entries, NaN, by what a generative model has learned of the others.

    The model is fitted on the rows given, gaps and all. Entries that are there keep their bits.

    Parameters
    ----------
    model : GenerativeModel or None, default=None
        Not fitted; a clone is. None is ``VAE()``. `ProbabilisticPCA` and `ClassGaussian` do it in
        closed form.
    n_importance_samples : int, optional
        Latent points of each row; see `GenerativeModel.impute`.
    n_imputations : int, default=1
        With 1, missing entries get their conditional means. With more, they get the mean of as many
        draws; `draw` returns the draws themselves.
    keep_empty_features : bool, default=False
        Whether columns without any entry in `fit` stay, as zeros. Otherwise they are dropped, as
        scikit-learn's imputers do.
    random_state : int, RandomState, Generator or None, default=0
        Seeds the model, where it has no seed of its own, and the latent points.

    Attributes
    ----------
    model_ : GenerativeModel
        The fitted model, of the columns that are kept and have entries.
    present_ : numpy.ndarray of bool, shape (n_features,)
        Columns that had entries in fit.
    n_features_in_ : int
        Columns of fit.

    References
    ----------
    Mattei and Frellsen (2019), MIWAE: deep generative modelling and imputation of incomplete data
    sets, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from vaega import ProbabilisticPCA
    >>> X = np.outer(np.arange(9.0), [1.0, 2.0])
    >>> X[4, 1] = np.nan
    >>> VAEImputer(ProbabilisticPCA(1)).fit_transform(X)[4].round(2)
    array([4., 8.])
    """

    model: Any = None
    _: KW_ONLY
    n_importance_samples: int | None = None
    n_imputations: int = 1
    keep_empty_features: bool = False
    random_state: Any = 0

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model on rows that may lack entries.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least three rows; NaN where missing.
        y : array-like of shape (n_samples,), optional
            Labels, for models that need them; a label is never asked for afterwards.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When a parameter breaks its rule, no column has entries, or the model refuses the rows.
        """
        check_count(self.n_imputations, "n_imputations", owner=OWNER)
        check_flag(self.keep_empty_features, "keep_empty_features", owner=OWNER)
        if self.model is not None:
            check_model(self.model, "impute", owner=OWNER)
        X = validate_data(
            self,
            dense_rows(X),
            dtype=np.float64,
            order="C",
            ensure_min_samples=3,
            ensure_all_finite="allow-nan",
        )
        self.seed_ = draw_seed(self.random_state)
        self.present_ = ~np.isnan(X).all(axis=0)
        if not self.present_.any():
            raise InputError(f"{OWNER}: needs a column with entries, got {X.shape[1]} without any.")
        model = default_model() if self.model is None else clone(self.model)
        seed_unset(model, derive_seed(self.seed_, "model"))
        self.model_ = model.fit(X[:, self.present_], y)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return rows without gaps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; NaN where missing.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_features_out)
        """
        if self.n_imputations > 1:
            return self.draw(X, self.n_imputations).mean(axis=0)
        return self._with_empty_columns(self.model_.impute(self._checked(X), **self._options()))

    def draw(self, X: Any, n_imputations: int = 5) -> np.ndarray:
        """Return rows several times, with missing entries drawn given the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; NaN where missing.
        n_imputations : int, default=5
            How often.

        Returns
        -------
        numpy.ndarray of shape (n_imputations, n_samples, n_features_out)
        """
        X_present = self._checked(X)
        drawn = self.model_.impute(
            X_present, multiple=True, n_imputations=n_imputations, **self._options()
        )
        return np.stack([self._with_empty_columns(rows) for rows in drawn])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns of fit, where those were not named.

        Returns
        -------
        numpy.ndarray of str
        """
        check_is_fitted(self)
        names: np.ndarray = _check_feature_names_in(self, input_features)
        return names if self.keep_empty_features else names[self.present_]

    def _checked(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(
            self, dense_rows(X), dtype=np.float64, reset=False, ensure_all_finite="allow-nan"
        )
        return np.ascontiguousarray(X[:, self.present_])

    def _options(self) -> dict[str, Any]:
        return {
            "n_importance_samples": self.n_importance_samples,
            "random_state": derive_seed(self.seed_, "imputation"),
        }

    def _with_empty_columns(self, rows: np.ndarray) -> np.ndarray:
        if not self.keep_empty_features or self.present_.all():
            return rows
        whole = np.zeros((len(rows), len(self.present_)))
        whole[:, self.present_] = rows
        return whole

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        if self.model is not None:
            tags.target_tags.required = self.model.__sklearn_tags__().target_tags.required
        return tags
