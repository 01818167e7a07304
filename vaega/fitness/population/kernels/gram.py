"""The inner products of all columns, of which any mask looks up its own."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply

_WIDTH = 24  # columns that are packed together, so that their rows follow each other in memory


@kernel
def compute_gram(by_feature, first, last, gram):  # type: ignore[no-untyped-def]
    """Write the inner products of columns over some rows, from the diagonal on."""
    n_columns, steps = len(by_feature), np.arange(last - first)
    packed, part = np.zeros((last - first, _WIDTH)), np.empty((n_columns, _WIDTH))
    for start in range(0, n_columns, _WIDTH):
        end = min(start + _WIDTH, n_columns)
        for column in range(start, end):
            for row in range(first, last):
                packed[row - first, column - start] = by_feature[column, row]
        multiply(part[:end], by_feature[0:, first:], steps, packed, steps)
        gram[:end, start:end] = part[:end, : end - start]
