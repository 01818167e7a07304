from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from tests.generative.quality.test_marginals import made
from vaega.generative.quality._similarity import BLOCK, correlation_similarity

# Computed with SDMetrics 0.32.0, CorrelationSimilarity.compute (Pearson), on `made`, pair by pair.
SDMETRICS = [
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


def test_the_scores_are_those_of_sdmetrics():
    scores = correlation_scores(*made())
    pairs = [scores[pair] for pair in combinations(range(4), 2)]
    assert pairs == pytest.approx(SDMETRICS, abs=1e-12)
    assert similarity(*made()).mean == pytest.approx(np.mean(SDMETRICS), abs=1e-12)


def test_fifty_columns_as_sdmetrics_scores_them():
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


def test_blocks_do_not_show():
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
