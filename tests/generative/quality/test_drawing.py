import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.decomposition import PCA

from tests.generative.quality.stubs import DiagonalGaussian, two_classes
from vaega.core.errors import InputError
from vaega.generative.quality._rows import draw_rows, share_rows

X, Y = two_classes(60)


def test_the_generator_sees_no_held_out_row():
    drawn = draw_rows(DiagonalGaussian(), X, Y, seed=0)
    rows = drawn.rows
    assert drawn.model.n_fit_ == len(rows.X_fit) == 42
    everything = np.concatenate([rows.X_fit, rows.X_test])
    assert np.array_equal(np.sort(everything, axis=0), np.sort(X, axis=0))
    for label in (0, 1):
        mine = rows.X_fit[rows.y_fit == label]
        assert drawn.model.means_[label] == pytest.approx(mine.mean(axis=0))


def test_a_model_given_is_not_changed():
    model = DiagonalGaussian()
    draw_rows(model, X, Y, seed=0)
    assert not hasattr(model, "means_")
    fitted = DiagonalGaussian().fit(X, Y)
    assert draw_rows(fitted, X, Y, seed=0).model is not fitted
    assert fitted.n_fit_ == 60


def test_a_fitted_model_is_taken_as_it_is_with_test_rows():
    fitted, unfitted = DiagonalGaussian().fit(X, Y), DiagonalGaussian()
    test = two_classes(20, seed=9)
    assert draw_rows(fitted, X, Y, X_test=test[0], y_test=test[1], seed=0).model is fitted
    drawn = draw_rows(unfitted, X, Y, X_test=test[0], y_test=test[1], seed=0)
    assert drawn.model.n_fit_ == 60
    assert np.array_equal(drawn.rows.X_test, test[0])


def test_rows_are_drawn_in_the_classes_shares():
    y = np.repeat([0, 1], [40, 20])
    drawn = draw_rows(DiagonalGaussian(), X, y, n_synthetic=80, seed=0)
    assert np.bincount(drawn.rows.y_synthetic).tolist() == [53, 27]
    assert len(draw_rows(DiagonalGaussian(), X, y, seed=0).rows.X_synthetic) == 200


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
    drawn = draw_rows(SMOTE(k_neighbors=2), X, Y, n_synthetic=50, seed=0)
    assert drawn.generator == "SMOTE"
    assert drawn.model is None
    assert drawn.rows.X_synthetic.shape == (50, 20)


@pytest.mark.parametrize("generator", [None, 3, PCA(), DiagonalGaussian, SMOTE])
def test_what_is_no_generator_is_refused(generator):
    with pytest.raises(InputError, match="needs a generative model"):
        draw_rows(generator, X, Y, seed=0)


def test_a_sampler_that_drops_rows_is_refused():
    with pytest.raises((InputError, ValueError)):
        draw_rows(RandomUnderSampler(), X, Y, seed=0)


def test_test_rows_and_labels_go_together():
    with pytest.raises(InputError, match="y_test is missing"):
        draw_rows(DiagonalGaussian(), X, Y, X_test=X, seed=0)


def test_too_few_rows_to_draw():
    with pytest.raises(InputError, match="n_synthetic must be a whole number, at least 4, got 3"):
        draw_rows(DiagonalGaussian(), X, Y, n_synthetic=3, seed=0)


def test_seeds_are_derived_and_those_given_stay():
    one, two, other = (draw_rows(DiagonalGaussian(), X, Y, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.rows.X_synthetic, two.rows.X_synthetic)
    assert not np.array_equal(one.rows.X_test, other.rows.X_test)
    assert draw_rows(DiagonalGaussian(random_state=7), X, Y, seed=0).model.random_state == 7
