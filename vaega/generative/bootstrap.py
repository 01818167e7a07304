"""Over-sampling by repeating rows: the least that a generator must beat."""

from typing import Any

import numpy as np

from vaega.core.randomness import derive_rng
from vaega.generative.base_sampler import BaseSampler


class Bootstrap(BaseSampler):
    """Add rows of each class, drawn from it with replacement.

    Parameters
    ----------
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
    >>> X, y = [[1.0], [2.0], [7.0]], ["many", "many", "few"]
    >>> Bootstrap(random_state=0).fit_resample(X, y)
    ([[1.0], [2.0], [7.0], [7.0]], ['many', 'many', 'few', 'few'])
    """

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        n_per_class: Any = None,
        random_state: Any = None,
    ):
        self.sampling_strategy = sampling_strategy
        self.n_per_class = n_per_class
        self.random_state = random_state

    def _draw(
        self, X: np.ndarray, y: np.ndarray, wanted: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = derive_rng(seed, "sample")
        chosen = np.concatenate(
            [rng.choice(np.flatnonzero(y == label), size=n) for label, n in wanted.items()]
        )
        return X[chosen], y[chosen]
