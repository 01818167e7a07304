"""Over-sampling by repeating rows with noise, a smoothed bootstrap."""

from typing import Any

import numpy as np

from vaega.core.checks import check_number
from vaega.core.errors import InputError
from vaega.core.randomness import derive_rng
from vaega.generative.base_sampler import BaseSampler
from vaega.generative.noise import within_class_variance
from vaega.generative.scaling import binary_units


class GaussianJitter(BaseSampler):
    """Add rows of each class with Gaussian noise on every column.

    The noise of a column has a share of the standard deviation that the column has within classes,
    pooled over them, so that a class of one row gets noise as well. Each row of a class is taken as
    often as the others, give or take once.

    Parameters
    ----------
    share : float, default=0.25
        The noise's standard deviation over that within classes, at least 0. New rows vary
        ``1 + share ** 2`` times as much as real ones.
    sampling_strategy : str, float, mapping or callable, default="auto"
        As in imbalanced-learn's over-samplers, see `GenerativeSampler`.
    n_per_class : int, mapping of label to int, or None, default=None
        Rows to add to each class, whatever `sampling_strategy` says.
    random_state : int, RandomState, Generator or None, default=None
        None draws other rows on every call.

    Attributes
    ----------
    sampling_strategy_ : dict of label to int
        Rows added.
    n_features_in_ : int
        Columns of X.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> X_new, y_new = GaussianJitter(n_per_class=10, random_state=0).fit_resample(X, y)
    >>> X_new.shape, bool((X_new[:150] == X).all())
    ((180, 4), True)
    """

    def __init__(
        self,
        share: float = 0.25,
        *,
        sampling_strategy: Any = "auto",
        n_per_class: Any = None,
        random_state: Any = None,
    ):
        self.share = share
        self.sampling_strategy = sampling_strategy
        self.n_per_class = n_per_class
        self.random_state = random_state

    def _check_settings(self) -> None:
        if check_number(self.share, "share", owner="GaussianJitter") < 0:
            raise InputError(f"GaussianJitter: share must be at least 0, got {self.share!r}.")

    def _draw(
        self, X: np.ndarray, y: np.ndarray, wanted: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rng, codes = derive_rng(seed, "sample"), np.unique(y, return_inverse=True)[1]
        unit = binary_units(np.abs(X).max(axis=0))  # so that no square is infinite, or nothing
        deviation = np.sqrt(within_class_variance(X / unit, codes)) * unit
        chosen = np.concatenate([_evenly(y == label, n, rng) for label, n in wanted.items()])
        noise = rng.standard_normal((len(chosen), X.shape[1]))
        return X[chosen] + self.share * deviation * noise, y[chosen]


def _evenly(mine: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    rows = np.flatnonzero(mine)
    rounds = [rng.permutation(rows) for _ in range(-(-n // len(rows)))]
    return np.concatenate(rounds)[:n]
