"""Forms of an inverse: by columns and by rows the same, and numpy's."""

import numpy as np
import pytest

from vaega.engines import _linear_forms as forms
from vaega.engines._compiled import padded
from vaega.engines._linear_forms import compute_gram

N_FIT, N_TARGETS, N_OTHERS, N_COLUMNS = 11, 2, 5, 40


@pytest.fixture
def rows(rng):
    return rng.normal(size=(N_FIT + N_TARGETS + N_OTHERS, N_COLUMNS))


@pytest.fixture
def masks(rng):
    counts = [1, 4, 10, 11, 12, 30, 40]
    return np.stack([rng.permutation(N_COLUMNS) < count for count in counts])


def answers_of(rows, masks, given, kind, shift, careful=False):
    """The same bits with inner products that are looked up, and without."""
    results = []
    for found in (False, True):
        results.append(_answers_of(rows, masks, given, kind, shift, careful, found))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    return results[0]


def _answers_of(rows, masks, given, kind, shift, careful, found):
    by_feature = np.zeros((N_COLUMNS, padded(len(rows), float)))
    by_feature[:, : len(rows)] = rows.T
    sizes = np.zeros((N_COLUMNS, 4))
    sizes[:, forms.ENERGY] = (rows[:N_FIT] ** 2).sum(axis=0)
    answers = np.empty((len(masks), N_TARGETS + N_OTHERS, N_TARGETS))
    facts = np.empty((len(masks), forms.N_CAREFUL_FACTS))
    gram = np.empty((int(found), N_COLUMNS, N_COLUMNS))
    if found:
        compute_gram(by_feature, 0, N_FIT, gram[0])
    equal = (rows[:, :, None] == rows[:, None]).all(axis=0).argmax(axis=0)
    settings = kind, shift, careful
    forms.compute_forms(masks, by_feature, gram, equal, sizes, given, *settings, answers, facts)
    return answers, facts


@pytest.mark.parametrize("careful", [False, True])
def test_given_targets_with_a_shift(careful, rows, masks, rng):
    given = rng.normal(size=(N_FIT, N_TARGETS))
    rows[N_FIT : N_FIT + N_TARGETS] = given.T @ rows[:N_FIT]
    answers, facts = answers_of(rows, masks, given, forms.GIVEN, 0.5, careful)
    for mask, answer, fact in zip(masks, answers, facts, strict=True):
        own = rows[:, mask]
        matrix = own[:N_FIT].T @ own[:N_FIT] + 0.5 * np.eye(mask.sum())
        expected = own[N_FIT:] @ np.linalg.solve(matrix, own[:N_FIT].T @ given)
        np.testing.assert_allclose(answer, expected, rtol=1e-9, atol=1e-11)
        assert fact[forms.COUNT] == mask.sum()
        small = matrix if mask.sum() <= N_FIT else own[:N_FIT] @ own[:N_FIT].T + 0.5 * np.eye(N_FIT)
        assert 0.0 <= fact[forms.FLOOR] <= np.linalg.eigvalsh(small)[0] + 1e-12
        np.testing.assert_allclose(fact[forms.TRACE], np.trace(small))


def test_without_a_shift_it_is_the_pseudo_inverse(rows, masks):
    answers, facts = answers_of(rows, masks, np.zeros((N_FIT, N_TARGETS)), forms.UNSHIFTED, 0.0)
    for mask, answer, fact in zip(masks, answers, facts, strict=True):
        own = rows[:, mask]
        inverse = np.linalg.pinv(own[:N_FIT].T @ own[:N_FIT], rcond=1e-10)
        expected = own[N_FIT:] @ inverse @ own[N_FIT : N_FIT + N_TARGETS].T
        np.testing.assert_allclose(answer, expected, rtol=1e-6, atol=1e-8)
        assert fact[forms.FLOOR] > 0.0


@pytest.mark.parametrize("careful", [False, True])
def test_copies_are_one_column(careful, rows, masks, rng):
    rows[:, 2::3] = rows[:, ::3][:, : len(rows[0, 2::3])]
    rows[:, 4] = rows[:, 0]
    given = np.zeros((N_FIT, N_TARGETS))
    answers, facts = answers_of(rows, masks, given, forms.UNSHIFTED, 0.0, careful)
    for mask, answer, fact in zip(masks, answers, facts, strict=True):
        own = rows[:, mask]
        inverse = np.linalg.pinv(own[:N_FIT].T @ own[:N_FIT], rcond=1e-10)
        solved = own[N_FIT:] @ inverse
        if mask.sum() <= N_FIT:
            np.testing.assert_allclose(answer, solved @ own[N_FIT : N_FIT + N_TARGETS].T, atol=1e-7)
            norms = np.linalg.norm(solved, axis=1)
            np.testing.assert_allclose(fact[forms.NORM], norms[:N_TARGETS].max(), rtol=1e-6)
            asked = norms.max() if careful else 0.0
            np.testing.assert_allclose(fact[forms.ASKED], asked, rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_shift_that_is_a_share_of_the_mean_diagonal(share, rows, masks):
    answers, _ = answers_of(rows, masks, np.zeros((N_FIT, N_TARGETS)), forms.SHARED, share)
    for mask, answer in zip(masks, answers, strict=True):
        own, count = rows[:, mask], mask.sum()
        matrix = own[:N_FIT].T @ own[:N_FIT]
        matrix = (1.0 - share) * matrix + share * np.trace(matrix) / count * np.eye(count)
        if share == 0.0 and count > N_FIT:
            assert np.isnan(answer).all()
            continue
        expected = own[N_FIT:] @ np.linalg.solve(matrix, own[N_FIT : N_FIT + N_TARGETS].T)
        np.testing.assert_allclose(answer, expected, rtol=1e-8, atol=1e-8)


def test_what_cannot_be_solved_is_not_a_number(rows, masks):
    both = np.arange(N_COLUMNS)[None] < 2
    none = np.zeros((1, N_COLUMNS), dtype=bool)
    for mask in (none, both):
        rows[:N_FIT, :2] = 1.0  # exactly singular
        given = np.zeros((N_FIT, N_TARGETS))
        answers, _ = answers_of(rows, mask, given, forms.UNSHIFTED, 0.0)
        assert np.isnan(answers).all()
