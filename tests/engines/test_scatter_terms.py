"""Contrasts have the scatter within classes, whatever the blocks of columns."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vaega.data._folds import Fold
from vaega.engines import _linear_forms as forms
from vaega.engines._discriminant import make_scatter_terms


@pytest.fixture
def fold(rng):
    X, y = rng.normal(size=(30, 150)), np.arange(30) % 3
    return Fold(X[:20], y[:20], X[20:], y[20:], np.arange(150), 20)


@pytest.mark.parametrize("solver", ["svd", "lsqr"])
def test_the_scatter_is_that_of_scikit_learn(solver, fold):
    lda = LinearDiscriminantAnalysis(solver=solver)
    terms = make_scatter_terms(lda, fold, is_svd=solver == "svd")
    within = np.concatenate(
        [
            fold.X_fit[fold.y_fit == code] - fold.X_fit[fold.y_fit == code].mean(axis=0)
            for code in range(3)
        ]
    )
    unit = within.std(axis=0) if solver == "svd" else 1.0
    contrasts = terms.by_feature[:, : terms.n_contrasts]
    expected = (within / unit).T @ (within / unit) / 20.0
    np.testing.assert_allclose(contrasts @ contrasts.T, expected, atol=1e-12)
    np.testing.assert_allclose(terms.sizes[:, forms.ENERGY], np.diag(expected))
    assert not terms.by_feature[:, terms.n_rows :].any()


def test_columns_that_do_not_vary_are_told(fold):
    X = fold.X_fit.copy()
    X[:, 3], X[:, 5], X[0, 7] = 2.0, fold.y_fit, np.inf
    terms = make_scatter_terms(LinearDiscriminantAnalysis(), replace(fold, X_fit=X), is_svd=True)
    assert np.flatnonzero(~terms.moving).tolist() == [3, 5]
    assert np.flatnonzero(np.isinf(terms.sizes[:, forms.RAW])).tolist() == [7]
