"""Scores read back from results folders, in pairs."""

import json

import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega.core.errors import InputError, ResultsError
from vaega.report._results import read_trial_scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_small(tmp_path_factory.mktemp("results"), seeds=3)


def test_a_row_each_trial(folder):
    scores = read_trial_scores(folder)
    assert (scores.name, scores.dataset, scores.statement) == ("small", "wine", "")
    assert scores.arms == ["original", "jitter", "bootstrap"]
    table = scores.by_pair("heldout_score")
    assert table.shape == (3, 3)
    runs = pd.read_csv(folder / "runs.csv").pivot(index="seed", columns="arm")["heldout_score"]
    assert table.droplevel("trial")["jitter"].tolist() == runs["jitter"].tolist()


def test_splits_that_overlap_say_by_how_much(folder, tmp_path):
    assert read_trial_scores(folder).test_share == pytest.approx(3 / 7)
    folds = run_small(tmp_path, seeds=1, arms={"original": {}}, outer="kfold", n_splits=4)
    scores = read_trial_scores(folds)
    assert scores.test_share == pytest.approx(1 / 3)
    assert len(scores.by_pair("n_features")) == 4


def test_a_run_that_failed_is_missing(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.symlink_to(folder)
    run_id = json.loads((folder / "plan.json").read_text())["runs"][1]
    metrics = folder / "runs" / run_id / "metrics.json"
    content = metrics.read_text()
    try:
        metrics.write_text(json.dumps({"status": "failed", "error": "x"}))
        table = read_trial_scores(copy).by_pair("heldout_score")
    finally:
        metrics.write_text(content)
    assert table.isna().to_numpy().sum() == 1


def test_what_is_no_results_folder(tmp_path):
    with pytest.raises(ResultsError, match=r"is no results folder, it has no runs\.csv\.$"):
        read_trial_scores(tmp_path)


def test_what_is_damaged(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("plan.json", "runs.csv"):
        (copy / name).write_text((folder / name).read_text())
    (copy / "config.json").write_text("{}")
    with pytest.raises(ResultsError, match="copy: "):
        read_trial_scores(copy)


def test_unknown_figures_are_named(folder):
    with pytest.raises(InputError, match=r"^small: has no 'accuracy'; its trials have heldout_"):
        read_trial_scores(folder).by_pair("accuracy")
