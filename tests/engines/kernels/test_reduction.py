"""Rows in fewer columns, with the same inner products."""

import numpy as np
import pytest

from vaega.engines._compiled import padded
from vaega.engines._logistic import reduce_rows, transpose_rows


def rows_of(n_features, n_rows, rng):
    rows = np.zeros((n_features, padded(n_rows, np.float64)))
    rows[:, :n_rows] = rng.normal(size=(n_features, n_rows))
    return rows


def reduce(rows, columns, n_fit, constant=0.0):
    width = rows.shape[1]
    most = min(len(columns) + 1, n_fit)
    reduced, gram, rest = np.empty((most, width)), np.empty((n_fit, width)), np.empty(n_fit)
    return reduced[: reduce_rows(reduced, gram, rest, rows, columns, n_fit, constant)]


@pytest.mark.parametrize("n_selected", [1, 29, 30, 31, 200])
@pytest.mark.parametrize("constant", [0.0, 2.0])
@pytest.mark.parametrize("n_fit", [30, 50, 90])
def test_inner_products_with_fit_rows_stay(n_selected, constant, n_fit, rng):
    rows = rows_of(300, n_fit + 13, rng)
    columns = np.sort(rng.choice(300, n_selected, replace=False))
    reduced = reduce(rows, columns, n_fit, constant)
    expected = rows[columns].T @ rows[columns][:, :n_fit] + constant**2
    n_rows = n_fit + 13
    np.testing.assert_allclose(
        (reduced.T @ reduced[:, :n_fit])[:n_rows], expected[:n_rows], atol=1e-9
    )
    assert len(reduced) <= n_fit


def test_rows_that_depend_on_others_need_no_column(rng):
    rows = rows_of(100, 20, rng)
    rows[:, 10:20] = rows[:, :10]
    reduced = reduce(rows, np.arange(100), 20)
    assert len(reduced) == 10
    np.testing.assert_allclose(reduced.T @ reduced[:, :20], rows.T @ rows[:, :20], atol=1e-9)


def test_rows_of_zeros_need_no_column_at_all():
    assert len(reduce(np.zeros((50, 24)), np.arange(50), 20)) == 0


@pytest.mark.parametrize("intercept", [True, False])
def test_transposed_with_ones_and_then_zeros(intercept, rng):
    reduced, rows = rng.normal(size=(6, 24)), np.full((19, 8), np.nan)
    assert transpose_rows(rows, reduced, 19, 5, intercept) == 5 + intercept
    np.testing.assert_array_equal(rows[:, :5], reduced[:5, :19].T)
    np.testing.assert_array_equal(rows[:, 5], float(intercept))
    np.testing.assert_array_equal(rows[:, 6:], 0.0)
