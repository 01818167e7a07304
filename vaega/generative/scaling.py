"""The affine scale on which an autoencoder sees rows."""

from dataclasses import dataclass

import numpy as np

from vaega.core.errors import InputError


@dataclass(frozen=True)
class Scaling:
    """Columns that vary, shifted and divided; columns that don't, remembered.

    A constant column teaches nothing and would dilute the decoder's noise, so that the network
    never sees it; it comes back exactly.

    Attributes
    ----------
    shift : numpy.ndarray of shape (n_features,)
        What is subtracted; the value itself where a column is constant.
    scale : numpy.ndarray of shape (n_features,)
        What is divided by, 1 where a column is constant.
    varies : numpy.ndarray of bool, shape (n_features,)
        The columns the network sees.

    Examples
    --------
    >>> import numpy as np
    >>> scaling = Scaling.fitted(np.array([[1.0, 7.0], [3.0, 7.0]]), owner="VAE")
    >>> scaling.forward(np.array([[3.0, 7.0]]))
    array([[1.]])
    >>> scaling.backward(np.array([[1.0]]))
    array([[3., 7.]])
    """

    shift: np.ndarray
    scale: np.ndarray
    varies: np.ndarray

    @classmethod
    def fitted(cls, X: np.ndarray, *, owner: str, standardize: bool = True) -> "Scaling":
        """Learn the scale from rows (n, n_features); with `standardize` False only the constants.

        Raises
        ------
        InputError
            When no column varies.
        """
        mean, deviation = X.mean(axis=0), X.std(axis=0)
        # The deviation of equal floats is rounding error, up to a few ulp of their size.
        varies = deviation > 10 * np.finfo(np.float64).eps * np.abs(X).max(axis=0)
        if not varies.any():
            raise InputError(
                f"{owner}: needs a column that varies, got {X.shape[1]} constant ones."
            )
        shift = mean if standardize else np.zeros_like(mean)
        scale = deviation if standardize else np.ones_like(mean)
        return cls(np.where(varies, shift, X[0]), np.where(varies, scale, 1.0), varies)

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Map rows (n, n_features) to the network's scale (n, n_varying)."""
        return (X[:, self.varies] - self.shift[self.varies]) / self.scale[self.varies]

    def backward(self, rows: np.ndarray) -> np.ndarray:
        """Map network rows (n, n_varying) back to rows (n, n_features)."""
        X = np.tile(self.shift, (len(rows), 1))
        X[:, self.varies] += rows * self.scale[self.varies]
        return X
