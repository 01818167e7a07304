"""One inner split as plain arrays: what classifiers are fitted on, and what they are scored on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Fold:
    """A prepared inner split; synthetic rows are among the fit rows alone.

    A fold is compared and hashed by identity, so that what is computed of it can be cached by it.

    Parameters
    ----------
    X_fit : numpy.ndarray of float, shape (n_fit + n_synthetic, n_columns)
        Real fit rows first, then synthetic ones.
    y_fit : numpy.ndarray, shape (n_fit + n_synthetic,)
        Their labels.
    X_validate : numpy.ndarray of float, shape (n_validate, n_columns)
        Real rows only.
    y_validate : numpy.ndarray, shape (n_validate,)
        Their labels.
    columns : numpy.ndarray of int, shape (n_columns,)
        The feature of each column.
    n_real : int
        How many of the first fit rows are real for certain: all of them, where the sampler kept
        them in front.
    weight_fit : numpy.ndarray of float, shape (n_fit + n_synthetic,), optional
        Weights of the fit rows; a synthetic row weighs what real rows of its class do on average.
    weight_validate : numpy.ndarray of float, shape (n_validate,), optional
        Weights of the validation rows in the score.
    """

    X_fit: np.ndarray
    y_fit: np.ndarray
    X_validate: np.ndarray
    y_validate: np.ndarray
    columns: np.ndarray
    n_real: int
    weight_fit: np.ndarray | None = None
    weight_validate: np.ndarray | None = None
