"""Experiments compared: together where they share splits, and in ranks over datasets."""

import json
import math
import shutil

import pytest

from tests.records import rewrite_run
from tests.report.experiments import ARMS, run_small
from vaega.core.errors import InputError, ResultsError
from vaega.core.tables import read_csv
from vaega.report._comparison import (
    compare_experiments,
    comparison_text,
    read_trial_scores,
    row_effects,
)


@pytest.fixture
def folder(small_results):
    return small_results


def test_a_row_each_trial(folder):
    scores = read_trial_scores(folder)
    assert (scores.name, scores.dataset, scores.statement) == ("small", "wine", "")
    assert scores.arms == ["original", "jitter", "bootstrap"]
    table = scores.by_pair("heldout_score")
    assert table.shape == (3, 3)
    runs = read_csv(folder / "runs.csv")
    runs = runs.pivot(index="seed", columns="arm")["heldout_score"]
    assert table.droplevel("trial")["jitter"].tolist() == runs["jitter"].tolist()


def test_splits_that_overlap_say_by_how_much(folder, tmp_path):
    assert read_trial_scores(folder).test_share == pytest.approx(3 / 7)
    folds = run_small(tmp_path, seeds=1, arms={"original": {}}, outer="kfold", n_splits=4)
    scores = read_trial_scores(folds)
    assert scores.test_share == pytest.approx(1 / 3)
    assert len(scores.by_pair("n_features")) == 4


def test_effects_on_selection_and_final_model_add_up_and_are_those_of_the_trials(folder):
    scores = read_trial_scores(folder)
    assert scores.bases == ("original",)
    effects = row_effects(scores)
    assert [one.arm for one in effects] == ["jitter"] * 3 + ["bootstrap"] * 3
    heldout, real = scores.by_pair("heldout_score"), scores.by_pair("heldout_real")
    assert real["original"].isna().all()
    for selection, final, together in (effects[:3], effects[3:]):
        assert selection.difference + final.difference == pytest.approx(together.difference)
        arm = selection.arm
        expected = (real[arm] - heldout["original"]).mean()
        assert selection.difference == pytest.approx(expected)
        assert final.difference == pytest.approx((heldout[arm] - real[arm]).mean())
    assert all(math.isnan(one.low) and math.isnan(one.p_value) for one in effects)  # three runs


def test_five_trials_have_intervals_of_effects(tmp_path):
    arms = {"original": {}, "f": {"selector": {"kind": "f_classif", "size": 4}}}
    arms["bootstrap"] = {"generator": {"kind": "bootstrap"}, "n_synthetic": 20}
    folder = run_small(tmp_path, seeds=2, arms=arms, outer="kfold", n_splits=3)
    scores = read_trial_scores(folder)
    assert scores.bases == ("original",)  # an arm that does not search is none
    selection, final, together = row_effects(scores)
    assert selection.n == 6
    for one in (selection, final, together):
        assert one.low <= one.difference <= one.high or math.isnan(one.low)
    comparison = compare_experiments([folder])
    assert "final model" in comparison_text(comparison, "markdown", command="")
    assert "final model" in comparison_text(comparison, "latex", command="")
    (pair,) = [
        one for one in comparison.datasets[0].comparisons
        if {one.first, one.second} == {"bootstrap", "original"}
    ]  # fmt: skip
    assert together.difference == pytest.approx(pair.difference)
    assert (together.low, together.high) == pytest.approx((pair.low, pair.high), nan_ok=True)


def test_a_run_that_failed_is_missing(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    run_id = json.loads((copy / "plan.json").read_text())["runs"][1]
    metrics = copy / "runs" / run_id / "metrics.json"
    rewrite_run(metrics, {"status": "failed", "error": "x"})
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
