import statistics

import numpy as np
import pandas as pd
import pytest

from vaega.thesis.published import compare_group, compare_samples, published_runs, quartile_range


def test_figures_are_those_of_the_textbook():
    theirs, ours = [0.70, 0.74, 0.78, 0.80], [0.75, 0.79, 0.81]
    found = compare_samples(theirs, ours)
    error = (statistics.variance(theirs) / 4 + statistics.variance(ours) / 3) ** 0.5
    assert found["published"] == pytest.approx(statistics.mean(theirs))
    assert found["published_sd"] == pytest.approx(statistics.stdev(theirs))
    assert (found["published_n"], found["n"]) == (4, 3)
    assert found["difference"] == pytest.approx(statistics.mean(ours) - statistics.mean(theirs))
    assert found["standard_errors"] == pytest.approx(found["difference"] / error)
    assert found["low"] < found["mean"] < found["high"]


@pytest.mark.parametrize(("theirs", "ours"), [([], [0.5, 0.6]), ([0.5], [0.6]), ([], [])])
def test_too_few_runs_give_no_distance(theirs, ours):
    assert np.isnan(compare_samples(theirs, ours)["standard_errors"])


def test_runs_without_spread():
    assert compare_samples([0.5, 0.5], [0.5, 0.5])["standard_errors"] == 0.0
    assert np.isnan(compare_samples([0.5, 0.5], [0.6, 0.6])["standard_errors"])


def test_published_runs_of_several_groups_are_pooled():
    groups = ["gisette_base_0020", "gisette_base_0022"]
    found = compare_group(pd.DataFrame({"n_features": [430.0, 440.0]}), groups, "n_features")
    runs = published_runs()
    values = runs.loc[runs["experiment_group"].isin(groups), "population_n_features"]
    assert (found["published"], found["published_n"]) == (pytest.approx(values.mean()), 12)


def test_quartiles():
    assert np.isnan(quartile_range([]))
    assert quartile_range([3.0]) == 0.0
