import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaega.fitness.memory import FitnessMemory


class Counting:
    def __init__(self):
        self.seen = []

    def __call__(self, masks):
        self.seen += [tuple(mask) for mask in masks]
        return masks @ (0.37 * np.arange(1, masks.shape[1] + 1))


@given(st.lists(arrays(bool, (5, 3)), min_size=1, max_size=6))
def test_no_mask_is_scored_twice_and_all_scores_are_right(batches):
    inner = Counting()
    memory = FitnessMemory(inner, n_features=3)
    for batch in batches:
        np.testing.assert_array_equal(memory(batch), Counting()(batch))
    assert len(inner.seen) == len(set(inner.seen)) == memory.n_distinct
    assert memory.n_asked == 5 * len(batches)
    assert memory.n_reused == memory.n_asked - memory.n_distinct


def test_widths_that_fill_no_byte(rng):
    for width in (1, 7, 8, 9, 63, 65):
        masks = rng.random((20, width)) < 0.5
        memory = FitnessMemory(Counting(), n_features=width)
        scores = memory(masks)
        remembered, known = memory.recall()
        lookup = {tuple(mask): score for mask, score in zip(remembered, known, strict=True)}
        assert [lookup[tuple(mask)] for mask in masks] == scores.tolist()


def test_what_was_saved_comes_back(rng):
    masks = rng.random((10, 12)) < 0.5
    first = FitnessMemory(Counting(), n_features=12)
    scores = first(masks)
    inner = Counting()
    second = FitnessMemory(inner, n_features=12)
    second.restore(first.to_arrays())
    np.testing.assert_array_equal(second(masks), scores)
    assert inner.seen == []
    assert (second.n_asked, second.n_distinct) == (20, first.n_distinct)


def test_an_empty_memory_can_be_saved():
    memory = FitnessMemory(Counting(), n_features=9)
    memory.restore(memory.to_arrays())
    assert memory.n_distinct == 0
    assert memory.recall()[0].shape == (0, 9)
