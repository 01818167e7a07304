import numpy as np
import pytest
from sklearn.feature_selection import f_classif

from vaega.core.errors import InputError
from vaega.data._folds import Fold
from vaega.selection._filters import f_statistic, guide_weights
from vaega.selection._settings import SearchSettings


def test_the_guide_sees_real_fit_rows_only(two_clouds):
    X, y = two_clouds
    fold = Fold(X, y, X[:4], y[:4], np.arange(12), n_real=60)
    weights = guide_weights([fold], 12, "f_classif")
    assert weights.sum() == pytest.approx(1.0)
    assert set(np.argsort(weights)[-2:]) == {0, 1}
    assert weights.min() >= 0.5 / 12
    lying = Fold(np.vstack([X, -X]), np.r_[y, y], X[:4], y[:4], np.arange(12), n_real=60)
    np.testing.assert_array_equal(guide_weights([lying], 12, "f_classif"), weights)
    np.testing.assert_allclose(guide_weights([fold], 12, "none"), 1 / 12)


def test_the_guide_survives_constant_and_perfect_columns():
    y = np.repeat([0, 1], 5)
    X = np.column_stack([np.ones(10), y, np.arange(10.0)])
    weights = guide_weights([Fold(X, y, X, y, np.arange(3), n_real=10)], 3, "f_classif")
    assert np.isfinite(weights).all()
    assert weights[1] >= weights[2] > weights[0]


def test_the_f_statistic_is_that_of_scikit_learn(rng):
    X, y = rng.normal(size=(40, 30)), rng.integers(0, 3, size=40)
    np.testing.assert_allclose(f_statistic(X, y), f_classif(X, y)[0])


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9, 1e150])
def test_a_column_that_is_constant_but_for_rounding_says_nothing(scale, rng):
    y = np.repeat([0, 1], 20)
    X = np.column_stack([np.full(40, 0.1 * scale), y + rng.normal(size=40)])
    X[::3, 0] = np.nextafter(X[0, 0], np.inf)
    statistic = f_statistic(X, y)
    assert statistic[0] == 0.0
    assert statistic[1] > 1.0


def test_missing_values_count_as_the_mean(rng):
    y = np.repeat([0, 1], 20)
    X = y[:, None] + rng.normal(size=(40, 2))
    X[3, 0] = np.nan
    filled = X.copy()
    filled[3, 0] = np.nanmean(X[:, 0])
    np.testing.assert_allclose(f_statistic(X, y), f_statistic(filled, y))


def test_mutual_information_sees_what_the_f_statistic_does_not(rng):
    X = rng.normal(size=(300, 5))
    y = (np.abs(X[:, 2]) > 0.7).astype(int)
    fold = Fold(X, y, X[:4], y[:4], np.arange(5), n_real=300)
    weights = guide_weights([fold], 5, "mutual_info", seed=1)
    assert weights.argmax() == 2
    np.testing.assert_array_equal(weights, guide_weights([fold], 5, "mutual_info", seed=1))


def test_weights_of_the_users_own_are_taken_as_they_are():
    weights = guide_weights([], 3, [0.0, 1.0, 3.0], share=1.0)
    np.testing.assert_allclose(weights, [0.0, 0.25, 0.75])
    with pytest.raises(InputError, match=r"guide: weights must hold one value a feature.*\(3,\)"):
        guide_weights([], 3, [1.0, 2.0])


@pytest.mark.parametrize("guide", ["relief", None, [[1.0]], 3])
def test_a_guide_that_is_none_is_refused_in_one_sentence(guide):
    with pytest.raises(InputError, match="guide must be one of"):
        SearchSettings(guide=guide).check(owner="GeneticSelector")
