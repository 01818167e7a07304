"""Permuted labels: runs of their own, the same bits, and a p-value that means what it says."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.report.experiments import ARMS
from vaega import Dataset
from vaega.cli import main
from vaega.core.errors import InputError
from vaega.experiments.config import ProtocolConfig, load_config, make_config
from vaega.experiments.protocols import HonestProtocol, with_permuted_labels
from vaega.experiments.store import null_figures
from vaega.report._comparison import read_trial_scores

TEXT = """
name: nulled
dataset: {source: "sklearn:wine"}
preprocess: [standardize]
protocol: {inner_folds: 2, final: false}
arms:
  original: {}
  same: {selector: {kind: f_classif, size: original}}
fitness: {classifier: gaussian_nb}
search: {population_size: 6, n_generations: 2, n_searches: 1}
seeds: 2
permutations: 3
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("null")
    (folder / "nulled.yaml").write_text(TEXT)
    assert main(["run", str(folder / "nulled.yaml"), "--results", str(folder / "results")]) == 0
    return folder


@pytest.fixture
def results(finished, tmp_path):
    shutil.copytree(finished / "results" / "nulled", tmp_path / "nulled")
    return tmp_path / "nulled"


def data_of(groups=None, n_test=0):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30) if groups is None else (groups % 2)
    data = Dataset.from_arrays(rng.normal(size=(60, 3)), y, groups=groups)
    if not n_test:
        return data
    test = {"X_test": rng.normal(size=(n_test, 3)), "y_test": np.arange(n_test) % 3 // 2}
    return dataclasses.replace(data, **test)


def trials_of(data, seed=0, permutation=None, **protocol):
    config = ProtocolConfig(inner_folds=2, **protocol)
    return HonestProtocol(config).trials(data, seed, permutation)


def test_a_number_alone_or_with_that_of_seeds(tmp_path):
    (tmp_path / "nulled.yaml").write_text(TEXT)
    assert load_config(tmp_path / "nulled.yaml").permutations.number == 3
    overrides = ["permutations={number: 5, seeds: 1}"]
    config = load_config(tmp_path / "nulled.yaml", overrides)
    assert (config.permutations.number, config.permutations.seeds) == (5, 1)
    assert config.run_list()[-1] == ("same", 0, 4, False)


@pytest.mark.parametrize("value", [-1, 1.5, "many", True, False])
def test_what_is_refused(value):
    with pytest.raises(InputError, match=r"^configuration: permutations: "):
        make_config({**yaml.safe_load(TEXT), "permutations": value})


def test_only_the_honest_protocol_has_a_null():
    content = {**yaml.safe_load(TEXT), "arms": {"original": {}}}
    content["protocol"] = {"kind": "as-described"}
    content["search"] |= {"guide": "none", "initial_fraction": 0.5}
    with pytest.raises(InputError, match=r"permutations: needs protocol\.kind honest"):
        make_config(content)


def test_every_permutation_is_a_run_of_its_own(finished):
    folder = finished / "results" / "nulled"
    runs, null = (pd.read_csv(folder / name) for name in ("runs.csv", "null.csv"))
    assert len(runs) == 4
    assert null[["arm", "seed", "permutation"]].to_numpy().tolist() == [
        [arm, seed, place] for arm in ("original", "same") for place in range(3) for seed in (0, 1)
    ]
    assert (null["status"] == "done").all()
    ids = {path.name for path in (folder / "runs").iterdir()}
    assert len(ids) == 16
    assert sum("-null-" in one for one in ids) == 12


def test_a_size_is_that_of_the_same_permutation(finished):
    null = pd.read_csv(finished / "results" / "nulled" / "null.csv").set_index("arm")
    sizes = [null.loc[arm, "n_features"].tolist() for arm in ("original", "same")]
    assert sizes[0] == sizes[1]


def test_the_summary_has_the_null_and_comparisons_do_not(finished):
    folder = finished / "results" / "nulled"
    summary = pd.read_csv(folder / "summary.csv").set_index("arm")
    assert (summary["null_permutations"] == 3).all()
    assert (summary["p_value"] == 0.25).all()  # wine can be told apart
    assert (summary["heldout_mean"] > summary["null_heldout_mean"]).all()
    assert len(read_trial_scores(folder).rows) == 4
    page = (folder / "report.html").read_text()
    assert "Permuted labels" in page
    assert "in the mean of 3 permutations of the labels (p = 0.250)" in page


def test_a_null_run_is_taken_up_again_and_the_same(results, capsys):
    victim = next((results / "runs").glob("original-000-null-002-*/metrics.json"))
    before = json.loads(victim.read_text())
    victim.unlink()
    assert main(["status", str(results)]) == 0
    assert "labels permuted" in capsys.readouterr().out
    assert main(["resume", str(results)]) == 0
    after = json.loads(victim.read_text())
    for key in ("heldout_score", "inner_score", "n_features", "classes"):
        assert after[key] == before[key]


def test_without_the_key_no_null_is_shown(results, tmp_path, capsys):
    (tmp_path / "nulled.yaml").write_text(TEXT.replace("permutations: 3\n", ""))
    assert main(["run", str(tmp_path / "nulled.yaml"), "--results", str(tmp_path)]) == 0
    assert "4 of 4 runs were finished before" in capsys.readouterr().err
    assert "Permuted labels" not in (results / "report.html").read_text()
    assert "p_value" not in pd.read_csv(results / "summary.csv")


def test_more_permutations_keep_those_that_are_done():
    from types import SimpleNamespace

    from vaega.experiments.runs import plan_runs

    data = SimpleNamespace(fingerprint="0" * 64, name="wine")
    content = {**yaml.safe_load(TEXT), "arms": ARMS}
    plans = []
    for n in (None, 2, 5):
        plans.append(
            {run.id for run in plan_runs(make_config({**content, "permutations": n}), data)}
        )
    assert plans[0] < plans[1] < plans[2]
    assert [len(plan) for plan in plans] == [6, 18, 36]


def test_the_statistic_is_the_mean_over_the_same_seeds_on_both_sides():
    runs = pd.DataFrame(
        {"arm": "a", "seed": range(4), "status": "done", "heldout_score": [0.8, 0.6, 0.1, 0.1]}
    )
    places = [(number, seed) for number in range(3) for seed in (0, 1)]
    nulls = pd.DataFrame(places, columns=["permutation", "seed"]).assign(
        arm="a",
        status=["done"] * 5 + ["failed"],
        heldout_score=[0.9, 0.3, 0.9, 0.6, 0.2, 0.2],  # means 0.6 and 0.75; one is not whole
        inner_score=0.5,
    )
    (row,) = null_figures(runs, nulls, {"a": 0.1}).to_dict("records")
    assert (row["null_permutations"], row["null_seeds"], row["null_stability"]) == (2, 2, 0.1)
    assert row["p_value"] == (1 + 1) / (1 + 2)  # 0.7 over seeds 0 and 1, whatever the others are


@pytest.mark.parametrize("protocol", [{}, {"outer": "kfold", "n_splits": 3}])
def test_a_row_has_one_label_in_all_trials_of_a_permutation(protocol):
    data = data_of()
    label_of = {tuple(row): label for row, label in zip(data.X, data.y, strict=True)}
    seen = {}
    for seed in (0, 5):
        for trial in trials_of(data, seed, permutation=3, **protocol):
            X_test, y_test = trial.test.open()
            rows = np.concatenate([trial.X, X_test])
            for row, label in zip(rows, np.concatenate([trial.y, y_test]), strict=True):
                assert seen.setdefault(tuple(row), label) == label
    assert sorted(seen.values()) == sorted(label_of.values())
    assert 15 < sum(label != label_of[row] for row, label in seen.items()) < 45


def test_permutations_differ_and_come_again():
    first, again, other = (next(trials_of(data_of(), permutation=n)).y for n in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_folds_are_stratified_by_the_labels_that_are_seen():
    trial = next(trials_of(data_of(), permutation=0))
    assert trial.y.sum() == 21  # of 42 training rows
    for split in trial.inner:
        assert abs(trial.y[split.train].mean() - trial.y.mean()) < 0.1


def test_official_parts_keep_the_sizes_of_their_classes():
    data = data_of(n_test=30)
    trial = next(trials_of(data, permutation=2, outer="official"))
    assert (np.bincount(trial.y) == np.bincount(data.y)).all()
    y_test = trial.test.open()[1]
    assert (np.bincount(y_test) == np.bincount(data.y_test)).all()
    assert (y_test != data.y_test).any()


def test_groups_of_one_label_exchange_labels_as_a_whole():
    data = data_of(np.repeat(np.arange(20), 3))
    permuted = with_permuted_labels(data, np.random.default_rng(1))
    for group in np.unique(data.groups):
        assert len(set(permuted.y[data.groups == group].tolist())) == 1
    assert (permuted.y != data.y).any()


def test_where_labels_mean_nothing_p_is_no_smaller_than_it_should_be():
    from vaega.experiments.store import p_value

    scores = np.array([0.6, 0.5, 0.75, 0.65, 0.4, 0.45])
    means = [np.random.default_rng(seed).permutation(scores).mean() for seed in range(50)]
    assert len(set(means)) > 1  # of the same scores, by rounding
    assert {p_value(mean, np.array(means)) for mean in means} == {1.0}
    rng = np.random.default_rng(0)
    found = [p_value(rng.normal(), rng.normal(size=19)) for _ in range(2000)]
    for level in (0.05, 0.1, 0.5):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.025)
