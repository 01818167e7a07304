import numpy as np
import pytest

from tests.generative.quality.stubs import compared, two_classes
from vaega.generative.quality import _classifiers as twosample
from vaega.generative.quality._classifiers import compare_samples
from vaega.generative.quality._rows import check_rows


def p_values(rows, others="synthetic", seed=0):
    table = compare_samples(rows, rng=np.random.default_rng(seed))
    return table[table["others"] == others].set_index("classifier")["p_value"]


@pytest.mark.parametrize("p", [3, 20, 2000])
def test_rows_of_one_distribution_are_not_told_apart(p):
    found = p_values(compared(p=p))
    assert found.min() > 0.01


def test_by_chance_as_often_as_the_p_value_says():
    least = [
        p_values(compared(p=200, X_synthetic=two_classes(200, 200, seed=100 + seed)[0]), seed=seed)
        for seed in range(40)
    ]
    assert np.mean([found["linear"] < 0.05 for found in least]) <= 0.15
    assert np.mean([found["spread"] < 0.05 for found in least]) <= 0.15


@pytest.mark.parametrize("p", [20, 2000])
def test_shifted_rows_are_told_apart_by_the_linear_classifier(p):
    X, _ = two_classes(200, p, seed=2)
    assert p_values(compared(p=p, X_synthetic=X + 0.8))["linear"] < 1e-4


@pytest.mark.parametrize("p", [20, 2000])
def test_rows_that_vary_too_little_are_told_apart_by_the_spread_classifier(p):
    X, _ = two_classes(200, p, seed=2)
    assert p_values(compared(p=p, X_synthetic=0.5 * X))["spread"] < 1e-4


def test_lost_correlations_are_told_apart():
    def made(n, seed, together):
        rng = np.random.default_rng(seed)
        return together * rng.normal(size=(n, 1)) + rng.normal(size=(n, 100)), np.arange(n) % 2

    rows = check_rows(*made(60, 0, 1.0), *made(200, 1, 0.0), *made(60, 2, 1.0))
    assert p_values(rows)["spread"] < 1e-3
    assert p_values(rows, "fit").min() > 0.005


def test_held_out_rows_from_elsewhere_are_told_from_fit_rows_too():
    (X, y), (S, s), (T, t) = (two_classes(60, seed=seed) for seed in range(3))
    rows = check_rows(X, y, S, s, T + 1.0, t)
    assert p_values(rows).min() < 1e-4
    assert p_values(rows, "fit").min() < 1e-4


def test_classes_are_as_many_on_both_sides():
    X, _ = two_classes(200, seed=2)
    rows = compared(n_test=10, y_synthetic=np.repeat([0, 1], [190, 10]), X_synthetic=X)
    assert compare_samples(rows, rng=np.random.default_rng(0))["n_rows"].tolist() == [20] * 4


def test_many_rows_are_sampled(monkeypatch):
    monkeypatch.setattr(twosample, "MAX_ROWS", 30)
    rows = compared(n_fit=100, n_test=100)
    assert compare_samples(rows, rng=np.random.default_rng(0))["n_rows"].max() <= 62


def test_same_generator_same_bits():
    tables = [compare_samples(compared(), rng=np.random.default_rng(5)) for _ in range(2)]
    assert tables[0].equals(tables[1])
