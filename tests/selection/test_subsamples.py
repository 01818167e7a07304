import numpy as np
import pytest

from vaega.selection._voting import draw_subsample


@pytest.mark.parametrize("share", [0.5, 0.63, 0.8, 0.95])
def test_each_class_keeps_its_share(share, rng):
    y = np.repeat([0, 1, 2], [50, 30, 20])
    rows = draw_subsample(y, share, rng=rng)
    np.testing.assert_allclose(np.bincount(y[rows]), share * np.array([50, 30, 20]), atol=1.0)
    assert (np.diff(rows) > 0).all()


def test_small_classes_keep_two_rows_and_leave_one_out(rng):
    y = np.repeat([0, 1, 2], [10, 3, 2])
    for _ in range(20):
        counts = np.bincount(y[draw_subsample(y, 0.95, rng=rng)])
        assert counts.tolist() == [9, 2, 2]


def test_all_rows_are_drawn_where_all_are_wanted(rng):
    y = np.repeat([0, 1], 4)
    assert draw_subsample(y, 1.0, rng=rng).tolist() == list(range(8))


def test_every_row_has_the_same_chance(rng):
    y = np.repeat([0, 1], 10)
    drawn = np.zeros(20)
    for _ in range(3000):
        drawn[draw_subsample(y, 0.6, rng=rng)] += 1
    np.testing.assert_allclose(drawn / 3000, 0.6, atol=0.05)


def test_groups_stay_together_and_every_class_stays(rng):
    groups = np.repeat(np.arange(12), 4)
    y = (groups == 7).astype(int)  # one group alone holds the second class
    for _ in range(20):
        rows = draw_subsample(y, 0.5, rng=rng, groups=groups)
        chosen = np.unique(groups[rows])
        assert np.isin(groups, chosen).sum() == len(rows)
        assert set(y[rows]) == {0, 1}
