"""Classical rankings: what is planted comes first, the same bits each time."""

import sys

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif

from vaega.core.errors import InputError, MissingExtraError
from vaega.core.randomness import derive_seed
from vaega.selection import _filters as rankings
from vaega.selection._filters import RANKINGS, rank_features


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch):
    pytest.importorskip("boruta", reason="boruta is not installed (extra compare)")
    monkeypatch.setattr(rankings, "_N_FOREST", 30)
    monkeypatch.setattr(rankings, "_N_ROUNDS", 15)


def planted(n=80, columns=20, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["x", "y"], n // 2)
    X = rng.normal(size=(n, columns))
    X[:, [3, 11]] += 2.0 * (y == "y")[:, None]
    return X, y


@pytest.mark.parametrize("kind", RANKINGS)
def test_what_is_planted_comes_first(kind):
    X, y = planted()
    order = rank_features(kind, X, y, seed=0)
    assert sorted(order.tolist()) == list(range(20))
    assert set(order[:2].tolist()) == {3, 11}


@pytest.mark.parametrize("kind", RANKINGS)
def test_the_same_seed_gives_the_same_order(kind):
    X, y = planted()
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that it is untouched is the point
    orders = [rank_features(kind, X, y, seed=5) for _ in range(2)]
    np.testing.assert_array_equal(*orders)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("kind", RANKINGS)
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
    boruta = rankings.find_boruta()
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
    with pytest.raises(MissingExtraError, match=r"pip install 'vaega\[compare\]'\.$"):
        rank_features("boruta", X, y, seed=0)
