"""ReliefF against a plain loop, and on planted features."""

import numpy as np
import pytest

from vaega import make_madelon
from vaega.selection import _filters as relieff
from vaega.selection._filters import relieff_statistic


def plain(X, y, k=10):
    """Return the weights row by row and neighbour by neighbour, as in the paper."""
    X = (X - X.min(axis=0)) / np.maximum(np.ptp(X, axis=0), 1e-300)
    weights = np.zeros(X.shape[1])
    for row in range(len(X)):
        apart = np.abs(X - X[row])
        order = [one for one in np.argsort(apart.sum(axis=1), kind="stable") if one != row]
        for label in np.unique(y):
            near = [one for one in order if y[one] == label][:k]
            if not near:
                continue
            mean = apart[near].mean(axis=0)
            share = np.mean(y == label) / (1.0 - np.mean(y == y[row]))
            weights += -mean if label == y[row] else share * mean
    return weights / len(X)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_it_is_the_plain_loop(n_classes):
    rng = np.random.default_rng(n_classes)
    y = np.sort(rng.integers(n_classes, size=60))
    X = rng.normal(size=(60, 7)) + y[:, None] * np.r_[1.0, np.zeros(6)]
    X[:, 3] = 4.0  # constant
    np.testing.assert_allclose(relieff_statistic(X, y), plain(X, y), atol=1e-12)
    assert relieff_statistic(X, y)[3] == 0.0


def test_a_class_of_one_row_and_one_of_two():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), np.array([0, 1, 1, 2, 2, 2, 2, 2, 2])
    np.testing.assert_allclose(relieff_statistic(X, y), plain(X, y), atol=1e-12)


def test_planted_features_come_first():
    data = make_madelon(400, 60, random_state=0)
    order = np.argsort(-relieff_statistic(data.X, data.y))
    assert data.relevant[order[:15]].all()


def test_some_rows_judge_where_there_are_many(monkeypatch):
    data = make_madelon(300, 40, random_state=1)
    everyone = relieff_statistic(data.X, data.y)
    monkeypatch.setattr(relieff, "MOST_REFERENCES", 150)
    some = relieff_statistic(data.X, data.y, seed=0)
    assert (some == relieff_statistic(data.X, data.y, seed=0)).all()
    assert (some != relieff_statistic(data.X, data.y, seed=1)).any()
    assert np.corrcoef(everyone, some)[0, 1] > 0.9
