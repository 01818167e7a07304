import numpy as np
import pytest

from tests.generative.quality.stubs import compared, two_classes
from vaega.generative.quality._similarity import (
    column_table,
    correlation_similarity,
    fidelity_table,
    ks_complements,
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
