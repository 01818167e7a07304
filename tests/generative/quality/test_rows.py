import numpy as np
import pytest

from tests.generative.quality.stubs import compared, two_classes
from vaega.core.errors import InputError
from vaega.generative.quality._rows import check_labelled, check_rows

X, Y = two_classes(20)


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (1, np.zeros(20), "two classes or more, got 1"),
        (0, np.ones((20, 20)), "a column that varies, got 20 constant"),
        (2, X[:, :5], "X_synthetic must have 20 columns, got 5"),
        (4, X[:, :5], "X_test must have 20 columns, got 5"),
        (3, Y + 5, "y_synthetic must hold labels of y_fit, got 5"),
        (5, Y[:3], "y_test must hold 20 labels, got shape"),
        (3, np.where(np.arange(20) > 0, 0, 1), "at least two synthetic rows, got 1 of 1"),
        (2, np.where(X > 2, np.nan, X), "NaN"),
        (0, X[:5], "inconsistent"),
    ],
)
def test_parts_that_do_not_fit_are_refused(place, value, sentence):
    parts = [X, Y, X, Y, X, Y]
    parts[place] = value
    with pytest.raises(ValueError, match=sentence):
        check_rows(*parts)


def test_input_errors_name_the_owner():
    with pytest.raises(InputError, match="measure_rows: X_synthetic"):
        check_rows(X, Y, X[:, :2], Y, X, Y)


def test_labels_are_coded_by_the_fit_rows():
    names = np.array(["b", "a"])[Y]
    rows = check_rows(X, names, X, names.tolist(), X, names)
    assert rows.classes.tolist() == ["a", "b"]
    assert rows.y_synthetic.tolist() == (1 - Y).tolist()


def test_scaled_rows_are_standardised_by_the_fit_rows_without_constant_columns():
    rows = compared()
    rows.X_fit[:, 7] = 3.0
    scaled = rows.scaled()
    assert scaled.X_fit.shape[1] == scaled.X_test.shape[1] == 19
    assert scaled.X_fit.mean(axis=0) == pytest.approx(np.zeros(19), abs=1e-12)
    assert scaled.X_fit.std(axis=0) == pytest.approx(np.ones(19))
    assert np.abs(rows.scaled(limit=0.5).X_test).max() == 0.5


def test_matched_rows_are_as_many_of_each_class_as_are_held_out():
    rows = compared(n_test=15)
    chosen = rows.matched(np.random.default_rng(0))
    assert np.bincount(rows.y_synthetic[chosen]).tolist() == np.bincount(rows.y_test).tolist()


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.array(["a", None] * 10, dtype=object), "must hold a label for every row, got None"),
        (np.array(["a", 1] * 10, dtype=object), "must hold labels of one type, got int, str"),
        (None, "y must hold a label for every row, got None"),
    ],
)
def test_labels_that_are_none_are_one_sentence(labels, sentence):
    with pytest.raises(InputError, match=f"^measure_quality: y {sentence.removeprefix('y ')}"):
        check_labelled(X, labels, "y", owner="measure_quality")


def test_columns_of_extreme_size_come_near_one_and_others_stay():
    sizes = np.ones(20)
    sizes[:3] = 2.0**-200, 2.0**500, 0.0
    rows = check_rows(X * sizes, Y, X * sizes, Y, X * sizes, Y).in_units()
    largest = np.abs(rows.X_fit).max(axis=0)
    assert ((largest[:2] >= 1) & (largest[:2] < 2)).all()
    for table in (rows.X_fit, rows.X_synthetic, rows.X_test):
        np.testing.assert_array_equal(table[:, 2:], (X * sizes)[:, 2:])
    plain = check_rows(X, Y, X, Y, X, Y)
    assert plain.in_units() is plain
