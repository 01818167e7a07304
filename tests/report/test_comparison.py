"""Experiments compared: together where they share splits, and in ranks over datasets."""

import pytest

from tests.report.experiments import ARMS, run_small
from vaega.core.errors import InputError
from vaega.report._comparison import compare_experiments


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("results")
    return {
        name: run_small(place, source=f"sklearn:{name}", name=name, seeds=3)
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
