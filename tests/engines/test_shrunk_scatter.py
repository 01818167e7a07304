"""What shrinking needs of each class: variances, squares, and which columns are constant."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vaega.data._folds import Fold
from vaega.engines import _linear_forms as forms
from vaega.engines._discriminant import make_shrunk_terms

LDA = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")


@pytest.fixture
def fold(rng):
    X, y = rng.normal(size=(30, 70)), np.array(["b", "a"])[np.arange(30) % 2]
    return Fold(X[:20], y[:20], X[20:], y[20:], np.arange(70), 20)


def test_squares_are_in_units_of_each_class(fold):
    terms = make_shrunk_terms(LDA, fold)
    priors, ends, variances, moving, _ = terms.classes
    assert priors.tolist() == [0.5, 0.5]
    assert ends.tolist() == [10, 20]
    assert moving.all()
    own = fold.X_fit[fold.y_fit == "b"]
    np.testing.assert_allclose(variances[:, 1], own.var(axis=0))
    expected = (own - own.mean(axis=0)) ** 2 / own.var(axis=0)
    np.testing.assert_allclose(terms.squares[:, 10:20], expected.T, rtol=1e-9)
    assert not terms.squares[:, 20:].any()


def test_columns_that_are_constant_or_nearly_so(fold):
    fold.X_fit[fold.y_fit == "a", 3] = 0.1
    fold.X_fit[fold.y_fit == "a", 4] = 1e8
    fold.X_fit[0, 5] = np.nan
    fold.X_fit[np.flatnonzero(fold.y_fit == "a")[0], 4] += 1e-7  # a few roundings more
    terms = make_shrunk_terms(LDA, fold)
    _, _, variances, moving, _ = terms.classes
    assert variances[3, 0] == 1.0
    assert not moving[3, 0]
    assert moving[3, 1]
    assert not terms.squares[3, :10].any()
    unsound = np.isinf(terms.scatter.sizes[:, forms.RAW])
    assert np.flatnonzero(unsound).tolist() == [4, 5]


def test_classes_of_one_row_are_left_to_scikit_learn(fold):
    fold.y_fit[:] = "b"
    fold.y_fit[0] = "a"
    assert make_shrunk_terms(LDA, fold) is None
