import hashlib

import numpy as np
import pytest

from vaega.evolution.algorithms._memetic import digest_masks, draw_neighbour

EVEN = np.ones(10)


@pytest.fixture
def mask():
    return np.arange(10) < 4


@pytest.mark.parametrize(
    ("move", "dropped", "added"), [("drop", 1, 0), ("add", 0, 1), ("swap", 1, 1)]
)
def test_a_move_changes_as_much_as_it_says(move, dropped, added, mask, rng):
    for _ in range(50):
        neighbour = draw_neighbour(mask, move=move, weights=EVEN, rng=rng)
        assert (mask & ~neighbour).sum() == dropped
        assert (~mask & neighbour).sum() == added
    assert mask.tolist() == [True] * 4 + [False] * 6


def test_every_feature_can_be_dropped_or_added(mask, rng):
    changed = np.zeros(10, dtype=bool)
    for _ in range(300):
        changed |= mask ^ draw_neighbour(mask, move="swap", weights=EVEN, rng=rng)
    assert changed.all()


def test_features_are_added_by_weight(mask, rng):
    weights = np.r_[np.zeros(4), 1.0, 3.0, np.zeros(4)]
    added = [
        np.flatnonzero(~mask & draw_neighbour(mask, move="add", weights=weights, rng=rng)).item()
        for _ in range(2000)
    ]
    assert set(added) == {4, 5}
    assert abs(np.mean(np.array(added) == 5) - 0.75) < 0.05


@pytest.mark.parametrize(
    ("selected", "weights", "move"),
    [
        (0, EVEN, "drop"),
        (0, EVEN, "swap"),
        (10, EVEN, "add"),
        (10, EVEN, "swap"),
        (4, 0 * EVEN, "swap"),
    ],
)
def test_an_impossible_move_changes_nothing(selected, weights, move, rng):
    mask = np.arange(10) < selected
    np.testing.assert_array_equal(draw_neighbour(mask, move=move, weights=weights, rng=rng), mask)


def test_digests_tell_masks_apart_and_are_the_same_everywhere():
    masks = np.array([[bool(number >> bit & 1) for bit in range(12)] for number in range(4096)])
    digests = digest_masks(masks)
    assert digests.dtype == np.uint64
    assert np.unique(digests).size == 4096
    expected = hashlib.blake2b(bytes([0b10100000]), digest_size=8).digest()
    (digest,) = digest_masks(np.array([[True, False, True]])).tolist()
    assert digest == int.from_bytes(expected, "little")
