import numpy as np
import pytest
from sklearn.base import clone

from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._data import Scaling
from vaega.generative._models import VAE


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


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_columns_of_any_size_are_standardised(size):
    X = np.random.default_rng(0).normal(size=(20, 3))
    units = np.array([1.0, 2.0 ** np.round(np.log2(size)), 1.0])
    plain, scaling = (Scaling.fitted(one, owner="VAE") for one in (X, X * units))
    np.testing.assert_allclose(scaling.forward(X * units), plain.forward(X), rtol=1e-12)
    gappy = np.where(X > 1, np.nan, X)
    scaling = Scaling.fitted(gappy * units, owner="VAE")
    expected = Scaling.fitted(gappy, owner="VAE").forward(gappy)
    np.testing.assert_allclose(scaling.forward(gappy * units), expected, rtol=1e-12)
    np.testing.assert_allclose(scaling.backward(expected), gappy * units, rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "most"),
    [(VAE((4,)), r"1e\+12"), (ClassGaussian(), r"1e\+60"), (ProbabilisticPCA(), r"1e\+60")],
)
def test_values_too_large_to_use_as_they_are_are_one_sentence(model, most):
    model = clone(model).set_params(standardize=False)
    X = np.random.default_rng(0).normal(size=(20, 3))
    X[3, 1], X[4, 2] = -1e200, np.nan
    owner = type(model).__name__
    sentence = f"^{owner}: values must be at most {most} in size when they are not standardised, go"
    with pytest.raises(InputError, match=sentence):
        model.fit(X)
