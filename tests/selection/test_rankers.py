"""Rankers: orders, each against a plain rewriting, their stack as the guide of a search."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from vaega import make_madelon
from vaega.core.errors import InputError, MissingExtraError
from vaega.core.randomness import derive_seed
from vaega.selection import _rankers as rankers
from vaega.selection._rankers import (
    AUTO,
    RANKERS,
    Views,
    f_statistic,
    least_redundant,
    one_vs_rest,
    rank_features,
    rank_views,
    recursive_elimination,
    relieff_statistic,
    ridge_weights,
)
from vaega.selection._settings import SearchSettings


def planted(n=80, columns=20, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["x", "y"], n // 2)
    X = rng.normal(size=(n, columns))
    X[:, [3, 11]] += 2.0 * (y == "y")[:, None]
    return X, y


@pytest.mark.parametrize("kind", RANKERS)
def test_what_is_planted_comes_first(kind):
    X, y = planted()
    order = rank_features(kind, X, y, seed=0)
    assert sorted(order.tolist()) == list(range(20))
    assert set(order[:2].tolist()) == {3, 11}


@pytest.mark.parametrize("kind", RANKERS)
def test_the_same_seed_gives_the_same_order(kind):
    X, y = planted()
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that it is untouched is the point
    orders = [rank_features(kind, X, y, seed=5) for _ in range(2)]
    np.testing.assert_array_equal(*orders)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("kind", RANKERS)
def test_three_classes_and_a_constant_column(kind):
    X, _ = planted(60)
    X[:, 7] = 1.0
    y = np.arange(60) % 3
    X[:, 2] += 3.0 * y
    order = rank_features(kind, X, y, seed=0)
    assert order[0] == 2
    assert len(set(order.tolist())) == 20


def test_the_filter_is_scikit_learns():
    X, y = planted()
    expected = SelectKBest(f_classif, k=6).fit(X, y).get_support(indices=True)
    assert set(rank_features("f_classif", X, y, seed=0)[:6].tolist()) == set(expected.tolist())


def test_ties_are_for_the_earlier_column():
    X, y = planted()
    X[:, 15] = X[:, 3]
    order = rank_features("f_classif", X, y, seed=0).tolist()
    assert order.index(3) < order.index(15)


def test_unknown_criteria_are_one_sentence():
    with pytest.raises(InputError, match=r"^rank_features: kind must be one of"):
        rank_features("relief", *planted(), seed=0)


def test_boruta_puts_what_it_confirms_first():
    X, y = planted()
    boruta = rankers.find_boruta()
    from sklearn.ensemble import RandomForestClassifier

    found = boruta(
        RandomForestClassifier(max_depth=5, class_weight="balanced"),
        n_estimators=30,
        max_iter=15,
        random_state=derive_seed(0, "ranking", "boruta") % 2**32,
    ).fit(X, y)
    order = rank_features("boruta", X, y, seed=0)
    confirmed = np.flatnonzero(found.support_)
    assert {3, 11} <= set(confirmed.tolist())
    assert set(order[: len(confirmed)].tolist()) == set(confirmed.tolist())


def test_without_boruta_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "boruta", None)
    X, y = planted()
    with pytest.raises(MissingExtraError, match=r"pip install 'boruta', .* extra compare\.$"):
        rank_features("boruta", X, y, seed=0)


def plain(X, y, k=10):
    """Return the weights row by row and neighbour by neighbour, as in the paper."""
    X = (X - X.min(axis=0)) / np.maximum(np.ptp(X, axis=0), 1e-300)
    weights = np.zeros(X.shape[1])
    for row in range(len(X)):
        apart = np.abs(X - X[row])
        order = [one for one in np.argsort(apart.sum(axis=1), kind="stable") if one != row]
        for label in np.unique(y):
            near = [one for one in order if y[one] == label][:k]
            if not near:
                continue
            mean = apart[near].mean(axis=0)
            share = np.mean(y == label) / (1.0 - np.mean(y == y[row]))
            weights += -mean if label == y[row] else share * mean
    return weights / len(X)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_it_is_the_plain_loop(n_classes):
    rng = np.random.default_rng(n_classes)
    y = np.sort(rng.integers(n_classes, size=60))
    X = rng.normal(size=(60, 7)) + y[:, None] * np.r_[1.0, np.zeros(6)]
    X[:, 3] = 4.0  # constant
    np.testing.assert_allclose(relieff_statistic(X, y), plain(X, y), atol=1e-12)
    assert relieff_statistic(X, y)[3] == 0.0


def test_a_class_of_one_row_and_one_of_two():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), np.array([0, 1, 1, 2, 2, 2, 2, 2, 2])
    np.testing.assert_allclose(relieff_statistic(X, y), plain(X, y), atol=1e-12)


def test_planted_features_come_first():
    data = make_madelon(400, 60, random_state=0)
    order = np.argsort(-relieff_statistic(data.X, data.y))
    assert data.relevant[order[:15]].all()


def test_some_rows_are_references_where_there_are_many(monkeypatch):
    data = make_madelon(300, 40, random_state=1)
    everyone = relieff_statistic(data.X, data.y)
    monkeypatch.setattr(rankers, "MOST_REFERENCES", 150)
    some = relieff_statistic(data.X, data.y, seed=0)
    assert (some == relieff_statistic(data.X, data.y, seed=0)).all()
    assert (some != relieff_statistic(data.X, data.y, seed=1)).any()
    assert np.corrcoef(everyone, some)[0, 1] > 0.9


def test_chances_follow_the_guide_by_its_share(two_clouds):
    weights = rank_views(*two_clouds, "f_classif").chances(0.5)
    assert weights.sum() == pytest.approx(1.0)
    assert set(np.argsort(weights)[-2:]) == {0, 1}
    assert weights.min() >= 0.5 / 12
    np.testing.assert_allclose(rank_views(*two_clouds, "none").chances(0.5), 1 / 12)


def test_the_guide_survives_constant_and_perfect_columns():
    y = np.repeat([0, 1], 5)
    X = np.column_stack([np.ones(10), y, np.arange(10.0)])
    weights = rank_views(X, y, "f_classif").chances(0.5)
    assert np.isfinite(weights).all()
    assert weights[1] >= weights[2] > weights[0]


@pytest.mark.parametrize("name", AUTO)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rankers_of_the_stack_take_rows_as_they_come(name, n_classes, rng):
    y = np.arange(40) % n_classes
    X = np.column_stack([np.ones(40), y, y, rng.normal(size=(40, 3)), 1e6 * rng.normal(size=40)])
    X[3, 4] = np.nan
    views = rank_views(X, y, name)
    assert np.isfinite(views.scores).all()
    assert views.orders[0][0] in (1, 2)
    flat = rank_views(np.ones((40, 3)), y, name)
    assert np.isfinite(flat.scores).all()


def test_a_stack_is_the_mean_worth_of_ranks_by_weight():
    views = Views(("a", "b"), np.array([[3.0, 2.0, 1.0], [0.1, 0.3, 0.2]]))
    worth = np.exp(-np.array([[0, 1, 2], [2, 0, 1]]) / 50)
    np.testing.assert_allclose(views.worth, worth.mean(axis=0))
    weighted = views.weighted(np.array([1.0, 0.0]))
    np.testing.assert_allclose(weighted.worth, worth[0])
    assert weighted.orders is views.orders  # sorted once
    anew = replace(views, weights=np.array([1.0, 0.0]))
    np.testing.assert_array_equal(weighted.worth, anew.worth)
    np.testing.assert_array_equal(views.ranks, [[0, 1, 2], [2, 0, 1]])


def test_auto_stacks_its_rankers_and_two_classes_need_no_one_against_the_rest(two_clouds):
    assert set(rank_views(*two_clouds, "auto").names) == set(AUTO) - {"one_vs_rest"}
    X, _ = two_clouds
    assert rank_views(X, np.arange(60) % 3, "auto").names == AUTO


def test_a_list_of_rankers_of_all_kinds_is_a_stack(two_clouds):
    views = rank_views(*two_clouds, ["mrmr", f_classif, RidgeClassifier()])
    assert views.names == ("mrmr", "f_classif", "RidgeClassifier")
    assert views.scores.shape == (3, 12)


def test_one_class_against_the_others_gives_each_its_own_best_features(rng):
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 9))
    X[:, 4] += 8.0 * (y == 0)
    X[:, 5] += 7.0 * (y == 0)
    X[:, 7] += 1.5 * (y == 1)
    assert np.argsort(-f_statistic(X, y))[:2].tolist() == [4, 5]
    assert set(np.argsort(-one_vs_rest(X, y))[:3].tolist()) >= {4, 7}
    by_hand = max(f_classif(X, y == label)[0][7] for label in range(3))
    assert by_hand == pytest.approx(max(f_statistic(X, y == label)[7] for label in range(3)))


@pytest.mark.parametrize("shape", [(30, 80), (80, 30)])
def test_ridge_weights_are_those_of_scikit_learn(shape, rng):
    X, y = rng.normal(size=shape), np.arange(shape[0]) % 3
    Z = StandardScaler().fit_transform(X)
    penalty = (Z**2).sum() / min(shape)
    expected = RidgeClassifier(alpha=penalty).fit(Z, y).coef_
    np.testing.assert_allclose(ridge_weights(X, y), (expected**2).sum(axis=0), rtol=1e-8)


def test_elimination_halves_by_the_weights_of_what_remains(rng):
    X, y = rng.normal(size=(20, 64)), np.arange(20) % 2
    scores = recursive_elimination(X, y)
    first = np.argsort(-ridge_weights(X, y), kind="stable")
    assert set(np.argsort(-scores)[:32].tolist()) == set(first[:32].tolist())
    kept = np.sort(first[:32])
    again = kept[np.argsort(-ridge_weights(X[:, kept], y), kind="stable")][:16]
    assert set(np.argsort(-scores)[:16].tolist()) == set(again.tolist())


def test_a_copy_of_a_good_feature_is_redundant(rng):
    y = np.arange(60) % 2
    X = rng.normal(size=(60, 10))
    X[:, 2] += 2.0 * y
    X[:, 3] = X[:, 2] + 1e-3 * rng.normal(size=60)
    X[:, 8] += 3.0 * y
    order = np.argsort(-least_redundant(X, y, f_statistic(X, y)))
    assert order[0] in (2, 3)
    assert order[1] == 8


def test_many_rows_are_drawn_by_class(monkeypatch):
    monkeypatch.setattr(rankers, "MOST_ROWS", 40)
    y = np.repeat([0, 1], [300, 100])
    X = np.arange(400.0)[:, None]
    drawn, labels = rankers._drawn_rows(X, y, 0)
    assert np.bincount(labels).tolist() == [30, 10]
    assert (drawn == rankers._drawn_rows(X, y, 0)[0]).all()
    assert (drawn != rankers._drawn_rows(X, y, 1)[0]).any()


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
    views = rank_views(X, y, "mutual_info", seed=1)
    assert views.worth.argmax() == 2
    np.testing.assert_array_equal(views.scores, rank_views(X, y, "mutual_info", seed=1).scores)


def test_weights_of_the_users_own_are_taken_as_they_are():
    X, y = np.zeros((4, 3)), np.arange(4) % 2
    weights = rank_views(X, y, [0.0, 1.0, 3.0]).chances(1.0)
    np.testing.assert_allclose(weights, [0.0, 0.25, 0.75])
    with pytest.raises(InputError, match=r"guide: weights must hold one value a feature.*\(3,\)"):
        rank_views(X, y, [1.0, 2.0])


@pytest.mark.parametrize("guide", ["relief", None, [[1.0]], 3, [], ["rfe", "relief"], ["rfe", 3]])
def test_a_guide_that_is_none_is_refused_in_one_sentence(guide):
    with pytest.raises(InputError, match="guide must be one of"):
        SearchSettings(guide=guide).check(owner="GeneticSelector")
