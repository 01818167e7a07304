import numpy as np
import pandas as pd

from tests.generative.data import blobs
from vaega.generative._closed_form import ClassGaussian


def test_labels_matter_and_are_optional():
    X, y = blobs()
    model = ClassGaussian().fit(X, y)
    assert not np.array_equal(model.transform(X, y), model.transform(X, 1 - y))
    assert not np.array_equal(model.transform(X), model.transform(X, y))
    Z = model.transform(X, y)
    np.testing.assert_allclose(model.inverse_transform(Z, y), model.reconstruct(X, y))
    shares = model.inverse_transform(Z)
    both = [model.inverse_transform(Z, np.full(60, label)) for label in (0, 1)]
    np.testing.assert_allclose(shares, np.mean(both, axis=0))


def test_set_output_is_obeyed():
    X, y = blobs()
    model = ClassGaussian().set_output(transform="pandas")
    rows = model.fit_transform(pd.DataFrame(X), y)
    assert list(rows.columns) == list(model.get_feature_names_out())
    assert isinstance(model.transform(X, y), pd.DataFrame)
