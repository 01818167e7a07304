"""One inner split as plain arrays: what classifiers are fitted on, and what they are scored on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Fold:
    """A prepared inner split; synthetic rows are among the fit rows alone.

    A fold is compared and hashed by identity, so that what is computed of it can be cached by it.
    """

    X_fit: np.ndarray  # (n_fit + n_synthetic, n_columns): real fit rows first, then synthetic ones
    y_fit: np.ndarray  # (n_fit + n_synthetic,)
    X_validate: np.ndarray  # (n_validate, n_columns): real rows only
    y_validate: np.ndarray  # (n_validate,)
    columns: np.ndarray  # (n_columns,) int: the feature of each column
    n_real: int  # So many of the first fit rows are real for certain
    # (n_fit + n_synthetic,); a synthetic row weighs what real rows of its class do on average
    weight_fit: np.ndarray | None = None
    weight_validate: np.ndarray | None = None  # (n_validate,), in the score
