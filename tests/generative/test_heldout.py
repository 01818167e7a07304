import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaega.generative._data import validation_split


def split(codes, fraction=0.2, seed=0):
    return validation_split(np.asarray(codes), fraction, rng=np.random.default_rng(seed))


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 3),
    st.floats(0.01, 0.99),
    st.integers(0, 5),
)
def test_split_keeps_its_promises(sizes, fraction, seed):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    training, heldout = split(codes, fraction, seed)
    assert sorted([*training, *heldout]) == list(range(len(codes)))
    assert len(training) >= 2
    assert len(heldout) >= 1
    if max(sizes) > 1:
        assert set(codes[training]) == set(codes)


def test_classes_in_proportion():
    codes = np.repeat([0, 1, 2], [50, 30, 20])
    _, heldout = split(codes)
    assert np.bincount(codes[heldout]).tolist() == [10, 6, 4]


@pytest.mark.parametrize("codes", [[0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2]])
def test_classes_of_two_rows_keep_one(codes):
    training, _ = split(codes)
    assert set(np.asarray(codes)[training]) == set(codes)


def test_seed_decides():
    codes = np.zeros(50, dtype=int)
    assert split(codes, seed=1)[1].tolist() == split(codes, seed=1)[1].tolist()
    assert split(codes, seed=1)[1].tolist() != split(codes, seed=2)[1].tolist()
