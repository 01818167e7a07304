import numpy as np
import pytest
from scipy import stats

from vaega.thesis.published import mean_beside


def test_interval_and_distance_are_those_of_student(rng):
    values = rng.normal(0.7, 0.1, size=12)
    found = mean_beside(0.6, values.tolist())
    interval = stats.t.interval(0.95, 11, loc=values.mean(), scale=stats.sem(values))
    assert (found["low"], found["high"]) == pytest.approx(interval)
    assert found["standard_errors"] == pytest.approx(stats.ttest_1samp(values, 0.6).statistic)
    assert (found["n"], found["published"]) == (12, 0.6)


def test_one_run_has_a_mean_and_no_spread():
    found = mean_beside(0.5, [0.75])
    assert (found["mean"], found["n"]) == (0.75, 1)
    assert all(np.isnan(found[name]) for name in ("sd", "low", "high", "standard_errors"))


def test_runs_that_agree_have_no_standard_error_to_count_in():
    found = mean_beside(0.5, [1.0, 1.0])
    assert (found["sd"], found["low"]) == (0.0, 1.0)
    assert np.isnan(found["standard_errors"])


def test_no_run_at_all():
    assert np.isnan(mean_beside(0.5, [])["mean"])
