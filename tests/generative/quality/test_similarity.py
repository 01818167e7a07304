from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from tests.generative.quality.stubs import compared, two_classes
from vaega.generative.quality._rows import check_rows
from vaega.generative.quality._similarity import (
    BLOCK,
    MARGINAL_BLOCK,
    column_table,
    correlation_similarity,
    fidelity_table,
    ks_complements,
    variance_ratios,
    variance_table,
)


def test_figures_are_the_means_of_the_parts():
    rows = compared()
    table = fidelity_table(rows, seed=0).set_index("rows")
    expected = ks_complements(rows.X_fit, rows.X_synthetic).mean()
    pairs = correlation_similarity(rows.X_fit, rows.X_test, rng=np.random.default_rng(0))
    assert table.loc["synthetic", "ks_complement"] == pytest.approx(expected)
    assert table.loc["held out", "correlation_similarity"] == pytest.approx(pairs.mean)


def test_as_many_are_as_many_as_held_out():
    table = fidelity_table(compared(n_test=22), seed=0).set_index("rows")
    assert table["n_rows"].tolist() == [200, 22, 22]
    # of one distribution and of one size
    assert table.loc["as many", "ks_complement"] == pytest.approx(
        table.loc["held out", "ks_complement"], abs=0.05
    )


def test_wrong_rows_are_less_alike():
    X, _ = two_classes(200, seed=2)
    good = fidelity_table(compared(), seed=0)["ks_complement"][0]
    assert fidelity_table(compared(X_synthetic=X + 2), seed=0)["ks_complement"][0] < good - 0.3


def test_one_row_a_column():
    table = column_table(compared())
    assert table["column"].tolist() == list(range(20))
    assert table.notna().all(axis=None)


# Computed with SDMetrics 0.32.0, KSComplement.compute, on `made`.
SDMETRICS = [0.6171107994389902, 0.8709677419354839, 0.7138849929873773, 0.7601683029453016]
SDMETRICS_MISSING = [0.6348973607038123, 0.8518518518518519, *SDMETRICS[2:]]


def made():
    rng = np.random.default_rng(7)
    real = rng.normal(size=(23, 4)) @ rng.normal(size=(4, 4))
    synthetic = rng.normal(size=(31, 4)) @ rng.normal(size=(4, 4))
    real[:, 3], synthetic[:, 3] = np.round(real[:, 3]), np.round(synthetic[:, 3])
    return real, synthetic


def test_the_scores_are_those_of_sdmetrics():
    assert ks_complements(*made()) == pytest.approx(SDMETRICS, abs=1e-13)


def test_missing_values_are_left_out_as_sdmetrics_does():
    real, synthetic = made()
    real[0, 0] = synthetic[5:9, 1] = np.nan
    assert ks_complements(real, synthetic) == pytest.approx(SDMETRICS_MISSING, abs=1e-13)


@pytest.mark.parametrize("tied", [False, True])
def test_fifty_columns_as_sdmetrics_scores_them(tied):
    module = pytest.importorskip("sdmetrics.single_column", reason="SDMetrics is not installed")
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(38, 50)), 0.3 + rng.normal(size=(61, 50))
    if tied:
        real, synthetic = real.round(), synthetic.round()
    expected = [
        module.KSComplement.compute(pd.Series(real[:, i]), pd.Series(synthetic[:, i]))
        for i in range(50)
    ]
    assert ks_complements(real, synthetic) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("sizes", [(1, 1), (7, 7), (5, 40)])
def test_scipy_agrees_with_ties_and_any_sizes(sizes):
    rng = np.random.default_rng(1)
    real, synthetic = (rng.integers(0, 6, size=(n, 30)).astype(float) for n in sizes)
    expected = [1 - ks_2samp(real[:, i], synthetic[:, i]).statistic for i in range(30)]
    assert ks_complements(real, synthetic) == pytest.approx(expected, abs=1e-13)


def test_equal_rows_in_any_order_score_one_and_disjoint_rows_zero():
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert ks_complements(X, X[::-1]).tolist() == [1.0] * 3
    assert ks_complements(X, X + 100).tolist() == [0.0] * 3


def test_values_that_differ_in_their_last_bits_are_equal():
    assert ks_complements(np.array([[0.2 - 0.1]]), np.array([[0.3 - 0.2]])).tolist() == [1.0]


def test_a_column_without_values_has_no_score():
    assert np.isnan(ks_complements(np.full((3, 1), np.nan), np.zeros((3, 1)))).all()


def test_blocks_do_not_show():
    rng = np.random.default_rng(0)
    real, synthetic = (
        rng.normal(size=(9, MARGINAL_BLOCK + 3)),
        rng.normal(size=(8, MARGINAL_BLOCK + 3)),
    )
    alone = [
        ks_complements(real[:, [i]], synthetic[:, [i]])[0]
        for i in (0, MARGINAL_BLOCK, MARGINAL_BLOCK + 2)
    ]
    assert (
        ks_complements(real, synthetic)[[0, MARGINAL_BLOCK, MARGINAL_BLOCK + 2]].tolist() == alone
    )


# Computed with SDMetrics 0.32.0, CorrelationSimilarity.compute (Pearson), on `made`, pair by pair.
CORRELATIONS_SDMETRICS = [
    0.6830813405905518, 0.9569443406190565, 0.8561691046139781,
    0.7215698604613475, 0.9351339508286112, 0.3862650931596425,
]  # fmt: skip


def correlation_scores(real, synthetic):
    """Return the score of each pair of columns, with the square of the columns in memory."""
    with np.errstate(invalid="ignore"):
        gaps = np.abs(np.corrcoef(real, rowvar=False) - np.corrcoef(synthetic, rowvar=False))
    return 1.0 - gaps / 2.0


def similarity(real, synthetic, **more):
    return correlation_similarity(real, synthetic, rng=np.random.default_rng(0), **more)


def test_the_scores_are_those_of_sdmetrics_of_correlations():
    scores = correlation_scores(*made())
    pairs = [scores[pair] for pair in combinations(range(4), 2)]
    assert pairs == pytest.approx(CORRELATIONS_SDMETRICS, abs=1e-12)
    assert similarity(*made()).mean == pytest.approx(np.mean(CORRELATIONS_SDMETRICS), abs=1e-12)


def test_fifty_columns_as_sdmetrics_scores_them_of_correlations():
    module = pytest.importorskip("sdmetrics.column_pairs", reason="SDMetrics is not installed")
    rng = np.random.default_rng(0)
    real = rng.normal(size=(38, 6)) @ rng.normal(size=(6, 50)) + rng.normal(size=(38, 50))
    synthetic = rng.normal(size=(61, 6)) @ rng.normal(size=(6, 50)) + rng.normal(size=(61, 50))
    names = [f"c{i}" for i in range(50)]
    left, right = (pd.DataFrame(X, columns=names) for X in (real, synthetic))
    expected = [
        module.CorrelationSimilarity.compute(left[list(pair)], right[list(pair)])
        for pair in combinations(names, 2)
    ]
    scores = correlation_scores(real, synthetic)[np.triu_indices(50, 1)]
    assert scores == pytest.approx(expected, abs=1e-12)
    assert similarity(real, synthetic).mean == pytest.approx(np.mean(expected), abs=1e-12)


def test_a_constant_column_is_in_no_pair():
    real, synthetic = made()
    synthetic[:, 1] = 5.0
    assert similarity(real, synthetic).n_columns == 3
    assert similarity(real, synthetic).n_pairs == 3
    scores = correlation_scores(real, synthetic)
    assert np.isnan(scores[1]).all()
    assert similarity(real, synthetic).mean == pytest.approx(scores[[0, 0, 2], [2, 3, 3]].mean())


def test_one_column_has_no_pair():
    real, synthetic = made()
    assert np.isnan(similarity(real[:, :1], synthetic[:, :1]).mean)


def test_blocks_do_not_show_of_correlations():
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(9, BLOCK + 40)), rng.normal(size=(8, BLOCK + 40))
    scores = correlation_scores(real, synthetic)[np.triu_indices(BLOCK + 40, 1)]
    assert similarity(real, synthetic).mean == pytest.approx(scores.mean(), abs=1e-12)


def test_too_many_columns_are_represented_by_some_that_the_seed_chooses():
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(60, 90)), rng.normal(size=(60, 90))
    some, again = (similarity(real, synthetic, max_columns=30) for _ in range(2))
    assert some == again
    assert some.n_columns == 30
    assert some.mean == pytest.approx(similarity(real, synthetic).mean, abs=0.01)


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
