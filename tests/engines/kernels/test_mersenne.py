"""The stream of the kernels is numpy's legacy one, from any point on."""

import numpy as np
import pytest
from sklearn.utils import shuffle as scikit_learns

from vaega.engines._mlp import advance, draw, shuffle, start, words_of


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("n", [1, 2, 3, 38, 1000, 70_000])
def test_it_shuffles_as_numpy_does(seed, n):
    stream = np.random.RandomState(seed)
    stream.uniform(size=100)  # an odd place in the stream
    words = words_of(stream)
    for _ in range(3):
        ours, theirs = np.arange(n), np.arange(n)
        shuffle(ours, words)
        stream.shuffle(theirs)
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(words[-1], words_of(stream)[-1])


def test_epochs_are_those_of_scikit_learn():
    stream = np.random.RandomState(7)
    words = words_of(stream)
    rows, order = np.arange(50), np.arange(50)
    for _ in range(5):
        rows = scikit_learns(rows, random_state=stream)
        places = np.arange(50)
        shuffle(places, words)
        order = order[places]
        np.testing.assert_array_equal(order, rows)


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, 2**32 - 1])
def test_a_seed_starts_numpys_stream(seed):
    words, stream = np.empty(1249, np.int64), np.random.RandomState(seed)
    start(words, seed)
    drawn = [draw(words) for _ in range(1000)]
    np.testing.assert_array_equal(drawn, stream.random_sample(1000))
    other = np.random.RandomState(5)
    advance(other, words)
    np.testing.assert_array_equal(other.random_sample(700), stream.random_sample(700))
