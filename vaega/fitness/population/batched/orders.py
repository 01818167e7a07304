"""The orders in which the batches of many networks take their rows, drawn on the host."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.mersenne import shuffle


@kernel
def draw_orders(orders, words, drawn):  # type: ignore[no-untyped-def]
    """Shuffle the rows of each mask epoch by epoch, as scikit-learn does: what was shuffled before.

    Parameters
    ----------
    orders : numpy.ndarray of int64, shape (n_masks, n_rows)
        Of the epoch before; those of the last epoch afterwards.
    words : numpy.ndarray of int64, shape (n_masks, 1249)
        Random streams, see `vaega.fitness.population.kernels.mersenne`; advanced.
    drawn : numpy.ndarray of int32, shape (n_epochs, n_masks, n_rows)
        What is written.

    Examples
    --------
    >>> from vaega.fitness.population.kernels.mersenne import words_of
    >>> stream = np.random.RandomState(3)
    >>> words, drawn = words_of(stream)[None].copy(), np.empty((1, 1, 4), np.int32)
    >>> draw_orders(np.arange(4)[None].copy(), words, drawn)
    >>> bool((drawn[0, 0] == stream.permutation(4)).all())
    True
    """
    n_masks, n_rows = orders.shape
    places, old = np.empty(n_rows, np.int64), np.empty(n_rows, np.int64)
    for m in range(n_masks):
        for epoch in range(len(drawn)):
            for i in range(n_rows):
                places[i], old[i] = i, orders[m, i]
            shuffle(places, words[m])
            for i in range(n_rows):
                orders[m, i] = old[places[i]]
                drawn[epoch, m, i] = orders[m, i]
