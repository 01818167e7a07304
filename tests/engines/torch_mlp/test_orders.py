"""Orders are those of scikit-learn's shuffles, mask by mask."""

import numpy as np
from sklearn.utils import shuffle

from vaega.engines._mlp import words_of
from vaega.engines._torch_mlp import draw_orders


def test_orders_of_many_epochs_and_masks():
    streams = [np.random.RandomState(seed) for seed in (3, 4)]
    words = np.stack([words_of(stream) for stream in streams])
    orders, drawn = np.tile(np.arange(50), (2, 1)), np.empty((40, 2, 50), np.int32)
    draw_orders(orders, words, drawn[:25])
    draw_orders(orders, words, drawn[25:])
    for place, stream in enumerate(streams):
        expected = np.arange(50)
        for own in drawn[:, place]:
            expected = shuffle(expected, random_state=stream)
            np.testing.assert_array_equal(own, expected)
    np.testing.assert_array_equal(orders, drawn[-1])
