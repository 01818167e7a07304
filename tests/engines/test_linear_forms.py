"""Forms of an inverse: in the columns and in the rows the same, and numpy's; Gram matrices."""

import numpy as np
import pytest

from vaega.core.kernels import multiply, padded
from vaega.engines import _linear_forms as forms
from vaega.engines._linear_forms import ColumnGram, compute_gram

N_FIT, N_TARGETS, N_OTHERS, N_COLUMNS = 11, 2, 5, 40


@pytest.fixture
def rows(rng):
    return rng.normal(size=(N_FIT + N_TARGETS + N_OTHERS, N_COLUMNS))


@pytest.fixture
def masks(rng):
    counts = [1, 4, 10, 11, 12, 30, 40]
    return np.stack([rng.permutation(N_COLUMNS) < count for count in counts])


def forms_of(rows, masks, given, shift):
    """The same bits with inner products that are looked up, and without."""
    results = []
    for found in (False, True):
        results.append(_forms_of(rows, masks, given, shift, found))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    return results[0]


def _forms_of(rows, masks, given, shift, found):
    by_column = np.zeros((N_COLUMNS, padded(len(rows), float)))
    by_column[:, : len(rows)] = rows.T
    sizes = np.zeros((N_COLUMNS, 4))
    sizes[:, forms.ENERGY] = (rows[:N_FIT] ** 2).sum(axis=0)
    predictions = np.empty((len(masks), N_TARGETS + N_OTHERS, N_TARGETS))
    facts = np.empty((len(masks), forms.N_FACTS))
    gram = np.empty((int(found), N_COLUMNS, N_COLUMNS))
    if found:
        compute_gram(by_column, N_FIT, gram[0])
    equal = (rows[:, :, None] == rows[:, None]).all(axis=0).argmax(axis=0)
    forms.compute_forms(masks, by_column, gram, equal, sizes, given, shift, predictions, facts)
    return predictions, facts


def test_given_targets_with_a_shift(rows, masks, rng):
    given = rng.normal(size=(N_FIT, N_TARGETS))
    rows[N_FIT : N_FIT + N_TARGETS] = given.T @ rows[:N_FIT]
    predictions, facts = forms_of(rows, masks, given, 0.5)
    for mask, answer, fact in zip(masks, predictions, facts, strict=True):
        own = rows[:, mask]
        matrix = own[:N_FIT].T @ own[:N_FIT] + 0.5 * np.eye(mask.sum())
        expected = own[N_FIT:] @ np.linalg.solve(matrix, own[:N_FIT].T @ given)
        np.testing.assert_allclose(answer, expected, rtol=1e-9, atol=1e-11)
        assert fact[forms.COUNT] == mask.sum()
        small = matrix if mask.sum() <= N_FIT else own[:N_FIT] @ own[:N_FIT].T + 0.5 * np.eye(N_FIT)
        assert 0.0 <= fact[forms.FLOOR] <= np.linalg.eigvalsh(small)[0] + 1e-12
        np.testing.assert_allclose(fact[forms.TRACE], np.trace(small))


def test_without_a_shift_it_is_the_pseudo_inverse(rows, masks):
    predictions, facts = forms_of(rows, masks, np.zeros((N_FIT, N_TARGETS)), 0.0)
    for mask, answer, fact in zip(masks, predictions, facts, strict=True):
        own = rows[:, mask]
        inverse = np.linalg.pinv(own[:N_FIT].T @ own[:N_FIT], rcond=1e-10)
        expected = own[N_FIT:] @ inverse @ own[N_FIT : N_FIT + N_TARGETS].T
        np.testing.assert_allclose(answer, expected, rtol=1e-6, atol=1e-8)
        assert fact[forms.FLOOR] > 0.0


def test_copies_are_one_column(rows, masks, rng):
    rows[:, 2::3] = rows[:, ::3][:, : len(rows[0, 2::3])]
    rows[:, 4] = rows[:, 0]
    given = np.zeros((N_FIT, N_TARGETS))
    predictions, facts = forms_of(rows, masks, given, 0.0)
    for mask, answer, fact in zip(masks, predictions, facts, strict=True):
        own = rows[:, mask]
        inverse = np.linalg.pinv(own[:N_FIT].T @ own[:N_FIT], rcond=1e-10)
        solved = own[N_FIT:] @ inverse
        if mask.sum() <= N_FIT:
            np.testing.assert_allclose(answer, solved @ own[N_FIT : N_FIT + N_TARGETS].T, atol=1e-7)
            norms = np.linalg.norm(solved, axis=1)
            np.testing.assert_allclose(fact[forms.NORM], norms[:N_TARGETS].max(), rtol=1e-6)


def test_what_cannot_be_solved_is_not_a_number(rows, masks):
    both = np.arange(N_COLUMNS)[None] < 2
    none = np.zeros((1, N_COLUMNS), dtype=bool)
    for mask in (none, both):
        rows[:N_FIT, :2] = 1.0  # exactly singular
        given = np.zeros((N_FIT, N_TARGETS))
        predictions, _ = forms_of(rows, mask, given, 0.0)
        assert np.isnan(predictions).all()


@pytest.mark.parametrize("n_fit", [40, 29])
@pytest.mark.parametrize("n_columns", [1, 24, 61])
def test_products_have_the_bits_of_a_mask_of_their_own(n_columns, n_fit, rng):
    by_column = rng.normal(size=(n_columns, 48))
    gram = np.full((n_columns, n_columns), np.nan)
    compute_gram(by_column, n_fit, gram)
    upper = np.triu_indices(n_columns)
    expected = by_column[:, :n_fit] @ by_column[:, :n_fit].T
    np.testing.assert_allclose(gram[upper], expected[upper], atol=1e-12)
    chosen = np.flatnonzero(rng.random(n_columns) < 0.5)
    rows, steps = np.zeros((n_fit, padded(len(chosen), float))), np.arange(n_fit)
    rows[:, : len(chosen)] = by_column[chosen, :n_fit].T
    own = np.empty((len(chosen), rows.shape[1]))
    multiply(own, rows[:, : len(chosen)].T, steps, rows, steps)
    upper = np.triu_indices(len(chosen))
    np.testing.assert_array_equal(own[:, : len(chosen)][upper], gram[np.ix_(chosen, chosen)][upper])


def test_it_is_computed_once_masks_have_used_enough(rng):
    rows = rng.normal(size=(20, 300))
    gram, masks = ColumnGram(rows, 300), np.ones((1, 20), dtype=bool)
    few = np.arange(20)[None] < 6
    assert gram.for_masks(few).shape == (0, 0, 0)
    assert gram.for_masks(few).shape == (0, 0, 0)
    products = gram.for_masks(few)
    assert products.shape == (1, 20, 20)
    assert gram.for_masks(masks) is products
    upper = np.triu_indices(20)
    np.testing.assert_allclose(products[0][upper], (rows @ rows.T)[upper], atol=1e-11)


def test_few_rows_and_many_columns_have_none():
    masks = np.ones((100, 20), dtype=bool)
    assert not len(ColumnGram(np.ones((20, 40)), 40).for_masks(masks))
    many = np.ones((3000, 300))
    assert not len(ColumnGram(many, 300).for_masks(np.ones((9, 3000), dtype=bool)))
