import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.decomposition import PCA

from tests.generative.quality.stubs import DiagonalGaussian, compared, two_classes
from vaega.core.errors import InputError
from vaega.generative.quality._rows import check_labelled, check_rows, draw_rows, share_rows

X, Y = two_classes(20)


@pytest.mark.parametrize(
    ("index", "value", "sentence"),
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
def test_parts_that_do_not_fit_are_refused(index, value, sentence):
    parts = [X, Y, X, Y, X, Y]
    parts[index] = value
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


WIDE, LABELS = two_classes(60)


def test_the_generator_sees_no_held_out_row():
    drawn = draw_rows(DiagonalGaussian(), WIDE, LABELS, seed=0)
    rows = drawn.rows
    assert drawn.model.n_fit_ == len(rows.X_fit) == 42
    everything = np.concatenate([rows.X_fit, rows.X_test])
    assert np.array_equal(np.sort(everything, axis=0), np.sort(WIDE, axis=0))
    for label in (0, 1):
        mine = rows.X_fit[rows.y_fit == label]
        assert drawn.model.means_[label] == pytest.approx(mine.mean(axis=0))


def test_a_model_given_is_not_changed():
    model = DiagonalGaussian()
    draw_rows(model, WIDE, LABELS, seed=0)
    assert not hasattr(model, "means_")
    fitted = DiagonalGaussian().fit(WIDE, LABELS)
    assert draw_rows(fitted, WIDE, LABELS, seed=0).model is not fitted
    assert fitted.n_fit_ == 60


def test_a_fitted_model_is_taken_as_it_is_with_test_rows():
    fitted, unfitted = DiagonalGaussian().fit(WIDE, LABELS), DiagonalGaussian()
    test = two_classes(20, seed=9)
    assert draw_rows(fitted, WIDE, LABELS, X_test=test[0], y_test=test[1], seed=0).model is fitted
    drawn = draw_rows(unfitted, WIDE, LABELS, X_test=test[0], y_test=test[1], seed=0)
    assert drawn.model.n_fit_ == 60
    assert np.array_equal(drawn.rows.X_test, test[0])


def test_rows_are_drawn_in_the_classes_shares():
    y = np.repeat([0, 1], [40, 20])
    drawn = draw_rows(DiagonalGaussian(), WIDE, y, n_synthetic=80, seed=0)
    assert np.bincount(drawn.rows.y_synthetic).tolist() == [53, 27]
    assert len(draw_rows(DiagonalGaussian(), WIDE, y, seed=0).rows.X_synthetic) == 200


@pytest.mark.parametrize(
    ("counts", "total", "shares"),
    [
        ([50, 50], 11, {0: 6, 1: 5}),
        ([96, 2, 2], 20, {0: 16, 1: 2, 2: 2}),
        ([1, 1], 4, {0: 2, 1: 2}),
    ],
)
def test_shares(counts, total, shares):
    assert share_rows(np.repeat(np.arange(len(counts)), counts), total) == shares
    assert sum(shares.values()) == total


@pytest.mark.parametrize("total", range(6, 60))
def test_shares_sum_to_the_total(total):
    assert sum(share_rows(np.repeat([0, 1, 2], [30, 7, 1]), total).values()) == total


def test_a_sampler_adds_what_is_wanted():
    drawn = draw_rows(SMOTE(k_neighbors=2), WIDE, LABELS, n_synthetic=50, seed=0)
    assert drawn.generator == "SMOTE"
    assert drawn.model is None
    assert drawn.rows.X_synthetic.shape == (50, 20)


@pytest.mark.parametrize("generator", [None, 3, PCA(), DiagonalGaussian, SMOTE])
def test_what_is_no_generator_is_refused(generator):
    with pytest.raises(InputError, match="needs a generative model"):
        draw_rows(generator, WIDE, LABELS, seed=0)


def test_a_sampler_that_drops_rows_is_refused():
    with pytest.raises((InputError, ValueError)):
        draw_rows(RandomUnderSampler(), WIDE, LABELS, seed=0)


def test_test_rows_and_labels_go_together():
    with pytest.raises(InputError, match="y_test is missing"):
        draw_rows(DiagonalGaussian(), WIDE, LABELS, X_test=WIDE, seed=0)


def test_too_few_rows_to_draw():
    with pytest.raises(InputError, match="n_synthetic must be a whole number, at least 4, got 3"):
        draw_rows(DiagonalGaussian(), WIDE, LABELS, n_synthetic=3, seed=0)


def test_seeds_are_derived_and_those_given_stay():
    one, two, other = (draw_rows(DiagonalGaussian(), WIDE, LABELS, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.rows.X_synthetic, two.rows.X_synthetic)
    assert not np.array_equal(one.rows.X_test, other.rows.X_test)
    assert draw_rows(DiagonalGaussian(random_state=7), WIDE, LABELS, seed=0).model.random_state == 7
