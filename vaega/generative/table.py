"""The rows of a fit, on the network's scale."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vaega.generative.noise import class_means, within_class_variance
from vaega.generative.scaling import Scaling, column_blocks

if TYPE_CHECKING:
    from vaega.generative.settings import FitSettings


@dataclass(frozen=True)
class Table:
    """Rows with their classes, in single precision, as networks are trained."""

    values: np.ndarray  # The rows; 0, the mean, where nothing was measured
    codes: np.ndarray  # Their classes, all zero without labels
    class_share: np.ndarray  # Share of each class
    seen: np.ndarray | None  # Which entries were measured; None when all were
    labelled: bool  # Whether there were labels

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        codes: np.ndarray,
        scaling: Scaling,
        *,
        labelled: bool,
        order: np.ndarray | None = None,
    ) -> "Table":
        """Put rows (n, n_features) on the network's scale, in the given order."""
        order = np.arange(len(X)) if order is None else order
        codes = codes[order]
        columns = np.flatnonzero(scaling.varies)
        values = np.empty((len(X), len(columns)), dtype=np.float32)
        seen, complete = np.empty(0, dtype=bool), True
        for own in column_blocks(len(X), len(columns)):
            block = (X[:, columns[own]] - scaling.shift[columns[own]]) / scaling.scale[columns[own]]
            gaps = np.isnan(block)
            if gaps.any():
                if complete:
                    seen, complete = np.ones(values.shape, dtype=bool), False
                seen[:, own] = ~gaps[order]
                block[gaps] = 0.0
            values[:, own] = block[order]
        share = np.bincount(codes) / len(codes)
        return cls(values, codes, share, None if complete else seen, labelled)

    def check_values(self, settings: "FitSettings") -> None:
        """Refuse rows that the likelihood is not for."""
        likelihood = settings.training.objective.likelihood
        likelihood.check_entries(self.values, owner=settings.owner)

    def take(self, index: np.ndarray) -> np.ndarray:
        """Return the values of some rows; not copied where they follow one another."""
        first = int(index[0])
        in_line = bool((index == np.arange(first, first + len(index))).all())
        return self.values[first : first + len(index)] if in_line else self.values[index]

    def gappy(self, index: np.ndarray) -> np.ndarray:
        """Return the values of some rows as float64, NaN where nothing was measured."""
        values = self.values[index].astype(np.float64)
        return values if self.seen is None else np.where(self.seen[index], values, np.nan)

    def within_class_variance(self) -> np.ndarray:
        """Return the variance around the class means of what was measured, (n_varying,)."""
        return within_class_variance(self.values, self.codes, self.seen)

    def class_means(self) -> np.ndarray:
        """Return the mean of each class over what was measured, (n_classes, n_varying)."""
        return class_means(self.values, self.codes, self.seen)
