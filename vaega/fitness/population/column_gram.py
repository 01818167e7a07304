"""The Gram matrices of a fold's columns, once masks have asked for enough of them."""

from collections.abc import Sequence

import numpy as np

from vaega.fitness.population.kernels.gram import compute_gram

_MOST_BYTES = 2**25
_FEW_ROWS = 256  # with fewer, products cost no more than looking them up
_SHARE = 0.25  # of the inner products; one by one for each mask they cost more than all at once


class ColumnGram:
    """What masks look the inner products of their columns up in."""

    def __init__(self, by_feature: np.ndarray, ends: Sequence[int]) -> None:
        self._by_feature, self._ends = by_feature, list(ends)
        self._asked, self._found = 0.0, np.empty((0, 0, 0))

    def found_for(self, masks: np.ndarray) -> np.ndarray:
        """Return the products, or an empty array as long as it pays to compute each mask's."""
        n_columns, n_parts, n_rows = len(self._by_feature), len(self._ends), self._ends[-1]
        useful = n_rows >= _FEW_ROWS * n_parts and 8 * n_parts * n_columns**2 <= _MOST_BYTES
        if len(self._found) or not useful:
            return self._found
        counts = np.count_nonzero(masks, axis=1).astype(float)
        self._asked += float(np.square(counts[counts <= n_rows]).sum())
        if self._asked >= _SHARE * n_columns**2:
            found, starts = np.empty((n_parts, n_columns, n_columns)), [0, *self._ends]
            for start, end, gram in zip(starts, self._ends, found, strict=False):
                compute_gram(self._by_feature, start, end, gram)
            self._found = found
        return self._found
