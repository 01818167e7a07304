import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vaega.evolution.algorithms._base import dominance
from vaega.evolution.algorithms._nsga2 import Archive

N_FEATURES = 5


def values(masks):
    """Score masks of five features, often alike."""
    return np.column_stack([masks @ np.array([2, 2, 1, 1, -1]), -masks.sum(axis=1)]).astype(float)


def masks_from(numbers):
    return (np.array(numbers, dtype=int)[:, None] >> np.arange(N_FEATURES)) % 2 == 1


def filled(batches, size=None):
    archive = Archive(np.zeros((0, N_FEATURES), dtype=bool), np.zeros((0, 2)))
    for batch in batches:
        masks = masks_from(batch)
        archive = archive.joined(masks, values(masks), size)
    return archive


batches_of_masks = st.lists(
    st.lists(st.integers(1, 31), min_size=1, max_size=8), min_size=1, max_size=5
)


@given(batches_of_masks)
def test_it_holds_exactly_the_different_masks_that_nobody_dominates(batches):
    masks = masks_from(sorted({number for batch in batches for number in batch}))
    scores = values(masks)
    best = masks[~dominance(scores, scores).any(axis=0)]
    archive = filled(batches)
    assert {mask.tobytes() for mask in archive.masks} == {mask.tobytes() for mask in best}
    assert len(archive.masks) == len(best)
    np.testing.assert_array_equal(archive.scores, values(archive.masks))


@given(batches_of_masks, st.integers(1, 4))
def test_a_bounded_one_stays_in_bounds_and_keeps_the_best_score(batches, size):
    archive = filled(batches, size)
    assert 1 <= len(archive.masks) <= size
    assert not dominance(archive.scores, archive.scores).any()
    everything = values(masks_from([number for batch in batches for number in batch]))
    assert archive.sorted()[1][0].tolist() == max(everything.tolist())


def test_the_best_stays_also_where_crowding_would_let_it_go():
    masks = masks_from([1, 2, 3, 4])
    # Two share the highest first objective, and the better of them is the end of none.
    scores = np.array([[9.0, 5.0, 4.9], [9.0, 4.9, 5.0], [0.0, 5.1, 4.8], [0.0, 4.8, 5.1]])
    kept = Archive(masks[:0], scores[:0]).joined(masks, scores, 3)
    assert [9.0, 5.0, 4.9] in kept.scores.tolist()


def test_the_most_crowded_go_one_by_one():
    masks = masks_from([1, 2, 3, 4, 5])
    scores = np.array([[0.0, 10.0], [4.0, 6.0], [5.0, 5.0], [5.5, 4.5], [10.0, 0.0]])
    kept = Archive(masks[:0], scores[:0]).joined(masks, scores, 4)
    # The gaps around the three in the middle: 5, 1.5 and 5, of ten, in both objectives.
    assert kept.scores[:, 0].tolist() == [0.0, 4.0, 5.5, 10.0]


def test_a_mask_that_comes_again_keeps_its_first_score():
    masks = masks_from([3])
    archive = Archive(masks[:0], np.zeros((0, 2))).joined(masks, np.array([[1.0, 1.0]]))
    assert archive.joined(masks, np.array([[2.0, 2.0]])).scores.tolist() == [[1.0, 1.0]]


def test_sorted_puts_the_best_by_the_first_objective_first():
    archive = filled([[1, 3, 4, 12, 7]])
    masks, scores = archive.sorted()
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    np.testing.assert_array_equal(values(masks), scores)
