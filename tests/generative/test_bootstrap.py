import numpy as np

from tests.generative.data import blobs
from vaega.generative._samplers import Bootstrap


def test_new_rows_are_rows_of_their_class():
    X, y = blobs(30)
    X_new, y_new = Bootstrap(n_per_class=50, random_state=0).fit_resample(X, y)
    for row, label in zip(X_new[30:], y_new[30:], strict=True):
        (places,) = np.nonzero((row == X).all(axis=1))
        assert y[places].tolist() == [label]


def test_rows_are_drawn_with_replacement():
    X, y = blobs(40)
    X_new, _ = Bootstrap(n_per_class=20, random_state=0).fit_resample(X, y)
    assert 8 < len(np.unique(X_new[40:60], axis=0)) < 18  # 20 draws of 20 rows: 12.8 expected


def test_a_class_of_one_row_is_repeated():
    X = np.arange(8.0).reshape(4, 2)
    X_new, y_new = Bootstrap(random_state=0).fit_resample(X, [0, 0, 0, 1])
    assert X_new[4:].tolist() == [[6.0, 7.0]] * 2
    assert y_new[4:] == [1, 1]
