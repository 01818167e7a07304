"""What all samplers share: original rows first, then exact numbers of new ones for each class."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils.validation import validate_data

from vaega.core.randomness import draw_seed
from vaega.generative.containers import Containers, labels_from, rows_from
from vaega.generative.sampler_tags import as_sampler
from vaega.generative.strategy import resolve_strategy


class BaseSampler(OneToOneFeatureMixin, BaseEstimator, ABC):
    """An over-sampler for imbalanced-learn's pipelines; a subclass fills `_draw`.

    It has the parameters `sampling_strategy`, `n_per_class` and `random_state`. No sampler has
    `transform`: a pipeline resamples in `fit` alone, so that no synthetic row is ever predicted or
    scored.

    Examples
    --------
    >>> from vaega.generative.bootstrap import Bootstrap
    >>> issubclass(Bootstrap, BaseSampler), hasattr(Bootstrap, "transform")
    (True, False)
    """

    _estimator_type = "sampler"
    _sampling_type = "over-sampling"
    sampling_strategy: Any
    n_per_class: Any
    random_state: Any

    def fit(self, X: Any, y: Any) -> Self:
        """Check the data and resolve the strategy; nothing is drawn.

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
        self._check_settings()
        self._checked(X, y)
        return self

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
            When the strategy does not fit the labels, or rows cannot be drawn.
        """
        self._check_settings()
        rows, labels = self._checked(X, y)
        wanted = {label: n for label, n in self.sampling_strategy_.items() if n}
        containers = Containers(X, y)
        if not wanted:
            return containers.restore(rows[:0], labels[:0])
        return containers.restore(*self._draw(rows, labels, wanted, draw_seed(self.random_state)))

    @abstractmethod
    def _draw(
        self, X: np.ndarray, y: np.ndarray, wanted: dict[Any, int], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return new rows and their labels, class by class in the order of `wanted`."""

    def _check_settings(self) -> None:
        """Refuse parameters of the subclass that break a rule; those of all are checked with y."""

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        owner = type(self).__name__
        labels = labels_from(y, owner=owner)
        rows, labels = validate_data(self, rows_from(X), labels, dtype=np.float64)
        self.sampling_strategy_ = resolve_strategy(
            self.sampling_strategy, self.n_per_class, labels, owner=owner
        )
        return rows, labels

    def __sklearn_tags__(self) -> Any:
        return as_sampler(super().__sklearn_tags__())
