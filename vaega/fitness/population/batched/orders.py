"""The orders in which the batches of many networks take their rows, drawn on the host."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.mersenne import shuffle


@kernel
def draw_orders(orders, words, drawn):  # type: ignore[no-untyped-def]
    """Shuffle each mask's rows epoch by epoch, as scikit-learn does: the last order again."""
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
