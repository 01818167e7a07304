"""Sums over the selected columns of each mask of what each column adds."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.products import multiply
from vaega.fitness.population.kernels.selection import select


@kernel
def gather(masks, terms, totals):  # type: ignore[no-untyped-def]
    """Write for each mask the sum of the terms of its columns, in ascending order.

    Parameters
    ----------
    masks : numpy.ndarray of bool, shape (n_masks, n_columns)
    terms : numpy.ndarray of float64, shape (n_columns, n_terms)
        `n_terms` is a whole number of vectors, see `vaega.fitness.population.kernels.products`.
    totals : numpy.ndarray of float64, shape (n_masks, n_terms)
        What is written.

    Examples
    --------
    >>> masks, totals = np.array([[True, False, True]]), np.empty((1, 8))
    >>> gather(masks, np.arange(24.0).reshape(3, 8), totals)
    >>> totals[0, :3]
    array([16., 18., 20.])
    """
    places, ones = np.empty(masks.shape[1], np.int64), np.ones((1, masks.shape[1]))
    for row in range(len(masks)):
        own = places[: select(masks[row], places)]
        multiply(totals[row : row + 1, 0:], ones[0:, 0:], own, terms[0:, 0:], own)
