"""Forms of a pseudo-inverse: numpy's, with fewer and with more columns than rows."""

import numpy as np
import pytest

from vaega.engines import _discriminant as spectral
from vaega.engines import _linear_forms as forms
from vaega.engines._compiled import padded

N_FIT, N_TARGETS, N_OTHERS, N_COLUMNS = 11, 2, 5, 40


@pytest.fixture
def rows(rng):
    made = rng.normal(size=(N_FIT + N_TARGETS + N_OTHERS, N_COLUMNS))
    made[:N_FIT, 1::2] = made[:N_FIT, ::2]  # copies among the rows to fit
    made[3] = made[2]
    return made


def answers_of(rows, masks):
    by_feature = np.zeros((N_COLUMNS, padded(len(rows), float)))
    by_feature[:, : len(rows)] = rows.T
    answers = np.empty((len(masks), N_TARGETS + N_OTHERS, N_TARGETS))
    facts = np.empty((len(masks), spectral.N_SPECTRAL_FACTS))
    sizes = np.zeros((N_COLUMNS, 4))
    spectral.compute_spectral_forms(masks, by_feature, sizes, N_FIT, 1e-6, answers, facts)
    return answers, facts


@pytest.mark.parametrize("count", [1, 2, 4, 10, 11, 12, 30, 40])
def test_the_pseudo_inverse_and_its_facts_are_those_of_numpy(count, rows):
    mask = np.arange(N_COLUMNS)[None] < count
    (answer,), (fact,) = answers_of(rows, mask)
    own = rows[:, :count]
    matrix = own[:N_FIT].T @ own[:N_FIT]
    inverse = np.linalg.pinv(matrix, rcond=1e-10, hermitian=True)
    solved = own[N_FIT:] @ inverse
    np.testing.assert_allclose(answer, solved @ own[N_FIT : N_FIT + N_TARGETS].T, atol=1e-9)
    values = np.linalg.eigvalsh(matrix)
    counting = values[values > 1e-10]
    norms = np.linalg.norm(solved, axis=1)
    assert fact[spectral.RANK] == len(counting) == np.linalg.matrix_rank(own[:N_FIT])
    assert 0.0 <= fact[spectral.CEILING] < 1e-25
    np.testing.assert_allclose(fact[forms.FLOOR], counting[0], rtol=1e-9)
    np.testing.assert_allclose(fact[spectral.TOP], values[-1], rtol=1e-9)
    np.testing.assert_allclose(fact[forms.TRACE], np.trace(matrix), rtol=1e-9)
    np.testing.assert_allclose(fact[forms.NORM], norms[:N_TARGETS].max(), rtol=1e-8)
    np.testing.assert_allclose(fact[spectral.ASK_NORM], norms.max(), rtol=1e-8)


def test_without_columns_there_is_no_answer(rows):
    answers, _ = answers_of(rows, np.zeros((1, N_COLUMNS), dtype=bool))
    assert np.isnan(answers).all()
