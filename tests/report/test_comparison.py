"""Experiments compared: together where they share splits, and in ranks over datasets."""

import json
import shutil

import pandas as pd
import pytest

from tests.report.experiments import ARMS, run_small
from vaega.core.errors import InputError, ResultsError
from vaega.report._comparison import compare_experiments, read_trial_scores


@pytest.fixture
def folder(small_results):
    return small_results


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
    copy = shutil.copytree(folder, tmp_path / "copy")
    run_id = json.loads((copy / "plan.json").read_text())["runs"][1]
    metrics = copy / "runs" / run_id / "metrics.json"
    metrics.write_text(json.dumps({"status": "failed", "error": "x"}))
    table = read_trial_scores(copy).by_pair("heldout_score")
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


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("results")
    return {
        name: run_small(base, source=f"sklearn:{name}", name=name, seeds=3)
        for name in ("wine", "iris", "breast_cancer")
    }


def test_all_pairs_of_arms(folders):
    found = compare_experiments([folders["wine"]])
    assert len(found.datasets) == 1
    assert len(found.table) == len(found.sentences) == 3
    assert found.ranks is None
    assert set(found.table["test"]) == {"corrected t"}
    assert "Nadeau and Bengio" in found.datasets[0].notes[0]


def test_over_datasets_arms_are_ranked(folders):
    found = compare_experiments(list(folders.values()), against="original")
    assert found.ranks is not None
    assert found.ranks.n_datasets == 3
    assert len(found.table) == 6
    assert found.means.shape == (3, 3)
    assert found.sentences[0].startswith("wine: ")


def test_folders_of_the_same_splits_are_taken_together(folders, tmp_path):
    only = run_small(tmp_path, name="other", seeds=3, arms={"original": {}, "plain": {}})
    found = compare_experiments([folders["wine"], only])
    assert list(found.datasets[0].scores) == [
        "wine/original",
        "jitter",
        "bootstrap",
        "other/original",
        "plain",
    ]
    scores = found.datasets[0].scores
    # The same arm, seed and splits: the same bits, whatever the experiment is called.
    assert scores["wine/original"].tolist() == scores["other/original"].tolist()


def test_other_splits_are_not_paired(folders, tmp_path):
    other = run_small(tmp_path, name="other", seeds=3, arms=ARMS, test_size=0.4)
    found = compare_experiments([folders["wine"], other])
    assert [len(one.comparisons) for one in found.datasets] == [3, 3]
    assert found.ranks is None  # one dataset, twice


def test_one_arm_alone_is_nothing_to_compare(tmp_path):
    alone = run_small(tmp_path, seeds=1, arms={"original": {}})
    with pytest.raises(InputError, match=r"^small: has one arm with finished runs, 'original'"):
        compare_experiments([alone])


def test_other_figures_than_scores(folders):
    found = compare_experiments([folders["wine"]], measure="n_features")
    assert found.datasets[0].scores.to_numpy().min() >= 1
