"""Shrunk scatters: scikit-learn's covariances and shares, by columns and by rows."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from vaega.data._folds import Fold
from vaega.engines import _discriminant as ledoit_wolf
from vaega.engines import _linear_forms as forms
from vaega.engines._discriminant import make_shrunk_terms

LDA = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def fold_of(n_rows, rng):
    X, y = rng.normal(size=(n_rows + 7, 40)), np.arange(n_rows + 7) % 3
    X[:, 1:20] += X[:, :1]
    X[y == 1, 5] = 0.25  # constant in one class
    return Fold(X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:], np.arange(40), n_rows)


@pytest.mark.parametrize("n_rows", [9, 20, 900])
@pytest.mark.parametrize("careful", [False, True])
def test_the_matrix_is_that_of_scikit_learn(n_rows, careful, rng):
    fold = fold_of(n_rows, rng)
    terms = make_shrunk_terms(LDA, fold)
    masks = np.stack([rng.permutation(40) < count for count in (2, 3, 5, 16, 17, 18, 30, 40)])
    answers, facts = terms.compute(masks, careful=careful)
    for mask, answer, fact in zip(masks, answers, facts, strict=True):
        covariance = LDA.fit(fold.X_fit[:, mask], fold.y_fit).covariance_
        centre = LDA.priors_ @ LDA.means_
        targets, asks = LDA.means_ - centre, fold.X_validate[:, mask] - centre
        expected = np.concatenate([targets, asks]) @ np.linalg.solve(covariance, targets.T)
        np.testing.assert_allclose(answer, expected, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(fact[forms.TRACE], np.trace(covariance))
        assert fact[ledoit_wolf.LEAST] <= np.linalg.eigvalsh(covariance)[0] + 1e-9
        assert fact[forms.FLOOR] <= np.linalg.eigvalsh(covariance)[0] + 1e-9
        assert 0.0 <= fact[ledoit_wolf.SHAKEN] < 1e-6


def test_looking_products_up_gives_the_same_bits(rng):
    terms = make_shrunk_terms(LDA, fold_of(900, rng))
    masks = np.concatenate([rng.random((9, 40)) < 0.3, np.ones((1, 40), dtype=bool)])
    assert not len(terms.grams.found_for(masks[:1]))
    first, _ = terms.compute(masks[:1], careful=False)
    answers, _ = terms.compute(masks, careful=False)
    assert len(terms.grams.found_for(masks[:1]))
    np.testing.assert_array_equal(first[0], answers[0])


def test_nothing_selected_is_not_a_number(rng):
    terms = make_shrunk_terms(LDA, fold_of(20, rng))
    answers, _ = terms.compute(np.zeros((1, 40), dtype=bool), careful=False)
    assert np.isnan(answers).all()
