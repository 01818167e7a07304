import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.generative.scaling import Scaling


def test_there_and_back():
    X = np.random.default_rng(0).normal(3.0, 5.0, size=(20, 4))
    scaling = Scaling.fitted(X, owner="VAE")
    rows = scaling.forward(X)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=0), 1)
    np.testing.assert_allclose(scaling.backward(rows), X)


def test_rounding_error_is_no_variation():
    X = np.random.default_rng(0).normal(size=(38, 3))
    X[:, 1] = np.log2(20.0)
    scaling = Scaling.fitted(X, owner="VAE")
    assert scaling.varies.tolist() == [True, False, True]
    assert (scaling.backward(scaling.forward(X[:5] + 7))[:, 1] == np.log2(20.0)).all()


def test_without_standardising_only_constants_go():
    X = np.array([[1.0, 5.0], [3.0, 5.0]])
    scaling = Scaling.fitted(X, owner="VAE", standardize=False)
    assert scaling.forward(X).tolist() == [[1.0], [3.0]]
    assert scaling.backward(np.array([[2.0]])).tolist() == [[2.0, 5.0]]


def test_nothing_varies_is_one_sentence():
    with pytest.raises(InputError, match=r"^VAE: needs a column that varies, got 2 constant ones"):
        Scaling.fitted(np.ones((4, 2)), owner="VAE")
