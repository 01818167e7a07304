import numpy as np
import pytest

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._data import within_class_variance
from vaega.generative._samplers import GaussianJitter


def test_the_noise_is_that_share_of_the_deviation_within_classes():
    X, y = blobs(60)
    X_new, y_new = GaussianJitter(0.5, n_per_class=6000, random_state=0).fit_resample(X, y)
    noise = X_new[60:6060] - X[y == 0][_nearest(X_new[60:6060], X[y == 0])]
    assert set(y_new[60:6060]) == {0}
    share = noise.std(axis=0) / np.sqrt(within_class_variance(X, y))
    np.testing.assert_allclose(share, 0.5, atol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.1)


def _nearest(rows, real):
    return np.square(rows[:, None] - real[None]).sum(axis=2).argmin(axis=1)


def test_each_row_is_taken_as_often_as_the_others():
    X, y = blobs(20)
    X_new, _ = GaussianJitter(0.0, n_per_class=25, random_state=0).fit_resample(X, y)
    _, counts = np.unique(X_new[20:45], axis=0, return_counts=True)
    assert sorted(counts) == [2] * 5 + [3] * 5


def test_a_class_of_one_row_gets_the_noise_of_the_others():
    X, y = blobs(21)
    y = np.array([0] * 20 + [1])
    X_new, _ = GaussianJitter(random_state=0).fit_resample(X, y)
    deviation = np.sqrt(within_class_variance(X, y))
    assert ((X_new[21:] - X[20]).std(axis=0) > 0.1 * deviation).all()


def test_constant_columns_stay_constant():
    X, y = blobs(20)
    X[:, 3] = 7.0
    X_new, _ = GaussianJitter(n_per_class=5, random_state=0).fit_resample(X, y)
    assert set(X_new[:, 3]) == {7.0}


@pytest.mark.parametrize("share", [-0.1, np.nan, np.inf, "much", None, True])
def test_a_bad_share_is_one_sentence(share):
    X, y = blobs(20)
    with pytest.raises(InputError, match=r"^GaussianJitter: share must be "):
        GaussianJitter(share, n_per_class=1).fit_resample(X, y)


@pytest.mark.parametrize("size", [2.0**-1000, 2.0**1000])
def test_columns_of_any_size_get_their_noise(size):
    X, y = blobs(20)
    plain, other = (
        GaussianJitter(n_per_class=3, random_state=0).fit_resample(table, y)[0]
        for table in (X, X * size)
    )
    np.testing.assert_allclose(other / size, plain, rtol=1e-12)
