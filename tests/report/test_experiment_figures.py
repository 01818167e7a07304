"""Figures of one experiment: the records behind them, and the files."""

import numpy as np
import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega.report._figures import (
    draw_experiment,
    find_front,
    plot_frequencies,
    plot_stability,
    values_by_arm,
    write_experiment,
)
from vaega.report._results import read_results
from vaega.selection._stability import nogueira_interval


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return read_results(run_small(tmp_path_factory.mktemp("results"), seeds=3))


def runs(sizes, scores, status="done"):
    table = pd.DataFrame({"n_features": sizes, "heldout_score": scores})
    return table.assign(arm="a", seed=range(len(table)), status=status)


def test_no_run_of_the_front_is_beaten_and_every_other_is():
    rng = np.random.default_rng(0)
    table = runs(rng.integers(1, 20, 60), rng.random(60).round(2))
    front = find_front(table)
    for run in table.itertuples():
        smaller = front[front["n_features"] <= run.n_features]
        assert (smaller["heldout_score"] >= run.heldout_score).any()
    for run in front.itertuples():
        others = table.drop(index=run.Index)
        as_small = others["n_features"] <= run.n_features
        assert not (as_small & (others["heldout_score"] > run.heldout_score)).any()


def test_failed_runs_are_on_no_front():
    assert find_front(runs([1, 2], [0.9, 0.8], status=["failed", "done"])).index.tolist() == [1]


def test_arms_keep_their_order_and_missing_runs_are_missing():
    table = pd.concat([runs([1, 2], [0.5, 0.6]).assign(arm="z"), runs([3], [0.7])])
    values = values_by_arm(table, "heldout_score")
    assert list(values) == ["z", "a"]
    assert values["a"].isna().tolist() == [False, True]


def test_the_most_frequent_feature_is_on_top():
    features = pd.DataFrame({"name": [f"f{i}" for i in range(30)], "share": 1 / np.arange(1, 31)})
    ax = plot_frequencies(features)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[-1] == "f0"
    assert len(labels) == 20


def test_stability_is_drawn_with_its_interval():
    found = nogueira_interval(np.eye(3, 6, dtype=bool))
    line, point = plot_stability({"a": found}).lines[:2]
    assert line.get_ydata().tolist() == [found.low, found.high]
    assert point.get_ydata().tolist() == [found.value]


def test_every_figure_is_there(results):
    figures = draw_experiment(results)
    frequencies = [f"frequencies_{arm}" for arm in ("original", "jitter", "bootstrap")]
    assert list(figures) == ["scores", "sizes", "evolution", "front", *frequencies, "stability"]


def test_one_run_of_one_arm_is_enough(tmp_path):
    alone = read_results(run_small(tmp_path, seeds=1, arms={"original": {}}))
    assert "stability" not in draw_experiment(alone)


def test_the_same_results_give_the_same_files(results, tmp_path):
    first = write_experiment(results, tmp_path / "a", command="vaega report small")
    second = write_experiment(results, tmp_path / "b", command="vaega report small")
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
