"""What every generative model offers once it is fitted: encode, decode, generate."""

from collections.abc import Mapping
from typing import Any

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
from vaega.generative.engine import Engine
from vaega.generative.labels import codes_of, repeat_codes


class GenerativeModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Uses of one set of learned weights; a subclass's `fit` sets `engine_` and `classes_`.

    A subclass sets `_conditional` where the model sees the label.

    Examples
    --------
    >>> from vaega.generative.autoencoders import VAE
    >>> issubclass(VAE, GenerativeModel)
    True
    """

    _conditional = False
    engine_: Engine
    classes_: np.ndarray | None

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
