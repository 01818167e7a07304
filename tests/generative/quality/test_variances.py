import numpy as np
import pytest

from tests.generative.quality.stubs import compared, two_classes
from vaega.generative.quality._rows import check_rows
from vaega.generative.quality._similarity import variance_ratios, variance_table


def test_rows_twice_as_wide_have_four_times_the_variance():
    X, y = two_classes(30)
    assert variance_ratios(check_rows(X, y, 2 * X, y, X, y)) == pytest.approx(np.full(20, 4.0))


def test_shifted_classes_change_nothing():
    X, y = two_classes(30)
    moved = X + 7.0 * y[:, None]
    table = variance_table(check_rows(X, y, moved, y, X, y))
    assert table["ratio"].tolist() == pytest.approx([1.0] * 4)


def test_one_wide_class_shows_in_its_row():
    X, y = two_classes(30)
    wide = np.where(y[:, None] == 1, 3 * X, X)
    table = variance_table(check_rows(X, y, wide, y, X, y)).set_index(["rows", "label"])["ratio"]
    assert table["synthetic", "0"] == pytest.approx(1.0)
    assert table["synthetic", "1"] == pytest.approx(9.0)
    assert 1.0 < table["synthetic", "all"] < 9.0
    assert table["held out", "all"] == pytest.approx(1.0)


def test_quantiles_over_features():
    X, y = two_classes(30)
    half = np.where(np.arange(20) < 10, X, 2 * X)
    row = variance_table(check_rows(X, y, half, y, X, y)).iloc[0]
    assert (row["q05"], row["q95"]) == (pytest.approx(1.0), pytest.approx(4.0))


def test_a_class_of_one_fit_row_has_no_variance():
    X, y = two_classes(21)
    y = np.where(np.arange(21) == 20, 2, y)
    S, s = np.concatenate([X, X[20:]]), np.append(y, 2)
    table = variance_table(check_rows(X, y, S, s, X, y)).set_index(["rows", "label"])["ratio"]
    assert np.isnan(table["synthetic", "2"])
    assert np.isfinite(table["synthetic", "all"])


def test_rows_of_one_distribution_are_near_one():
    assert variance_table(compared(n_fit=200))["ratio"].iloc[0] == pytest.approx(1.0, abs=0.1)
