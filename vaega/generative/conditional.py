"""Uses of a fitted model that take the label of each row."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin


class LabelledUses(TransformerMixin):
    """Encoding and decoding for models that see the class.

    Where a label is not given, the class shares of the fit rows stand in its place. It is a
    transformer itself because `set_output` wraps the methods that a transformer's class defines.
    """

    _transform: Callable[[Any, Any], np.ndarray]
    _inverse_transform: Callable[[Any, Any], np.ndarray]
    _reconstruct: Callable[[Any, Any], np.ndarray]

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
