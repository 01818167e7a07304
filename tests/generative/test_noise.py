import numpy as np
import pytest

from vaega.generative._calibration import shrink_to_pooled
from vaega.generative._data import class_means, within_class_variance


def squares(variances, n, seed=0):
    normal = np.random.default_rng(seed).standard_normal((n, len(variances)))
    return variances * np.square(normal)


def shrunk(data):
    return shrink_to_pooled(data.mean(axis=0), len(data))


def test_equal_features_are_pooled():
    estimate = shrunk(squares(np.full(2000, 0.7), 8))
    assert estimate.std() < 0.1 * squares(np.full(2000, 0.7), 8).mean(axis=0).std()


def test_many_rows_keep_their_own_estimate():
    data = squares(np.linspace(0.1, 2.0, 500), 4000)
    np.testing.assert_allclose(shrunk(data), data.mean(axis=0), rtol=0.05)


@pytest.mark.parametrize("n", [4, 8, 40])
def test_shrinking_is_closer_to_the_truth_than_either_extreme(n):
    truth = np.random.default_rng(1).gamma(4.0, 0.25, size=2000)
    data = squares(truth, n)
    own = data.mean(axis=0)

    def loss(estimate):
        return np.square(estimate - truth).mean()

    assert loss(shrunk(data)) < loss(own)
    assert loss(shrunk(data)) < loss(np.full_like(own, own.mean()))


def test_the_mean_is_kept():
    data = squares(np.linspace(0.1, 2.0, 50), 8)
    assert shrunk(data).mean() == pytest.approx(data.mean())


def test_zero_residuals():
    assert not shrunk(np.zeros((3, 4))).any()


def test_within_class_variance_is_the_pooled_estimate():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(9.0, 1.0, size=(7, 3))
    expected = (4 * a.var(axis=0, ddof=1) + 6 * b.var(axis=0, ddof=1)) / 10
    found = within_class_variance(np.vstack([a, b]), np.repeat([0, 1], [5, 7]))
    np.testing.assert_allclose(found, expected)


def test_classes_of_one_row_count_as_one_class():
    assert within_class_variance(np.array([[0.0], [2.0]]), np.array([0, 1])).tolist() == [2.0]


def test_class_means_are_in_the_order_of_codes():
    assert class_means(np.array([[4.0], [1.0], [2.0]]), np.array([1, 0, 1])).tolist() == [[1], [3]]


def test_a_feature_that_was_never_seen_is_pooled():
    found = shrink_to_pooled(np.array([1.0, np.nan, 3.0]), np.array([10, 0, 10]))
    assert found[1] == 2.0


@pytest.mark.parametrize("n_columns", [3, 40_000])
def test_missing_entries_are_left_out(n_columns):
    rng = np.random.default_rng(0)
    rows, codes = rng.normal(size=(30, n_columns)), np.repeat([0, 1], 15)
    seen = rng.random(rows.shape) < 0.7
    hidden = np.where(seen, rows, 99.0)
    first = [rows[(codes == code) & seen[:, 0], 0] for code in (0, 1)]
    scatter = sum(np.square(part - part.mean()).sum() for part in first)
    variance = within_class_variance(hidden, codes, seen)
    assert variance[0] == pytest.approx(scatter / (seen[:, 0].sum() - 2))
    means = class_means(hidden, codes, seen)
    np.testing.assert_allclose(means[:, 0], [part.mean() for part in first])


def test_a_class_without_a_value_has_the_mean_of_the_others():
    rows, codes = np.array([[1.0], [3.0], [0.0]]), np.array([0, 1, 2])
    seen = np.array([[True], [True], [False]])
    assert class_means(rows, codes, seen).ravel().tolist() == [1.0, 3.0, 2.0]
