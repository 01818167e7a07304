import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from vaega.generative.quality._similarity import MARGINAL_BLOCK, ks_complements

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
