import numpy as np
import pytest
from sklearn.base import BaseEstimator

from vaega.core.errors import InputError
from vaega.data._preprocess import Preprocessor
from vaega.fitness._folds import augment, prepare_fold, prepare_folds

FIT, VALIDATE = np.arange(0, 60, 2), np.arange(1, 60, 2)


class Doubling(BaseEstimator):
    """Adds each row again, moved by a seeded step."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit_resample(self, X, y):
        step = np.random.default_rng(self.random_state).normal()
        return np.vstack([X, X + step]), np.r_[y, y]


def test_synthetic_rows_come_behind_the_real_ones(two_clouds):
    X, y = two_clouds
    fold = prepare_fold(X, y, FIT, VALIDATE, sampler=Doubling(), seed=3)
    assert fold.n_real == 30
    np.testing.assert_array_equal(fold.X_fit[:30], X[FIT])
    np.testing.assert_array_equal(fold.X_validate, X[VALIDATE])
    assert len(fold.X_fit) == len(fold.y_fit) == 60


def test_scaling_is_learned_from_the_fit_rows(two_clouds):
    X, y = two_clouds
    preparation = Preprocessor(["standardize"])
    fold = prepare_fold(X, y, FIT, VALIDATE, preparation=preparation, seed=0)
    np.testing.assert_allclose(fold.X_fit.mean(axis=0), 0, atol=1e-12)
    moved = X.copy()
    moved[VALIDATE] += 100.0
    other = prepare_fold(moved, y, FIT, VALIDATE, preparation=preparation, seed=0)
    np.testing.assert_array_equal(other.X_fit, fold.X_fit)


def test_columns_dropped_in_a_fold_keep_their_names(two_clouds):
    X, y = two_clouds
    X = X.copy()
    X[FIT, 3] = 1.0
    fold = prepare_fold(X, y, FIT, VALIDATE, preparation=Preprocessor(["drop_constant"]), seed=0)
    assert fold.columns.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]


def test_each_fold_has_a_seed_of_its_own_and_processes_do_not_matter(two_clouds):
    X, y = two_clouds
    splits = [(FIT, VALIDATE), (FIT, VALIDATE)]
    one = prepare_folds(X, y, splits, sampler=Doubling(), seed=1)
    two = prepare_folds(X, y, splits, sampler=Doubling(), seed=1, n_jobs=2)
    assert (one[0].X_fit != one[1].X_fit).any()
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.X_fit, b.X_fit)


def test_the_users_sampler_is_left_alone(two_clouds):
    sampler = Doubling()
    augment(*two_clouds, sampler, seed=1)
    assert sampler.random_state is None


def test_a_seed_that_the_user_set_stays(two_clouds):
    X, y = two_clouds
    one, _ = augment(X, y, Doubling(random_state=5), seed=1)
    two, _ = augment(X, y, Doubling(random_state=5), seed=2)
    np.testing.assert_array_equal(one, two)


def test_no_sampler(two_clouds):
    with pytest.raises(
        InputError, match=r"sampler: must be an instance with the method fit_resample"
    ):
        augment(*two_clouds, object(), seed=1)
