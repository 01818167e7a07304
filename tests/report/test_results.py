"""Results read back: what was selected, how often, and how stably."""

import numpy as np
import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega.core.errors import ResultsError
from vaega.report._results import read_results
from vaega.selection._stability import nogueira_interval


@pytest.fixture(scope="module")
def results(small_results):
    return read_results(small_results)


def test_every_arm_has_features_and_a_history(results):
    assert list(results.features) == list(results.histories) == ["original", "jitter", "bootstrap"]
    for table in results.features.values():
        assert table["share"].between(0, 1).all()
        assert table["share"].is_monotonic_decreasing


def test_stability_is_nogueiras_over_all_columns(results):
    masks = np.zeros((3, 13), dtype=bool)
    for seed, run in enumerate(sorted((results.folder / "runs").glob("jitter-*"))):
        masks[seed, pd.read_csv(run / "selected.csv")["feature"]] = True
    assert results.stability["jitter"] == nogueira_interval(masks)


def test_one_run_has_no_stability(tmp_path):
    alone = read_results(run_small(tmp_path, seeds=1, arms={"original": {}}))
    assert alone.stability == {}


def test_a_run_that_was_killed_between_its_files_is_left_out(tmp_path):
    folder = run_small(tmp_path, seeds=3, arms={"original": {}})
    next((folder / "runs").glob("original-001-*/metrics.json")).unlink()
    assert read_results(folder).histories["original"].shape[1] == 2


def test_searches_that_vote_have_a_curve_each(tmp_path):
    found = read_results(run_small(tmp_path, seeds=2, arms={"original": {}}, n_searches=3))
    curves = found.histories["original"]
    assert curves.shape[1] == 2 * 3
    assert curves.index.is_unique
    assert curves.index.is_monotonic_increasing


def test_no_results_there(tmp_path):
    with pytest.raises(ResultsError, match=r"is no results folder, it has no runs\.csv\.$"):
        read_results(tmp_path)
