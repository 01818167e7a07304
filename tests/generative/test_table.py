import numpy as np
import pytest

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._data import Scaling, TrainingData
from vaega.generative._models import VAE


def table_of(X, y=None):
    codes = np.zeros(len(X), int) if y is None else y
    return TrainingData.of(X, codes, Scaling.fitted(X, owner="VAE"), labelled=y is not None)


def test_rows_are_on_the_networks_scale():
    X, y = blobs()
    table = table_of(np.insert(X, 3, 7.0, axis=1), y)
    np.testing.assert_allclose(table.values, (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-6)
    assert table.values.dtype == np.float32
    assert table.observed is None
    np.testing.assert_allclose(table.class_share, [0.5, 0.5])


def test_missing_entries_are_the_mean_and_not_seen():
    X, _ = blobs()
    X[::3, 2] = np.nan
    table = table_of(X)
    assert not table.values[::3, 2].any()
    assert not table.observed[::3, 2].any()
    assert table.observed.sum() == X.size - 20
    assert table.within_class_variance()[2] == pytest.approx(1.0, rel=0.05)


def test_gaps_in_a_late_block_are_noted():
    X = np.random.default_rng(0).normal(size=(1000, 3000))
    X[5, 2900] = np.nan
    table = table_of(X)
    assert (~table.observed).sum() == 1
    assert not table.observed[5, 2900]


def test_rows_in_line_are_not_copied():
    table = table_of(blobs()[0])
    assert np.shares_memory(table.take(np.arange(3, 9)), table.values)
    assert len(table.take(np.array([3, 1]))) == 2


def test_a_bernoulli_likelihood_refuses_other_values():
    X, y = blobs()
    with pytest.raises(InputError, match=r"^VAE: likelihood 'bernoulli' is for values from 0 to 1"):
        VAE(likelihood="bernoulli").fit(X, y)
