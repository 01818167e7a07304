import numpy as np
import pytest

from tests.generative.quality.stubs import compared, two_classes
from vaega.generative.quality import _classifiers as copies
from vaega.generative.quality._classifiers import check_copies, nearest
from vaega.generative.quality._rows import check_rows


def check(rows):
    return check_copies(rows, rng=np.random.default_rng(0))


def test_rows_of_one_distribution_are_no_copies():
    found = check(compared(n_test=60))
    assert found.duplicates == found.repeated == 0.0
    assert found.closer == pytest.approx(found.closer_heldout, abs=0.2)
    assert found.to_fit == pytest.approx(0.5, abs=0.15)


def test_copies_are_counted():
    X, y = two_classes(40, seed=1)
    S, s = two_classes(40, seed=2)
    S[:10] = X[:10]
    found = check(check_rows(X, y, S, s, *two_classes(30, seed=3)))
    assert found.duplicates == 0.25


def test_near_copies_are_closer_than_real_rows_are():
    X, y = two_classes(40, seed=1)
    near = X + 0.05 * np.random.default_rng(0).normal(size=X.shape)
    found = check(check_rows(X, y, near, y, *two_classes(30, seed=3)))
    assert found.duplicates == 0.0
    assert found.near == found.closer == 1.0
    assert found.near_heldout == 0.0
    assert found.to_fit > 0.7
    assert found.ratio < found.ratio_heldout / 3


def test_repeated_rows_are_counted():
    X, y = two_classes(40, seed=1)
    S, s = two_classes(20, seed=2)
    found = check(check_rows(X, y, np.tile(S, (2, 1)), np.tile(s, 2), *two_classes(30, seed=3)))
    assert found.repeated == 0.5


def test_neighbours_are_those_of_all_distances(monkeypatch):
    monkeypatch.setattr(copies, "BLOCK", 7)
    rng = np.random.default_rng(0)
    rows, among = rng.normal(size=(20, 5)), rng.normal(size=(11, 5))
    gaps = np.linalg.norm(rows[:, None] - among, axis=2)
    positions, distances = nearest(rows, among)
    assert positions.tolist() == gaps.argmin(axis=1).tolist()
    assert distances == pytest.approx(gaps.min(axis=1))
    own = np.linalg.norm(rows[:, None] - rows, axis=2) + np.diag(np.full(20, np.inf))
    assert nearest(rows, rows, without_self=True)[1] == pytest.approx(own.min(axis=1))
