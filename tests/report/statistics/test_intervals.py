"""Bootstrap intervals: coverage, the same bits, degenerate values."""

import warnings

import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.report._statistics import bootstrap_interval


def test_coverage_of_normal_means():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(300, 20))
    ends = [bootstrap_interval(sample, n_resamples=599) for sample in samples]
    inside = np.mean([low < 0.0 < high for low, high in ends])
    assert 0.89 < inside < 0.98


def test_the_same_bits_and_no_global_state():
    values = np.random.default_rng(1).random(8)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that it is untouched is the point
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, random_state=1)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_skew_moves_the_interval():
    values = np.random.default_rng(0).exponential(size=30)
    low, high = bootstrap_interval(values)
    assert high - values.mean() > values.mean() - low


@pytest.mark.parametrize("values", [[0.7, 0.7, 0.7], [0.7, 0.7]])
def test_equal_values_are_their_own_interval(values):
    assert bootstrap_interval(values) == (0.7, 0.7)


def test_few_values_give_finite_ends_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = bootstrap_interval([0.1, 0.2])
    assert 0.1 <= low < high <= 0.2
    assert np.isnan(bootstrap_interval([0.1])).all()


def test_bad_settings_are_one_sentence():
    with pytest.raises(InputError, match=r"^bootstrap_interval: confidence"):
        bootstrap_interval([0.1, 0.2], confidence=95)
